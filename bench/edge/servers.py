"""Starts the two edges and the mock upstream as processes, and reads their CPU time."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

HERE = Path(__file__).parent
SRC = HERE.parents[1] / "src"
GRANIAN = "granian==2.8.7"
PINNED = (GRANIAN, "httptools==0.9.0", "uvloop==0.23.0")
TICKS = os.sysconf("SC_CLK_TCK")


def environment(folder: Path) -> Path:
    """Return the Python of a throw-away environment with Granian in it; made if it is not there."""
    python = folder / "bin" / "python"
    if not (folder / "bin" / "granian").exists():
        run = functools.partial(subprocess.run, check=True)
        run([sys.executable, "-m", "venv", str(folder)])
        run([str(python), "-m", "pip", "install", "-q", *PINNED])
    return python


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def process(command: list[str], port: int, **env: str) -> Generator[int]:
    """Run `command` until it listens on `port`; yield its pid."""
    child = subprocess.Popen(  # noqa: S603 - commands of this bench only
        command,
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": str(SRC), **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if child.poll() is not None:
                raise RuntimeError(f"{command[:4]} ended with {child.returncode}")
            time.sleep(0.05)
        yield child.pid
    finally:
        os.killpg(child.pid, signal.SIGTERM)  # its own session: only what was started here
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def ours(kind: str, port: int) -> list[str]:
    return [sys.executable, "ours_app.py", kind, str(port)]


def granian(python: Path, kind: str, port: int, *options: str) -> list[str]:
    base = [str(python.parent / "granian"), "--interface", "rsgi", "--loop", "uvloop", "--workers", "1"]
    return [*base, "--no-access-log", "--host", "127.0.0.1", "--port", str(port), *options, f"granian_app:{kind}"]


def cpu_seconds(pid: int) -> float:
    """Return user and system time of the process and its living descendants, all threads included."""
    total = 0.0
    for each in family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found.extend(int(child) for child in task.read_text().split())
    return found
