"""What an installation really consists of, read from itself: packages by their records, the interpreter, the system.

Always true here:
- what is said is what lies on the disk: a package's own record of its files, and where it is asked for, every file hashed anew;
- the digest of an environment says nothing of when or by whom it was looked at: the same installation gives the same one.
"""

from __future__ import annotations

import base64
import hashlib
import platform
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final

import msgspec

import strongroom

_MOST_LOCK: Final = 16 << 20
_CHUNK: Final = 1 << 20


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """One installed distribution.

    Attributes:
        name: normalised, as PyPI writes it.
        version: of it.
        record: SHA-256 over its record: every file's path and digest, in order.
        files: how many files the record has.
        licence: an SPDX expression where its metadata has one; empty: none.
        wheels: SHA-256 of each wheel that the lock file allows it to come from.
    """

    name: str
    version: str
    record: str
    files: int
    licence: str = ""
    wheels: tuple[str, ...] = ()


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """An environment that workers run in.

    Attributes:
        packages: by name.
        program: SHA-256 over this program's own files.
        python: version of the interpreter.
        interpreter: SHA-256 of its executable.
        system: the operating system's name and version.
        kernel: release and machine.
        lock: SHA-256 of the lock file; empty: none was given.
    """

    packages: tuple[Package, ...]
    program: str
    python: str
    interpreter: str
    system: tuple[str, str]
    kernel: str
    lock: str = ""

    @property
    def digest(self) -> str:
        """Return what names this environment: the SHA-256 of all that is said of it."""
        return f"sha256:{hashlib.sha256(msgspec.json.encode(self, order='sorted')).hexdigest()}"


class BadLock(ValueError):  # noqa: N818 - said to a person
    """The file is no lock file of uv."""


def look(places: Sequence[Path], lock: bytes | None = None) -> Installed:
    """Return what is installed in `places`.

    Args:
        places: directories of packages, in import order.
        lock: a uv.lock, whose hashes of wheels are told beside each package that it pins.

    Raises:
        BadLock: when it is none.
    """
    allowed = {} if lock is None else pinned(lock)
    found: dict[str, Package] = {}
    for each in distributions(path=[str(place) for place in places]):
        name = normal(each.name)
        if name not in found:  # the first in import order is the one that is imported
            found[name] = _package(each, name, allowed.get((name, each.version), ()))
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return Installed(
        packages=tuple(found[name] for name in sorted(found)),
        program=_tree(Path(strongroom.__path__[0])),
        python=platform.python_version(),
        interpreter=_hashed(Path(sys.executable).resolve()),
        system=(release.get("ID", platform.system().lower()), release.get("VERSION_ID", "")),
        kernel=f"{platform.release()} {platform.machine()}",
        lock="" if lock is None else hashlib.sha256(lock).hexdigest(),
    )


def altered(places: Sequence[Path]) -> Iterator[str]:
    """Yield each installed file that is not what its package's record says, or is gone. Takes as long as reading all.

    Args:
        places: directories of packages, in import order.
    """
    for each in distributions(path=[str(place) for place in places]):
        for file in each.files or ():
            if file.hash is None or file.hash.mode != "sha256":
                continue  # a record has no digest of itself, nor of bytecode
            path = Path(str(each.locate_file(file)))
            try:
                same = _hashed(path) == _hex(file.hash.value)
            except OSError:
                same = False
            if not same:
                yield f"{each.name} {each.version}: {file}"


def compared(before: Installed, now: Installed) -> list[str]:
    """Return in sentences what is different in `now`; empty: nothing that is said of either."""
    old = {each.name: each for each in before.packages}
    new = {each.name: each for each in now.packages}
    said = [f"{name} {new[name].version} was added." for name in sorted(new.keys() - old.keys())]
    said += [f"{name} {old[name].version} is gone." for name in sorted(old.keys() - new.keys())]
    for name in sorted(new.keys() & old.keys()):
        if new[name].version != old[name].version:
            said.append(f"{name} is {new[name].version}, and was {old[name].version}.")
        elif new[name].record != old[name].record:
            said.append(f"{name} {new[name].version} has other files.")
    for what, was, is_ in (
        ("This program", before.program, now.program),
        ("The interpreter", f"{before.python} {before.interpreter}", f"{now.python} {now.interpreter}"),
        ("The system", " ".join(before.system), " ".join(now.system)),
        ("The kernel", before.kernel, now.kernel),
    ):
        if was != is_:
            said.append(f"{what} is another one.")
    return said


def _package(each: Distribution, name: str, wheels: tuple[str, ...]) -> Package:
    lines = sorted(f"{file} {file.hash.mode}={file.hash.value}" for file in each.files or () if file.hash is not None)
    return Package(
        name=name,
        version=each.version,
        record=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        files=len(lines),
        licence=(each.metadata.get_all("License-Expression") or [""])[0],
        wheels=wheels,
    )


class _LockedWheel(msgspec.Struct):
    hash: str = ""


class _LockedPackage(msgspec.Struct):
    name: str
    version: str = ""
    wheels: list[_LockedWheel] = []


class _Lock(msgspec.Struct):
    package: list[_LockedPackage]


def pinned(lock: bytes) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the SHA-256 of each wheel that a lock file allows, by package and version.

    Raises:
        BadLock: when it is none.
    """
    if len(lock) > _MOST_LOCK:
        raise BadLock("The lock file is too large.")
    try:
        read = msgspec.convert(tomllib.loads(lock.decode()), _Lock)
    except (ValueError, RecursionError):  # of TOML, UTF-8 and the shape
        raise BadLock("It is no lock file of uv.") from None
    return {
        (normal(each.name), each.version): tuple(
            wheel.hash.removeprefix("sha256:")
            for wheel in each.wheels
            if re.fullmatch(r"sha256:[0-9a-f]{64}", wheel.hash)
        )
        for each in read.package
    }


def environment_bom(found: Installed) -> dict[str, Any]:
    """Return the parts of an environment as components of CycloneDX."""
    packages = [_component(each) for each in found.packages]
    system, release = found.system
    return {
        "components": [
            {
                "type": "platform", "bom-ref": "python", "name": "cpython", "version": found.python,
                "hashes": [{"alg": "SHA-256", "content": found.interpreter}],
            },
            {"type": "operating-system", "bom-ref": "system", "name": system, "version": release},
            {"type": "operating-system", "bom-ref": "kernel", "name": "linux", "version": found.kernel},
            *packages,
        ],
        "dependencies": [
            {
                "ref": "runtime",
                "dependsOn": ["python", "system", "kernel", *(each["bom-ref"] for each in packages)],
            }
        ],
    }  # fmt: skip


def _component(each: Package) -> dict[str, Any]:
    purl = f"pkg:pypi/{each.name}@{each.version.replace('+', '%2B')}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": each.name,
        "version": each.version,
        "purl": purl,
        "properties": [
            {"name": "strongroom:record", "value": each.record},
            {"name": "strongroom:files", "value": str(each.files)},
        ],
    }
    if each.licence:
        component["licenses"] = [{"expression": each.licence}]
    # As properties: held against the schema, each address of an external reference takes tens of milliseconds.
    component["properties"] += [{"name": "strongroom:wheel", "value": f"sha256:{digest}"} for digest in each.wheels]
    return component


def _tree(root: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            total.update(f"{path.relative_to(root).as_posix()}\0{_hashed(path)}\n".encode())
    return total.hexdigest()


def _hashed(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()


def _hex(value: str) -> str:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()


def normal(name: str) -> str:
    """Return a package's name as PyPI writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()
