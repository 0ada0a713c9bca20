"""One request over the product's own client. Imported when something is asked: it brings TLS and the event loop."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult

from strongroom.cli.failures import UNDETERMINED, Failure, usage
from strongroom.wire import ClientError, ConnectFailed, Headers, Pool, TcpTarget, client_context

_TIMEOUT_S: Final = 30.0
_ANSWER_LIMIT: Final = 16 * 2**20


def exchange(
    url: SplitResult, ca: Path | None, method: str, path: str, fields: Headers, content: bytes
) -> tuple[int, bytes]:
    """Return (status, body) of the answer.

    Raises:
        Failure: UNDETERMINED when there is none.
    """
    target, server = _target(url, ca), f"{url.scheme}://{url.netloc}"
    try:
        return asyncio.run(_exchange(target, method, path, fields, content))
    except ConnectFailed as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise Failure(
                f"The server at {server} did not prove who it is; nothing was sent.",
                "Name its certificate's authority with --ca, and the host as its certificate has it with --control.",
                UNDETERMINED,
            ) from None
        raise Failure(
            f"Nothing answers at {server}.",
            "Is it running? Start it with `strongroom up`, or name another server with --control.",
            UNDETERMINED,
        ) from None
    except ClientError as error:
        then = "Try again." if method == "GET" else "Whether it was done is not known: look before doing it again."
        raise Failure(f"The server at {server} did not answer properly: {error}.", then, UNDETERMINED) from None


def _target(url: SplitResult, ca: Path | None) -> TcpTarget:
    host = url.hostname or ""
    if url.scheme == "http":
        return TcpTarget(host, url.port or 80)
    try:
        return TcpTarget(host, url.port or 443, client_context(ca=ca))
    except OSError as error:
        raise usage(f"The authorities in {ca} cannot be used: {error.strerror or error}.") from None


async def _exchange(target: TcpTarget, method: str, path: str, fields: Headers, content: bytes) -> tuple[int, bytes]:
    pool = Pool(target, max_connections=1)
    try:
        async with pool.request(method, path, fields, content, timeout_s=_TIMEOUT_S) as response:
            return response.status, await response.read(_ANSWER_LIMIT)
    finally:
        await pool.close()
