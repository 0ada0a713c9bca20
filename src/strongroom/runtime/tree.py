"""The interpreter, the packages and this program, where every uid can read them.

Always true here:
- a `RuntimeTree`'s paths can be entered by any user: a role with its own uid, or a sandbox, can start from them;
- what is in reach already is used in place; else a tree of hard links (copies across file systems) is made once, under
  a name that says what it was made from, so an edited checkout gets a new tree and a running process keeps its own;
- a tree appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import strongroom

DEFAULT_TARGET: Final = Path("/var/lib/strongroom/runtime")

_OTHERS_ENTER, _OTHERS_READ = stat.S_IXOTH, stat.S_IROTH
_UNWANTED: Final = frozenset({"test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "site-packages"})
_KEPT_TREES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeTree:
    """Where a process of any uid finds its program.

    Attributes:
        python: the interpreter itself, no link.
        base_prefix: its prefix, whose `lib` holds the standard library.
        site_packages: directories with the installed packages, in import order.
        source: the directory that holds the package `strongroom`.
    """

    python: Path
    base_prefix: Path
    site_packages: tuple[Path, ...]
    source: Path

    def environment(self) -> dict[str, str]:
        """Return the variables that `python -S -s -P -B` needs, and no other."""
        variables = {
            "PYTHONPATH": os.pathsep.join(str(path) for path in (self.source, *self.site_packages)),
            "PYTHONUTF8": "1",
            "LANG": "C.UTF-8",
        }
        if any((self.base_prefix / "lib").glob("libpython3*.so*")):
            variables["LD_LIBRARY_PATH"] = str(self.base_prefix / "lib")
        return variables

    def command(self, module: str) -> list[str]:
        """Return the command that runs `module`: no site hooks (.pth), no user site, no working directory."""
        return [str(self.python), "-S", "-s", "-P", "-B", "-m", module]


def current_tree() -> RuntimeTree:
    """Return the tree this very process runs from, whoever can read it."""
    sites = dict.fromkeys(Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib"))
    return RuntimeTree(
        python=Path(sys.executable).resolve(),
        base_prefix=Path(sys.base_prefix).resolve(),
        site_packages=tuple(sites),
        source=Path(strongroom.__path__[0]).resolve().parent,
    )


def prepare_tree(target: Path = DEFAULT_TARGET) -> RuntimeTree:
    """Return a tree that every uid can read, making one under `target` when the current one is not.

    Raises:
        OSError: when it must be made and `target` cannot be written, or is itself out of others' reach.
    """
    here = current_tree()
    parts = _parts(here)
    if all(_reachable(part.source) for part in parts):
        return here
    made = target / _fingerprint(parts)
    if not made.is_dir():
        _make(parts, made)
        _forget_old(target, keep=made)
    if not _reachable(made):
        raise PermissionError(f"{target} is out of other users' reach")
    return RuntimeTree(
        python=made / "python" / "bin" / here.python.name,
        base_prefix=made / "python",
        site_packages=tuple(made / f"site{index}" for index in range(len(here.site_packages))),
        source=made / "source",
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """One directory or file to bring along, and what of it is not wanted."""

    source: Path
    name: str
    unwanted: frozenset[str] = frozenset()


def _parts(tree: RuntimeTree) -> list[_Part]:
    standard = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = tree.base_prefix / "lib"
    return [
        _Part(tree.python, f"python/bin/{tree.python.name}"),
        _Part(library / standard, f"python/lib/{standard}", _UNWANTED | {f"config-{standard[6:]}"}),
        *(_Part(path, f"python/lib/{path.name}") for path in sorted(library.glob("libpython3*.so*"))),
        *(_Part(path, f"site{index}") for index, path in enumerate(tree.site_packages)),
        _Part(tree.source / "strongroom", "source/strongroom"),
    ]


def _reachable(path: Path) -> bool:
    """Whether any user can get to `path` and read everything in it."""
    if not all(parent.stat().st_mode & _OTHERS_ENTER for parent in path.parents):
        return False
    return all(
        entry.st_mode & _OTHERS_READ and (entry.st_mode & _OTHERS_ENTER or not stat.S_ISDIR(entry.st_mode))
        for _, entry in _walk(_Part(path, ""))
    )


def _walk(part: _Part) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file and directory of a part, links followed, in an order that does not change."""
    yield "", part.source.stat()
    pending = [""] if part.source.is_dir() else []
    while pending:
        below = pending.pop()
        with os.scandir(part.source / below) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            if entry.name in part.unwanted or entry.name == "__pycache__":
                continue
            name = f"{below}{entry.name}"
            yield name, entry.stat()
            if entry.is_dir():
                pending.append(f"{name}/")


def _fingerprint(parts: list[_Part]) -> str:
    """Return a name for the trees' state: paths, sizes and times, as `make` would judge them."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(f"{part.name}\0{part.source}\0".encode())
        for name, entry in _walk(part):
            if not stat.S_ISDIR(entry.st_mode):
                hasher.update(f"{name}\0{entry.st_size}\0{entry.st_mtime_ns}\0".encode())
    return hasher.hexdigest()[:24]


def _make(parts: list[_Part], made: Path) -> None:
    made.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    building = Path(tempfile.mkdtemp(dir=made.parent, prefix=".building-"))
    try:
        building.chmod(0o755)
        for part in parts:
            _bring(part, building / part.name)
        try:
            building.rename(made)
        except OSError:
            if not made.is_dir():  # else another process was first with the same tree
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _bring(part: _Part, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    for name, entry in _walk(part):
        source, copy = part.source / name, target / name
        if stat.S_ISDIR(entry.st_mode):
            copy.mkdir(mode=0o755)
        else:
            _bring_file(source.resolve(), copy, entry)


def _bring_file(source: Path, copy: Path, entry: os.stat_result) -> None:
    if entry.st_mode & _OTHERS_READ:
        try:
            os.link(source, copy)
        except OSError:  # another file system, or links to others' files are restricted
            pass
        else:
            return
    shutil.copy2(source, copy)
    copy.chmod(0o755 if entry.st_mode & stat.S_IXUSR else 0o644)


def _forget_old(target: Path, *, keep: Path) -> None:
    """Remove all but the newest trees: a running process may still load from the one before."""
    age: Callable[[Path], float] = lambda path: path.stat().st_mtime  # noqa: E731 - typed, and said once
    old = sorted((path for path in target.iterdir() if path != keep and not path.name.startswith(".")), key=age)
    for path in old[: 1 - _KEPT_TREES]:
        shutil.rmtree(path, ignore_errors=True)
