"""The side that starts the scanner's process, hands it files and keeps the time.

Always true here: a process that ends, stalls or says something else than a report leaves its file undetermined, and the
next file gets a new process. Nothing of a file is parsed on this side.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Final, Self

import msgspec

from strongroom.confinement.tree import RuntimeTree, current_tree
from strongroom.registry.scan.model import Claim, FileReport, Finding, Level, Tool, Verdict
from strongroom.registry.scan.worker import MESSAGE, Answer, Claims, Done, Hello, Job, Moved, Settings

_NOBODY: Final = 65534
_START_S: Final = 30.0
_SLOWEST: Final = 10 << 20  # bytes a second, on a machine that has much else to do
_CLAIMS: Final = 500


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the process may use.

    Attributes:
        memory_bytes: private memory.
        seconds: for one file, besides a second for each 10 MiB of it.
    """

    memory_bytes: int = 512 << 20
    seconds: float = 60.0


class CannotScan(Exception):  # noqa: N818 - a value that says why
    """The scanner's process cannot be started."""


class _Ended(Exception):  # noqa: N818 - as above
    pass


class Host:
    """Owns at most one scanner process."""

    def __init__(self, limits: Limits, tree: RuntimeTree | None = None) -> None:
        """Say what the process may use, and what it runs from: what this process does, unless it is said otherwise."""
        self._limits = limits
        self._tree = tree or current_tree()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self.plugins: tuple[Tool, ...] = ()
        self.failed: tuple[str, ...] = ()
        self.lacks: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        """Start the process, to know what it is."""
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._stop()

    def scan(
        self,
        descriptor: int,
        path: str,
        size: int,
        claims: tuple[Claim, ...] = (),
        moved: Callable[[int], None] | None = None,
    ) -> tuple[FileReport, tuple[Claim, ...]]:
        """Have one file looked at; return its report, and what it says of others.

        Args:
            descriptor: of the file, open for reading.
            path: its path in the release.
            size: its size.
            claims: ranges of it that are an ONNX model's.
            moved: told how far reading has come.
        """
        allowed = self._limits.seconds + size / _SLOWEST
        try:
            if self._channel is None:
                self._start()
            until = time.monotonic() + allowed
            self._ask(descriptor, path, size, int(allowed) + 1, claims)
            return self._answer(until, moved)
        except TimeoutError:
            self._stop()
            return _undetermined(path, size, "timeout", f"The scanner did not come to an end in {allowed:.0f} s."), ()
        except (_Ended, OSError, CannotScan):
            self._stop()
            return _undetermined(path, size, "crash", "The scanner's process ended without a verdict."), ()

    def _ask(self, descriptor: int, path: str, size: int, cpu_s: int, claims: tuple[Claim, ...]) -> None:
        channel = self._open()
        for start in range(0, len(claims), _CLAIMS):
            part = Job(path=path, size=size, cpu_s=cpu_s, claims=claims[start : start + _CLAIMS], more=True)
            channel.send(msgspec.json.encode(part))
        job = Job(path=path, size=size, cpu_s=cpu_s)
        socket.send_fds(channel, [msgspec.json.encode(job)], [descriptor])

    def _answer(self, until: float, moved: Callable[[int], None] | None) -> tuple[FileReport, tuple[Claim, ...]]:
        claims: list[Claim] = []
        while True:
            match self._receive(until):
                case Moved(at=at):
                    if moved is not None:
                        moved(at)
                case Claims(claims=found):
                    claims += found
                case Done(report=report):
                    return report, tuple(claims)
                case Hello():
                    raise _Ended

    def _receive(self, until: float) -> Answer:
        channel = self._open()
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        channel.settimeout(left)
        data = channel.recv(MESSAGE)
        try:
            answer: Answer = msgspec.json.decode(data, type=Answer)
        except msgspec.MsgspecError:
            raise _Ended from None
        return answer

    def _open(self) -> socket.socket:
        if self._channel is None:
            raise _Ended
        return self._channel

    def _start(self) -> None:
        tree = self._tree
        settings = Settings(memory_bytes=self._limits.memory_bytes, uid=_NOBODY if os.geteuid() == 0 else None)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [*tree.command("strongroom.registry.scan.worker"), msgspec.json.encode(settings).decode()],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=tree.environment(),
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise CannotScan(f"the scanner's process does not start: {error.strerror}") from None
        finally:
            theirs.close()
        self._channel = ours
        try:
            hello = self._receive(time.monotonic() + _START_S)
        except (_Ended, OSError):
            hello = None
        if not isinstance(hello, Hello):
            self._stop()
            raise CannotScan("the scanner's process ends before it looks at anything")
        self.plugins, self.failed, self.lacks = hello.plugins, hello.failed, hello.lacks

    def _stop(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
            self._process = None


def _undetermined(path: str, size: int, rule: str, message: str) -> FileReport:
    finding = Finding(rule=rule, level=Level.UNDETERMINED, message=message)
    return FileReport(path=path, size=size, verdict=Verdict.UNDETERMINED, findings=(finding,))
