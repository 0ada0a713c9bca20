"""One installation for all test processes of a run.

Each user holds a shared lock on a file and a keeper waits for an exclusive one, so the kernel knows who is left; the
keeper then stops the installation and writes down whether anything of it lived on. `verdict` reads that, after the last
user. (`strongroom.store.testing` keeps its server in the same way.)
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

from strongroom.app.rig.installation import Installation, Up

_FOUND: Final = "installation.json"
_CLEAN: Final = "clean\n"
_KEEPER: Final = "import sys, pathlib; from strongroom.app.rig.shared import keep; keep(pathlib.Path(sys.argv[1]))"


@contextmanager
def shared(directory: Path) -> Generator[Installation]:
    """Use the installation at `directory`, starting it if nobody has.

    Raises:
        RuntimeError: when it could not be started; the text is what was printed.
    """
    directory.mkdir(mode=0o755, exist_ok=True)
    if directory.stat().st_uid != os.geteuid():
        raise PermissionError(f"{directory} is somebody else's")
    with (directory / "users").open("w") as users:
        with (directory / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that is on its way out
            if not (directory / _FOUND).exists():
                _start_keeper(directory)
        yield msgspec.json.decode((directory / _FOUND).read_bytes(), type=Installation)


def verdict(directory: Path) -> str:
    """Return what was wrong with the end of the installation at `directory`, nothing if all was well or it never ran.

    To be asked after the last user has let go of it: it waits for the keeper, and removes the directory.
    """
    if not directory.exists():
        return ""
    with (directory / "ending").open("w") as ending:
        fcntl.flock(ending, fcntl.LOCK_EX)
        said = directory / "verdict"
        text = said.read_text() if said.exists() else "the keeper of the shared installation was killed"
    shutil.rmtree(directory)
    return "" if text == _CLEAN else text


def _start_keeper(directory: Path) -> None:
    with (directory / "keeper.log").open("ab") as log:
        # A session of its own: Ctrl-C is for the tests; the keeper ends when they have.
        keeper = subprocess.Popen(  # noqa: S603 - this module, by this interpreter
            [sys.executable, "-c", _KEEPER, str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    with keeper.stdout or open(os.devnull) as said:  # noqa: PTH123 - stdout is a pipe, as asked for above
        if not said.read(1):
            raise RuntimeError((directory / "keeper.log").read_text()[-4000:])
    keeper.returncode = 0  # it outlives us, and nobody needs to wait for it


def keep(directory: Path) -> None:
    """Run the installation until the last user has gone, then stop it and say how that went."""
    # Whoever ends the session, or the machine, ends this too; the installation is then stopped on the way out.
    signal.signal(signal.SIGTERM, _exit)
    with (directory / "ending").open("w") as ending:
        fcntl.flock(ending, fcntl.LOCK_EX)  # held until the verdict stands
        with Up(directory / "home") as up:
            found = directory / _FOUND
            found.touch(mode=0o600)
            found.write_bytes(msgspec.json.encode(up.started()))
            os.write(1, b".")
            with open(os.devnull, "w") as nothing:  # noqa: PTH123 - a device
                os.dup2(nothing.fileno(), 1)
            with (directory / "users").open() as users:
                fcntl.flock(users, fcntl.LOCK_EX)
                found.unlink()
                ended = up.stop()
        left = "".join(f"still there: {process.pid} {process.command}\n" for process in ended.left)
        wrong = left if ended.code == 0 else f"{left}`strongroom up` ended with {ended.code}\n{ended.printed}"
        if not wrong:  # else it is left to be looked at, until the verdict is asked for
            shutil.rmtree(up.home)
        (directory / "verdict").write_text(wrong or _CLEAN)


def _exit(sign: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + sign)
