"""A tenant's rows take a tenant's transaction, and SQL is a literal of the source."""

from __future__ import annotations

from uuid import UUID

from strongroom.kernel.ids import TenantId
from strongroom.store import Appender, AppendTx, Database, Dsn, OperatorTx, TenantTx, Tx, feed


async def get_key(tx: TenantTx, key: str) -> object:
    return await tx.fetchrow("select * from identity.key where tenant_id = $1 and id = $2", tx.tenant, key)


async def list_tenants(tx: OperatorTx) -> object:
    return await tx.fetch("select * from identity.tenant")


async def the_right_transaction_is_accepted(tenant_tx: TenantTx, operator_tx: OperatorTx) -> None:
    await get_key(tenant_tx, "k")
    await list_tenants(operator_tx)
    await feed.publish(tenant_tx, "key", "k", b"")
    await feed.publish(operator_tx, "release", "r", b"")


async def an_operators_transaction_is_not_a_tenants(tx: OperatorTx) -> None:
    await get_key(tx, "k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def a_tenants_transaction_is_not_an_operators(tx: TenantTx) -> None:
    await list_tenants(tx)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def either_is_not_enough_where_a_tenants_is_needed(tx: Tx) -> None:
    await get_key(tx, "k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def nothing_is_read_without_a_transaction(database: Database) -> None:
    await get_key(database, "k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await get_key("k")  # type: ignore[call-arg,arg-type]  # pyright: ignore[reportCallIssue]


async def an_id_is_no_transaction(tenant: TenantId) -> None:
    await get_key(tenant, "k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def a_writers_transaction_reads_nothing(tx: AppendTx) -> None:
    await tx.fetch("select 1")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    await get_key(tx, "k")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await feed.publish(tx, "key", "k", b"")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def only_a_tenants_id_opens_one(database: Database, anything: UUID, text: str) -> None:
    async with database.tenant(anything):  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        pass
    async with database.tenant(text):  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        pass


async def a_transactions_tenant_does_not_change(tx: TenantTx, other: TenantId) -> None:
    tx.tenant = other  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def sql_that_is_built_is_refused(tx: TenantTx, operator: OperatorTx, append: AppendTx, name: str) -> None:
    await tx.fetch("select 1 " + "as one")  # two literals are one
    await tx.fetch(f"select {name}")  # pyright: ignore[reportArgumentType]
    await tx.fetchrow(f"select {name}")  # pyright: ignore[reportArgumentType]
    await tx.fetchval("select " + name)  # pyright: ignore[reportArgumentType]
    await tx.execute(name)  # pyright: ignore[reportArgumentType]
    await operator.fetch(name)  # pyright: ignore[reportArgumentType]
    await operator.execute(f"reset {name}")  # pyright: ignore[reportArgumentType]
    await append.execute(name)  # pyright: ignore[reportArgumentType]


async def a_login_is_a_dsn(url: str) -> None:
    await Appender.connect(url)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await Appender.connect(Dsn.parse(url))
