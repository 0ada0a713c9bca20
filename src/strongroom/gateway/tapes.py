"""The gateway's part of a capture session: which requests are captured, and their way to the archive, sealed.

Always true here:
- without a session there is no tape, and asking whether there is one is a look into an empty dictionary;
- a request waits for no capture: what is captured goes on from a bounded queue, and what does not fit is lost and counted;
- the database is asked again whether the session is open and has room, by the statement that adds.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from uuid import UUID

import msgspec

from strongroom.captures import Captured, Captures
from strongroom.captures.book import Chosen
from strongroom.captures.model import PIECE
from strongroom.captures.service import scope
from strongroom.gateway.kept import Connect
from strongroom.gateway.stages import Admitted
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import new_uuid
from strongroom.store import Cabinet, StoreError
from strongroom.vault import KeysDestroyed, Vault, VaultUnavailable
from strongroom.wire import ClientError

_log: Final = logging.getLogger(__name__)
_WAITING: Final = 64
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('capture.session ' || $1::uuid::text, 0))"
_ADD: Final = """
    INSERT INTO capture.entry (tenant_id, session_id, id, request_id, sealed, subject)
    SELECT s.tenant_id, s.id, $3, $4, $5::bytea, $6::text FROM capture.session s
    WHERE s.tenant_id = $1 AND s.id = $2 AND s.stopped_at IS NULL AND s.ends_at > now()
      AND octet_length($5::bytea) + (SELECT coalesce(sum(e.octets), 0) FROM capture.entry e
                                     WHERE e.tenant_id = s.tenant_id AND e.session_id = s.id) <= s.octets_most
"""


class Tape:
    """What one captured request was answered with, as the caller was told it."""

    __slots__ = ("answer", "chosen", "cut")

    def __init__(self, chosen: Chosen) -> None:
        self.chosen = chosen
        self.answer = bytearray()
        self.cut = False

    def add(self, data: bytes) -> None:
        """Take what is told."""
        room = PIECE - len(self.answer)
        self.answer += data[:room]
        self.cut = self.cut or len(data) > room


class Tapes:
    """Captures what sessions want. One event loop."""

    def __init__(self, captures: Captures, connect: Connect, vault: Vault, clock: Clock) -> None:
        self._captures: Final = captures
        self._connect: Final = connect
        self.vault: Final = vault
        self._clock: Final = clock
        self._queue: Final[asyncio.Queue[tuple[Chosen, Captured, str]]] = asyncio.Queue(_WAITING)
        self._lost = 0

    def of(self, admitted: Admitted) -> Tape | None:
        """Return the tape of a request that a session wants; None, nearly always: nobody does."""
        if not self._captures:
            return None
        who, route = admitted.authenticated.principal, admitted.route
        chosen = self._captures.chosen(
            route.tenant, route.environment, route.name, who.name, lot=_lot(admitted), now=self._clock.now().timestamp()
        )
        return None if chosen is None else Tape(chosen)

    def keep(self, admitted: Admitted, tape: Tape, status: int) -> None:
        """Hand over what was captured; it waits for its turn, or is lost and counted."""
        received, who = admitted.authenticated.received, admitted.authenticated.principal
        body = received.request.body
        captured = Captured(
            request_id=received.request_id,
            endpoint=received.request.path,
            workload=who.name,
            key=who.credential,
            status=status,
            request=body[:PIECE].decode("utf-8", "replace"),
            answer=bytes(tape.answer).decode("utf-8", "replace"),
            cut=tape.cut or len(body) > PIECE,
        )
        try:
            self._queue.put_nowait((tape.chosen, captured, admitted.subject))
        except asyncio.QueueFull:
            self._lost += 1

    async def idle(self) -> None:
        """Wait until everything that was handed over is stored, or lost."""
        await self._queue.join()

    async def run(self) -> None:
        """Seal and store what was captured, until cancelled."""
        cabinet: Cabinet | None = None
        try:
            while True:
                chosen, captured, subject = await self._queue.get()
                try:
                    cabinet = cabinet or await self._connect()
                    await self._store(cabinet, chosen, captured, subject)
                except (StoreError, ClientError, VaultUnavailable, KeysDestroyed) as error:
                    self._lost += 1
                    _log.warning("captures: one could not be kept (%s)", type(error).__name__)
                finally:
                    self._queue.task_done()
                if self._lost:
                    _log.warning("captures: %d were lost", self._lost)
                    self._lost = 0
        finally:
            if cabinet is not None:
                await cabinet.close()

    async def _store(self, cabinet: Cabinet, chosen: Chosen, captured: Captured, subject: str) -> None:
        entry = new_uuid()
        keys = await self.vault.keys(scope(chosen.tenant, chosen.environment, subject))
        sealed = keys.seal(_fitting(captured), str(chosen.session), str(entry))
        async with cabinet.of(chosen.tenant) as tx:
            await tx.execute(_LOCK, chosen.session)
            await tx.execute(_ADD, chosen.tenant, chosen.session, entry, captured.request_id, sealed, subject or None)


def _fitting(captured: Captured) -> bytes:
    """Return the bytes of what was captured; where escapes make it too long for a row, its texts are cut once more."""
    plain = msgspec.json.encode(captured)
    if len(plain) > 2**20:
        half = PIECE // 4
        plain = msgspec.json.encode(
            msgspec.structs.replace(captured, request=captured.request[:half], answer=captured.answer[:half], cut=True)
        )
    return plain


def _lot(admitted: Admitted) -> int:
    """Return a number that nobody outside chooses: the last digits of the request's id, which are random."""
    own: UUID = admitted.authenticated.received.id
    return own.int & 0xFFFFFFFF
