"""The interpreter, the packages and this program, where every uid can read them.

Always true here:
- a `RuntimeTree`'s paths can be entered by any user: a role with its own uid, or a sandbox, can start from them;
- what is in reach already is used in place; the rest is brought once as hard links (copies across file systems), under
  a name that says what it was made from, so an edited checkout gets a new tree and a running process keeps its own;
- a tree appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

import strongroom

DEFAULT_TARGET: Final = Path("/var/lib/strongroom/runtime")

_OTHERS_ENTER, _OTHERS_READ = stat.S_IXOTH, stat.S_IROTH
_UNWANTED: Final = frozenset(
    {"test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "site-packages", "dist-packages"}
)
_KEPT: Final = 2


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


def site_packages() -> tuple[Path, ...]:
    """Return where the packages are, however this process was started: beside one that it has imported, and above it."""
    beside = Path(msgspec.__file__).resolve().parents[1]
    configured = (Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib"))
    inside = sys.prefix != sys.base_prefix  # a virtual environment's own, never the system's
    return tuple(dict.fromkeys([beside, *(path for path in configured if inside)]))


def current_tree() -> RuntimeTree:
    """Return the tree this very process runs from, whoever can read it."""
    return RuntimeTree(
        python=Path(sys.executable).resolve(),
        base_prefix=Path(sys.base_prefix).resolve(),
        site_packages=site_packages(),
        source=Path(strongroom.__path__[0]).resolve().parent,
    )


def prepare_tree(target: Path = DEFAULT_TARGET) -> RuntimeTree:
    """Return a tree that every uid can read, bringing under `target` what is out of others' reach.

    An ordinary user has no other uid to share with, and gets the tree as it is.

    Raises:
        OSError: when something must be brought and `target` cannot be written, or is itself out of others' reach.
    """
    here = current_tree()
    if os.geteuid() != 0:
        return here
    prefix = _bring_within_reach("python", _interpreter(here), target)
    sites = [
        _bring_within_reach(f"site{index}", [_Part(path, ".")], target) for index, path in enumerate(here.site_packages)
    ]
    source = _bring_within_reach("source", [_Part(here.source / "strongroom", "strongroom")], target)
    return RuntimeTree(
        python=prefix / "bin" / here.python.name if prefix else here.python,
        base_prefix=prefix or here.base_prefix,
        site_packages=tuple(site or path for site, path in zip(sites, here.site_packages, strict=True)),
        source=source or here.source,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """One directory or file to bring along, and what of it is not wanted."""

    source: Path
    name: str
    unwanted: frozenset[str] = frozenset()


def _interpreter(tree: RuntimeTree) -> list[_Part]:
    """Return what belongs together: an interpreter finds its library beside itself."""
    standard = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = tree.base_prefix / "lib"
    return [
        _Part(tree.python, f"bin/{tree.python.name}"),
        _Part(library / standard, f"lib/{standard}", _UNWANTED),
        *(_Part(path, f"lib/{path.name}") for path in sorted(library.glob("libpython3*.so*"))),
    ]


def _bring_within_reach(name: str, parts: list[_Part], target: Path) -> Path | None:
    """Return where the parts have been brought, or nothing when they can be used where they are."""
    if all(_reachable(part) for part in parts):
        return None
    made = target / f"{name}-{_fingerprint(parts)}"
    if not made.is_dir():
        _make(parts, made)
        _forget_old(target, name, keep=made)
    if not _enterable(made):
        raise PermissionError(f"{target} is out of other users' reach")
    return made


def _enterable(path: Path) -> bool:
    return all(parent.stat().st_mode & _OTHERS_ENTER for parent in path.parents)


def _reachable(part: _Part) -> bool:
    """Whether any user can get to a part and read everything in it."""
    return _enterable(part.source) and all(
        entry.st_mode & _OTHERS_READ and (entry.st_mode & _OTHERS_ENTER or not stat.S_ISDIR(entry.st_mode))
        for _, entry in _walk(part)
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
            with contextlib.suppress(FileNotFoundError):  # a link to nowhere
                yield name, entry.stat()
            if entry.is_dir() and not _loops(Path(entry.path)):
                pending.append(f"{name}/")


def _loops(path: Path) -> bool:
    """Whether `path` is a link to a directory above itself."""
    return path.is_symlink() and path.absolute().is_relative_to(path.resolve())


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
    before = os.umask(0o022)  # at the start of a process, before it has threads
    try:
        made.parent.mkdir(parents=True, exist_ok=True)
        _build(parts, made)
    finally:
        os.umask(before)


def _build(parts: list[_Part], made: Path) -> None:
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
    target.parent.mkdir(parents=True, exist_ok=True)
    for name, entry in _walk(part):
        source, copy = part.source / name, target / name
        if stat.S_ISDIR(entry.st_mode):
            copy.mkdir(exist_ok=True)
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


def _forget_old(target: Path, name: str, *, keep: Path) -> None:
    """Remove all but the newest of a kind: a running process may still load from the one before."""
    others = [path for path in target.glob(f"{name}-*") if path != keep]
    newest_last = sorted(others, key=lambda path: path.stat().st_mtime)
    for path in newest_last[: 1 - _KEPT]:
        shutil.rmtree(path, ignore_errors=True)
