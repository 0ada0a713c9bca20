"""Making a data directory: whole or not at all.

Always true here:
- the directory gets its name only when it is complete, so a crash in the middle leaves nothing that looks like data;
- the superuser's password goes in by a file of mode 0600, never by argument or environment;
- an existing directory of another major version is refused, never touched.
"""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path
from typing import Final

from strongroom.store.binaries import RunAs, run
from strongroom.store.errors import Unsafe

SUPERUSER: Final = "postgres"
_NOBODY: Final = 65534


async def ensure(data: Path, *, binaries: Path, run_as: RunAs, password: str) -> bool:
    """Make the data directory at `data` if there is none; return whether it was made.

    Args:
        data: its final place; the parent is a directory of the server's uid.
        binaries: PostgreSQL's programs.
        run_as: who the directory belongs to.
        password: of the superuser.

    Raises:
        Unsafe: when it cannot be made, or is one of another major version.
    """
    if (data / "PG_VERSION").exists():
        await _refuse_other_major(data, binaries, run_as)
        return False
    if _has_anything(data):
        raise Unsafe(f"{data} is neither empty nor a PostgreSQL data directory")
    making, secret = data.with_name("making"), data.with_name("making.secret")
    shutil.rmtree(making, ignore_errors=True)  # of an attempt that was cut short
    secret.unlink(missing_ok=True)
    try:
        await _make(making, secret, binaries=binaries, run_as=run_as, password=password)
    finally:
        secret.unlink(missing_ok=True)
    making.rename(data)
    _sync(data.parent)
    return True


async def major(binaries: Path, run_as: RunAs, cwd: Path) -> str:
    """Return the major version of the server program, run as it will be run.

    Raises:
        Unsafe: when that uid cannot reach it.
    """
    code, out, err = await run(binaries / "postgres", "--version", **run_as.process(cwd))
    if code != 0:
        raise Unsafe(f"postgres --version failed: {_tail(err)}")
    return out.decode().split()[-1].split(".")[0]  # "postgres (PostgreSQL) 18.6"


async def _refuse_other_major(data: Path, binaries: Path, run_as: RunAs) -> None:
    theirs, ours = (data / "PG_VERSION").read_text().strip(), await major(binaries, run_as, data.parent)
    if theirs != ours:
        raise Unsafe(
            f"{data} was made by PostgreSQL {theirs}, this is {ours}: back up with the Strongroom that made it and "
            "restore here"
        )


async def _make(making: Path, secret: Path, *, binaries: Path, run_as: RunAs, password: str) -> None:
    await major(binaries, run_as, making.parent)  # says plainly when that uid cannot reach the programs
    _lay_out(making, secret, run_as, password)
    command: list[str | Path] = [
        binaries / "initdb",
        f"--pgdata={making}",
        f"--username={SUPERUSER}",
        f"--pwfile={secret}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        # Sorting by code point, the same on every machine: a libc upgrade cannot corrupt an index.
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--data-checksums",
        "--no-instructions",
    ]
    if run_as.has_name():
        code, _, err = await run(*command, **run_as.process(making.parent))
    else:
        code, _, err = await _nameless(command, making, secret, run_as)
    if code != 0:
        shutil.rmtree(making, ignore_errors=True)
        raise Unsafe(f"initdb failed: {_tail(err)}")


async def _nameless(command: list[str | Path], making: Path, secret: Path, run_as: RunAs) -> tuple[int, bytes, bytes]:
    alias = _nobody()
    unshare = shutil.which("unshare", path="/usr/bin:/bin")
    if unshare is not None:
        named = [unshare, "--user", f"--map-user={alias}", f"--map-group={alias}", "--", *command]
        code, out, err = await run(*named, **run_as.process(making.parent))
        if code == 0 or not err.startswith(b"unshare:"):
            return code, out, err
    if run_as.uid is None:
        message = (
            f"uid {os.geteuid()} has no entry in /etc/passwd and user namespaces are off; initdb needs one of them"
        )
        return 1, b"", message.encode()
    return await _as_nobody(command, making, secret, run_as)


async def _as_nobody(command: list[str | Path], making: Path, secret: Path, run_as: RunAs) -> tuple[int, bytes, bytes]:
    stand_in = RunAs(uid=_nobody())
    parent = making.parent
    for path in (parent, making, secret):
        stand_in.give(path)
    try:
        return await run(*command, **stand_in.process(parent))
    finally:
        _hand_over(making, run_as)
        run_as.give(parent)


def _has_anything(directory: Path) -> bool:
    return directory.exists() and any(directory.iterdir())


def _lay_out(making: Path, secret: Path, run_as: RunAs, password: str) -> None:
    making.mkdir(mode=0o700)
    run_as.give(making)
    secret.touch(mode=0o600)
    run_as.give(secret)
    secret.write_text(password)


def _hand_over(tree: Path, run_as: RunAs) -> None:
    for path in (*tree.rglob("*"), tree):
        run_as.give(path)


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return _NOBODY


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _tail(err: bytes) -> str:
    lines = err.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no message"
