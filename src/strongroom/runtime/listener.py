"""A worker's listening socket, made for it by its launcher: the worker never sees the directory it is in."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

_BACKLOG: Final = 1024
"""More than the gateways of an installation connect at once (256 each): to a full queue a client is not let wait."""


def listen(path: Path, client_uid: int | None) -> socket.socket:
    """Return a socket that listens at `path` and that only one user may connect to.

    A connection waits in its queue until the worker accepts, so a client that comes early is answered, not refused.
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o777)
        try:
            listener.bind(os.fspath(path))
        finally:
            os.umask(before)
        if client_uid is not None:
            os.chown(path, client_uid, -1)
        path.chmod(0o600)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
