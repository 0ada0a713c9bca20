"""Paging somebody: notices go to one webhook, signed, until they are taken.

A broken glass pages, and so does every incident that opens: a leaked key, a canary, a prompt or a honeytoken that turned up,
an export above its limits, a flow that nobody declared.

Signed as Standard Webhooks 1.0 says: HMAC-SHA256 over `id.timestamp.body`, base64, in `webhook-signature: v1,…`. What is
sent names who broke the glass, for what, and until when; of an incident its id, kind, tenant and subject. It holds no
credential, and nothing that was asked, answered or found.

Always true here:
- a notice is stored in the transaction of what it tells of, so neither is without the other;
- it is tried again with growing pauses until it is taken, after a restart too; each delivery is an entry in the log.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import logging
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from strongroom.identity.elevation import tables
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refused
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.store import StoreError
from strongroom.wire import ClientError, Pool, TcpTarget, client_context

_FIRST_S, _LONGEST_S, _SEND_S = 1.0, 300.0, 10.0
_LOOK_S: Final = 1.0
"""Seconds between looks for what other processes have stored: an incident opens where its entry is written."""
_TAKEN: Final = range(200, 300)
_MOST_BYTES: Final = 64 * 1024
_log: Final = logging.getLogger(__name__)
_PAGER: Final = Principal(role=Role.OPERATOR, name="strongroom-control", credential=KeyId(""))
"""The control process while it delivers what was stored: no credential stands for it."""


@dataclass(frozen=True, slots=True)
class Hook:
    """Where notices go, and the secret that they are signed with."""

    url: str
    secret: bytes = field(repr=False)


class Notices:
    """Delivers notices to one hook. One event loop."""

    def __init__(
        self, gate: Gate, clock: Clock, hook: Hook | None, *, first_s: float = _FIRST_S, look_s: float = _LOOK_S
    ) -> None:
        self._gate: Final = gate
        self._clock: Final = clock
        self._hook: Final = hook
        self._there: Final = asyncio.Event()
        self._first_s: Final = first_s  # the first pause before a notice is sent again
        self._look_s: Final = look_s

    @property
    def pages(self) -> bool:
        """Whether there is anybody to page."""
        return self._hook is not None

    def noticed(self) -> None:
        """Say that there is something to deliver."""
        self._there.set()

    async def run(self) -> None:
        """Deliver until cancelled; what an earlier process left is delivered first."""
        if self._hook is None:
            return
        pause, pending = self._first_s, True
        while True:
            while not pending:
                pending = await self._owed()
            self._there.clear()
            try:
                pending = not await self._deliver(self._hook)
            except (Refused, StoreError) as error:
                _log.warning("notices wait: %s", error)
                pending = True
            if not pending:
                pause = self._first_s
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._there.wait(), pause)
            pause = min(2 * pause, _LONGEST_S)

    async def _owed(self) -> bool:
        """Wait until something is said to be there, or for a while; return whether something may be."""
        try:
            await asyncio.wait_for(self._there.wait(), self._look_s)
        except TimeoutError:
            try:
                return await self._gate.owes_a_page()
            except StoreError:
                return False  # the next look tells
        return True

    async def _deliver(self, hook: Hook) -> bool:
        """Send what waits; return whether all of it was taken."""
        resource = Resource(kind=Kind.ELEVATION, id="notices")
        async with self._gate.permit_platform(_PAGER, Action.ELEVATION_READ, resource, Ask()) as tx:
            waiting = await tables.undelivered(tx)
        taken = True
        for notice, body in waiting:
            if not await self._sent(hook, notice, body.encode()):
                taken = False  # what a hook refuses keeps nobody else's back
                continue
            about = Resource(kind=Kind.ELEVATION, id=str(notice))
            async with self._gate.permit_platform(
                _PAGER, Action.ELEVATION_READ, about, Ask(detail={"paged": "yes"})
            ) as tx:
                await tables.delivered(tx, notice, self._clock.now())
        return taken

    async def _sent(self, hook: Hook, notice: UUID, body: bytes) -> bool:
        parts = urlsplit(hook.url)
        secure = parts.scheme == "https"
        target = TcpTarget(
            parts.hostname or "", parts.port or (443 if secure else 80), client_context() if secure else None
        )
        pool = Pool(target, max_connections=1)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        stamp = str(int(self._clock.now().timestamp()))
        fields = [
            (b"content-type", b"application/json"),
            (b"webhook-id", str(notice).encode()),
            (b"webhook-timestamp", stamp.encode()),
            (b"webhook-signature", signature(hook.secret, str(notice), stamp, body)),
        ]
        try:
            async with pool.request("POST", path, fields, body, timeout_s=_SEND_S) as response:
                await response.read(_MOST_BYTES)
                if response.status in _TAKEN:
                    return True
                _log.warning("the webhook answered %d; the notice is sent again", response.status)
        except (ClientError, OSError) as error:
            _log.warning("the webhook cannot be reached (%s); the notice is sent again", type(error).__name__)
        finally:
            await pool.close()
        return False


def signature(secret: bytes, notice: str, stamp: str, body: bytes) -> bytes:
    """Return the value of `webhook-signature`."""
    digest = hmac.digest(secret, f"{notice}.{stamp}.".encode() + body, "sha256")
    return b"v1," + base64.b64encode(digest)
