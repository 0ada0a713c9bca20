"""What injected SQL in a tenant's transaction may learn of providers: what is open to that tenant, and never address or secret."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from strongroom.store import Database
from strongroom.store.testing import TestDatabase

if TYPE_CHECKING:
    from tests.isolation.database.conftest import Twins

OPEN = "select name from providers.provider where name like $1 order by name"


async def test_a_tenant_reads_what_is_open_to_it_without_address_and_secret(
    database: TestDatabase, db: Database, twins: Twins
) -> None:
    mark = uuid4().hex[:8]
    async with db.operator() as tx:
        for name, open_to in ((f"{mark}-a", [twins.a.id]), (f"{mark}-b", [twins.b.id]), (f"{mark}-all", None)):
            await tx.execute(
                """insert into providers.provider (id, name, kind, engine, base_url, secret, secret_version, open_to, owner, version)
                   values ($1, $2, 'openai', 'other', 'https://canary.example', 'canary', 1, $3, 'o', 1)""",
                uuid4(),
                name,
                open_to,
            )
    connection = await asyncpg.connect(**database.control.arguments())
    try:
        assert await connection.fetch(OPEN, f"{mark}%") == []  # no tenant, no rows
        for tenant, own in ((twins.a, "a"), (twins.b, "b")):
            await connection.execute(f"set strongroom.tenant = '{tenant.id}'")
            rows = await connection.fetch(OPEN, f"{mark}%")
            assert {row["name"] for row in rows} == {f"{mark}-{own}", f"{mark}-all"}
        for column in ("secret", "base_url", "ca", "*"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"select {column} from providers.provider")  # noqa: S608 - names from above
        for change in ("update providers.provider set region = 'x'", "delete from providers.provider"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change)
    finally:
        await connection.close()
    gateway = await asyncpg.connect(**database.gateway.arguments())
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await gateway.fetch("select name from providers.provider")  # the feed is what it has
    finally:
        await gateway.close()
