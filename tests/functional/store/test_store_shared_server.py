"""The tests' own server: one for all processes, and none left when they are gone, killed ones included."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from strongroom.store import leftovers

USER = """
import sys
from pathlib import Path
from strongroom.store.testing import shared
with shared(Path(sys.argv[1])) as server:
    print(server.admin.host, flush=True)
    sys.stdin.read()
"""


async def user(directory: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", USER, str(directory), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).decode().strip() == str(directory / "run")
    return process


async def finish(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


async def test_a_killed_last_user_ends_the_server_too(place: Path) -> None:
    directory = place / "s"
    first, second = await asyncio.gather(user(directory), user(directory))
    (server,) = [pid for pid in leftovers.working_in(directory / "pg" / "data") if is_first(pid, directory)]
    await finish(first)
    third = await user(directory)
    await finish(second)
    assert leftovers.working_in(directory / "pg" / "data")
    third.kill()
    await third.wait()
    assert await leftovers.ends(server, 20.0)


def is_first(pid: int, directory: Path) -> bool:
    return (directory / "pg" / "data" / "postmaster.pid").read_text().startswith(f"{pid}\n")


async def test_a_killed_server_is_made_anew_and_ends_with_its_last_user(place: Path) -> None:
    directory = place / "s"
    first = await user(directory)
    (server,) = [pid for pid in leftovers.working_in(directory / "pg" / "data") if is_first(pid, directory)]
    os.kill(parent_of(server), signal.SIGKILL)
    assert await leftovers.ends(server, 20.0)
    second = await user(directory)
    (server,) = [pid for pid in leftovers.working_in(directory / "pg" / "data") if is_first(pid, directory)]
    await finish(first)
    await finish(second)
    assert await leftovers.ends(server, 20.0)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
