"""What a server that was killed leaves behind: processes on their way out, and lock files with its pid.

Every PostgreSQL process has the data directory as its working directory, which tells it from a stranger with its pid.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path


def working_in(data: Path) -> list[int]:
    """Return the pids of the processes whose working directory is `data`."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _is_in(entry, data)]


async def ends(pid: int, within: float) -> bool:
    """Wait for a process that is not our child to end; return whether it did within so many seconds."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(handle, gone.set)
    try:
        async with asyncio.timeout(within):
            await gone.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return True


def remove_if_taken_over(lock: Path) -> None:
    """Remove a lock file whose pid lives on as another program. The caller knows that no server is running."""
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    if pid > 0 and Path(f"/proc/{pid}").exists():
        lock.unlink(missing_ok=True)


def _is_in(process: Path, data: Path) -> bool:
    try:
        return (process / "cwd").samefile(data)
    except OSError:  # gone, or another user's
        return False
