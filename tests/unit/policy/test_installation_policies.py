"""The installation's own policies: they bind everybody, take away only, come with cases, and leave the way back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from strongroom.cli.main import run
from strongroom.kernel.ids import PLATFORM, KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Action, Beside, Engine, Kind, Narrowing, PolicyError, Resource, compare
from strongroom.rules import DocumentError, Level, Rulebook
from strongroom.rules.access import ACCESS
from strongroom.rules.documents import RulesDocument
from strongroom.rules.files import FileError, parse, written
from strongroom.rules.kind import encode
from strongroom.rules.narrowed import narrowed_by
from strongroom.rules.policy import MAX_CASES, POLICY
from strongroom.store.feed import FeedEntry

ACME = TenantId(UUID(int=1))
ENGINE = Engine.load()
OPERATOR = Principal(role=Role.OPERATOR, name="op", credential=KeyId("b" * 16))
ADMIN = Principal(role=Role.TENANT_ADMIN, name="ann", credential=KeyId("a" * 16), tenant=ACME)
WORKLOAD = Principal(
    role=Role.INFERENCE, name="chat", credential=KeyId("c" * 16), tenant=ACME, environment=Environment.PROD,
    workload=WorkloadId(UUID(int=2)),
)  # fmt: skip
ALL = '@id("all") forbid (principal, action, resource);'
NO_LIST = '@id("no-list") forbid (principal, action == Action::"tenant.list", resource);'
CASE = {"role": "operator", "action": "tenant.list", "tenant": "installation", "expect": "deny"}


def document(forbid: str = NO_LIST, *cases: dict[str, Any]) -> dict[str, Any]:
    return {"rules": [{"name": "r", "forbid": forbid, "cases": list(cases or (CASE,))}]}


def entry(
    of: dict[str, Any], level: Level = Level.DEFAULT, tenant: TenantId = PLATFORM, kind: Any = POLICY
) -> FeedEntry:
    told = RulesDocument(version=1, digest="d", document=msgspec.Raw(encode(kind.read(of))))
    return FeedEntry(
        kind=f"rules.{kind.name}",
        id=level.value,
        tenant=tenant,
        version=1,
        deleted=False,
        body=msgspec.json.encode(told),
    )


def held(book: Rulebook) -> Callable[[Principal, Action, Resource], Any]:
    narrowed = narrowed_by(book, production=False)
    return lambda who, action, thing: narrowed(ENGINE.decide(who, action, thing), who, action, thing)


def test_they_bind_operators_and_tenants_and_name_themselves_beside_the_products() -> None:
    book = Rulebook()
    decide = held(book)
    tenants = Resource(kind=Kind.TENANT)
    assert decide(OPERATOR, Action.TENANT_LIST, tenants).beside == ""
    book.apply([entry(document())], full=False)
    no, yes = decide(OPERATOR, Action.TENANT_LIST, tenants), decide(OPERATOR, Action.TENANT_CREATE, tenants)
    assert (no.allowed, no.policies, yes.allowed) == (False, ("no-list",), True)
    assert no.beside == yes.beside == Narrowing(NO_LIST, installation=True).digest
    assert no.version == yes.version == ENGINE.version
    assert "the installation's own policies" in no.reason


def test_what_forbids_everything_leaves_the_way_back_and_the_end_of_what_was_stolen() -> None:
    book = Rulebook()
    book.apply([entry(document(ALL))], full=False)
    decide = held(book)
    for who, action in (
        (OPERATOR, Action.RULES_WRITE_CEILING),
        (OPERATOR, Action.KEY_REVOKE),
        (OPERATOR, Action.ELEVATION_END),
        (replace(OPERATOR, role=Role.APPROVER), Action.PROPOSAL_DECIDE),
    ):
        assert decide(who, action, Resource(kind=action.kind)).allowed
    for who, thing in ((ADMIN, Resource(kind=Kind.KEY, tenant=ACME)), (OPERATOR, Resource(kind=Kind.KEY))):
        assert decide(who, Action.KEY_REVOKE, thing).allowed
        assert not decide(who, Action.KEY_LIST, thing).allowed
    model = Resource(kind=Kind.DEPLOYMENT, tenant=ACME, environment=Environment.PROD)
    assert not decide(WORKLOAD, Action.MODEL_INVOKE, model).allowed


def test_a_tenants_row_of_this_kind_neither_replaces_nor_widens_it() -> None:
    """Whoever could write a row of the feed for a tenant would stand in the default's place: levels are asked at each reading."""
    book = Rulebook()
    empty: dict[str, Any] = {"rules": []}
    book.apply([entry(document()), entry(empty, Level.CEILING, ACME), entry(empty, Level.OWN, ACME)], full=True)
    assert book.standing(POLICY, ACME).ceiling is None
    assert not held(book)(OPERATOR, Action.TENANT_LIST, Resource(kind=Kind.TENANT)).allowed


def test_what_cannot_be_read_forbids_what_it_could_have_forbidden() -> None:
    book = Rulebook()
    bad = msgspec.structs.replace(
        RulesDocument(version=1, digest="d", document=msgspec.Raw(b'{"rules":[{"forbid":"?"}]}'))
    )
    broken = entry(document())
    book.apply([replace(broken, body=msgspec.json.encode(bad))], full=True)
    decide = held(book)
    assert not decide(OPERATOR, Action.TENANT_LIST, Resource(kind=Kind.TENANT)).allowed
    assert decide(OPERATOR, Action.RULES_WRITE_CEILING, Resource(kind=Kind.RULES)).allowed


@pytest.mark.parametrize(
    ("forbid", "cases", "said"),
    [
        ('@id("x") permit (principal, action, resource);', [CASE], "only forbid"),
        ("forbid (principal, action, resource);", [CASE], "@id"),
        (NO_LIST, [{**CASE, "expect": "allow"}], 'expect = "deny"'),
        (NO_LIST, [CASE, {**CASE, "action": "tenant.create"}], "expected deny"),
        (NO_LIST, [CASE, {key: value for key, value in CASE.items() if key != "expect"}], "says what it expects"),
        (NO_LIST, [CASE] * (MAX_CASES + 1), str(MAX_CASES)),
        (NO_LIST, [{**CASE, "role": "nobody"}], "not one of those"),
    ],
)
def test_a_document_whose_cases_do_not_come_out_is_not_taken(forbid: str, cases: list[Any], said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        POLICY.prove(POLICY.read(document(forbid, *cases)))


def test_one_that_is_there_already_is_read_whatever_its_cases_say_today() -> None:
    wrong = document(NO_LIST, {**CASE, "action": "tenant.create"})
    assert POLICY.decode(encode(POLICY.read(wrong))).rules
    with pytest.raises(FileError, match="expected deny"):
        parse(written("policy", wrong))
    assert parse(written("policy", document())).kind is POLICY
    assert POLICY.levels == {Level.DEFAULT}
    assert ACCESS.levels == set(Level)


def test_as_one_to_ask_they_differ_from_the_products_where_they_take_away() -> None:
    both = Beside(ENGINE, Narrowing(NO_LIST, installation=True))
    changes = compare.changed(ENGINE, both, (Action.TENANT_LIST, Action.TENANT_CREATE, Action.KEY_LIST))
    assert ("operator", "tenant.list") in {(each["who"], each["action"]) for each in changes}
    assert {each["action"] for each in changes} == {"tenant.list"}
    assert {each["change"] for each in changes} == {"loses"}
    with pytest.raises(PolicyError):
        Narrowing('@id("x") permit (principal, action, resource);', installation=True)


def test_the_command_line_asks_with_them_and_says_what_was_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(written("policy", document()))
    asked = ["policy", "explain", "--action", "tenant.list", "--tenant", "installation", "--installation", str(file)]
    assert run([*asked, "--role", "operator"]) == 1
    assert "beside" in capsys.readouterr().out
    assert run([*asked, "--role", "operater"]) == 2
    assert "Did you mean operator?" in capsys.readouterr().err
