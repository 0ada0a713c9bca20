"""Control groups: memory and process bounds that a worker cannot raise, under version 1 and version 2.

Always true here:
- a group is made below this process's own group (or the root, for version 2 on a machine of our own), so that bounds
  set from above keep holding;
- where nothing may be made, `find` returns nothing and the launcher falls back to resource limits, and says so.
"""

from __future__ import annotations

import contextlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
PREFIX: Final = "strongroom-"
"""Before the launcher's pid and the worker's name."""

_REMOVAL_TRIES, _REMOVAL_PAUSE_S = 50, 0.01


@dataclass(frozen=True, slots=True)
class Group:
    """One worker's group: a directory in each hierarchy that bounds something."""

    directories: tuple[Path, ...]

    def add(self, pid: int) -> None:
        """Move a process in, with all its threads; its later children start inside."""
        for directory in self.directories:
            _set(directory / "cgroup.procs", str(pid))

    def remove(self) -> None:
        """Remove the group once its last process is gone; what the kernel still holds is left to the next start."""
        for directory in self.directories:
            for _ in range(_REMOVAL_TRIES):
                try:
                    directory.rmdir()
                except FileNotFoundError:
                    break
                except OSError:  # EBUSY: a process that was killed is not quite gone
                    time.sleep(_REMOVAL_PAUSE_S)
                else:
                    break


class ControlGroups(ABC):
    """A place where groups can be made."""

    version: int
    parents: tuple[Path, ...]

    def sweep(self) -> None:
        """Remove the empty groups of launchers that are no more; one with a process in it cannot be removed."""
        for directory in (found for parent in self.parents for found in parent.glob(f"{PREFIX}*-*")):
            pid = directory.name.removeprefix(PREFIX).partition("-")[0]
            if not Path(f"/proc/{pid}").exists():
                with contextlib.suppress(OSError):
                    directory.rmdir()

    @abstractmethod
    def create(self, name: str, *, memory_bytes: int, processes: int) -> Group:
        """Make a group with its bounds.

        Raises:
            OSError: when it cannot be made; nothing is left behind.
        """


class VersionOne(ControlGroups):
    """A hierarchy for memory and one for pids."""

    version = 1

    def __init__(self, memory: Path, pids: Path) -> None:
        self._memory = memory
        self._pids = pids
        self.parents = (memory, pids)

    def create(self, name: str, *, memory_bytes: int, processes: int) -> Group:
        """Make the two directories and set their bounds."""
        return _build(
            {
                self._memory / name: {"memory.limit_in_bytes": memory_bytes},
                self._pids / name: {"pids.max": processes},
            }
        )


class VersionTwo(ControlGroups):
    """The unified hierarchy, at a group whose children have the memory and pids controllers."""

    version = 2

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self.parents = (parent,)

    def create(self, name: str, *, memory_bytes: int, processes: int) -> Group:
        """Make the directory and set its bounds; nothing of a worker is ever swapped out."""
        switch = self._parent / "cgroup.subtree_control"
        if not {"memory", "pids"} <= set(switch.read_text(encoding="ascii").split()):
            _set(switch, "+memory +pids")
        files = {"memory.max": memory_bytes, "pids.max": processes}
        group = _build({self._parent / name: files})
        with contextlib.suppress(OSError):  # absent without swap
            _set(self._parent / name / "memory.swap.max", "0")
        return group


def find(root: Path = _ROOT, own: str | None = None) -> ControlGroups | None:
    """Return where this process may make groups, having made and removed one to be sure.

    Args:
        root: where the hierarchies are mounted.
        own: what /proc/self/cgroup says.
    """
    if own is None:
        own = Path("/proc/self/cgroup").read_text(encoding="ascii")
    for candidate in _candidates(root, _own_paths(own)):
        try:
            candidate.create(f"{PREFIX}{os.getpid()}-probe", memory_bytes=1 << 26, processes=8).remove()
        except OSError:
            continue
        candidate.sweep()
        return candidate
    return None


def _candidates(root: Path, own: Mapping[str, str]) -> list[ControlGroups]:
    found: list[ControlGroups] = []
    if "memory" in own and "pids" in own:
        found.append(VersionOne(root / "memory" / own["memory"], root / "pids" / own["pids"]))
    if "" in own:
        # The root is exempt from the rule that a group with processes gives its children no controllers.
        found += [VersionTwo(root / own[""]), VersionTwo(root)]
    return found


def _own_paths(text: str) -> dict[str, str]:
    """Return this process's group by controller; the unified hierarchy's is under ""."""
    paths: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path.lstrip("/")
    return paths


def _build(wanted: Mapping[Path, Mapping[str, int]]) -> Group:
    group = Group(tuple(wanted))
    try:
        for directory, files in wanted.items():
            directory.mkdir(exist_ok=True)
            for name, value in files.items():
                _set(directory / name, str(value))
    except OSError:
        group.remove()
        raise
    return group


def _set(file: Path, value: str) -> None:
    """Write to a control file that must exist: on another file system, a write would make a plain file and mean nothing."""
    handle = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, value.encode("ascii"))
    finally:
        os.close(handle)
