"""Nonces that were used: each counts once, in whichever process it comes first.

Always true here:
- "never seen" is said only after the database took the nonce and committed; when it does not answer, nothing is said;
- nobody looks a nonce up: two processes that insert the same one cannot both succeed (a unique violation is a replay);
- requests at the same moment share one insert, so a signed request costs a fraction of a transaction; a replay among
  them costs the others a few more, once: it is found by halves, and refused without the database from then on;
- what is kept is a digest: no text of a client's choosing is stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final, TypeAlias

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.store import Appender, AppendTx, Conflict, StoreError

_INSERT: Final = """
    INSERT INTO gateway.nonce (tenant_id, signer, nonce)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[])
"""
# Without WHERE: that would need the right to read. The row policy lets go of what has run out, and of nothing else.
_ERASE: Final = "DELETE FROM gateway.nonce"
_BATCH: Final = 256
_NONCE_BYTES: Final = 16
_ERASE_EVERY_S: Final = 60.0
_KEEP_S: Final = 120.0
"""For how long what was used is remembered here: longer than a signature counts, however it is dated."""
_MAX_KEPT: Final = 32_768
"""How many are remembered: some 8 MiB. The database remembers the others."""

_log: Final = logging.getLogger(__name__)

Connect: TypeAlias = Callable[[], Awaitable[Appender]]
_Used: TypeAlias = tuple[TenantId, str, bytes]


class Nonces:
    """Takes nonces, each once. One event loop; a task that begins with the first nonce writes them."""

    def __init__(self, connect: Connect, clock: Clock, *, within_s: float = 2.0) -> None:
        self._connect = connect
        self._clock = clock
        self._within_s = within_s
        self._appender: Appender | None = None
        self._waiting: dict[_Used, asyncio.Future[bool]] = {}
        self._kept: OrderedDict[_Used, float] = OrderedDict()
        self._wake = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._erasing: asyncio.Task[None] | None = None
        self._erased = clock.boottime()

    async def take(self, tenant: TenantId, signer: str, nonce: str) -> bool | None:
        """Return True when this is its first use, False when it was used before, None when that cannot be known now."""
        used = tenant, signer, sha256(nonce.encode("ascii")).digest()[:_NONCE_BYTES]
        if used in self._waiting or used in self._kept:
            return False
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[used] = answer
        self._wake.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="nonces")
        try:
            async with asyncio.timeout(self._within_s):
                return await answer
        except (StoreError, TimeoutError):
            return None

    async def close(self) -> None:
        """Stop; whoever still waits is told that nothing is known."""
        tasks = [task for task in (self._writing, self._erasing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._give_up()
        if self._appender is not None:
            await self._appender.close()

    async def _write(self) -> None:
        """Write for as long as the process serves; a fault ends nothing but what waits at that moment."""
        while True:
            await self._wake.wait()
            try:
                if self._appender is None:
                    self._appender = await self._connect()
                async with self._appender.line() as line:
                    await self._follow(line)
            except Exception as error:  # noqa: BLE001 - whatever it is, each of those who wait is answered
                if not isinstance(error, StoreError):
                    _log.error("nonces: %s", type(error).__name__)  # no traceback: it may quote a row
                self._wake.clear()
                self._give_up()

    async def _follow(self, line: AppendTx) -> None:
        """Insert what waits over one connection, which is kept: each insert is one exchange with the server."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._insert(line, list(self._waiting)[:_BATCH])
            if self._clock.boottime() - self._erased >= _ERASE_EVERY_S:
                self._erased = self._clock.boottime()
                self._erasing = asyncio.create_task(self._erase(), name="old nonces")

    async def _insert(self, line: AppendTx, batch: list[_Used]) -> None:
        try:
            await _put(line, batch)
        except Conflict:  # one of them was used before, and none was taken
            if len(batch) == 1:
                self._answer(batch[0], fresh=False)
                return
            middle = len(batch) // 2
            await self._insert(line, batch[:middle])
            await self._insert(line, batch[middle:])
        else:
            for used in batch:
                self._answer(used, fresh=True)

    def _answer(self, used: _Used, *, fresh: bool) -> None:
        self._keep(used)
        answer = self._waiting.pop(used)
        if not answer.done():  # else nobody waits for it any more
            answer.set_result(fresh)

    def _keep(self, used: _Used) -> None:
        """Remember what the database has, and let go of what no signature can bring again."""
        now = self._clock.boottime()
        self._kept[used] = now
        while len(self._kept) > _MAX_KEPT or next(iter(self._kept.values())) < now - _KEEP_S:
            self._kept.popitem(last=False)

    def _give_up(self) -> None:
        """Tell everybody who waits that nothing is known."""
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            if not answer.done():
                answer.set_exception(StoreError())

    async def _erase(self) -> None:
        """Let go of what has run out. Another process may be at it: what it has locked is left to it."""
        if self._appender is not None:
            with contextlib.suppress(StoreError):
                async with self._appender.append() as tx:
                    await tx.execute(_ERASE)


async def _put(line: AppendTx, batch: list[_Used]) -> None:
    tenants, signers, nonces = (list(column) for column in zip(*batch, strict=True))
    await line.execute(_INSERT, tenants, signers, nonces)
