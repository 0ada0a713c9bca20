"""Transactions as types: what may be done in one is what it was opened for.

Always true here:
- a `TenantTx` is bound to one tenant for its whole life, in the type and in the database;
- SQL is a literal of the source (`LiteralString`, enforced by pyright): values travel as parameters only;
- a transaction that is over answers nothing, so a reference kept too long is a fault and never another tenant's rows;
- jsonb goes in and comes out as text; a room encodes and decodes its own documents.

Only `Database`, `Appender`, `Lessor`, `Cabinet` and `Sealer` make these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, LiteralString, Self, TypeAlias

import asyncpg

from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.store.errors import mapped

if TYPE_CHECKING:
    from strongroom.store.driver import Connection as Direct
    from strongroom.store.driver import Held

    Connection: TypeAlias = Direct | Held

Record: TypeAlias = asyncpg.Record
"""One row: a mapping from column name to value."""


class _Scope:
    """What every kind of transaction shares: it is open, then it is over."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection

    def _open(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("this transaction is over")
        return self._connection

    def __enter__(self) -> Self:
        """Return this; whoever opened the transaction holds it by `with`."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the connection: what is asked from now on has no transaction."""
        self._connection = None


class AppendTx(_Scope):
    """A transaction that only writes: rows go in, nothing comes out."""

    __slots__ = ()

    async def execute(self, sql: LiteralString, *args: object) -> str:
        """Run one statement and return its tag, such as `INSERT 0 3`."""
        with mapped():
            return await self._open().execute(sql, *args)


class KeptTx(_Scope):
    """A gateway's transaction on what one tenant's workloads had it keep; its role sees no other table of the tenant."""

    __slots__ = ()

    async def fetchrow(self, sql: LiteralString, *args: object) -> Record | None:
        """Run one statement and return its first row, if any."""
        with mapped():
            return await self._open().fetchrow(sql, *args)

    async def fetchval(self, sql: LiteralString, *args: object) -> Any:
        """Run one statement and return the first value of its first row, or None."""
        with mapped():
            return await self._open().fetchval(sql, *args)

    async def execute(self, sql: LiteralString, *args: object) -> str:
        """Run one statement and return its tag, such as `DELETE 1`."""
        with mapped():
            return await self._open().execute(sql, *args)


class LeaseTx(_Scope):
    """A transaction that takes shares of limits by the function that hands them out; its role has no way to the tables."""

    __slots__ = ()

    async def fetch(self, sql: LiteralString, *args: object) -> list[Record]:
        """Run one statement and return its rows."""
        with mapped():
            return await self._open().fetch(sql, *args)


class _Statements(_Scope):
    __slots__ = ()

    async def fetch(self, sql: LiteralString, *args: object) -> list[Record]:
        """Run one statement and return its rows."""
        with mapped():
            return await self._open().fetch(sql, *args)

    async def fetchrow(self, sql: LiteralString, *args: object) -> Record | None:
        """Run one statement and return its first row, if any."""
        with mapped():
            return await self._open().fetchrow(sql, *args)

    async def fetchval(self, sql: LiteralString, *args: object) -> Any:
        """Run one statement and return the first column of its first row, or None."""
        with mapped():
            return await self._open().fetchval(sql, *args)

    async def execute(self, sql: LiteralString, *args: object) -> str:
        """Run one statement and return its tag, such as `UPDATE 1`."""
        with mapped():
            return await self._open().execute(sql, *args)


class SealTx(_Statements):
    """The keeper's transaction on the logs of every tenant; its role sees nothing else of a tenant's."""

    __slots__ = ()


class TenantTx(_Statements):
    """A transaction that sees and writes the rows of one tenant."""

    __slots__ = ("tenant",)

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        super().__init__(connection)
        self.tenant: Final = tenant


class OperatorTx(_Statements):
    """A transaction on the installation's own tables, with a few listed reads across tenants."""

    __slots__ = ()


Tx: TypeAlias = TenantTx | OperatorTx


def place(tx: Tx) -> TenantId:
    """Return whose rows `tx` writes: its tenant, or `PLATFORM`."""
    return tx.tenant if isinstance(tx, TenantTx) else PLATFORM
