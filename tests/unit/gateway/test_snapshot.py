"""Routes and decisions: of a caller's own place, and never older than what the feed said last."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from strongroom.gateway import Snapshot
from strongroom.identity import Directory
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Action, Decision, Engine, Narrowing, Resource
from strongroom.registry import DEPLOYMENT, Operation, RouteDocument
from strongroom.rules.access import Access
from strongroom.rules.disclosure import DISCLOSURE, LEAST
from strongroom.rules.documents import RulesDocument
from strongroom.rules.records import RECORDS
from strongroom.rules.signing import SIGNING
from strongroom.store.feed import FeedEntry
from strongroom.vault import Purpose, PurposeKeys

ACME, GLOBEX = TenantId(UUID(int=1)), TenantId(UUID(int=2))
DEV, PROD = Environment.DEV, Environment.PROD


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def boottime(self) -> float:
        return 0.0


@dataclass
class Counting:
    """The engine, counting how often it is asked."""

    engine: Engine = field(default_factory=Engine.load)
    asked: int = 0
    version: str = "v"
    production: bool = False

    def decide(self, who: Principal, action: Action, resource: Resource) -> Decision:
        self.asked += 1
        return self.engine.decide(who, action, resource)


def snapshot() -> tuple[Snapshot, Counting]:
    keys = PurposeKeys(1, {Purpose.KEY_PEPPER: {1: b"1" * 32}})
    engine = Counting()
    return Snapshot(Directory(keys, Clock(), allow_demo=True), engine), engine  # type: ignore[arg-type]


def who(tenant: TenantId | None, environment: Environment | None = DEV, key: str = "k") -> Principal:
    return Principal(
        role=Role.INFERENCE,
        name="w",
        credential=KeyId(key),
        tenant=tenant,
        environment=environment,
        workload=WorkloadId(UUID(int=7)),
    )


def told(
    tenant: TenantId, number: int, name: str | None, environment: Environment = DEV, body: bytes | None = None
) -> FeedEntry:
    document = RouteDocument(
        environment=environment, name=name or "", release=f"sha256:{'a' * 64}", kind=Operation.CHAT, created=1
    )
    return FeedEntry(
        tenant=tenant,
        kind=DEPLOYMENT,
        id=str(UUID(int=number)),
        version=number,
        body=body or msgspec.json.encode(document),
        deleted=name is None and body is None,
    )


def ceiling(tenant: TenantId, version: int, rule: dict[str, object]) -> FeedEntry:
    document = RulesDocument(version=1, digest="", document=msgspec.Raw(msgspec.json.encode({"rules": [rule]})))
    body = msgspec.json.encode(document)
    return FeedEntry(tenant=tenant, kind="rules.disclosure", id="ceiling", version=version, body=body, deleted=False)


def test_a_name_means_the_callers_own_deployment_or_nothing() -> None:
    state, _ = snapshot()
    state.apply(
        [told(ACME, 1, "m"), told(GLOBEX, 2, "m"), told(ACME, 3, "m", PROD), told(GLOBEX, 4, "secret")], full=False
    )
    own, theirs = state.route(who(ACME), "m"), state.route(who(GLOBEX), "m")
    assert own is not None
    assert theirs is not None
    assert (own.tenant, theirs.tenant) == (ACME, GLOBEX)
    assert state.route(who(ACME), "secret") is None
    assert [route.deployment.int for route in state.routes(who(ACME, PROD))] == [3]
    assert state.route(who(None, None), "m") is None
    assert len(list(state.routes())) == 4


def test_what_is_withdrawn_or_read_anew_is_gone() -> None:
    state, _ = snapshot()
    state.apply([told(ACME, 1, "m"), told(ACME, 2, "n")], full=False)
    state.apply([told(ACME, 1, None)], full=False)
    assert state.route(who(ACME), "m") is None
    state.apply([told(ACME, 5, "o")], full=True)
    assert [route.name for route in state.routes()] == ["o"]


def test_a_successor_of_the_same_name_is_not_withdrawn_with_its_predecessor() -> None:
    state, _ = snapshot()
    state.apply([told(ACME, 1, "m")], full=False)
    state.apply([told(ACME, 2, "m"), told(ACME, 1, None)], full=False)
    route = state.route(who(ACME), "m")
    assert route is not None
    assert route.deployment.int == 2


def test_one_tenants_row_cannot_displace_anothers_route_and_garbage_harms_nobody_else() -> None:
    state, _ = snapshot()
    state.apply([told(ACME, 1, "m")], full=False)
    state.apply([told(GLOBEX, 1, None), told(GLOBEX, 1, "m"), told(GLOBEX, 9, "x", body=b"\xff{")], full=False)
    assert state.route(who(ACME), "m") is not None
    assert state.route(who(GLOBEX), "x") is None


def test_a_tenants_policies_are_parsed_once_and_not_for_each_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    narrowing = Access.narrowing

    def counting(terms: Access, *, production: bool, installation: bool = False) -> Narrowing:
        parsed.append(terms.forbid)
        return narrowing(terms, production=production, installation=installation)

    monkeypatch.setattr(Access, "narrowing", counting)
    state, _ = snapshot()
    forbid = '@id("none") forbid (principal, action == Action::"model.invoke", resource);'
    document = RulesDocument(
        version=1, digest="", document=msgspec.Raw(msgspec.json.encode({"rules": [{"forbid": forbid}]}))
    )
    own = FeedEntry(
        tenant=ACME, kind="rules.access", id="own", version=1, body=msgspec.json.encode(document), deleted=False
    )
    state.apply([own, told(ACME, 1, "m"), told(ACME, 2, "n"), told(GLOBEX, 3, "m")], full=False)
    for version in (4, 5, 6):
        state.apply([told(GLOBEX, version, f"other-{version}")], full=False)  # somebody else's change is none of it
        for key in "abc":
            for name in "mn":
                access = state.access(who(ACME, key=key), name)
                assert access is not None
                assert not access.decision.allowed
                assert "none" in access.decision.reason
    theirs = state.access(who(GLOBEX, key="d"), "m")
    assert theirs is not None
    assert theirs.decision.allowed
    assert parsed == [forbid]


def test_a_decision_is_made_once_until_anything_at_all_changes() -> None:
    state, engine = snapshot()
    state.apply([told(ACME, 1, "m")], full=False)
    route = state.route(who(ACME), "m")
    assert route is not None
    assert all(state.decide(who(ACME), Action.MODEL_INVOKE, route).allowed for _ in range(3))
    assert engine.asked == 1
    assert not state.decide(who(GLOBEX, key="other"), Action.MODEL_INVOKE, route).allowed
    assert not state.decide(who(ACME, PROD, key="third"), Action.MODEL_INVOKE, route).allowed
    assert engine.asked == 3
    state.apply([told(ACME, 2, "n")], full=False)
    state.decide(who(ACME), Action.MODEL_INVOKE, route)
    assert engine.asked == 4


async def test_without_a_follower_nothing_is_valid() -> None:
    state, _ = snapshot()
    assert not state.valid()
    assert not await state.ensure()


def test_terms_are_the_callers_own_until_anything_at_all_changes() -> None:
    state, _ = snapshot()
    state.apply([told(ACME, 1, "m"), told(GLOBEX, 2, "m"), ceiling(ACME, 3, {"seed": True})], full=False)
    own, theirs = state.route(who(ACME), "m"), state.route(who(GLOBEX, key="g"), "m")
    assert own is not None
    assert theirs is not None
    assert state.terms(who(ACME), own).of(DISCLOSURE).seed
    assert state.terms(who(ACME), own) is state.terms(who(ACME), own)
    assert not state.terms(who(GLOBEX, key="g"), theirs).of(DISCLOSURE).seed
    state.apply([ceiling(ACME, 4, {"seed": False})], full=False)
    assert not state.terms(who(ACME), own).of(DISCLOSURE).seed
    state.apply([told(ACME, 1, "m")], full=True)
    assert state.terms(who(ACME), own).of(DISCLOSURE) == LEAST


def test_the_strictest_is_that_of_all_that_may_be_asked_and_of_nobody_elses() -> None:
    state, engine = snapshot()
    rule: dict[str, object] = {"models": ["m"], "mode": "strict"}
    body = msgspec.json.encode(
        RulesDocument(version=1, digest="", document=msgspec.Raw(msgspec.json.encode({"rules": [rule]})))
    )
    strict = FeedEntry(tenant=ACME, kind="rules.records", id="ceiling", version=9, body=body, deleted=False)
    state.apply([told(ACME, 1, "m"), told(ACME, 2, "n"), told(ACME, 3, "n", PROD), strict], full=False)
    state.apply([told(GLOBEX, number, f"m{number}") for number in range(10, 60)], full=False)
    assert state.strictest(who(ACME), RECORDS).mode == "strict"
    assert state.strictest(who(ACME, PROD), RECORDS).mode == "bounded"
    assert engine.asked == 3  # of fifty-three routes, its own
    state.apply([told(ACME, 1, None)], full=False)
    assert state.strictest(who(ACME), RECORDS).mode == "bounded"


def test_who_may_ask_no_model_is_held_to_the_strictest() -> None:
    state, _ = snapshot()
    state.apply([told(ACME, 1, "m"), told(ACME, 1, None), told(GLOBEX, 2, "m")], full=False)
    assert state.strictest(who(ACME), SIGNING).requests
    assert state.strictest(who(ACME), RECORDS).mode == "strict"
    assert not state.strictest(who(GLOBEX), SIGNING).requests
