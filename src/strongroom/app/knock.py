"""Asking a port of this installation whether it is ready, from beside it."""

from __future__ import annotations

import ssl
from typing import Final
from urllib.parse import urlsplit

from strongroom.wire import ClientError, Pool, TcpTarget

_PATIENCE_S: Final = 5.0
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - the address to ask, not to bind


def pool_of(url: str, context: ssl.SSLContext | None) -> Pool:
    """Return connections to a port that was bound as `url` says."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return Pool(TcpTarget(_ANY.get(host, host), parts.port or 0, context))


async def ready(pool: Pool) -> bool | None:
    """Return what /readyz says: ready, not ready, or None when nothing that could be understood was said."""
    answer, _ = await said(pool)
    return answer


async def said(pool: Pool) -> tuple[bool | None, str]:
    """Return what /readyz says, as `ready` does, and its text."""
    try:
        async with pool.request("GET", "/readyz", timeout_s=_PATIENCE_S) as response:
            text = (await response.read(4096)).decode("utf-8", "replace")
            return {200: True, 503: False}.get(response.status), text
    except ClientError:
        return None, ""


def unchecked() -> ssl.SSLContext:
    """Return a TLS context that believes any certificate: enough to ask who listens whether it is ready, and no more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
