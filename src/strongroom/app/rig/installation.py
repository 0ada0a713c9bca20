"""One installation, started by `strongroom up` and followed to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from strongroom.app.layout import Layout, layout
from strongroom.app.rig.processes import Process, family, living, outlive
from strongroom.app.seed import DemoFile
from strongroom.confinement.tree import prepare_tree
from strongroom.store.binaries import dies_with_parent

_READY: Final = b"Ready in"
_READY_S: Final = 120.0
_STOP_S: Final = 60.0
_GONE_S: Final = 5.0
_ENTRY: Final = "import sys; from strongroom.cli.main import main; sys.exit(main())"


class NotReadyError(Exception):
    """`up` ended, or took too long, before it said that it was ready; the text is what it printed."""


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """An installation that runs, or ran.

    Attributes:
        home_path: its HOME.
        output_path: file with all that `up` has printed.
        pid: the supervisor's.
    """

    home_path: str
    output_path: str
    pid: int

    @property
    def home(self) -> Path:
        """Its HOME."""
        return Path(self.home_path)

    @property
    def places(self) -> Layout:
        """Where its files are, as seen by the user who asks: the one that started it, or root."""
        return layout(self.home)

    @property
    def printed(self) -> str:
        """All that `up` has printed so far."""
        return Path(self.output_path).read_text(encoding="utf-8", errors="replace")

    @property
    def demo(self) -> DemoFile:
        """What its demo.json says now."""
        return msgspec.json.decode((self.home / "demo.json").read_bytes(), type=DemoFile)

    def processes(self, part: str = "") -> list[Process]:
        """Return its living processes, those whose command holds `part`, the supervisor first."""
        found = [member for member in living(family(self.pid)) if part in member.command]
        return sorted(found, key=lambda member: (member.pid != self.pid, member))


@dataclass(frozen=True, slots=True)
class Ended:
    """How an installation ended.

    Attributes:
        code: the exit code of `up`, negative for a signal.
        left: processes that lived on.
        printed: everything that `up` printed.
    """

    code: int
    left: tuple[Process, ...]
    printed: str


class Up:
    """`strongroom up` as a child of ours; a `with` block ends it on the way out."""

    def __init__(
        self,
        home: Path,
        *,
        uid: int | None = None,
        arguments: Sequence[str] = ("--demo",),
        variables: Mapping[str, str] | None = None,
        ports: tuple[int, int] = (0, 0),
        output: Path | None = None,
    ) -> None:
        """Start it; `started` waits until it is ready.

        Args:
            home: its HOME.
            uid: numeric uid to run it as, without a group or capability besides; None for ours.
            arguments: for the command line, after home and ports.
            variables: settings for its environment, which holds nothing else of ours.
            ports: gateway's and control's; 0 takes a free one.
            output: file for what it prints; one beside HOME when not given.
        """
        self.home = home
        self.output = output or home.with_name(f"{home.name}.out")
        self._ready = threading.Event()
        command, environment = command_as(uid)
        gateway, control = ports
        self._process = subprocess.Popen(  # noqa: S603 - this program, by this interpreter
            [*command, "up", f"--home={home}", f"--port={gateway}", f"--control-port={control}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment | dict(variables or {}),
            cwd="/",
            process_group=0,  # a Ctrl-C at the terminal of the tests is for the tests
            preexec_fn=dies_with_parent(),  # noqa: PLW1509 - one system call, no lock
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )
        self.installation = Installation(home_path=str(home), output_path=str(self.output), pid=self._process.pid)
        self._reader = threading.Thread(target=self._read, name="output of up", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it if it still runs."""
        if self._process.poll() is None:
            self.stop()

    def started(self) -> Installation:
        """Return the installation once a request would be answered.

        Raises:
            NotReadyError: when it ends before, or does not come so far in time.
        """
        if not self._ready.wait(_READY_S) or self._process.poll() is not None:
            if self._process.poll() is None:
                self.stop()
            raise NotReadyError(self.installation.printed)
        return self.installation

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> Ended:
        """Send `sign` to the supervisor and see everything through to its end."""
        members = family(self._process.pid)
        self._process.send_signal(sign)
        return self.ended(members)

    def ended(self, members: frozenset[Process] = frozenset()) -> Ended:
        """Wait for the supervisor's end and return what became of it and of `members`."""
        try:
            code = self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            for member in outlive(members, 0):
                os.kill(member.pid, signal.SIGKILL)
            self._process.kill()
            code = self._process.wait()
        left = outlive(members, _GONE_S)
        self._reader.join(_GONE_S)
        return Ended(code, tuple(left), self.installation.printed)

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101 - made with a pipe
        with self.output.open("ab", buffering=0) as output, pipe:
            for line in pipe:
                output.write(line)
                if line.startswith(_READY):
                    self._ready.set()
        self._ready.set()


def command_as(uid: int | None) -> tuple[list[str], dict[str, str]]:
    """Return the command and its environment: the installed one, or for another uid one that it can read."""
    if uid is None or uid == os.geteuid():
        return [str(Path(sys.executable).with_name("strongroom"))], {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    tree = prepare_tree()
    python = tree.command("strongroom")[:-2]
    return [*python, "-c", _ENTRY], {"PATH": os.environ["PATH"], **tree.environment()}
