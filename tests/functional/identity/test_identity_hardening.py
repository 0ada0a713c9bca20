"""What a changed document, a fault halfway, a race or a tiny number would let through."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from strongroom.app.seed import INSTALLER
from strongroom.app.services import Services
from strongroom.app.testing import joined
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.registry.admission.testing import admitted, digest_of, release_of
from strongroom.store.testing import TestDatabase

ASK = Ask()
DEV = Environment.DEV
DIGEST = digest_of("m")


@pytest.fixture
async def services(database: TestDatabase, tmp_path: Path) -> AsyncGenerator[Services]:
    async with joined(database, tmp_path) as made:
        yield made.services


@pytest.fixture
async def admin(database: TestDatabase) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(**database.admin.arguments())
    yield connection
    await connection.close()


@pytest.fixture
async def acme(services: Services) -> TenantId:
    made = TenantId((await services.identity.create_tenant(INSTALLER, Name("acme"), ASK)).id)
    await services.identity.create_workload(
        INSTALLER, made, environment=DEV, name=Name("w"), role=Role.INFERENCE, owner="team", ask=ASK
    )
    await admitted(
        services.registry, services.admission, services.channels, services.accounts, INSTALLER, [release_of("m")]
    )
    await known(services)
    return made


async def known(services: Services) -> None:
    assert await services.follower.refresh(5.0)


async def key(services: Services, tenant: TenantId, **more: Any) -> Any:
    made = await services.identity.create_key(INSTALLER, tenant, environment=DEV, workload=Name("w"), ask=ASK, **more)
    await known(services)
    return made


@pytest.mark.parametrize("change", [{"role": "evaluation"}, {"environment": "prod"}])
async def test_a_document_that_was_changed_raises_nobody(
    services: Services, acme: TenantId, admin: asyncpg.Connection[asyncpg.Record], change: dict[str, str]
) -> None:
    made = await key(services, acme)
    assert isinstance(services.directory.authenticate(made.secret, "127.0.0.1"), Principal)
    row = f"kind = 'credential' and id = '{made.key.id}'"
    body = await admin.fetchval(f"select body from feed.entry where {row}")  # noqa: S608 - a constant
    document = msgspec.json.encode(msgspec.json.decode(body) | change)
    async with admin.transaction():
        await admin.execute("update feed.version set version = version + 1")
        await admin.execute(
            f"update feed.entry set body = $1, version = (select version from feed.version) where {row}",  # noqa: S608 - as above
            document,
        )
    await known(services)
    found = services.directory.authenticate(made.secret, "127.0.0.1")
    assert isinstance(found, Refusal)
    assert "another role or environment" in found.reason


@pytest.mark.parametrize("days", [1e-12, 1e-9, 59 / 86_400, 0.0, -1.0])
async def test_a_key_lives_a_minute_or_is_refused(services: Services, acme: TenantId, days: float) -> None:
    with pytest.raises(Refused) as refused:
        await key(services, acme, days=days)
    assert refused.value.refusal.kind is RefusalKind.INVALID
    assert (await key(services, acme, days=60 / 86_400)).secret


async def test_an_accounts_name_is_free_again_after_its_end(services: Services) -> None:
    first = await services.accounts.create(INSTALLER, Name("ann"), Role.OPERATOR, ask=ASK)
    with pytest.raises(Refused):
        await services.accounts.create(INSTALLER, Name("ann"), Role.OPERATOR, ask=ASK)
    await services.accounts.delete(INSTALLER, Name("ann"), ASK)
    second = await services.accounts.create(INSTALLER, Name("ann"), Role.APPROVER, ask=ASK)
    await known(services)
    assert first.account.id != second.account.id
    assert isinstance(services.directory.authenticate(first.token, "127.0.0.1"), Refusal)
    assert isinstance(services.directory.authenticate(second.token, "127.0.0.1"), Principal)


async def test_a_deletion_that_was_cut_short_is_finished_by_asking_again(
    services: Services, acme: TenantId, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await key(services, acme)
    await services.registry.deploy(INSTALLER, acme, DEV, Name("m"), DIGEST, ASK)
    await services.accounts.create(INSTALLER, Name("ann"), Role.TENANT_ADMIN, tenant=acme, ask=ASK)
    await admin.execute("revoke update on identity.key from sr_control")
    await admin.execute("revoke update (label, owner, revoked_at, revoked_reason) on identity.key from sr_control")
    with contextlib.suppress(Exception):
        await services.end_tenant(INSTALLER, acme, ASK)
    await known(services)
    assert services.directory.find_tenant("acme") is None  # the first half stands
    assert await left(admin) == [1, 1, 1, 1]
    await admin.execute("grant update (label, owner, revoked_at, revoked_reason) on identity.key to sr_control")
    place = await services.finder.tenant_to_end(INSTALLER, str(acme), ASK)
    await services.end_tenant(INSTALLER, place, ASK)
    assert await left(admin) == [0, 0, 0, 0]
    await services.end_tenant(INSTALLER, place, ASK)


async def test_only_a_tenant_that_was_can_be_ended_again(services: Services, acme: TenantId) -> None:
    never = uuid4()
    with pytest.raises(Refused) as refused:
        await services.end_tenant(INSTALLER, await services.finder.tenant_to_end(INSTALLER, str(never), ASK), ASK)
    assert refused.value.refusal.kind is RefusalKind.HIDDEN
    nil = "00000000-0000-0000-0000-000000000000"
    boss = await services.accounts.create(INSTALLER, Name("ann"), Role.TENANT_ADMIN, tenant=acme, ask=ASK)
    await known(services)
    who = services.directory.authenticate(boss.token, "127.0.0.1")
    assert isinstance(who, Principal)
    for asking, text in ((INSTALLER, nil), (INSTALLER, "nobody"), (who, str(never)), (who, nil)):
        with pytest.raises(Refused) as refused:
            await services.finder.tenant_to_end(asking, text, ASK)
        assert refused.value.refusal.kind is RefusalKind.HIDDEN


async def test_nothing_is_deployed_in_a_tenant_that_is_gone(
    services: Services, acme: TenantId, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await services.end_tenant(INSTALLER, acme, ASK)
    with pytest.raises(Refused) as refused:
        await services.registry.deploy(INSTALLER, acme, DEV, Name("m"), DIGEST, ASK)
    assert refused.value.refusal.kind is RefusalKind.HIDDEN
    assert (await left(admin))[2] == 0


async def test_a_deletion_beside_many_deployments_leaves_none(
    services: Services, acme: TenantId, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    deploying = (
        services.registry.deploy(INSTALLER, acme, DEV, Name(f"m{number}"), DIGEST, ASK) for number in range(12)
    )
    told = await asyncio.gather(*deploying, services.end_tenant(INSTALLER, acme, ASK), return_exceptions=True)
    assert told[-1] is None
    assert all(not isinstance(each, BaseException) or isinstance(each, Refused) for each in told)
    assert (await left(admin))[2] == 0


async def left(admin: asyncpg.Connection[asyncpg.Record]) -> list[int]:
    """Count what lives of workloads, keys, deployments and accounts (approvers aside, who belong to no tenant)."""
    return [
        await admin.fetchval(f"select count(*) from {table}")  # noqa: S608 - constants
        for table in (
            "identity.workload where deleted_at is null",
            "identity.key where revoked_at is null",
            "registry.deployment where deleted_at is null",
            "identity.account where deleted_at is null and role <> 'approver'",
        )
    ]
