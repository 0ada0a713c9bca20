"""No system prompt is deployed that was not approved, holds a secret, was edited or is another tenant's; the honest one is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from strongroom.app.seed import INSTALLER
from strongroom.gateway.snapshot import Snapshot
from strongroom.identity import Directory
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask, Engine
from strongroom.registry.admission.testing import APPROVERS, admitted, release_of
from strongroom.registry.model import Operation
from strongroom.registry.prompts import PromptSeals
from strongroom.store.follower import Follower

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

DEV, PROD = Environment.DEV, Environment.PROD
ASK = Ask()
TEXT = "You answer for the service desk of Acme. Never discuss prices."
ONE, TWO = (Principal(role=Role.APPROVER, name=name, credential=KeyId("")) for name in APPROVERS)
DESK = Name("desk")


async def ready(house: House) -> TenantId:
    """Return a tenant that has a prompt and could deploy the model `m`."""
    services = house.services
    releases = [release_of("m"), release_of("v", Operation.EMBEDDING)]
    await admitted(services.registry, services.admission, services.channels, services.accounts, INSTALLER, releases)
    acme = await house.tenant("acme")
    await services.prompts.add(INSTALLER, acme, DESK, "1", TEXT, ASK)
    return acme


async def approve(house: House, tenant: TenantId, who: Principal = ONE, environment: Environment = DEV) -> Any:
    return await house.services.prompts.approve(who, tenant, DESK, "1", environment, days=30, reason="read it", ask=ASK)


async def deploy(
    house: House, tenant: TenantId, environment: Environment = DEV, prompt: str = "desk@1", model: str = "m"
) -> Any:
    return await house.services.registry.deploy(
        INSTALLER, tenant, environment, Name(f"m-{environment}"), release_of(model).digest, ASK, prompt
    )


async def refused(house: House, tenant: TenantId, because: str, *where: Any, **more: Any) -> None:
    with pytest.raises(Refused) as error:
        await deploy(house, tenant, *where, **more)
    assert because in error.value.refusal.tell
    assert await house.services.registry.list_deployments(INSTALLER, tenant, ASK) == []


async def alter(house: House, sql: str, *values: object) -> None:
    """Write as the database's owner could."""
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        await connection.execute(sql, *values)
    finally:
        await connection.close()


async def test_a_prompt_is_deployed_once_it_is_approved_there_by_enough_people(house: House) -> None:
    acme = await ready(house)
    await refused(house, acme, "0 of 1 approvals that dev demands of a prompt")
    with pytest.raises(Refused) as error:
        await approve(house, acme, INSTALLER)
    assert error.value.refusal.kind is RefusalKind.FORBIDDEN
    assert (await approve(house, acme)).may_serve
    for _ in range(2):
        await approve(house, acme, ONE, PROD)
    await refused(house, acme, "1 of 2 approvals", PROD)  # dev's yes is none for prod, and one person twice is one
    await approve(house, acme, TWO, PROD)
    made = await deploy(house, acme, PROD)
    (listed,) = await house.services.prompts.list(INSTALLER, acme, ASK)
    assert (made.prompt, made.prompt_digest) == ("desk@1", listed.digest)
    log = await house.services.audit.of_tenant(INSTALLER, acme, ASK)
    log += await house.services.audit.of_platform(INSTALLER, ASK)
    assert {(entry.actor, entry.outcome) for entry in log if entry.action == "prompt.approve"} == {
        ("operator/strongroom-up", "refused"),
        ("approver/first-approver", "allowed"),
        ("approver/second-approver", "allowed"),
    }


async def test_who_wrote_it_does_not_approve_it_and_a_version_never_changes(house: House) -> None:
    acme = await ready(house)
    author = replace(INSTALLER, name=ONE.name)
    await house.services.prompts.add(author, acme, Name("own"), "1", TEXT, ASK)
    with pytest.raises(Refused) as error:
        await house.services.prompts.approve(ONE, acme, Name("own"), "1", DEV, days=1, reason="mine", ask=ASK)
    assert "does not approve" in error.value.refusal.tell
    with pytest.raises(Refused) as error:
        await house.services.prompts.add(INSTALLER, acme, DESK, "1", "You tell everything.", ASK)
    assert error.value.refusal.kind is RefusalKind.CONFLICT
    assert (await house.services.prompts.show(ONE, acme, DESK, "1", ASK)).text == TEXT


async def test_a_prompt_with_a_secret_is_not_kept_and_the_answer_does_not_quote_it(house: House) -> None:
    acme = await ready(house)
    secret = "AKIA" + "Z7QX2M4KD8PL3W5T"
    with pytest.raises(Refused) as error:
        await house.services.prompts.add(INSTALLER, acme, Name("bad"), "1", f"Use the tool.\nkey {secret}", ASK)
    assert "line 2: a cloud's key" in error.value.refusal.tell
    assert secret not in error.value.refusal.tell
    assert secret not in error.value.refusal.reason
    assert [each.name for each in await house.services.prompts.list(INSTALLER, acme, ASK)] == ["desk"]


async def test_an_edited_row_is_refused_whatever_was_edited(house: House) -> None:
    acme = await ready(house)
    prompts = house.services.prompts
    await approve(house, acme)
    other = await prompts.add(INSTALLER, acme, Name("other"), "1", "Tell everything.", ASK)
    approved = (await prompts.show(ONE, acme, DESK, "1", ASK)).digest
    swap = (
        "UPDATE registry.prompt SET sealed = (SELECT sealed FROM registry.prompt WHERE digest = $1) WHERE digest = $2"
    )
    kept = "CREATE TABLE public.kept AS SELECT sealed FROM registry.prompt WHERE digest = $1".replace(
        "$1", f"'{approved}'"
    )
    await alter(house, kept)
    await alter(house, swap, other.digest, approved)
    await refused(house, acme, "its seal is broken")
    with pytest.raises(Refused) as error:
        await prompts.show(ONE, acme, DESK, "1", ASK)
    assert error.value.refusal.kind is RefusalKind.CONFLICT
    await alter(
        house, "UPDATE registry.prompt SET sealed = (SELECT sealed FROM public.kept) WHERE digest = $1", approved
    )
    await alter(house, "UPDATE registry.prompt SET author = 'nobody' WHERE digest = $1", approved)
    await refused(house, acme, "its row names another")
    # A yes to one text, copied to another, is a yes to neither.
    await alter(house, "UPDATE registry.prompt_approval SET digest = $1", other.digest)
    await refused(house, acme, "Not counted: one of another release", prompt="other@1")


async def test_another_tenants_prompt_is_a_missing_one_and_its_copied_rows_do_not_open(house: House) -> None:
    acme = await ready(house)
    await approve(house, acme)
    globex = await house.tenant("globex")
    await refused(house, globex, "There is no prompt desk@1.")
    await refused(house, acme, "There is no prompt desk@9.", prompt="desk@9")
    copy = """INSERT INTO registry.prompt SELECT $1::uuid, digest, name, version, author, sealed, size, created_at, erased_at
              FROM registry.prompt WHERE tenant_id = $2"""
    await alter(house, copy, globex, acme)
    copy = """INSERT INTO registry.prompt_approval SELECT $1::uuid, id, digest, account_id, statement, made_at
              FROM registry.prompt_approval WHERE tenant_id = $2"""
    await alter(house, copy, globex, acme)
    await refused(house, globex, "its seal is broken")


async def test_what_is_not_asked_for_chat_has_no_prompt(house: House) -> None:
    acme = await ready(house)
    await approve(house, acme)
    await refused(house, acme, "goes with a model for chat", model="v")


async def test_no_copy_of_the_database_holds_its_text_and_a_gateway_opens_what_was_pinned_alone(house: House) -> None:
    """What the gateways follow is sealed to one deployment: changed or put elsewhere, the deployment is no route at all."""
    acme = await ready(house)
    await approve(house, acme)
    made = await deploy(house, acme)
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        rows = [row["body"] for row in await connection.fetch("SELECT body FROM feed.entry WHERE kind = 'deployment'")]
        rows += [row["sealed"] for row in await connection.fetch("SELECT sealed FROM registry.prompt")]
    finally:
        await connection.close()
    assert len(rows) == 2
    assert not any(b"service desk" in row for row in rows)

    async def seen(seals: PromptSeals | None) -> list[str | None]:
        snapshot = Snapshot(Directory(house.keys, SystemClock(), allow_demo=True), Engine.load(), seals)
        follower = Follower(house.database.gateway, SystemClock(), snapshot.apply)
        follower.start()
        try:
            assert await follower.refresh(10.0)
            return [None if route.prompt is None else route.prompt.text for route in snapshot.routes()]
        finally:
            await follower.close()

    seals = PromptSeals(house.keys)
    assert await seen(seals) == [TEXT]
    assert await seen(None) == []
    moved = "UPDATE feed.entry SET id = gen_random_uuid()::text WHERE kind = 'deployment' AND id = $1"
    await alter(house, moved, str(made.id))
    assert await seen(seals) == []


async def test_a_tenants_end_erases_its_prompts(house: House) -> None:
    acme = await ready(house)
    await approve(house, acme)
    await deploy(house, acme)
    await house.services.end_tenant(INSTALLER, acme, ASK)
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        assert await connection.fetchval("SELECT sum(octet_length(sealed)) FROM registry.prompt") == 0
        assert not await connection.fetchval(
            "SELECT count(*) FROM feed.entry WHERE kind = 'deployment' AND not deleted"
        )
    finally:
        await connection.close()
