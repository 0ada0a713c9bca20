"""Shipping the spool to PostgreSQL: figures and names, never content.

Always true here:
- what is shipped is read from the spool, by this process's own and by those that dead processes left: there is no other way;
- a segment is removed once everything in it is in the database, not before; writing twice changes nothing;
- while the database is away or shut to us everything stays in the spool, which has a bound of its own;
- a row that the database will not take (a fault) is given up alone: it holds up nothing behind it;
- what was dropped or given up is written as an entry in the log of the tenant whose record it was: no gap is silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from strongroom.audit import Entry, Outcome, Strangers, append_batch
from strongroom.gateway import signals, tables
from strongroom.gateway.metrics import Metrics
from strongroom.gateway.recording import Recording
from strongroom.gateway.recovery import Orphan, orphans
from strongroom.gateway.spool import Denied, Lost, Opened, Spool
from strongroom.gateway.spool.reader import Found, Reader
from strongroom.gateway.tables import RequestRecord
from strongroom.gateway.uses import Uses, insert_firsts, insert_uses
from strongroom.kernel.clock import Clock, rfc3339
from strongroom.kernel.ids import PLATFORM, TenantId, new_uuid
from strongroom.kernel.metrics import Figures
from strongroom.policy.bounds import Bounds
from strongroom.rules.limits import FREE, Price
from strongroom.store import Appender, StoreError

_BATCH: Final = 512
_LINGER_S: Final = 0.05
_RETRY_S: Final = 0.5
_LAST_S: Final = 2.0
_ADOPT_S: Final = 10.0
_GAP: Final = "record.drop"
_ACTOR: Final = "gateway"
_HERE: Final = "installation/gateway"
_log: Final = logging.getLogger(__name__)

Connect: TypeAlias = Callable[[], Awaitable[Appender]]
"""Opens the way to the database; called once it is needed, and again until it works."""


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal to be written into a tenant's audit log (`PLATFORM`: nobody was recognised)."""

    tenant: TenantId
    entry: Entry


class Recorder:
    """Takes records and denials into the spool, and ships them. `run` is the one task that does."""

    def __init__(self, connect: Connect, clock: Clock, spool: Spool) -> None:
        self._connect = connect
        self._appender: Appender | None = None
        self._clock = clock
        self.spool: Final = spool
        self.metrics: Final = Metrics()
        self._reader: Final = Reader(spool.directory)
        self.uses: Final = Uses(clock)
        self._found: Found | None = None
        self._reading: asyncio.Future[Found | None] | None = None
        self._removed = 1
        self._strangers = Strangers()
        self._bounds = Bounds()
        self._wake = asyncio.Event()
        self._wake.set()  # at the start: what dead processes left is taken over at once
        self._shipping = asyncio.Lock()
        self._adopted_at = float("-inf")
        self.behind_since: float | None = None
        """Since when (CLOCK_BOOTTIME) the database has not taken what is in the spool; None: it takes it."""
        spool.on_written = self._wake.set

    def recording(self, opened: Opened | None, *, strict: bool, started: float, price: Price = FREE) -> Recording:
        """Return the record of a request that was received at `started` (CLOCK_BOOTTIME, seconds)."""
        return Recording(self.spool, self._clock, opened, self.metrics, strict=strict, started=started, price=price)

    def deny(self, denial: Denial) -> None:
        """Take a refusal. They are written one by one up to a rate and counted beyond it: of all strangers, of each key."""
        if denial.tenant == PLATFORM:
            self.metrics.strangers.add()
            if not self._strangers.admit(self._clock.boottime()):
                return self._wake.set()
            return self.spool.deny(_denied(denial.tenant, denial.entry, 0))
        bound = self._bounds.of(denial.entry.credential)
        if bound.admit(denial.entry.action, self._clock.boottime()):
            self.spool.deny(_denied(denial.tenant, denial.entry, bound.take()))
        return None

    def wake(self) -> None:
        """Begin another round soon: there is something to write that is not in the spool."""
        self._wake.set()

    def figures(self) -> Iterable[Figures]:
        """Return what this process counts, and what its spool is like now."""
        spool, behind = self.spool, self.behind_since
        self.metrics.process()
        self.metrics.spool(
            kept=spool.bytes,
            pending=spool.waiting_bytes,
            trouble=bool(spool.trouble),
            lost=spool.lost,
            lag_s=0.0 if behind is None else self._clock.boottime() - behind,
        )
        return self.metrics.figures()

    async def run(self) -> None:
        """Ship until cancelled; what is in the spool then is shipped first, if the database answers."""
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_ADOPT_S):
                        await self._wake.wait()
                await asyncio.sleep(_LINGER_S)  # a batch gathers
                self._wake.clear()
                if not await self._flushed():
                    await asyncio.sleep(_RETRY_S)
                    self._wake.set()
        finally:
            await self._end()

    async def _end(self) -> None:
        self._note_strangers()
        await self.spool.stop()
        shipped = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_S):
                shipped = await self._flushed()
        if shipped and not self.spool.broken:
            await asyncio.to_thread(shutil.rmtree, self.spool.directory, ignore_errors=True)
        self.spool.release()
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
        """Ship what is in the spool; return False, with everything kept, when the database lets nobody write now."""
        self._note_strangers()
        async with self._shipping:
            try:
                await self._adopt()
                while True:
                    await self.spool.written()
                    await self._ship()
                    if not self.spool.untold:
                        break
                await self._write_uses()
            except StoreError:
                self.behind_since = self.behind_since or self._clock.boottime()
                return False
        self.behind_since = None
        return True

    async def _write_uses(self) -> None:
        """Write where keys were used, and tell what is news of one."""
        uses, firsts = self.uses.take()
        if not uses and not firsts:
            return
        try:
            if self._appender is None:
                self._appender = await self._connect()
            async with self._appender.append() as tx:
                if uses:
                    await insert_uses(tx, uses)
                news = await insert_firsts(tx, firsts, self.uses.begun)
        except StoreError:
            self.uses.give_back(uses, firsts)
            raise
        for first in news:
            self.deny(Denial(first.tenant, signals.news(first, self._clock)))

    async def _ship(self) -> None:
        while True:
            if self._found is None:
                # Kept until it is done: a reading whose end nobody awaited would have passed over what it read.
                self._reading = self._reading or asyncio.ensure_future(
                    asyncio.to_thread(self._reader.read, self.spool.end)
                )
                self._found = await asyncio.shield(self._reading)
                self._reading = None
            if self._found is None:
                return
            await self._hand_on(self._found)
            self._found = None
            if self._reader.missing:
                self._reader.missing = 0
                self.spool.lose(PLATFORM)
            while self._removed < self._reader.done_before:
                await self.spool.remove(self._removed)
                self._removed += 1

    async def _adopt(self) -> None:
        """Take over what dead processes left: at the start, and from time to time."""
        now = self._clock.boottime()
        if now - self._adopted_at < _ADOPT_S:
            return
        for orphan in orphans(self.spool.directory.parent, self.spool.directory):
            try:
                await self._take_over(orphan)
            finally:
                orphan.release()
        self._adopted_at = now

    async def _take_over(self, orphan: Orphan) -> None:
        pieces = orphan.read()
        while (found := await asyncio.to_thread(next, pieces, None)) is not None:
            await self._hand_on(found)
        await asyncio.to_thread(orphan.remove)

    async def _hand_on(self, found: Found) -> None:
        """Write what was found; what is written is taken out of it."""
        while not found.empty:
            records = [RequestRecord.of(*pair) for pair in found.pairs[:_BATCH]]
            denials = [Denial(each.tenant, _entry(each)) for each in found.denials[:_BATCH]]
            denials += [Denial(each.tenant, _gap(each)) for each in found.gaps[:_BATCH]]
            if self._appender is None:
                self._appender = await self._connect()
            await self._write(self._appender, records, denials)
            self.metrics.shipped.add(by=len(records))
            for part in (found.pairs, found.denials, found.gaps):
                del part[:_BATCH]

    async def _write(self, appender: Appender, records: Sequence[RequestRecord], denials: Sequence[Denial]) -> None:
        try:
            await _append(appender, records, denials)
        except StoreError:
            raise  # what was not written stays in the spool; the ids make writing twice harmless
        except Exception as error:  # noqa: BLE001 - any row may be the one that the database refuses
            _log.error("records: a batch was refused: %s", type(error).__name__)
            await self._write_singly(appender, records, denials)

    async def _write_singly(
        self, appender: Appender, records: Sequence[RequestRecord], denials: Sequence[Denial]
    ) -> None:
        """Write what can be written of a batch, and give up the rest: it would be refused for ever."""
        for record in records:
            if not await _taken(_append(appender, [record], [])):
                self.spool.lose(record.common.tenant)
        for denial in denials:
            if not await _taken(_append(appender, [], [denial])) and denial.entry.action != _GAP:
                self.spool.lose(denial.tenant)

    def _note_strangers(self) -> None:
        if not self._strangers.counted:
            return
        told = f"{self._strangers.counted} more requests without a valid key"
        self._strangers.counted = 0
        self.spool.deny(
            Denied(
                PLATFORM,
                new_uuid(),
                self._clock.now(),
                _ACTOR,
                "",
                "model.invoke",
                _HERE,
                told,
                "",
                {"signal": "failure-burst"},
            )
        )


def _denied(tenant: TenantId, entry: Entry, unwritten: int) -> Denied:
    detail = {**entry.detail, "unwritten_before": str(unwritten)} if unwritten else dict(entry.detail)
    return Denied(
        tenant,
        entry.id,
        entry.at,
        entry.actor,
        entry.credential,
        entry.action,
        entry.resource,
        entry.reason,
        entry.request_id,
        detail,
    )


def _entry(denied: Denied) -> Entry:
    detail = {name: fact for name, fact in denied.detail.items() if name != signals.OUTCOME}
    return Entry(
        id=denied.id,
        at=denied.at,
        actor=denied.actor,
        credential=denied.credential,
        action=denied.action,
        resource=denied.resource,
        outcome=Outcome(denied.detail.get(signals.OUTCOME, Outcome.REFUSED)),
        reason=denied.reason,
        request_id=denied.request_id,
        detail=detail,
    )


def _gap(lost: Lost) -> Entry:
    """Return the entry that says what was not kept, and between when and when."""
    count = "an unknown number of" if lost.count is None else f"{lost.count}"
    since, until = rfc3339(lost.since), rfc3339(lost.until)
    return Entry(
        id=lost.id,
        at=lost.until,
        actor=_ACTOR,
        credential="",
        action=_GAP,
        resource=_HERE,
        outcome=Outcome.REFUSED,
        reason=f"{count} records were lost between {since} and {until}: {lost.cause}",
        detail={"lost": "unknown" if lost.count is None else str(lost.count), "since": since, "until": until},
    )


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


async def _append(appender: Appender, records: Sequence[RequestRecord], denials: Sequence[Denial]) -> None:
    async with appender.append() as tx:
        if records:
            await tables.insert_records(tx, records)
        if denials:
            await append_batch(tx, [(denial.tenant, denial.entry) for denial in denials])
