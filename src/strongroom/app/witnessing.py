"""A witness as a program: its service on a port, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from strongroom.audit.tlog import NoteKey
from strongroom.audit.tlog.witness import MOST_BYTES
from strongroom.audit.witness import Witness, service
from strongroom.wire import Limits, serve_tcp


def run(directory: Path, name: str, logs: Sequence[str], host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises:
        Malformed: for a key that is none.
        WitnessBroken: when the directory cannot be used.
        OSError: when the port cannot be listened on.
    """
    witness = Witness(directory, name, [NoteKey.parse(each) for each in logs])
    asyncio.run(_serve(witness, host, port))
    return 0


async def _serve(witness: Witness, host: str, port: int) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    listener = socket.create_server((host, port))
    server = await serve_tcp(service(witness), sock=listener, limits=Limits(max_body_bytes=MOST_BYTES))
    bound = listener.getsockname()
    sys.stdout.write(f"http://{bound[0]}:{bound[1]} {witness.key}\n")
    sys.stdout.flush()
    await stop.wait()
    await server.drain(1.0)
