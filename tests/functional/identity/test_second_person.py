"""In production nobody puts rules in force alone: proposed, looked at by somebody else, in force by their word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from strongroom.app.installer import approver_anew, own_accounts
from strongroom.app.refusals import CannotStart
from strongroom.app.seed import INSTALLER
from strongroom.app.services import Services
from strongroom.app.testing import joined
from strongroom.identity.approvals import Request, State
from strongroom.identity.approvals.second import Waits
from strongroom.identity.model import Ties
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Confirmation, Elevation, Environment, Principal, Proof, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Action, Ask, Kind, Resource
from strongroom.providers.model import ProviderKind
from strongroom.providers.service import Change
from strongroom.retention import HoldKind
from strongroom.retention.testing import keep
from strongroom.rules import Level, Rulebook, Version
from strongroom.store import Database, migrate
from strongroom.store.testing import TestDatabase
from strongroom.vault import PurposeKeys

ASK = Ask()
TIES, THEIRS = (
    Ties(confirmation=Confirmation(Proof.DPOP, bytes([of] * 32)), networks=("10.2.0.0/16",)) for of in (1, 2)
)
WIDE = {"rules": [{"environments": ["dev"], "seed": True}]}
WIDER = {"rules": [{"environments": ["dev", "test"], "seed": True}]}
NARROW: dict[str, Any] = {"rules": []}


@dataclass
class Firm:
    """An installation in production with its people."""

    services: Services
    database: TestDatabase
    db: Database
    keys: PurposeKeys
    operator: Principal
    approver: Principal
    acme: TenantId
    globex: TenantId

    async def proposed(
        self, who: Principal, document: Any, *, tenant: TenantId | None = None, level: Level = Level.CEILING,
        kind: str = "disclosure", expected: int = 0, at_once: bool = False,
    ) -> Request:  # fmt: skip
        place = None if level is Level.DEFAULT else tenant or self.acme
        said = await self.services.rules.propose(
            who, place, kind, level, document, expected=expected, reason="as asked", at_once=at_once, ask=ASK
        )
        assert isinstance(said, Request)
        return said

    async def approve(self, who: Principal, found: Request, digest: str | None = None) -> Request:
        return await self.services.proposals.decide(who, found.id, "approve", digest or found.digest, "seen", ASK)

    async def versions(self, level: Level = Level.CEILING, tenant: TenantId | None = None) -> list[Version]:
        place = None if level is Level.DEFAULT else tenant or self.acme
        return await self.services.rules.history(self.operator, place, "disclosure", level, ASK, limit=10)

    async def log(self, tenant: TenantId) -> list[Any]:
        """Return a tenant's log as its own administrator reads it."""
        return await self.services.audit.of_tenant(person("reader", Role.TENANT_ADMIN, tenant), tenant, ASK, limit=100)


def person(name: str, role: Role, tenant: TenantId | None = None, credential: str | None = None) -> Principal:
    """Return somebody whom the door has let in, by a token of their own."""
    return Principal(role=role, name=name, credential=KeyId(credential or uuid4().hex[:16]), tenant=tenant)


@pytest.fixture
async def firm(database: TestDatabase, tmp_path: Path) -> AsyncGenerator[Firm]:
    async with joined(database, tmp_path, rulebook=Rulebook(), production=True) as made:
        create = made.services.identity.create_tenant
        places = [TenantId((await create(INSTALLER, Name(name), ASK)).id) for name in ("acme", "globex")]
        yield Firm(
            made.services,
            database,
            made.db,
            made.keys,
            person("op", Role.OPERATOR),
            person("ann", Role.APPROVER),
            *places,
        )


async def refused(call: Any) -> RefusalKind:
    with pytest.raises(Refused) as caught:
        await call
    return caught.value.refusal.kind


async def test_a_ceiling_waits_for_an_approver_and_is_in_force_by_their_word(firm: Firm) -> None:
    found = await firm.proposed(firm.operator, WIDE)
    assert (found.state, found.needed, await firm.versions()) == (State.OPEN, 1, [])

    operator, twin = firm.operator, person("op", Role.OPERATOR)  # one account by another token
    zero = f"sha256:{'0' * 64}"
    for attempt, expected in (
        (firm.approve(operator, found), RefusalKind.FORBIDDEN),
        (firm.approve(twin, found), RefusalKind.FORBIDDEN),
        (firm.approve(person("other", Role.OPERATOR), found), RefusalKind.FORBIDDEN),
        # who was operator under this name, and who shows the very token that proposed it, are the same person
        (firm.approve(person("op", Role.APPROVER), found), RefusalKind.FORBIDDEN),
        (firm.approve(person("bob", Role.APPROVER, credential=operator.credential), found), RefusalKind.FORBIDDEN),
        (firm.approve(person("adm", Role.TENANT_ADMIN, firm.acme), found), RefusalKind.FORBIDDEN),  # not its to say
        (firm.approve(person("adm", Role.TENANT_ADMIN, firm.globex), found), RefusalKind.HIDDEN),
        (firm.approve(firm.approver, found, zero), RefusalKind.CONFLICT),
    ):
        assert await refused(attempt) is expected
    assert await firm.versions() == []

    done = await firm.approve(firm.approver, found)
    assert done.state is State.USED
    (version,) = await firm.versions()
    assert (version.author, version.approved_by, version.version) == ("operator/op", "approver/ann", 1)
    assert await refused(firm.approve(person("bea", Role.APPROVER), found)) is RefusalKind.CONFLICT  # once

    said = [(entry.action, entry.outcome.value, dict(entry.detail)) for entry in await firm.log(firm.acme)]
    allowed = [detail for action, outcome, detail in said if (action, outcome) == ("proposal.decide", "allowed")]
    assert [(each["verdict"], each["digest"], each["proposed_by"]) for each in allowed] == [
        ("approve", found.digest, "operator/op")
    ]
    tried = [outcome for action, outcome, _ in said if action == "proposal.decide"]
    assert tried.count("refused") == 5
    there = await firm.services.audit.of_platform(firm.operator, ASK, limit=100)
    theirs = [each.outcome.value for each in there if each.action == "proposal.decide" and "operator" in each.actor]
    assert theirs == ["refused"] * 3


async def test_what_another_has_overtaken_is_proposed_anew(firm: Firm) -> None:
    first, second = await firm.proposed(firm.operator, WIDE), await firm.proposed(firm.operator, WIDER)
    await firm.approve(firm.approver, first)
    assert await refused(firm.approve(firm.approver, second)) is RefusalKind.CONFLICT
    assert len(await firm.versions()) == 1
    shown = await firm.services.proposals.show(firm.approver, second.id, ASK)
    assert (shown.state, shown.votes) == (State.OPEN, [])  # the vote went with what it could not do
    assert await refused(firm.proposed(firm.operator, WIDER, expected=0)) is RefusalKind.CONFLICT


@pytest.mark.parametrize("what", ["document", "owner", "level"])
async def test_an_approval_does_not_reach_another_document_version_or_tenant(firm: Firm, what: str) -> None:
    """Whoever owns the database alters what was proposed, or where it is to go, after it was read and before the yes."""
    found, theirs = (
        await firm.proposed(firm.operator, WIDE),
        await firm.proposed(firm.operator, WIDE, tenant=firm.globex),
    )
    assert found.digest != theirs.digest
    assert await refused(firm.approve(firm.approver, theirs, found.digest)) is RefusalKind.CONFLICT
    other = {"document": '{"rules":[{"seed":true}]}', "owner": str(firm.globex), "level": "own"}[what]
    async with migrate.administrator(firm.database.admin) as admin:
        await admin.execute(
            "update identity.request set subject = jsonb_set(subject, array[$2::text], to_jsonb($3::text)) where id = $1",
            found.id, what, other,
        )  # fmt: skip
    assert await refused(firm.approve(firm.approver, found)) is RefusalKind.CONFLICT
    assert await firm.versions() == []
    assert await firm.versions(tenant=firm.globex) == []


async def test_a_no_ends_it_and_so_do_a_day_and_whoever_proposed_it(firm: Firm) -> None:
    denied, late, mine = [await firm.proposed(firm.operator, WIDE) for _ in range(3)]
    said = await firm.services.proposals.decide(firm.approver, denied.id, "deny", denied.digest, "too wide", ASK)
    assert said.state is State.DENIED
    assert (
        await refused(firm.services.proposals.withdraw(person("x", Role.OPERATOR), mine.id, ASK))
        is RefusalKind.FORBIDDEN
    )
    assert (await firm.services.proposals.withdraw(firm.operator, mine.id, ASK)).state is State.WITHDRAWN
    async with migrate.administrator(firm.database.admin) as admin:
        await admin.execute(
            "update identity.request set created_at = created_at - interval '25 h', expires_at = expires_at - interval '25 h'"
            " where id = $1",
            late.id,
        )
    for ended in (denied, late, mine):
        assert await refused(firm.approve(person("bea", Role.APPROVER), ended)) is RefusalKind.CONFLICT
    assert await firm.versions() == []


async def test_what_a_revoked_token_has_proposed_ends_with_it(firm: Firm) -> None:
    made = await firm.services.accounts.create(INSTALLER, Name("mallory"), Role.OPERATOR, ties=TIES, ask=ASK)
    mallory = person("mallory", Role.OPERATOR, credential=made.key_id)
    by_token, by_end = await firm.proposed(mallory, WIDE), await firm.proposed(firm.operator, WIDE)
    await firm.services.accounts.revoke_token(firm.operator, KeyId(made.key_id), "stolen", ASK)
    assert await refused(firm.approve(firm.approver, by_token)) is RefusalKind.CONFLICT
    assert (await firm.approve(firm.approver, by_end)).state is State.USED  # the honest one still works


async def test_a_tenants_own_document_takes_another_of_its_administrators_or_an_approver(firm: Firm) -> None:
    ann, bob = (person(name, Role.TENANT_ADMIN, firm.acme) for name in ("ann-acme", "bob-acme"))
    found = await firm.proposed(ann, WIDE, level=Level.OWN)
    assert await refused(firm.approve(replace(ann, credential=KeyId("f" * 16)), found)) is RefusalKind.FORBIDDEN
    assert await refused(firm.approve(person("eve", Role.TENANT_ADMIN, firm.globex), found)) is RefusalKind.HIDDEN
    assert await firm.services.proposals.every(person("eve", Role.TENANT_ADMIN, firm.globex), ASK) == []
    assert (await firm.approve(bob, found)).state is State.USED
    again = await firm.proposed(ann, None, level=Level.OWN, expected=1)
    assert (await firm.approve(firm.approver, again)).state is State.USED
    assert [each.withdrawn for each in await firm.versions(Level.OWN)] == [True, False]


async def test_what_takes_away_may_be_in_force_at_once_and_is_looked_at_after(firm: Firm) -> None:
    assert await refused(firm.proposed(firm.operator, WIDE, at_once=True)) is RefusalKind.CONFLICT
    await firm.approve(firm.approver, await firm.proposed(firm.operator, WIDE))
    assert await refused(firm.proposed(firm.operator, WIDER, expected=1, at_once=True)) is RefusalKind.CONFLICT
    found = await firm.proposed(firm.operator, NARROW, expected=1, at_once=True)
    assert found.review_owed
    assert [each.version for each in await firm.versions()] == [2, 1]
    assert await refused(firm.approve(person("op", Role.APPROVER), found)) is RefusalKind.FORBIDDEN
    reviewed = await firm.approve(firm.approver, found)
    assert (reviewed.review_owed, [vote.voter for vote in reviewed.votes]) == (False, ["approver/ann"])
    assert len(await firm.versions()) == 2
    assert await refused(firm.approve(person("bea", Role.APPROVER), found)) is RefusalKind.CONFLICT


async def test_the_installations_default_waits_too_and_two_at_once_are_one(firm: Firm) -> None:
    found = await firm.proposed(firm.operator, WIDE, level=Level.DEFAULT)
    assert await refused(firm.approve(person("adm", Role.TENANT_ADMIN, firm.acme), found)) is RefusalKind.HIDDEN
    said = await asyncio.gather(
        *(firm.approve(person(name, Role.APPROVER), found) for name in ("bea", "cid", "dan")), return_exceptions=True
    )
    assert sum(isinstance(each, Request) for each in said) == 1
    assert len(await firm.versions(Level.DEFAULT)) == 1


async def test_no_process_of_a_tenants_transaction_reaches_another_tenants_proposals(firm: Firm) -> None:
    """Below the services: row security alone, in a transaction that is another tenant's."""
    found = await firm.proposed(firm.operator, WIDE)
    who = person("adm", Role.TENANT_ADMIN, firm.globex)
    resource = Resource(kind=Kind.RULES, tenant=firm.globex)
    async with firm.services.gate.permit(who, Action.RULES_READ, resource, ASK) as tx:
        assert await tx.fetch("select id from identity.request") == []
        await tx.execute("update identity.request set denied_at = now() where id = $1", found.id)
        assert await tx.fetch("select request_id from identity.vote") == []
    assert (await firm.services.proposals.show(firm.approver, found.id, ASK)).state is State.OPEN


async def test_who_decides_is_not_made_by_one_person_but_the_first_two_of_an_installation(firm: Firm) -> None:
    accounts = firm.services.accounts

    async def made(name: str, role: Role = Role.APPROVER, **more: Any) -> Any:
        given: dict[str, Any] = {"ties": TIES} | more
        who = given.pop("who", firm.operator)
        return await accounts.second.asked(who, ASK, lambda: accounts.create(who, Name(name), role, ask=ASK, **given))

    first, second = await made("one"), await made("two")
    assert not isinstance(first, Request)
    await accounts.delete(
        firm.operator, Name("two"), ASK
    )  # whoever removes approvers does not thereby make the first again
    third = await made("three")
    assert (third.state, third.subject["summary"]) == (State.OPEN, "create the approver three")
    await firm.services.follower.refresh(5.0)
    assert await refused(made("three", approved=third.id)) is RefusalKind.CONFLICT  # nobody has approved
    one = person("one", Role.APPROVER, credential=first.key_id)
    assert (await firm.approve(one, third)).state is State.APPROVED
    for attempt in (
        made("four", approved=third.id),  # somebody else's account
        made("three", Role.TENANT_ADMIN, tenant=firm.acme, approved=third.id),  # another role
        accounts.reissue(firm.operator, Name("one"), ASK, approved=third.id),  # another act
        made("three", ties=THEIRS, approved=third.id),  # for whoever holds another key
    ):
        assert await refused(attempt) is RefusalKind.CONFLICT
    assert await refused(made("three", approved=third.id, who=person("x", Role.OPERATOR))) is RefusalKind.FORBIDDEN
    assert not isinstance(await made("three", approved=third.id), Request)
    assert await refused(made("three", approved=third.id)) is RefusalKind.CONFLICT  # once

    # Nor does anybody take their tokens over, or make an administrator, who may what an operator may not.
    taken = await accounts.second.asked(firm.operator, ASK, lambda: accounts.reissue(firm.operator, Name("three"), ASK))
    assert isinstance(taken, Request)
    admin = await made("adm", Role.TENANT_ADMIN, tenant=firm.acme)
    assert (admin.about, admin.tenant_name) == (firm.acme, "acme")
    elevation = Elevation(id="e", ticket="T-1", tenant=firm.acme, actions=frozenset({"account.create"}))
    elevated = replace(firm.operator, elevation=elevation)
    assert not isinstance(await made("adm", Role.TENANT_ADMIN, tenant=firm.acme, who=elevated), Request)
    assert await refused(made("b", Role.TENANT_ADMIN, tenant=firm.globex, who=elevated)) is RefusalKind.HIDDEN
    assert await refused(made("four", who=elevated)) is RefusalKind.HIDDEN

    log = await firm.services.audit.of_platform(firm.operator, ASK, limit=100)
    done = [each.detail for each in log if (each.action, each.outcome.value) == ("account.create", "allowed")]
    told = [detail["approved_by_proposal"] for detail in done if "approved_by_proposal" in detail]
    assert told.count("none") == 3  # the first two, and what an elevation covered
    assert str(third.id) in told
    assert isinstance(second.token, str)


async def test_where_requests_go_is_not_one_persons_to_say(firm: Firm) -> None:
    providers = firm.services.providers
    change = Change(base_url="https://8.8.4.7/v1", owner="team", secret="s3cret-of-ours", region="eu-central")

    async def added(given: Change, name: str = "outside", approved: Any = None) -> Any:
        return await providers.second.asked(
            firm.operator, ASK,
            lambda: providers.add(firm.operator, Name(name), ProviderKind.OPENAI, given, ASK, approved),
        )  # fmt: skip

    found = await added(change)
    assert isinstance(found, Request)
    assert await providers.every(firm.operator, ASK) == []
    assert "s3cret" not in str(found)
    await firm.approve(firm.approver, found)
    for other in (
        replace(change, base_url="https://8.8.4.8/v1"),
        replace(change, secret="another-account"),  # the same place, and somebody else reads what is sent there
        replace(change, open_to=[firm.acme]),
    ):
        assert await refused(added(other, approved=found.id)) is RefusalKind.CONFLICT
    assert (await added(change, approved=found.id)).name == "outside"

    elsewhere = Change(base_url="https://8.8.4.9/v1", secret="their-own")
    moved = await providers.second.asked(
        firm.operator, ASK, lambda: providers.change(firm.operator, Name("outside"), elsewhere, ASK)
    )
    assert isinstance(moved, Request)
    assert (await providers.show(firm.operator, Name("outside"), ASK)).base_url == "https://8.8.4.7"
    await providers.end(firm.operator, Name("outside"), ASK)  # taking away is anybody's who may


async def test_an_operators_own_token_points_no_deployment_elsewhere(firm: Firm) -> None:
    registry = firm.services.registry
    place = (firm.acme, Environment.PROD, Name("assistant"))
    assert await refused(registry.deploy(firm.operator, *place, "sha256:" + "0" * 64, ASK)) is RefusalKind.FORBIDDEN
    assert await refused(registry.withdraw(firm.operator, *place, ASK)) is RefusalKind.FORBIDDEN
    actions = frozenset({"deployment.create", "deployment.delete"})
    elevated = replace(firm.operator, elevation=Elevation(id="e", ticket="T-1", tenant=firm.acme, actions=actions))
    assert await refused(registry.deploy(elevated, *place, "sha256:" + "0" * 64, ASK)) is RefusalKind.INVALID
    assert await refused(registry.withdraw(elevated, *place, ASK)) is RefusalKind.HIDDEN
    await firm.services.end_tenant(firm.operator, firm.acme, ASK)  # which still takes everything with it


async def test_when_every_approvers_token_is_lost_the_machines_owner_makes_one_at_a_start(
    firm: Firm, tmp_path: Path
) -> None:
    """By the installer's own hands, which the API has not: so it takes the machine, and stands in the log."""
    accounts = own_accounts(firm.services.gate, firm.keys, firm.services.clock, production=True)
    for name in ("a", "b"):  # when there have been two, and both are lost
        await firm.services.accounts.create(firm.operator, Name(name), Role.APPROVER, ties=TIES, ask=ASK)
    for file in (tmp_path / "first", tmp_path / "second"):
        await approver_anew(accounts, file, production=True)
        assert file.stat().st_mode & 0o777 == 0o600
    assert await firm.services.follower.refresh(5.0)
    counts = [
        isinstance(firm.services.directory.authenticate((tmp_path / name).read_text().strip(), "127.0.0.1"), Principal)
        for name in ("first", "second")
    ]
    assert counts == [False, True]
    with pytest.raises(CannotStart, match="approver-token-file"):
        await approver_anew(accounts, tmp_path / "second", production=True)
    log = await firm.services.audit.of_platform(firm.operator, ASK, limit=50)
    assert {each.action for each in log if each.actor == "operator/strongroom-up"} >= {"account.create", "key.create"}


async def test_nobody_becomes_two_operators_alone(firm: Firm) -> None:
    """Else one asked for an erasure as one, and confirmed it as the other."""
    accounts = firm.services.accounts
    first = await accounts.create(
        firm.operator, Name("eve"), Role.OPERATOR, ties=TIES, ask=ASK
    )  # as nobody could approve yet
    for name in ("a", "b"):
        await accounts.create(firm.operator, Name(name), Role.APPROVER, ties=TIES, ask=ASK)
    for attempt in (
        accounts.create(firm.operator, Name("op2"), Role.OPERATOR, ties=TIES, ask=ASK),
        accounts.reissue(firm.operator, Name("eve"), ASK, ties=TIES),
    ):
        with pytest.raises(Waits):
            await attempt
    own = person("eve", Role.OPERATOR, credential=first.key_id)
    assert (await accounts.reissue(own, Name("eve"), ASK)).account.name == "eve"  # one's own is one's own
    subject = Resource(kind=Kind.SUBJECT, id="x", tenant=firm.acme)
    for action in (Action.SUBJECT_ERASE, Action.SUBJECT_CONFIRM, Action.SUBJECT_RELEASE):
        assert not firm.services.engine.decide(firm.operator, action, subject).allowed
        covered = Elevation(id="e", ticket="t", tenant=firm.acme, actions=frozenset({action.value}))
        assert firm.services.engine.decide(replace(firm.operator, elevation=covered), action, subject).allowed


FORBIDDEN = """@id("no-new-tenants") forbid (principal, action == Action::"tenant.create", resource);"""
NO_TENANTS = {
    "rules": [
        {
            "name": "no new tenants",
            "forbid": FORBIDDEN,
            "cases": [
                {"role": "operator", "action": "tenant.create", "tenant": "installation", "expect": "deny"},
                {"role": "operator", "action": "tenant.list", "tenant": "installation", "expect": "allow"},
            ],
        }
    ]
}


async def test_the_installations_own_policies_wait_bind_operators_and_are_named_in_the_log(firm: Firm) -> None:
    found = await firm.proposed(firm.operator, NO_TENANTS, kind="policy", level=Level.DEFAULT)
    await firm.services.identity.create_tenant(firm.operator, Name("before"), ASK)
    await firm.approve(firm.approver, found)
    await firm.services.follower.refresh(5.0)
    assert (
        await refused(firm.services.identity.create_tenant(firm.operator, Name("after"), ASK)) is RefusalKind.FORBIDDEN
    )
    await firm.services.identity.list_tenants(firm.operator, ASK)
    log = await firm.services.audit.of_platform(firm.operator, ASK, limit=20)
    told = {(each.action, each.outcome.value): dict(each.detail) for each in reversed(log)}
    beside = told["tenant.create", "refused"]["policy_beside"]
    assert beside == f"sha256:{sha256(FORBIDDEN.encode()).hexdigest()}"
    assert told["tenant.list", "allowed"]["policy_beside"] == beside
    assert "policy_beside" not in told["tenant.create", "allowed"]
    assert told["tenant.create", "refused"]["policy"] == firm.services.engine.version

    nobody_elses = firm.proposed(firm.operator, NO_TENANTS, kind="policy", level=Level.CEILING)
    assert await refused(nobody_elses) is RefusalKind.HIDDEN
    back = await firm.proposed(firm.operator, None, kind="policy", level=Level.DEFAULT, expected=1)
    await firm.approve(firm.approver, back)  # the way back is never forbidden
    await firm.services.follower.refresh(5.0)
    await firm.services.identity.create_tenant(firm.operator, Name("after"), ASK)


@pytest.mark.parametrize(("before", "days"), [(90, 30), (30, 90), (None, 30)], ids=["fewer", "more", "the first"])
async def test_nobody_says_alone_for_how_long_things_are_kept(firm: Firm, before: int | None, days: int) -> None:
    retention, operator = firm.services.retention, firm.operator
    expected = 0
    if before is not None:
        await keep(retention, INSTALLER, firm.acme, before, "old", ASK)
        expected = 1

    async def asks(*, at_once: bool = False) -> Request:
        document = {"rules": [{"tenants": ["acme"], "records": days}]}
        return await firm.proposed(
            operator, document, kind="retention", level=Level.DEFAULT, expected=expected, at_once=at_once
        )

    async def in_force() -> list[int]:
        return [rule.days for rule in (await retention.status(operator, ASK)).rules]

    was = await in_force()
    if before is not None:  # neither less nor more is shown to take away
        assert await refused(asks(at_once=True)) is RefusalKind.CONFLICT
    found = await asks()
    assert '"kind":"retention"' in str(found.subject["dry_run"]), "what it would drop is kept with the proposal"
    assert await in_force() == was, "nothing is in force that nobody else has seen"
    assert await refused(firm.approve(person("op", Role.OPERATOR), found)) is RefusalKind.FORBIDDEN
    await firm.approve(firm.approver, found)
    assert await in_force() == [days]
    kept = await firm.services.rules.history(operator, None, "retention", Level.DEFAULT, ASK, limit=9)
    assert [each.version for each in kept] == list(range(expected + 1, 0, -1))
    assert kept[0].approved_by == "approver/ann"


async def test_a_hold_on_records_is_released_by_a_second_person(firm: Firm) -> None:
    retention, operator = firm.services.retention, firm.operator
    held = await retention.hold(operator, firm.acme, HoldKind.HOLD, "legal@acme", "a matter", None, ASK)

    async def asks(reason: str = "settled", approved: Any = None) -> Any:
        return await retention.second.asked(
            operator, ASK, lambda: retention.release(operator, firm.acme, held, reason, ASK, approved)
        )

    async def holding() -> int:
        return len((await retention.status(operator, ASK)).holds)

    found = await asks()
    assert isinstance(found, Request)
    assert "legal@acme" in str(found.subject["summary"])
    assert await refused(asks(approved=found.id)) is not None, "not before it was approved"
    assert await refused(firm.approve(person("op", Role.OPERATOR), found)) is RefusalKind.FORBIDDEN
    await firm.approve(firm.approver, found)
    assert await refused(asks("another reason", found.id)) is RefusalKind.CONFLICT
    assert await holding() == 1
    assert (await asks(approved=found.id)).released_at is not None
    assert await holding() == 0
    assert await refused(asks(approved=found.id)) is RefusalKind.HIDDEN, "once"
