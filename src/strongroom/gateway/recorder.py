"""Writing down what was answered and what was refused: figures and names, never content.

Requests hand over a finished record and do not wait; one task writes them in batches. The queue is bounded: beyond the
bound the newest are dropped and counted, and the count itself is written as an entry, so a gap is never silent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from strongroom.audit import Entry, Outcome, Strangers, append_batch
from strongroom.gateway import tables
from strongroom.gateway.tables import RequestRecord
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import PLATFORM, TenantId, new_uuid
from strongroom.store import Appender, Unavailable

_BATCH: Final = 512
_LINGER_S: Final = 0.05
_RETRY_S: Final = 0.5


Connect: TypeAlias = Callable[[], Awaitable[Appender]]
"""Opens the way to the database; called once it is needed, and again until it works."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal to be written into a tenant's audit log (`PLATFORM`: nobody was recognised)."""

    tenant: TenantId
    entry: Entry


class Recorder:
    """Queues records and denials and writes them. `run` is the one task that does."""

    def __init__(self, connect: Connect, clock: Clock, *, capacity: int = 20_000) -> None:
        self._connect = connect
        self._appender: Appender | None = None
        self._clock = clock
        self._capacity = capacity
        self._records: list[RequestRecord] = []
        self._denials: list[Denial] = []
        self._dropped = 0
        self._strangers = Strangers()
        self._wake = asyncio.Event()

    def record(self, record: RequestRecord) -> None:
        """Take an answered request."""
        if self._room():
            self._records.append(record)

    def deny(self, denial: Denial) -> None:
        """Take a refusal. Those of strangers are written one by one up to a rate and counted beyond it."""
        if denial.tenant == PLATFORM and not self._strangers.admit(self._clock.boottime()):
            self._wake.set()
        elif self._room():
            self._denials.append(denial)

    def _room(self) -> bool:
        self._wake.set()
        if len(self._records) + len(self._denials) >= self._capacity:
            self._dropped += 1
            return False
        return True

    async def run(self) -> None:
        """Write until cancelled; what is queued then is written first, if the database answers."""
        pause = _LINGER_S
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(pause)  # a batch gathers, or the database gets time to come back
                self._wake.clear()
                pause = _LINGER_S
                if not await self.flush():
                    pause = _RETRY_S
                    self._wake.set()
        finally:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_RETRY_S * 4):
                    await self.flush()
            if self._appender is not None:
                await self._appender.close()

    async def flush(self) -> bool:
        """Write what is queued; return False, with everything kept, when the database cannot be reached."""
        try:
            while self._records or self._denials or self._dropped or self._strangers.counted:
                if self._appender is None:
                    self._appender = await self._connect()
                await self._write(self._appender)
        except Unavailable:
            return False
        return True

    async def _write(self, appender: Appender) -> None:
        records, denials = self._records[:_BATCH], self._denials[:_BATCH]
        dropped, strangers = self._dropped, self._strangers.counted
        written = [(denial.tenant, denial.entry) for denial in denials]
        if dropped:
            written.append((PLATFORM, self._note("record.drop", f"{dropped} records were dropped: the queue was full")))
        if strangers:
            written.append((PLATFORM, self._note("model.invoke", f"{strangers} more requests without a valid key")))
        async with appender.append() as tx:
            if records:
                await tables.insert_records(tx, records)
            if written:
                await append_batch(tx, written)
        # Only now: what was not written stays queued. The ids make writing twice harmless.
        del self._records[: len(records)]
        del self._denials[: len(denials)]
        self._dropped -= dropped
        self._strangers.counted -= strangers

    def _note(self, action: str, reason: str) -> Entry:
        return Entry(
            id=new_uuid(),
            at=self._clock.now(),
            actor="gateway",
            credential="",
            action=action,
            resource="installation/gateway",
            outcome=Outcome.REFUSED,
            reason=reason,
        )
