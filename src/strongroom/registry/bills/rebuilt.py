"""An installation held against the lock file and the wheels that it should come from: what could have been built anew, and differs.

Always true here:
- a wheel is one that the lock file allows, by its SHA-256; where the lock file names none (this program itself), it is what
  somebody built anew;
- what an installer adds (its own notes, scripts, bytecode) is no difference; every other file of a record is;
- a package without a wheel to compare is told, and neither same nor different.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final, NamedTuple

from strongroom.registry.bills.installed import normal, pinned

_MOST_RECORD: Final = 16 << 20
_MOST_LINES: Final = 200_000
_INSTALLERS: Final = frozenset(
    {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}
)
_CHUNK: Final = 1 << 20


class Rebuilt(NamedTuple):
    """What came of it.

    Attributes:
        differences: in sentences.
        same: packages whose every file is the wheel's.
        untold: packages that no wheel was given for.
    """

    differences: list[str]
    same: list[str]
    untold: list[str]


def rebuilt(places: Sequence[Path], lock: bytes, wheels: Sequence[Path]) -> Rebuilt:
    """Return how what is installed compares with what its lock file and wheels say.

    Args:
        places: directories of packages, in import order.
        lock: a uv.lock.
        wheels: wheel files.

    Raises:
        BadLock: when it is none.
    """
    allowed = pinned(lock)
    given = {key: path for path in wheels if (key := _named(path)) is not None}
    differences: list[str] = []
    same: list[str] = []
    untold: list[str] = []
    for each in _installed(places):
        key = normal(each.name), each.version
        called = f"{key[0]} {key[1]}"
        if key not in allowed:
            differences.append(f"{called} is not in the lock file.")
        elif key not in given:
            untold.append(called)
        elif said := list(_against(each, given[key], allowed[key])):
            differences += [f"{called}: {one}" for one in said]
        else:
            same.append(called)
    return Rebuilt(differences, same, untold)


def _installed(places: Sequence[Path]) -> Iterator[Distribution]:
    seen: set[str] = set()
    for each in distributions(path=[str(place) for place in places]):
        if normal(each.name) not in seen:
            seen.add(normal(each.name))
            yield each


def _named(wheel: Path) -> tuple[str, str] | None:
    parts = wheel.name.removesuffix(".whl").split("-")
    return (normal(parts[0]), parts[1]) if wheel.suffix == ".whl" and len(parts) > 1 else None


def _against(each: Distribution, wheel: Path, allowed: Sequence[str]) -> Iterator[str]:
    try:
        if allowed and _hashed(wheel) not in allowed:
            yield f"the wheel {wheel.name} is none that the lock file allows."
            return
        theirs = _record(wheel)
    except (OSError, ValueError, zipfile.BadZipFile, csv.Error):
        yield f"the wheel {wheel.name} cannot be read."
        return
    ours = {str(file): "" if file.hash is None else f"{file.hash.mode}={file.hash.value}" for file in each.files or ()}
    for path, digest in sorted(theirs.items()):
        if path not in ours:
            yield f"{path} is in the wheel and not installed."
        elif ours[path] != digest:
            yield f"{path} is another than the wheel's."
    for path in sorted(ours.keys() - theirs.keys()):
        if not _of_an_installer(path):
            yield f"{path} is not in the wheel."


def _of_an_installer(path: str) -> bool:
    name = path.rpartition("/")[2]
    return path.startswith("../") or path.endswith(".pyc") or (".dist-info/" in path and name in _INSTALLERS)


def _record(wheel: Path) -> Mapping[str, str]:
    """Return a wheel's files and their digests, but for those that an installer puts elsewhere.

    Raises:
        ValueError: when it has no record, or one beyond measure.
    """
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = [each for each in archive.infolist() if each.filename.endswith(".dist-info/RECORD")]
        if entry.file_size > _MOST_RECORD:
            raise ValueError(wheel)
        text = archive.read(entry).decode()
    found: dict[str, str] = {}
    for number, row in enumerate(csv.reader(io.StringIO(text))):
        if number > _MOST_LINES or len(row) < 2:  # noqa: PLR2004 - path, digest, size
            raise ValueError(wheel)
        if row[1] and ".data/" not in row[0]:
            found[row[0]] = row[1]
    return found


def _hashed(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()
