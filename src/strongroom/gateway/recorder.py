"""Writing down what was answered and what was refused: figures and names, never content.

Always true here:
- requests hand over a finished record and do not wait; one task writes them in batches, and nothing ends that task but
  its cancellation;
- while the database is away or shut to us everything is kept, up to a bound; beyond it the newest are dropped;
- a row that the database will not take (a fault) is given up alone: it holds up nothing behind it;
- what was dropped or given up is written as an entry in the log of the tenant whose record it was: no gap is silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Final, TypeAlias

from strongroom.audit import Entry, Outcome, Strangers, append_batch
from strongroom.gateway import tables
from strongroom.gateway.tables import RequestRecord
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import PLATFORM, TenantId, new_uuid
from strongroom.store import Appender, StoreError

_BATCH: Final = 512
_LINGER_S: Final = 0.05
_RETRY_S: Final = 0.5
_LAST_S: Final = 2.0
_GAP: Final = "record.drop"
_log: Final = logging.getLogger(__name__)

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
        self._lost: Counter[TenantId] = Counter()
        self._strangers = Strangers()
        self._wake = asyncio.Event()

    def record(self, record: RequestRecord) -> None:
        """Take an answered request."""
        if self._room(record.tenant):
            self._records.append(record)

    def deny(self, denial: Denial) -> None:
        """Take a refusal. Those of strangers are written one by one up to a rate and counted beyond it."""
        if denial.tenant == PLATFORM and not self._strangers.admit(self._clock.boottime()):
            self._wake.set()
        elif self._room(denial.tenant):
            self._denials.append(denial)

    def _room(self, tenant: TenantId) -> bool:
        self._wake.set()
        if len(self._records) + len(self._denials) >= self._capacity:
            self._lost[tenant] += 1
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
                if not await self._flushed():
                    pause = _RETRY_S
                    self._wake.set()
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_S):
                    await self._flushed()
            if self._appender is not None:
                await self._appender.close()

    async def _flushed(self) -> bool:
        """Flush; a fault is logged by its kind alone, and tried again later like an absence."""
        try:
            return await self.flush()
        except Exception as error:  # noqa: BLE001 - without this task nothing would be written down any more
            _log.error("records: %s", type(error).__name__)  # no traceback: it may quote a row
            return False

    async def flush(self) -> bool:
        """Write what is queued; return False, with everything kept, when the database lets nobody write now."""
        try:
            while self._records or self._denials or self._lost or self._strangers.counted:
                self._note_gaps()
                if self._appender is None:
                    self._appender = await self._connect()
                await self._write(self._appender, self._records[:_BATCH], self._denials[:_BATCH])
        except StoreError:
            return False
        return True

    async def _write(self, appender: Appender, records: list[RequestRecord], denials: list[Denial]) -> None:
        try:
            await _append(appender, records, denials)
        except StoreError:
            raise  # what was not written stays queued; the ids make writing twice harmless
        except Exception as error:  # noqa: BLE001 - any row may be the one that the database refuses
            _log.error("records: a batch was refused: %s", type(error).__name__)
            await self._write_singly(appender, records, denials)
        else:
            del self._records[: len(records)]
            del self._denials[: len(denials)]

    async def _write_singly(self, appender: Appender, records: list[RequestRecord], denials: list[Denial]) -> None:
        """Write what can be written of a batch, and give up the rest: it would be refused for ever."""
        for record in records:
            if not await _taken(_append(appender, [record], [])):
                self._lost[record.tenant] += 1
            del self._records[0]
        for denial in denials:
            if not await _taken(_append(appender, [], [denial])) and denial.entry.action != _GAP:
                self._lost[denial.tenant] += 1
            del self._denials[0]

    def _note_gaps(self) -> None:
        """Turn counts into entries, which are then kept and written like any other, once there is room for them."""
        if len(self._records) + len(self._denials) >= self._capacity:
            return
        lost, self._lost = self._lost, Counter()
        for tenant, count in lost.items():
            self._denials.append(self._note(tenant, _GAP, f"{count} records were lost"))
        if self._strangers.counted:
            told = f"{self._strangers.counted} more requests without a valid key"
            self._strangers.counted = 0
            self._denials.append(self._note(PLATFORM, "model.invoke", told))

    def _note(self, tenant: TenantId, action: str, reason: str) -> Denial:
        entry = Entry(
            id=new_uuid(),
            at=self._clock.now(),
            actor="gateway",
            credential="",
            action=action,
            resource="installation/gateway",
            outcome=Outcome.REFUSED,
            reason=reason,
        )
        return Denial(tenant, entry)


async def _taken(writing: Coroutine[None, None, None]) -> bool:
    """Return whether the database took what was written.

    Raises:
        StoreError: when it takes nothing from anybody now.
    """
    try:
        await writing
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - any row may be the one that it refuses; `_write` has logged why
        return False
    return True


async def _append(appender: Appender, records: list[RequestRecord], denials: list[Denial]) -> None:
    async with appender.append() as tx:
        if records:
            await tables.insert_records(tx, records)
        if denials:
            await append_batch(tx, [(denial.tenant, denial.entry) for denial in denials])
