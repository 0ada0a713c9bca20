"""The keeper's way to the database: the logs of every tenant, and nothing else of theirs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from strongroom.store.database import ANSWER, Pooled
from strongroom.store.dsn import Dsn
from strongroom.store.tx import SealTx

_LOCK: Final = 0x7372_6C6F_6773_6561  # "srlogsea"


class Sealer:
    """Opens transactions in which logs are sealed: one at a time, in the whole installation."""

    def __init__(self, pooled: Pooled) -> None:
        self._pooled: Final = pooled

    @classmethod
    async def connect(cls, dsn: Dsn, *, size: int = 3, answer: float = ANSWER) -> Sealer:
        """Open the pool for `sr_keeper`.

        Raises:
            Unavailable: when the database cannot be reached.
            Unsafe: when the role could do more than it should.
        """
        return cls(await Pooled.open(dsn, size=size, answer=answer))

    async def close(self) -> None:
        """Close the pool."""
        await self._pooled.close()

    @asynccontextmanager
    async def seal(self) -> AsyncGenerator[SealTx | None]:
        """Open a transaction that holds the lock of the logs; None: another keeper holds it.

        Raises:
            Unavailable: when the database does not answer.
        """
        async with self.look() as tx:
            yield tx if await tx.fetchval("select pg_catalog.pg_try_advisory_xact_lock($1)", _LOCK) else None

    @asynccontextmanager
    async def look(self) -> AsyncGenerator[SealTx]:
        """Open a transaction without the lock, for reading and for the pulse.

        Raises:
            Unavailable: when the database does not answer.
        """
        async with self._pooled.transaction() as connection:
            tx = SealTx(connection)
            try:
                yield tx
            finally:
                tx.end()
