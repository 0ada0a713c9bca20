"""The interpreter, the packages and this program, where every uid can read them.

Always true here:
- a `RuntimeTree`'s paths can be entered by any user: a role with its own uid, or a sandbox, can start from them;
- what is in reach already is used in place; the rest is brought once as hard links (copies across file systems), under
  a name that says what it was made from, so an edited checkout gets a new tree and a running process keeps its own;
- a tree appears whole or not at all.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

import strongroom
from strongroom.confinement.bring import Part, within_reach

DEFAULT_TARGET: Final = Path("/var/lib/strongroom/runtime")
_UNWANTED: Final = frozenset(
    {"test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "site-packages", "dist-packages"}
)


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
    prefix = within_reach("python", _interpreter(here), target)
    sites = [within_reach(f"site{index}", [Part(path, ".")], target) for index, path in enumerate(here.site_packages)]
    source = within_reach("source", [Part(here.source / "strongroom", "strongroom")], target)
    return RuntimeTree(
        python=prefix / "bin" / here.python.name if prefix else here.python,
        base_prefix=prefix or here.base_prefix,
        site_packages=tuple(site or path for site, path in zip(sites, here.site_packages, strict=True)),
        source=source or here.source,
    )


def _interpreter(tree: RuntimeTree) -> list[Part]:
    """Return what belongs together: an interpreter finds its library beside itself."""
    standard = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = tree.base_prefix / "lib"
    return [
        Part(tree.python, f"bin/{tree.python.name}"),
        Part(library / standard, f"lib/{standard}", _UNWANTED),
        *(Part(path, f"lib/{path.name}") for path in sorted(library.glob("libpython3*.so*"))),
    ]
