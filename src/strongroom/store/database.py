"""The pools behind every transaction.

Always true here:
- one pool per database role: nothing that is said in a tenant's transaction can become the operator;
- the tenant is set by `SET LOCAL` inside the transaction, from a `UUID` and never from text, so that it ends with it:
  by commit, by rollback, by a cancelled task, by a lost connection;
- every wait has an end: to get a connection, for an answer, to give a connection back;
- nothing here reconnects on a timer: the next caller after an outage finds a fresh connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar, Final, Self, cast
from uuid import UUID

import asyncpg

from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.store.driver import SETTINGS, Serving
from strongroom.store.dsn import Dsn
from strongroom.store.errors import Unavailable, Unsafe, mapped
from strongroom.store.tx import AppendTx, KeptTx, LeaseTx, OperatorTx, TenantTx

if TYPE_CHECKING:
    from asyncpg.transaction import Transaction

    from strongroom.store.driver import Held, Pool
    from strongroom.store.tx import Connection

ACQUIRE: Final = 2.0
"""Seconds to wait for a connection, a new one included."""

ANSWER: Final = 10.0
"""Seconds to wait for one statement; the roles' statement_timeout is shorter and ends it in the server."""

RELEASE: Final = 2.0
"""Seconds to wait for a connection to be reset; after that it is thrown away."""

# A role that could do any of these would turn a bug in a query into a breach, so nobody serves with it.
_POWERS: Final = """
    select r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication as too_mighty,
           has_function_privilege('pg_catalog.set_config(text, text, boolean)', 'execute') as may_set_config,
           exists (select from pg_catalog.pg_class c where c.relowner = r.oid) as is_owner
    from pg_catalog.pg_roles r where r.rolname = current_user
"""


class _Count:
    """How often something happened."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def add(self, _: object) -> None:
        self.value += 1


class Pooled:
    """One role's pool, checked before it is used."""

    __slots__ = ("_ended", "_pool")

    def __init__(self, pool: Pool, ended: _Count) -> None:
        self._pool: Final = pool
        self._ended: Final = ended

    @classmethod
    async def open(cls, dsn: Dsn, *, size: int, answer: float) -> Pooled:
        """Open a pool.

        Raises:
            Unavailable: when the database cannot be reached.
            Unsafe: when the role could step around row security.
        """
        ended = _Count()

        async def begin(connection: Connection) -> None:
            connection.add_termination_listener(ended.add)

        with mapped():
            pool: Pool = await asyncpg.create_pool(
                **dsn.arguments(),
                connection_class=Serving,
                min_size=0,
                max_size=size,
                timeout=ACQUIRE,
                command_timeout=answer,
                init=begin,
                server_settings={**SETTINGS, "application_name": f"strongroom {dsn.user}"},
            )
        pooled = cls(pool, ended)
        try:
            await pooled._refuse_powers(dsn)
        except BaseException:
            pool.terminate()
            raise
        return pooled

    async def _refuse_powers(self, dsn: Dsn) -> None:
        async with self.connection() as connection:
            with mapped():
                row = await connection.fetchrow(_POWERS)
        if row is None or row["too_mighty"] or row["is_owner"]:
            raise Unsafe(f"role {dsn.user} has powers that row security cannot bind; run `strongroom doctor`")
        if row["may_set_config"]:
            raise Unsafe(
                f"role {dsn.user} may call set_config, so a query could change its tenant; revoke it from PUBLIC"
            )

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Held]:
        """Hold a connection."""
        with mapped():
            held = await self._pool.acquire(timeout=ACQUIRE)
        try:
            yield held
        finally:
            await self._give_back(held)

    async def _give_back(self, held: Held) -> None:
        # Shielded: a cancelled caller must not leave a connection that is neither reset nor closed.
        try:
            with mapped():
                await asyncio.shield(self._pool.release(held, timeout=RELEASE))
        except Unavailable:
            pass  # the pool has closed what it could not reset; the caller's own outcome stands

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """Open a transaction."""
        async with self.connection() as connection:
            transaction = connection.transaction()
            with mapped():
                await transaction.start()
            try:
                yield connection
            except BaseException:
                await _undo(connection, transaction)
                raise
            with mapped():
                await transaction.commit()

    @property
    def ended(self) -> int:
        """How many connections have ended."""
        return self._ended.value

    async def close(self) -> None:
        """Close it."""
        try:
            async with asyncio.timeout(RELEASE):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


class Database:
    """The control plane's way to the database: tenant transactions and operator transactions."""

    def __init__(self, tenants: Pooled, operators: Pooled) -> None:
        self._tenants: Final = tenants
        self._operators: Final = operators

    @classmethod
    async def connect(cls, control: Dsn, operator: Dsn, *, size: int = 8, answer: float = ANSWER) -> Database:
        """Open both pools and refuse roles that could step around row security.

        Args:
            control: login of `sr_control`.
            operator: login of `sr_operator`.
            size: most connections for tenants; operators get half as many.
            answer: seconds to wait for one statement.

        Raises:
            Unavailable: when the database cannot be reached.
            Unsafe: when a role could.
        """
        tenants = await Pooled.open(control, size=size, answer=answer)
        try:
            operators = await Pooled.open(operator, size=max(1, size // 2), answer=answer)
        except BaseException:
            await tenants.close()
            raise
        return cls(tenants, operators)

    @property
    def ended(self) -> int:
        """How many connections have ended, for whatever reason. When it moves, what was known of the server is old."""
        return self._tenants.ended + self._operators.ended

    async def close(self) -> None:
        """Close both pools, waiting briefly for what is still running."""
        await asyncio.gather(self._tenants.close(), self._operators.close())

    @asynccontextmanager
    async def tenant(self, tenant: TenantId) -> AsyncGenerator[TenantTx]:
        """Open a transaction that sees one tenant. Called by the Gate alone.

        Raises:
            Unavailable: when the database does not answer.
        """
        statement = _set_tenant(tenant)
        async with self._tenants.transaction() as connection:
            with mapped():
                await connection.execute(statement)
            with TenantTx(connection, tenant) as tx:
                yield tx

    @asynccontextmanager
    async def operator(self) -> AsyncGenerator[OperatorTx]:
        """Open a transaction on the installation's own tables. Called by the Gate alone.

        Raises:
            Unavailable: when the database does not answer.
        """
        async with self._operators.transaction() as connection:
            with OperatorTx(connection) as tx:
                yield tx


class OneRole:
    """A way to the database by the pool of one role.

    Attributes:
        size: the most connections, unless told otherwise.
    """

    size: ClassVar[int]

    def __init__(self, pooled: Pooled) -> None:
        self._pooled: Final = pooled

    @classmethod
    async def connect(cls, dsn: Dsn, *, size: int | None = None, answer: float = ANSWER) -> Self:
        """Open the pool.

        Raises:
            Unavailable: when the database cannot be reached.
            Unsafe: when the role could do more than it should.
        """
        return cls(await Pooled.open(dsn, size=cls.size if size is None else size, answer=answer))

    async def close(self) -> None:
        """Close the pool."""
        await self._pooled.close()


class Appender(OneRole):
    """The gateway's way to the database: it adds rows and reads none."""

    size = 2

    @asynccontextmanager
    async def append(self) -> AsyncGenerator[AppendTx]:
        """Open a transaction for one batch.

        Use `INSERT … SELECT … FROM unnest(…) ON CONFLICT DO NOTHING` (no conflict target: naming one needs SELECT).

        Raises:
            Unavailable: when the database does not answer.
        """
        async with self._pooled.transaction() as connection:
            with AppendTx(connection) as tx:
                yield tx

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[AppendTx]:
        """Hold a connection on which each statement commits by itself, in one exchange with the server.

        For who waits for single statements, one after the other. One that is refused (`Conflict`) has changed nothing,
        and the next may be asked; after `Unavailable`, open another.

        Raises:
            Unavailable: when the database does not answer.
        """
        async with self._pooled.connection() as connection:
            with AppendTx(connection) as tx:
                yield tx


class Cabinet(OneRole):
    """The gateway's way to what workloads had it keep: one tenant a transaction."""

    size = 4

    @asynccontextmanager
    async def of(self, tenant: TenantId) -> AsyncGenerator[KeptTx]:
        """Open a transaction that sees what one tenant's workloads had kept.

        Raises:
            Unavailable: when the database does not answer.
        """
        statement = _set_tenant(tenant)
        async with self._pooled.transaction() as connection:
            with mapped():
                await connection.execute(statement)
            with KeptTx(connection) as tx:
                yield tx

    @asynccontextmanager
    async def of_nobody(self) -> AsyncGenerator[AppendTx]:
        """Open a transaction that sees nothing, and may let go of what has ended.

        Raises:
            Unavailable: when the database does not answer.
        """
        async with self._pooled.transaction() as connection:
            with AppendTx(connection) as tx:
                yield tx


class Lessor(OneRole):
    """The gateway's way to shares of limits. One connection: rounds of one process follow each other."""

    size = 1

    @asynccontextmanager
    async def round(self) -> AsyncGenerator[LeaseTx]:
        """Open a transaction for one round of leases.

        Raises:
            Unavailable: when the database does not answer; whether the round took place is not known then.
        """
        async with self._pooled.transaction() as connection:
            with LeaseTx(connection) as tx:
                yield tx


async def _undo(connection: Held, transaction: Transaction) -> None:
    # What the caller raised stands, whatever happens here. A connection that cannot even roll back is thrown away, and
    # the server rolls back when it notices.
    try:
        with mapped():
            async with asyncio.timeout(RELEASE):
                await transaction.rollback()
    except Unavailable:
        with contextlib.suppress(asyncpg.InterfaceError):  # the pool has let go of it already
            connection.terminate()


def _set_tenant(tenant: TenantId) -> str:
    # The one statement that is not a literal: SET takes no parameters. A UUID prints as hex and hyphens, nothing else.
    # Whatever its type says, it is checked here: a text would become part of the statement. And it is printed from its
    # number: what the driver returns is a subclass of UUID, and a subclass could print anything.
    given = cast("object", tenant)
    if not isinstance(given, UUID) or given.int == PLATFORM.int:
        raise ValueError("a tenant is a UUID, and not the platform's")
    return f"set local strongroom.tenant = '{UUID(int=given.int)}'"
