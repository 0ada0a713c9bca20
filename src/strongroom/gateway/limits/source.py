"""Counters in PostgreSQL: one statement a round, by the function that alone may touch them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias
from uuid import UUID

from strongroom.gateway.limits.buckets import Ask, Grant
from strongroom.gateway.limits.shares import Key
from strongroom.store import Lessor

_LEASE: Final = """
    select ordinal, granted, remaining, wait_us, period
    from limits.lease($1::uuid, $2::bigint, $3::bigint, $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
                      $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[])
    order by ordinal
"""

Connect: TypeAlias = Callable[[], Awaitable[Lessor]]
"""Opens the way to the database; called once it is needed, and again until it works."""


class DatabaseSource:
    """Asks the database. Whoever calls `lease` again before it has returned waits: there is one connection."""

    def __init__(self, connect: Connect) -> None:
        self._connect: Final = connect
        self._lessor: Lessor | None = None

    async def lease(
        self, holder: UUID, processes: int, ttl_us: int, asks: Sequence[tuple[Key, Ask]]
    ) -> Sequence[Grant]:
        """Carry out one round.

        Raises:
            StoreError: when it is not known to have been carried out.
        """
        if self._lessor is None:
            self._lessor = await self._connect()
        columns = (
            [key.tenant for key, _ in asks],
            [key.subject for key, _ in asks],
            [key.measure.value for key, _ in asks],
            [ask.amount for _, ask in asks],
            [ask.burst for _, ask in asks],
            [ask.back for _, ask in asks],
            [ask.back_period for _, ask in asks],
            [ask.need for _, ask in asks],
            [ask.demand for _, ask in asks],
            [ask.want for _, ask in asks],
        )
        async with self._lessor.round() as tx:
            rows = await tx.fetch(_LEASE, holder, processes, ttl_us, *columns)
        return [Grant(row["granted"], row["remaining"], row["wait_us"], row["period"]) for row in rows]

    async def close(self) -> None:
        """Close the connection."""
        if self._lessor is not None:
            await self._lessor.close()
