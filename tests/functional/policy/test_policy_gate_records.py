"""The gate on a real PostgreSQL: what is done and what is recorded stand and fall together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from uuid import uuid4

import asyncpg
import pytest

from strongroom import audit
from strongroom.audit import Entry, Outcome
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.events import Event
from strongroom.kernel.ids import TenantId, WorkloadId, new_key_id
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused, hidden
from strongroom.policy import Action, Ask, Decision, Engine, EntryLost, Gate, Kind, Passed, Resource, Sensitivity
from strongroom.policy.engine import packaged
from strongroom.store import Conflict, Database, Denied, TenantTx, Unavailable, Unfit
from strongroom.store.testing import TestDatabase

ALL = '@id("all") permit (principal, action, resource);'


@dataclass
class House:
    """An installation with two tenants, and somebody of every kind."""

    db: Database
    admin: asyncpg.Connection[asyncpg.Record]
    acme: TenantId
    globex: TenantId
    gate: Gate = field(init=False)
    heard: list[Event] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate = Gate(self.db, Engine.load(), SystemClock(), self.hear)

    def hear(self, event: Event) -> None:
        self.heard.append(event)
        self.told.set()

    async def log(self, tenant: TenantId | None) -> list[Entry]:
        if tenant is None:
            async with self.db.operator() as operator:
                return await audit.recent(operator)
        async with self.db.tenant(tenant) as tx:
            return await audit.recent(tx)

    async def days(self, tenant: TenantId) -> int:
        async with self.db.tenant(tenant) as tx:
            found: int = await tx.fetchval("select max_key_days from identity.environment where name = 'dev'")
            return found


@pytest.fixture
async def house(db: Database, database: TestDatabase) -> AsyncGenerator[House]:
    admin = await asyncpg.connect(**database.admin.arguments())
    house = House(db, admin, TenantId(uuid4()), TenantId(uuid4()))
    for tenant, name in ((house.acme, "acme"), (house.globex, "globex")):
        async with db.operator() as tx:
            await tx.execute("insert into identity.tenant (tenant_id, name) values ($1, $2)", tenant, name)
            await tx.execute("insert into identity.environment (tenant_id, name) values ($1, 'dev')", tenant)
    yield house
    await admin.close()


def person(role: Role, tenant: TenantId | None = None) -> Principal:
    return Principal(role=role, name="someone", credential=new_key_id(), tenant=tenant)


def workload(tenant: TenantId) -> Principal:
    return Principal(
        role=Role.INFERENCE,
        name="chat",
        credential=new_key_id(),
        tenant=tenant,
        environment=Environment.DEV,
        workload=WorkloadId(uuid4()),
    )


def key(tenant: TenantId) -> Resource:
    return Resource(kind=Kind.KEY, id="0123456789abcdef", tenant=tenant, environment=Environment.DEV)


async def change(tx: TenantTx) -> None:
    await tx.execute("update identity.environment set max_key_days = 1 where tenant_id = $1", tx.tenant)


async def try_to_change(house: House, who: Principal, action: Action, resource: Resource) -> None:
    async with house.gate.permit(who, action, resource) as tx:
        await change(tx)


async def test_what_is_permitted_is_done_and_recorded(house: House) -> None:
    admin = person(Role.TENANT_ADMIN, house.acme)
    ask = Ask(request_id="req-1", detail={"why": "leaver"})
    async with house.gate.permit(admin, Action.KEY_REVOKE, key(house.acme), ask) as tx:
        assert tx.tenant == house.acme
        await change(tx)
        assert house.heard == []  # not before it is committed
    assert await house.days(house.acme) == 1
    [entry] = await house.log(house.acme)
    assert (entry.actor, entry.credential) == ("tenant-admin/someone", admin.credential)
    assert (entry.action, entry.resource) == ("key.revoke", str(key(house.acme)))
    assert (entry.outcome, entry.request_id) == (Outcome.ALLOWED, "req-1")
    assert entry.reason == "permitted by tenant-admin-administers-its-tenant"
    assert entry.detail == {"policy": Engine.load().version, "why": "leaver"}
    assert await house.log(house.globex) == []
    assert await house.log(None) == []
    assert [event.outcome for event in house.heard if isinstance(event, Passed)] == [Outcome.ALLOWED]


async def test_entry_and_change_are_one_transaction(house: House) -> None:
    async with house.gate.permit(person(Role.TENANT_ADMIN, house.acme), Action.KEY_REVOKE, key(house.acme)) as tx:
        written = await tx.fetchval("select xmin::text from audit.entry where tenant_id = $1", house.acme)
        assert written == await tx.fetchval("select pg_current_xact_id()::text")


async def test_what_an_operator_does_in_a_tenant_both_can_read(house: House) -> None:
    await try_to_change(house, person(Role.OPERATOR), Action.KEY_REVOKE, key(house.acme))
    [theirs], [ours] = await house.log(house.acme), await house.log(None)
    assert theirs == ours
    assert theirs.actor == "operator/someone"
    assert await house.log(house.globex) == []


async def test_what_an_operator_does_to_the_installation_stands_in_its_log(house: House) -> None:
    async with house.gate.permit_platform(person(Role.OPERATOR), Action.TENANT_LIST, Resource(kind=Kind.TENANT)) as tx:
        assert len(await tx.fetch("select tenant_id from identity.tenant")) == 2
    [entry] = await house.log(None)
    assert (entry.action, entry.outcome) == ("tenant.list", Outcome.ALLOWED)


async def test_a_fault_undoes_the_change_and_its_entry(house: House) -> None:
    async def act() -> None:
        async with house.gate.permit(person(Role.TENANT_ADMIN, house.acme), Action.KEY_REVOKE, key(house.acme)) as tx:
            await change(tx)
            raise LookupError("a message that could hold anything")

    with pytest.raises(LookupError):
        await act()
    assert await house.days(house.acme) == 90
    [entry] = await house.log(house.acme)
    assert (entry.outcome, entry.reason) == (Outcome.FAILED, "undone by LookupError")


async def test_a_no_found_on_the_way_undoes_too(house: House) -> None:
    async def act() -> None:
        async with house.gate.permit(person(Role.TENANT_ADMIN, house.acme), Action.KEY_REVOKE, key(house.acme)) as tx:
            await change(tx)
            raise Refused(hidden("no such key"))

    with pytest.raises(Refused):
        await act()
    assert await house.days(house.acme) == 90
    [entry] = await house.log(house.acme)
    assert (entry.outcome, entry.reason) == (Outcome.REFUSED, "no such key")


async def test_a_conflict_with_what_is_stored_is_a_no(house: House) -> None:
    async def act() -> None:
        async with house.gate.permit(person(Role.TENANT_ADMIN, house.acme), Action.KEY_REVOKE, key(house.acme)) as tx:
            await change(tx)
            await tx.execute("insert into identity.environment (tenant_id, name) values ($1, 'dev')", tx.tenant)

    with pytest.raises(Conflict):
        await act()
    assert await house.days(house.acme) == 90
    [entry] = await house.log(house.acme)
    assert (entry.outcome, entry.reason) == (Outcome.REFUSED, "constraint environment_pkey does not allow this")


async def test_a_foreign_tenant_is_hidden_and_learns_nothing(house: House) -> None:
    stranger = person(Role.TENANT_ADMIN, house.acme)
    nowhere = TenantId(uuid4())
    answers = []
    for tenant in (house.globex, nowhere):
        with pytest.raises(Refused) as caught:
            await try_to_change(house, stranger, Action.KEY_REVOKE, key(tenant))
        answers.append((caught.value.refusal.kind, caught.value.refusal.tell, caught.value.refusal.param))
    assert answers == [(RefusalKind.HIDDEN, "There is no such thing here.", None)] * 2
    assert await house.days(house.globex) == 90
    # In the caller's own log and the installation's; not in that of the tenant it reached for.
    assert await house.log(house.globex) == []
    assert await house.log(nowhere) == []
    own = await house.log(house.acme)
    assert [(entry.outcome, entry.reason) for entry in own] == [(Outcome.REFUSED, "forbidden by no-foreign-tenant")] * 2
    assert await house.log(None) == own


async def test_who_may_know_the_thing_is_told_plainly(house: House) -> None:
    restricted = replace(key(house.acme), sensitivity=Sensitivity.RESTRICTED)
    with pytest.raises(Refused) as caught:
        await try_to_change(house, person(Role.OPERATOR), Action.KEY_CREATE, restricted)
    assert caught.value.refusal.kind is RefusalKind.FORBIDDEN
    assert caught.value.refusal.tell == "This credential does not permit key.create here."
    [entry] = await house.log(None)
    assert entry.outcome is Outcome.REFUSED
    assert await house.log(house.acme) == []


async def test_within_a_tenant_a_refusal_stays_in_its_log(house: House) -> None:
    with pytest.raises(Refused) as caught:
        await try_to_change(house, workload(house.acme), Action.KEY_CREATE, key(house.acme))
    assert caught.value.refusal.kind is RefusalKind.HIDDEN
    assert [entry.outcome for entry in await house.log(house.acme)] == [Outcome.REFUSED]
    assert await house.log(None) == []


async def test_a_tenant_reads_the_catalogue_in_its_own_transaction(house: House) -> None:
    catalogue = Resource(kind=Kind.RELEASE)
    async with house.gate.permit(person(Role.TENANT_ADMIN, house.acme), Action.MODEL_LIST, catalogue) as tx:
        assert tx.tenant == house.acme
    assert len(await house.log(house.acme)) == 1
    assert await house.log(None) == []


async def test_who_has_no_tenant_needs_a_place_or_the_platform(house: House) -> None:
    with pytest.raises(ValueError, match="permit_platform"):
        await try_to_change(house, person(Role.OPERATOR), Action.MODEL_LIST, Resource(kind=Kind.RELEASE))


async def test_no_policy_opens_the_walls(house: House) -> None:
    house.gate = Gate(house.db, Engine(ALL, packaged()[1]), SystemClock(), house.hear)
    admin = person(Role.TENANT_ADMIN, house.acme)
    with pytest.raises(Refused):
        await try_to_change(house, admin, Action.KEY_REVOKE, key(house.globex))
    with pytest.raises(Refused):
        async with house.gate.permit_platform(admin, Action.TENANT_LIST, Resource(kind=Kind.TENANT)):
            raise AssertionError("a tenant's principal got an installation-wide transaction")
    assert await house.days(house.globex) == 90
    reasons = [entry.reason for entry in await house.log(house.acme)]
    assert reasons == [
        "the transaction would be the installation's, though permitted by all",
        "the transaction would be another tenant's, though permitted by all",
    ]


@pytest.mark.parametrize("log", ["audit.entry", "audit.platform_entry"])
async def test_without_an_audit_log_nothing_is_done(house: House, log: str) -> None:
    # Isolation test 22.
    await house.admin.execute(f"revoke insert on {log} from sr_control, sr_operator")
    with pytest.raises(Denied):
        await try_to_change(house, person(Role.OPERATOR), Action.KEY_REVOKE, key(house.acme))
    assert await house.days(house.acme) == 90
    [event] = house.heard
    assert isinstance(event, EntryLost)
    assert (event.action, event.fault) == (Action.KEY_REVOKE, "Denied")


async def test_without_an_audit_log_nothing_is_refused_in_silence(house: House) -> None:
    await house.admin.execute("revoke insert on audit.entry from sr_control")
    with pytest.raises(Denied):
        await try_to_change(house, workload(house.acme), Action.KEY_CREATE, key(house.acme))


async def test_a_full_or_locked_log_refuses_too(house: House) -> None:
    async with house.admin.transaction():
        await house.admin.execute("lock table audit.entry in access exclusive mode")
        with pytest.raises(Unavailable):
            await try_to_change(house, person(Role.TENANT_ADMIN, house.acme), Action.KEY_REVOKE, key(house.acme))
    assert [type(event) for event in house.heard] == [EntryLost]
    assert await house.days(house.acme) == 90
    assert await house.log(house.acme) == []


async def test_hanging_up_does_not_keep_a_refusal_out_of_the_log(house: House) -> None:
    caller = asyncio.ensure_future(
        try_to_change(house, person(Role.TENANT_ADMIN, house.acme), Action.KEY_REVOKE, key(house.globex))
    )
    await asyncio.sleep(0)  # one turn: it is refused and has begun to write that down
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await asyncio.wait_for(house.told.wait(), 10)
    assert [entry.outcome for entry in await house.log(house.acme)] == [Outcome.REFUSED]


async def test_hanging_up_in_the_middle_undoes(house: House) -> None:
    inside, never = asyncio.Event(), asyncio.Event()

    async def act() -> None:
        async with house.gate.permit(person(Role.TENANT_ADMIN, house.acme), Action.KEY_REVOKE, key(house.acme)) as tx:
            await change(tx)
            inside.set()
            await never.wait()

    caller = asyncio.ensure_future(act())
    await asyncio.wait_for(inside.wait(), 10)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await house.days(house.acme) == 90
    assert await house.log(house.acme) == []


async def test_a_tenants_own_forbids_hold_for_the_second_question_too(house: House) -> None:
    """What was permitted before more was known of a resource is asked again, and the tenant is heard again."""
    admin = person(Role.TENANT_ADMIN, house.acme)

    def no_prod(said: Decision, _: Principal, __: Action, resource: Resource) -> Decision:
        return replace(said, allowed=said.allowed and resource.environment is not Environment.PROD)

    gate = Gate(house.db, Engine.load(), SystemClock(), house.hear, narrowed=no_prod)
    unplaced = replace(key(house.acme), environment=None)
    async with gate.permit(admin, Action.KEY_REVOKE, unplaced):
        gate.demand(admin, Action.KEY_REVOKE, key(house.acme), "not here")
    with pytest.raises(Refused):
        async with gate.permit(admin, Action.KEY_REVOKE, unplaced):
            gate.demand(admin, Action.KEY_REVOKE, replace(unplaced, environment=Environment.PROD), "not here")


async def test_strangers_are_recorded_within_a_rate_and_counted_beyond_it(house: House) -> None:
    for number in range(60):
        await house.gate.turned_away("no such key", Ask(request_id=f"req-{number}"))
    first = await house.log(None)
    assert 20 <= len(first) < 60
    assert {(entry.actor, entry.credential, entry.outcome) for entry in first} == {("stranger", "", Outcome.REFUSED)}
    reported = sum(int(entry.detail.get("unwritten_before", "0")) for entry in first)
    assert len(first) + reported + house.gate._recorder._strangers.counted == 60


async def test_strangers_that_cannot_be_written_are_counted(house: House) -> None:
    await house.admin.execute("revoke insert on audit.platform_entry from sr_operator")
    with pytest.raises(Denied):
        await house.gate.turned_away("no such key", Ask())
    await house.admin.execute("grant insert on audit.platform_entry to sr_operator")
    await house.gate.turned_away("no such key", Ask())
    assert [entry.detail for entry in await house.log(None)] == [{"unwritten_before": "1"}]


class Still(SystemClock):
    """Time does not pass for what is counted by time, however slow the machine is."""

    def boottime(self) -> float:
        return 1.0


async def test_a_credential_fills_no_log_with_what_it_may_not_do(house: House) -> None:
    house.gate = Gate(house.db, Engine.load(), Still(), house.hear)
    who = workload(house.acme)
    flood = 300
    for _ in range(flood):
        with pytest.raises(Refused):
            await try_to_change(house, who, Action.KEY_REVOKE, key(house.acme))
    async with house.db.tenant(house.acme) as tx:
        written: int = await tx.fetchval("select count(*) from audit.entry where action = 'key.revoke'")
    assert written < flood / 2
    assert len([event for event in house.heard if isinstance(event, Passed)]) == flood  # the observer hears of each
    # The first of another verb is written, flood or not, and says how many were not; so is another credential's.
    with pytest.raises(Refused):
        await try_to_change(house, who, Action.KEY_READ, key(house.acme))
    with pytest.raises(Refused):
        await try_to_change(house, workload(house.acme), Action.KEY_REVOKE, key(house.acme))
    other, first, *_ = await house.log(house.acme)
    assert (first.action, first.detail["unwritten_before"]) == ("key.read", str(flood - written))
    assert (other.action, "unwritten_before" in other.detail) == ("key.revoke", False)


async def test_who_acts_for_the_installation_is_always_written(house: House) -> None:
    who = person(Role.APPROVER)
    for _ in range(150):
        with pytest.raises(Refused):
            await try_to_change(house, who, Action.KEY_REVOKE, key(house.acme))
    async with house.db.operator() as tx:
        assert await tx.fetchval("select count(*) from audit.platform_entry where action = 'key.revoke'") == 150


async def test_reachable_means_that_an_entry_could_be_written(house: House) -> None:
    assert await house.gate.reachable()
    async with house.db.operator() as tx:
        assert await tx.fetchval("select count(*) from audit.platform_entry") == 0  # it was undone
    await house.admin.execute("revoke insert on audit.platform_entry from sr_operator")
    await house.admin.execute(
        """revoke insert (id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
           on audit.platform_entry from sr_operator"""
    )
    assert not await Gate(house.db, Engine.load(), SystemClock()).reachable()
    assert await house.gate.reachable()  # as it was found less than a second ago


async def test_reachable_is_asked_anew_when_a_connection_has_ended(house: House) -> None:
    """A server that was killed and is started again may say no within the second for which a yes would have held."""
    assert await house.gate.reachable()
    ended = house.db.ended
    await house.admin.execute(
        """revoke insert on audit.platform_entry from sr_operator;
           revoke insert (id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
           on audit.platform_entry from sr_operator"""
    )
    assert await house.gate.reachable()  # nothing has been noticed
    await house.admin.execute(
        """select pg_terminate_backend(pid) from pg_stat_activity
           where usename = 'sr_operator' and datname = current_database()"""
    )
    async with asyncio.timeout(10):
        while house.db.ended == ended:  # noqa: ASYNC110 - the driver tells the pool alone
            await asyncio.sleep(0)
    assert not await house.gate.reachable()


async def test_a_value_that_no_table_takes_is_a_no(house: House) -> None:
    async def bad() -> None:
        async with house.gate.permit(person(Role.TENANT_ADMIN, house.acme), Action.KEY_REVOKE, key(house.acme)) as tx:
            await tx.execute("update identity.environment set max_key_days = 0 where tenant_id = $1", tx.tenant)

    with pytest.raises(Unfit):
        await bad()
    (entry,) = await house.log(house.acme)
    assert (entry.outcome, "max_key_days" in entry.reason) == (Outcome.REFUSED, True)
