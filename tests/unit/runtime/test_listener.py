"""A worker's socket takes those who come before it is ready: they wait, and are not refused."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from strongroom.runtime.listener import listen

if TYPE_CHECKING:
    from pathlib import Path


def test_all_connections_of_two_gateways_wait_for_a_worker_that_accepts_none_yet(tmp_path: Path) -> None:
    """A full queue refuses at once (EAGAIN), which a caller would read as a model that is not available."""
    path = tmp_path / "worker.sock"
    with ExitStack() as stack:
        stack.enter_context(listen(path, None))
        for _ in range(512):
            client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.settimeout(0)
            client.connect(str(path))
