"""A proposal of the installation's default says how many callers of each tenant would gain or lose, and names none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import msgspec

from strongroom.app.dryacross import Across
from strongroom.app.dryrun import Compared, DryRun
from strongroom.app.seed import INSTALLER
from strongroom.identity.approvals import Request
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Environment, Role
from strongroom.policy import Ask
from strongroom.rules import Level
from strongroom.rules.proposing import Proposing

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

ASK, DEV = Ask(), Environment.DEV
SEED: dict[str, Any] = {"rules": [{"environments": ["dev"], "seed": True}]}


async def asked(house: House, tenant: TenantId, workload: str, times: int, *, ago: str = "0 days") -> None:
    """Let a workload have asked a model: records as a gateway writes them."""
    made = await house.services.identity.create_workload(
        INSTALLER, tenant, environment=DEV, name=Name(workload), role=Role.INFERENCE, owner="team", ask=ASK
    )
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        deployment = await connection.fetchval(
            """INSERT INTO registry.deployment (tenant_id, id, environment, name, kind)
               VALUES ($1, $2, 'dev', $3, 'chat') RETURNING id""",
            tenant, uuid4(), f"m-{workload}",
        )  # fmt: skip
        await connection.execute(
            f"""INSERT INTO gateway.record (tenant_id, day, id, at, environment, workload_id, key_id, deployment_id,
                    operation, status, input_tokens, output_tokens, duration_us, policy_version)
                SELECT $1, ((now() - interval '{ago}') at time zone 'utc')::date, gen_random_uuid(),
                    now() - interval '{ago}', 'dev', $2, 'k', $3, 'chat', 200, 1, 1, 1, 'v'
                FROM generate_series(1, $4)""",  # noqa: S608 - the test's own words
            tenant, made.id, deployment, times,
        )  # fmt: skip
    finally:
        await connection.close()


async def proposed(house: House, document: Any = SEED, **bounds: Any) -> DryRun:
    """Propose a default as in production, and return what goes with the proposal."""
    services = house.services
    compared = Compared(services.engine, services.admission, services.gate)
    if bounds:
        compared._across = Across(services.gate, compared._changes, **bounds)  # pyright: ignore[reportPrivateUsage]
    services.rules._proposing = Proposing(services.clock, compared.attached)  # pyright: ignore[reportPrivateUsage]
    said = await services.rules.propose(
        INSTALLER, None, "disclosure", Level.DEFAULT, document, expected=0, reason="as asked", at_once=False, ask=ASK
    )
    assert isinstance(said, Request)
    return msgspec.json.decode(said.subject["dry_run"], type=DryRun)


async def test_of_every_tenant_it_is_told_how_many_would_gain_and_of_none_who(house: House) -> None:
    acme, globex, idle = [await house.tenant(name) for name in ("acme", "globex", "idle")]
    await asked(house, acme, "canary-bot", 3)
    await asked(house, acme, "canary-batch", 1)
    await asked(house, globex, "canary-chat", 2)
    await house.services.rules.write(  # globex has the operator's own word, so no default concerns it
        INSTALLER, globex, "disclosure", Level.CEILING, {"rules": []}, expected=0, reason="x", ask=ASK
    )
    found = await proposed(house)
    figures = {each.tenant: (each.callers, each.gains, each.loses, each.looked_at) for each in found.tenants}
    assert figures == {"acme": (2, 2, 0, 4), "globex": (1, 0, 0, 2), "idle": (0, 0, 0, 0)}
    assert found.tenants[0].tenant == "acme", "the most concerned first"
    assert (found.tenants_left, found.looked_at) == (0, 6)
    assert b"canary" not in msgspec.json.encode(found)
    read = [each for each in await house.services.audit.of_tenant(INSTALLER, idle, ASK) if each.action == "rules.read"]
    assert [each.detail["for"] for each in read] == ["dry run of a default"], (
        "each tenant's log says that it was looked at"
    )


async def test_it_is_bounded_and_says_what_it_left(house: House) -> None:
    for name in ("acme", "globex", "initech"):
        await house.tenant(name)
    assert [len((found := await proposed(house, most=2)).tenants), found.tenants_left] == [2, 1]


async def test_a_dry_run_looks_as_far_back_as_it_is_told(house: House) -> None:
    acme = await house.tenant("acme")
    await asked(house, acme, "recent", 1200)
    await asked(house, acme, "old", 2, ago="20 days")

    async def who(days: int | None) -> tuple[set[str], int]:
        run = await house.services.rehearsal.run(INSTALLER, acme, "disclosure", Level.CEILING, SEED, ASK, days)
        return {each.what for each in run.data}, run.looked_at

    assert await who(None) == ({"m-recent"}, 1000)
    assert await who(10) == ({"m-recent"}, 1200)
    assert await who(30) == ({"m-recent", "m-old"}, 1202)
