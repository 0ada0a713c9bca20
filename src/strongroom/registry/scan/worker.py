"""The process that parses: it is handed descriptors over a socket, and has given everything else up.

Always true here:
- everything is imported before the first file is looked at, and then the process gives up files, network, other
  processes and its user; what it is handed is open for reading only;
- one file's descriptor is held at a time; a report is the only thing that leaves.
"""

from __future__ import annotations

import encodings.cp437
import os
import resource
import socket
import sys
from typing import Final

import jinja2.debug
import msgspec

from strongroom.confinement.confine import Confinement, confine
from strongroom.confinement.landlock import LandlockUnavailableError
from strongroom.confinement.seccomp import SeccompUnavailableError
from strongroom.registry.scan.inspect import inspect
from strongroom.registry.scan.model import Claim, FileReport, Tool
from strongroom.registry.scan.plugins import PlugIns

_PRELOADED: Final = (encodings.cp437, jinja2.debug)
"""What libraries import when they first need it: names in zip archives, an error in a template."""
_STEP: Final = 8 << 20
MESSAGE: Final = 160 << 10
"""The longest message either way, in bytes: one datagram of the socket."""
_CLAIMS: Final = 500


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """Said once, when the process has given up what it does not need."""

    plugins: tuple[Tool, ...]
    failed: tuple[str, ...]
    lacks: tuple[str, ...]


class Job(msgspec.Struct, frozen=True, kw_only=True, tag="job"):
    """A file to look at; its descriptor comes with the last of its messages."""

    path: str
    size: int
    cpu_s: int
    claims: tuple[Claim, ...] = ()
    more: bool = False


class Moved(msgspec.Struct, frozen=True, kw_only=True, tag="moved"):
    """How far reading has come."""

    at: int


class Claims(msgspec.Struct, frozen=True, kw_only=True, tag="claims"):
    """Ranges of other files that the file claims; before its report, in parts."""

    claims: tuple[Claim, ...]


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """The file's report."""

    report: FileReport


Answer = Hello | Moved | Claims | Done


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is told in its arguments."""

    memory_bytes: int
    uid: int | None


def main() -> int:
    """Serve files until the other side closes the socket."""
    settings = msgspec.json.decode(sys.argv[1], type=Settings)
    channel = socket.socket(fileno=0)
    plugins = PlugIns()
    lacks = _confined(settings)
    _send(channel, Hello(plugins=tuple(plugins.tools), failed=tuple(plugins.failed), lacks=lacks))
    claims: list[Claim] = []
    while True:
        data, descriptors, _, _ = socket.recv_fds(channel, MESSAGE, 1)
        if not data:
            return 0
        job = msgspec.json.decode(data, type=Job)
        claims += job.claims
        if not job.more:
            _serve(channel, job, descriptors[0], tuple(claims), plugins)
            claims = []


def _serve(channel: socket.socket, job: Job, descriptor: int, claims: tuple[Claim, ...], plugins: PlugIns) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(used.ru_utime + used.ru_stime) + job.cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    told = 0

    def moved(at: int) -> None:
        nonlocal told
        if at - told >= _STEP:
            told = at
            _send(channel, Moved(at=at))

    try:
        found = inspect(descriptor, job.path, job.size, claims, moved, plugins.look)
    finally:
        os.close(descriptor)
    for start in range(0, len(found.claims), _CLAIMS):
        _send(channel, Claims(claims=found.claims[start : start + _CLAIMS]))
    _send(channel, Done(report=found.report))


def _send(channel: socket.socket, answer: Answer) -> None:
    channel.send(msgspec.json.encode(answer))


def _confined(settings: Settings) -> tuple[str, ...]:
    """Give up everything; return the measures that this machine lacks."""
    lacks: list[str] = []
    wanted = Confinement(
        uid=settings.uid,
        memory_bytes=settings.memory_bytes,
        files=64,
        processes=None,
        file_bytes=0,
        readable=(),
        scratch=(),
        landlock=True,
        seccomp=True,
        die_with_parent=False,  # it is bound to the thread that started us; the socket's end tells as well
    )
    while True:
        try:
            confine(wanted)
        except LandlockUnavailableError:
            lacks.append("landlock")
            wanted = msgspec.structs.replace(wanted, landlock=False, uid=None)
        except SeccompUnavailableError:
            lacks.append("seccomp")
            wanted = msgspec.structs.replace(wanted, seccomp=False, landlock=False, uid=None)
        else:
            return tuple(lacks)


if __name__ == "__main__":
    sys.exit(main())
