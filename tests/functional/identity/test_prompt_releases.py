"""No system prompt is deployed that was not approved, holds a secret, was edited or is another tenant's; the honest one is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest

from strongroom.app.duties import SCHEDULE
from strongroom.app.seed import INSTALLER
from strongroom.gateway.fronts import Fronts
from strongroom.gateway.snapshot import Snapshot
from strongroom.identity import Directory
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Action, Ask, Decision, Engine, Gate, Kind, Resource
from strongroom.registry.admission.testing import APPROVERS, admitted, release_of
from strongroom.registry.documents import DEPLOYMENT, RouteDocument
from strongroom.registry.model import Operation
from strongroom.registry.prompts import PinnedDocument, Prompt, PromptSeals
from strongroom.registry.prompts.model import Destroyed, Kept
from strongroom.registry.prompts.moving import Moved, Mover
from strongroom.store import Database, Unavailable, feed
from strongroom.store.follower import Follower
from strongroom.vault import (
    FileKeystore,
    Keyring,
    Material,
    Purpose,
    SealBroken,
    Use,
    Vault,
    VaultUnavailable,
    is_under_keyring,
    seal,
    unseal,
)
from strongroom.vault.testing import embedded

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


async def rows(house: House) -> list[bytes]:
    """Return all that the database has of prompts: what rests, and what the gateways follow."""
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        found = [row["body"] for row in await connection.fetch("SELECT body FROM feed.entry WHERE kind = 'deployment'")]
        return found + [row["sealed"] for row in await connection.fetch("SELECT sealed FROM registry.prompt")]
    finally:
        await connection.close()


def seals_of(house: House) -> PromptSeals:
    """Return what another process, which remembers no key, opens prompts with."""
    return PromptSeals(embedded(house.content.parent), house.keys)


async def seen(house: House) -> list[str]:
    """Return what a gateway that starts now would say first in each deployment, or the code of its no."""
    clock, fronts = SystemClock(), Fronts(seals_of(house), SystemClock())
    snapshot = Snapshot(Directory(house.keys, clock, allow_demo=True), Engine.load())
    follower = Follower(house.database.gateway, clock, snapshot.apply)
    follower.start()
    try:
        assert await follower.refresh(10.0)
        found = [await fronts.open(front) for front in snapshot.fronts()]
    finally:
        await follower.close()
    return [each.code or "" if isinstance(each, Refusal) else each.text for each in found]


async def test_no_copy_of_the_database_holds_its_text_and_a_gateway_opens_what_was_pinned_alone(house: House) -> None:
    """What the gateways follow is sealed to one deployment: changed or put elsewhere, the deployment answers nobody."""
    acme = await ready(house)
    await approve(house, acme)
    made = await deploy(house, acme)
    found = await rows(house)
    assert len(found) == 2
    assert not any(b"service desk" in row for row in found)
    assert await seen(house) == [TEXT]
    moved = "UPDATE feed.entry SET id = gen_random_uuid()::text WHERE kind = 'deployment' AND id = $1"
    await alter(house, moved, str(made.id))
    assert await seen(house) == ["prompt_gone"]


async def test_shredding_the_tenant_destroys_its_prompts_in_every_copy(house: House) -> None:
    """Whoever has a copy of the database of before, and the keyring, and restores the one beside the other, has no text."""
    acme = await ready(house)
    await approve(house, acme)
    made = await deploy(house, acme)
    place = {"tenant": str(acme), "deployment": str(made.id), "digest": made.prompt_digest}
    (document,) = [each for each in await documents(house, acme) if each[0] == str(made.id)]
    kept = (await rows(house))[-1]
    pinned = document[1].prompt
    assert pinned is not None
    assert (await seals_of(house).open_pinned(pinned, acme, DEV, str(made.id))).text == TEXT  # the positive control
    await house.services.end_tenant(INSTALLER, acme, ASK)
    await house.services.tenant_keys.shred(INSTALLER, acme, ASK)
    for sealed in (kept, pinned.sealed):
        for context in (("registry", *list(place.values())[::2]), ("deployment", *place.values())):
            with pytest.raises(SealBroken):
                unseal(house.keys, Purpose.SYSTEM_PROMPT, sealed, *context)
    await alter(house, "UPDATE registry.prompt SET sealed = $1, erased_at = NULL", kept)
    await publish(house, acme, *document)
    assert await seen(house) == ["prompt_gone"]
    row = Kept(
        digest=made.prompt_digest, name="desk", version="1", author=INSTALLER.name, sealed=kept, size=1,
        created_at=SystemClock().now(),
    )  # fmt: skip
    with pytest.raises(Destroyed):
        await seals_of(house).open_kept(row, acme)


async def documents(house: House, tenant: TenantId) -> list[tuple[str, RouteDocument]]:
    resource = Resource(kind=Kind.DEPLOYMENT, tenant=tenant)
    async with house.services.gate.permit(INSTALLER, Action.DEPLOYMENT_LIST, resource, ASK) as tx:
        found = await feed.living(tx, DEPLOYMENT)
    return [(each, msgspec.json.decode(body, type=RouteDocument)) for each, body in found]


async def publish(house: House, tenant: TenantId, deployment: str, document: RouteDocument) -> None:
    resource = Resource(kind=Kind.DEPLOYMENT, tenant=tenant)
    async with house.services.gate.permit(INSTALLER, Action.DEPLOYMENT_LIST, resource, ASK) as tx:
        await feed.publish(tx, DEPLOYMENT, deployment, msgspec.json.encode(document))


async def as_before(house: House, tenant: TenantId) -> None:
    """Put every prompt of a tenant under the installation's keyring, as earlier versions had them."""
    for listed in await house.services.prompts.list(INSTALLER, tenant, ASK):
        shown = await house.services.prompts.show(INSTALLER, tenant, Name(listed.name), listed.version, ASK)
        prompt = Prompt(
            tenant=str(tenant), name=shown.name, version=shown.version, author=shown.author, text=shown.text
        )
        plain, whose = prompt.encoded(), str(tenant)
        former = seal(house.keys, Purpose.SYSTEM_PROMPT, plain, "registry", whose, prompt.digest)
        await alter(house, "UPDATE registry.prompt SET sealed = $1 WHERE digest = $2", former, prompt.digest)
        for identifier, document in await documents(house, tenant):
            if document.prompt is not None and document.prompt.digest == prompt.digest:
                place = "deployment", whose, identifier, prompt.digest
                pinned = PinnedDocument(
                    digest=prompt.digest, sealed=seal(house.keys, Purpose.SYSTEM_PROMPT, plain, *place)
                )
                await publish(house, tenant, identifier, msgspec.structs.replace(document, prompt=pinned))


async def former(house: House) -> int:
    """Return how many texts in the database open with the keyring alone."""
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        kept = [row["sealed"] for row in await connection.fetch("SELECT sealed FROM registry.prompt")]
        bodies = await connection.fetch("SELECT body FROM feed.entry WHERE kind = 'deployment' AND NOT deleted")
    finally:
        await connection.close()
    routes = [msgspec.json.decode(row["body"], type=RouteDocument).prompt for row in bodies]
    return sum(is_under_keyring(each) for each in [*kept, *(each.sealed for each in routes if each is not None)])


class Away(FileKeystore):
    """A vault that is sealed."""

    async def open(self, tenant: TenantId, use: Use) -> Material:
        raise VaultUnavailable(f"{use} of {tenant}: unseal it")


class Stuck(PromptSeals):
    """Waits in the middle of its second move, with the first committed."""

    def __init__(self, seals: PromptSeals) -> None:
        self.__dict__ = seals.__dict__
        self.reached, self.goes_on, self._count = asyncio.Event(), asyncio.Event(), 0

    async def pinned(self, prompt: Prompt, environment: Environment, deployment: str) -> PinnedDocument:
        self._count += 1
        if self._count == 2:
            self.reached.set()
            await self.goes_on.wait()
        return await super().pinned(prompt, environment, deployment)


async def test_prompts_of_before_come_under_their_tenants_keys_and_a_kill_in_the_middle_loses_none(
    house: House,
) -> None:
    acme = await ready(house)
    services = house.services
    await services.prompts.add(INSTALLER, acme, Name("other"), "1", f"{TEXT} Twice.", ASK)
    await services.prompts.add(INSTALLER, acme, Name("third"), "1", f"{TEXT} Thrice.", ASK)
    await approve(house, acme)
    await services.prompts.approve(ONE, acme, Name("other"), "1", DEV, days=1, reason="read it", ask=ASK)
    await deploy(house, acme)
    digest = release_of("m").digest
    await services.registry.deploy(INSTALLER, acme, DEV, Name("second"), digest, ASK, "other@1")
    await as_before(house, acme)
    assert await former(house) == 5
    both = sorted([TEXT, f"{TEXT} Twice."])
    assert sorted(await seen(house)) == both  # as an upgraded gateway finds them, before control has moved them

    away = PromptSeals(
        Vault(
            Away(house.content.parent / "vault", Keyring.open(house.content.parent / "keyring.json"), SystemClock()),
            SystemClock(),
        ),
        house.keys,
    )
    with pytest.raises(VaultUnavailable):
        await Mover(services.gate, away, SystemClock()).run(SCHEDULE, ASK)
    assert await former(house) == 5

    stuck = Stuck(seals_of(house))
    running = asyncio.create_task(Mover(services.gate, stuck, SystemClock()).run(SCHEDULE, ASK))
    async with asyncio.timeout(60):
        await stuck.reached.wait()
    # What a killed process leaves is a connection that ended in the middle of a transaction.
    await alter(  # of this database: others of the server's are made of one template, and number their tables alike
        house,
        """SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'registry.prompt'::regclass
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())""",
    )
    stuck.goes_on.set()
    with pytest.raises(Unavailable):
        await running
    assert await former(house) == 3
    assert sorted(await seen(house)) == both
    for name in ("desk", "other", "third"):
        assert TEXT in (await services.prompts.show(INSTALLER, acme, Name(name), "1", ASK)).text

    assert await services.mover.run(SCHEDULE, ASK) == Moved(moved=2)
    assert await former(house) == 0
    assert sorted(await seen(house)) == both
    assert await services.mover.run(SCHEDULE, ASK) == Moved()
    (listed, *_) = await services.prompts.list(INSTALLER, acme, ASK)
    assert (await services.prompts.show(INSTALLER, acme, Name(listed.name), "1", ASK)).standing[0].may_serve
    said = [
        entry for entry in await services.audit.of_tenant(INSTALLER, acme, ASK) if entry.actor == "operator/schedule"
    ]
    assert len([entry for entry in said if "tenant's own keys" in str(entry.detail)]) >= 3


async def test_what_a_restored_backup_brings_back_of_a_shredded_tenant_is_erased_and_not_moved(house: House) -> None:
    acme = await ready(house)
    await approve(house, acme)
    await deploy(house, acme)
    await as_before(house, acme)
    keystore = FileKeystore(
        house.content.parent / "vault", Keyring.open(house.content.parent / "keyring.json"), SystemClock()
    )
    await keystore.destroy(acme)
    assert await seen(house) == ["prompt_gone"]  # the keyring would open it
    globex = await house.tenant("globex")
    await house.services.prompts.add(INSTALLER, globex, DESK, "1", TEXT, ASK)
    await as_before(house, globex)
    fresh = Mover(house.services.gate, seals_of(house), SystemClock())
    assert await fresh.run(SCHEDULE, ASK) == Moved(moved=1, erased=1)
    assert await former(house) == 0
    assert await seen(house) == ["prompt_gone"]
    assert (await house.services.prompts.show(INSTALLER, globex, DESK, "1", ASK)).text == TEXT


async def test_a_tenant_whose_prompts_may_not_be_moved_holds_up_no_other(house: House) -> None:
    acme = await ready(house)
    globex = await house.tenant("globex")
    await house.services.prompts.add(INSTALLER, globex, DESK, "1", TEXT, ASK)
    for tenant in (acme, globex):
        await as_before(house, tenant)

    def narrowed(said: Decision, who: Principal, action: Action, resource: Resource) -> Decision:
        closed = who is SCHEDULE and action is Action.PROMPT_ADD and resource.tenant == acme
        return replace(said, allowed=False, reason="forbidden by the installation's own") if closed else said

    database = await Database.connect(house.database.control, house.database.operator)
    try:
        gate = Gate(database, Engine.load(), SystemClock(), narrowed=narrowed)
        moved = await Mover(gate, seals_of(house), SystemClock()).run(SCHEDULE, ASK)
    finally:
        await database.close()
    assert moved == Moved(moved=1, broken=1)
    assert await former(house) == 1
    assert (await house.services.prompts.show(INSTALLER, acme, DESK, "1", ASK)).text == TEXT


async def test_a_row_moved_to_another_version_or_tenant_does_not_open(house: House) -> None:
    acme = await ready(house)
    globex = await house.tenant("globex")
    prompts = house.services.prompts
    await prompts.add(INSTALLER, acme, DESK, "2", f"{TEXT} Two.", ASK)
    await prompts.add(INSTALLER, globex, DESK, "1", "You are Globex.", ASK)
    swap = """UPDATE registry.prompt p SET sealed = o.sealed FROM registry.prompt o
              WHERE p.tenant_id = $1 AND p.version = $2 AND o.tenant_id = $3 AND o.version = $4"""
    for to, version, of, older in ((acme, "1", acme, "2"), (globex, "1", acme, "2")):
        await alter(house, swap, to, version, of, older)
        with pytest.raises(Refused) as error:
            await prompts.show(INSTALLER, to, DESK, version, ASK)
        assert "its seal is broken" in error.value.refusal.tell
    renamed = "UPDATE registry.prompt SET version = '3' WHERE tenant_id = $1 AND version = '2'"
    await alter(house, renamed, acme)
    with pytest.raises(Refused) as error:
        await prompts.show(INSTALLER, acme, DESK, "3", ASK)
    assert "its seal is broken" in error.value.refusal.tell


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
