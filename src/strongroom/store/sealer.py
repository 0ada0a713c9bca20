"""The keeper's way to the database: the logs of every tenant, and nothing else of theirs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from strongroom.store.database import OneRole
from strongroom.store.tx import SealTx

_LOCK: Final = 0x7372_6C6F_6773_6561  # "srlogsea"


class Sealer(OneRole):
    """Opens transactions in which logs are sealed: one at a time, in the whole installation."""

    size = 3

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
            with SealTx(connection) as tx:
                yield tx
