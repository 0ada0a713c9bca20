"""Processes as /proc tells of them: who descends from whom, who is still there. Nothing here ends one.

A process is known by pid and start time: a pid alone may have been given to somebody else since.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_STATE, _PARENT, _STARTED = 0, 1, 19  # fields of /proc/PID/stat, counted after the command's name


@dataclass(frozen=True, slots=True, order=True)
class Process:
    """One process.

    Attributes:
        pid: its number.
        started: when it was started, in the kernel's ticks since boot.
        command: its arguments, or its name where it has none to show.
    """

    pid: int
    started: int
    command: str = field(default="", compare=False)

    @property
    def lives(self) -> bool:
        """Whether it runs, or is stopped; one that has ended and is not yet reaped does not."""
        found = _look(self.pid)
        return found is not None and found[0] not in "ZX" and found[2] == self.started


def process(pid: int) -> Process | None:
    """Return the process that has `pid` now."""
    found = _look(pid)
    return None if found is None else Process(pid, found[2], _command(pid))


def family(pid: int) -> frozenset[Process]:
    """Return the process `pid` and all that descend from it, whatever their group, session or uid."""
    below: dict[int, list[Process]] = {}
    for parent, member in _everybody():
        below.setdefault(parent, []).append(member)
    found: list[Process] = [] if (first := process(pid)) is None else [first]
    for member in found:  # grows while it is read
        found += below.get(member.pid, [])
    return frozenset(found)


def living(members: Iterable[Process]) -> list[Process]:
    """Return those of `members` that still live."""
    return sorted(member for member in members if member.lives)


def outlive(members: Iterable[Process], within_s: float) -> list[Process]:
    """Wait for the end of all `members`; return those that live on after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    for member in members:
        try:
            handle = os.pidfd_open(member.pid)
        except ProcessLookupError:
            continue
        try:
            if member.lives:  # looked at after the handle was opened: it is this process's and no successor's
                select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        finally:
            os.close(handle)
    return living(members)


def _everybody() -> Iterator[tuple[int, Process]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (found := _look(int(entry.name))) is not None:
            yield found[1], Process(int(entry.name), found[2], _command(int(entry.name)))


def _look(pid: int) -> tuple[str, int, int] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name stands in parentheses and may hold anything
    return fields[_STATE], int(fields[_PARENT]), int(fields[_STARTED])


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
