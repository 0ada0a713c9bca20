"""HOME/running.json: what runs on this home, written by the supervisor for whoever looks from outside.

Always true here:
- the file is there, whole and readable by its owner alone, from before anything is launched until a clean end;
- it is believed only while the very process that wrote it lives: pid and start time, in this boot and this pid
  namespace; a pid that was given to somebody else is not taken for it;
- what cannot be found out is `UnseenError`, never "nothing runs".
"""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from strongroom.app.ground import Ports
from strongroom.app.layout import Layout, layout
from strongroom.app.settings import Settings
from strongroom.app.uids import uid
from strongroom.kernel.clock import SystemClock
from strongroom.runtime.sandbox import Measure, SandboxReport

FILE: Final = "running.json"

_MOST: Final = 1024 * 1024
_STARTED: Final = 19  # field of /proc/PID/stat, counted after the command's name


class UnseenError(Exception):
    """Whether something runs cannot be found out; the message says why."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """One supervisor and what it started.

    Attributes:
        pid: the supervisor's.
        started: when the kernel started it, in ticks since boot.
        space: this boot and the pid namespace that `pid` counts in.
        since: when it wrote this.
        home: its HOME, as it saw it.
        state: the directory of database and model files.
        run: the directory of the sockets.
        gateway: URL that the gateway is bound to.
        control: URL that the control port is bound to.
        uid_base: first of the uids that its processes run under; None when all share the supervisor's.
        measures: the sandbox of its workers, as they were launched.
    """

    pid: int
    started: int
    space: str
    since: datetime
    home: str
    state: str
    run: str
    gateway: str
    control: str
    uid_base: int | None
    measures: tuple[Measure, ...]


def write(places: Layout, settings: Settings, ports: Ports, sandbox: SandboxReport) -> None:
    """Say that this process is the supervisor of a home."""
    started = _started(os.getpid())
    said = Running(
        pid=os.getpid(),
        started=0 if started is None else started,
        space=_space(),
        since=SystemClock().now(),
        home=str(places.home),
        state=str(places.state),
        run=str(places.run),
        gateway=ports.gateway_url,
        control=ports.control_url,
        uid_base=uid(settings, 0),
        measures=sandbox.measures,
    )
    handle, name = tempfile.mkstemp(dir=places.home, prefix=f".{FILE}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n")
        Path(name).replace(places.home / FILE)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def remove(places: Layout) -> None:
    """Say that nothing runs any more."""
    (places.home / FILE).unlink(missing_ok=True)


def look(home: Path) -> Running | None:
    """Return what runs on `home`, None when nothing does.

    Raises:
        UnseenError: when it cannot be found out.
    """
    path = home / FILE
    try:
        content, owner = _read(path)
        running = msgspec.json.decode(content, type=Running)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnseenError(f"{path}: {error.strerror}") from None
    except msgspec.MsgspecError:
        raise UnseenError(f"{path} is damaged or of another version") from None
    return running if _lives(running, owner) else None


def places(home: Path) -> tuple[Layout, Running | None]:
    """Return where everything of `home` lies, whoever asks, and what runs there.

    Raises:
        UnseenError: when it cannot be found out.
    """
    try:
        found = layout(home)
        running = look(found.home)
    except OSError as error:
        raise UnseenError(f"{error.filename or home}: {error.strerror or error}") from None
    if running is None:
        return found, None
    return replace(found, state=Path(running.state), run=Path(running.run)), running


def _read(path: Path) -> tuple[bytes, int]:
    """Return the content and owner of a file that only the owner of its directory can have put there."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != path.parent.stat().st_uid:
            raise PermissionError(1, "not written by the owner of the home", str(path))
        return file.read(_MOST), found.st_uid


def _lives(running: Running, owner: int) -> bool:
    if running.space != _space():
        if running.space.partition(" ")[0] != _space().partition(" ")[0]:
            return False  # the machine has been started anew since
        raise UnseenError("it was started in another container (pid namespace); ask there")
    started = _started(running.pid)
    if started is None:
        _reap_doubt(running.pid)
        return False
    return started == running.started and _uid(running.pid) == owner


def _reap_doubt(pid: int) -> None:
    """Raise UnseenError if `pid` lives although /proc does not show it, as with hidepid."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return
    except OSError as error:
        raise UnseenError(f"process {pid} cannot be looked at: {error.strerror}") from None


def _space() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - follows the link, as is meant


def _started(pid: int) -> int | None:
    """Return when the process was started; None when there is none, or it has ended and is not yet reaped."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name stands in parentheses and may hold anything
    return None if fields[0] in "ZX" else int(fields[_STARTED])


def _uid(pid: int) -> int | None:
    """Return the effective uid of a process. The owner of /proc/PID says less: it is root's for one that hides its memory."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[2]) for line in lines if line.startswith("Uid:")), None)
