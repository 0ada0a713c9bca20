"""A tenant's own policies take away and never give; sets of policies are compared and tested cell by cell."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Action, Engine, Kind, Narrowing, PolicyError, Resource, compare
from strongroom.policy.engine import packaged
from strongroom.rules.access import ACCESS, Access, AccessRule, Narrowings, OwnPolicies, everything
from strongroom.rules.model import DocumentError, Level
from strongroom.rules.resolve import Held, Standing

ACME = TenantId(UUID(int=1))
ENGINE = Engine.load()
ADMIN = Principal(role=Role.TENANT_ADMIN, name="ann", credential=KeyId("a" * 16), tenant=ACME)
OPERATOR = Principal(role=Role.OPERATOR, name="op", credential=KeyId("b" * 16))
WORKLOAD = Principal(
    role=Role.INFERENCE, name="chat", credential=KeyId("c" * 16), tenant=ACME, environment=Environment.PROD,
    workload=WorkloadId(UUID(int=2)),
)  # fmt: skip
MODEL = Resource(kind=Kind.DEPLOYMENT, tenant=ACME, environment=Environment.PROD)
NO_PROD = '@id("no-prod-keys") forbid (principal, action == Action::"key.create", resource) when { resource has environment && resource.environment == "prod" };'
NO_MODELS = '@id("no-models") forbid (principal is Inference, action == Action::"model.invoke", resource);'
ALL = '@id("all") forbid (principal, action, resource);'


ACTIONS = ", ".join(f'Action::"{name}"' for name in ("key.create", "key.rotate", "key.read"))


def condition(text: str) -> str:
    """Return a prohibition under a condition."""
    return f'@id("x") forbid (principal, action, resource) when {{ {text} }};'


@pytest.mark.parametrize(
    "text",
    [
        '@id("x") permit (principal, action, resource);',
        f'{NO_PROD}\n@id("x") permit (principal is TenantAdmin, action, resource);',
        "forbid (principal, action, resource);",  # the log could not name it
        '@id("x") forbid (principal, action, resource) when { principal.nothing == 1 };',
        '@id("x") forbid (principal is Nobody, action, resource);',
        '@id("everything-else") forbid (principal, action, resource);',
        f"{ALL}\n{ALL}",
        '@id("x") forbid (principal == ?principal, action, resource);',
        "not cedar",
        "\n".join(f'@id("n{n}") forbid (principal is Notebook, action, resource);' for n in range(51)),
        f"{ALL} // {'x' * 8192}",
        condition("||".join(["1==1"] * 1500)),  # deeper than Python follows
        condition("(" * 3900 + "true" + ")" * 3900),  # deeper than Cedar follows: the process would be gone
        condition("||".join(["context.covered"] * 400)),  # 8 KiB that would take more than 100 ms
        "\n".join(f'@id("n{n}") forbid (principal, action in [{ACTIONS}], resource);' for n in range(30)),
    ],
)
def test_what_permits_or_does_not_hold_is_not_taken(text: str) -> None:
    with pytest.raises(PolicyError):
        Narrowing(text)
    with pytest.raises(DocumentError):
        ACCESS.read({"rules": [{"forbid": text}]})


def test_selectors_are_not_taken_beside_cedar() -> None:
    with pytest.raises(DocumentError, match="in Cedar"):
        ACCESS.read({"rules": [{"forbid": NO_PROD, "environments": ["dev"]}]})


def test_it_takes_away_from_its_own_people_names_the_policy_and_binds_nobody_else() -> None:
    narrowing = Narrowing(f"{NO_PROD}\n{NO_MODELS}")
    key = Resource(kind=Kind.KEY, tenant=ACME, environment=Environment.PROD)
    for who, action, resource, allowed in (
        (ADMIN, Action.KEY_CREATE, replace(key, environment=Environment.DEV), True),
        (ADMIN, Action.KEY_CREATE, key, False),
        (ADMIN, Action.KEY_REVOKE, key, True),
        (WORKLOAD, Action.MODEL_INVOKE, MODEL, False),
        (OPERATOR, Action.KEY_CREATE, key, True),
    ):
        said = ENGINE.decide(who, action, resource)
        found = narrowing.held(said, who, action, resource)
        assert said.allowed
        assert found.allowed is allowed, (who, action)
        if not allowed:
            assert "the tenant's own policies: forbidden by no-" in found.reason


def test_it_never_gives_and_never_takes_away_the_way_back() -> None:
    narrowing = Narrowing(ALL)
    for action in Action:
        said = ENGINE.decide(ADMIN, action, Resource(kind=action.kind, tenant=ACME))
        found = narrowing.held(said, ADMIN, action, Resource(kind=action.kind, tenant=ACME))
        assert said.allowed or not found.allowed
        if said.allowed:
            assert found.allowed is (action in {Action.RULES_READ, Action.RULES_WRITE, Action.WHOAMI})


def held(level: Level, text: str | None) -> Held[AccessRule]:
    document = None if text is None else ACCESS.read({"rules": [{"forbid": text}]})
    return Held(level=level, version=1, digest="d", document=document)


def test_all_documents_hold_together_and_one_that_cannot_be_read_forbids() -> None:
    both = Standing(ceiling=held(Level.CEILING, NO_MODELS), own=held(Level.OWN, NO_PROD))
    text = everything(both).forbid
    assert "no-models" in text
    assert "no-prod-keys" in text
    said = ENGINE.decide(WORKLOAD, Action.MODEL_INVOKE, MODEL)
    standings: tuple[tuple[Standing[AccessRule], bool], ...] = (
        (Standing(), True),
        (both, False),
        (Standing(own=held(Level.OWN, None)), False),
        (Standing(ceiling=held(Level.CEILING, ALL), own=held(Level.OWN, ALL)), False),
    )
    for standing, allowed in standings:
        found = OwnPolicies(dict.fromkeys([ACME], standing).__getitem__).held(
            said, WORKLOAD, Action.MODEL_INVOKE, MODEL
        )
        assert found.allowed is allowed
    assert Narrowings(production=False).held(Access(), said, WORKLOAD, Action.MODEL_INVOKE, MODEL).allowed


def test_a_text_is_parsed_once_however_often_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def counting(terms: Access, *, production: bool, installation: bool = False) -> Narrowing:
        parsed.append(terms.forbid)
        return Narrowing(terms.forbid, production=production, installation=installation)

    monkeypatch.setattr(Access, "narrowing", counting)
    kept, said = Narrowings(production=False), ENGINE.decide(WORKLOAD, Action.MODEL_INVOKE, MODEL)
    for _ in range(3):
        for text in (NO_MODELS, ALL):
            assert not kept.held(Access(forbid=text), said, WORKLOAD, Action.MODEL_INVOKE, MODEL).allowed
    assert parsed == [NO_MODELS, ALL]


def test_the_size_is_looked_at_before_anything_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(text: str) -> None:
        raise AssertionError(text)

    rules = [{"forbid": f'@id("n{n}") forbid (principal, action, resource);{" " * 4000}'} for n in range(3)]
    monkeypatch.setattr("strongroom.rules.access.Narrowing", never)
    with pytest.raises(DocumentError, match="at most 8 KiB"):
        ACCESS.read({"rules": rules})


def test_a_full_document_of_each_level_still_holds_together() -> None:
    most = "\n".join(f'@id("%s{n}") forbid (principal is Notebook, action, resource);' for n in range(50))
    both = Standing(ceiling=held(Level.CEILING, most.replace("%s", "c")), own=held(Level.OWN, most.replace("%s", "o")))
    said = ENGINE.decide(WORKLOAD, Action.MODEL_INVOKE, MODEL)
    kept = Narrowings(production=False)
    assert kept.held(everything(both), said, WORKLOAD, Action.MODEL_INVOKE, MODEL).allowed
    twice = {"rules": [{"forbid": ALL}, {"forbid": ALL}]}  # of one name: refused when written, not found out later
    with pytest.raises(DocumentError, match="of its own"):
        ACCESS.read(twice)


@pytest.mark.parametrize("production", [True, False])
def test_a_prohibition_for_production_holds_in_production(production: bool) -> None:
    engine = Engine.load(production=production)
    standing = Standing(own=held(Level.OWN, condition("context.production")))
    own = OwnPolicies({ACME: standing}.__getitem__, production=engine.production)
    said = engine.decide(WORKLOAD, Action.MODEL_INVOKE, MODEL)
    assert said.allowed
    assert own.held(said, WORKLOAD, Action.MODEL_INVOKE, MODEL).allowed is not production


SOME = (Action.MODEL_INVOKE, Action.MODEL_SEE, Action.KEY_CREATE, Action.WHOAMI)  # the whole table takes half a minute


def test_a_difference_is_told_cell_by_cell_and_a_case_by_the_policy_that_decides() -> None:
    policies, schema = packaged()
    wall = '@id("no-dev-models") forbid (principal is Inference, action == Action::"model.invoke", resource) when { principal.environment == "dev" };'
    assert compare.changed(ENGINE, ENGINE, SOME) == []
    found = compare.changed(ENGINE, Engine(f"{policies}\n{wall}", schema), SOME)
    assert {(each["who"], each["action"], each["change"]) for each in found} == {
        ("inference/dev", "model.invoke", "loses")
    }
    case, wrong = compare.cases({
        "case": [
            {"role": "inference", "action": "model.invoke", "environment": "prod", "expect": "allow"},
            {"role": "inference", "action": "model.invoke", "environment": "prod", "tenant": "other", "expect": "allow"},
        ]
    })  # fmt: skip
    assert case.decide(ENGINE).policies == ("inference-asks-models-of-its-place",)
    assert "no-foreign-tenant" in wrong.decide(ENGINE).policies
    for bad in (
        {},
        {"case": [{"role": "king", "action": "whoami", "expect": "allow"}]},
        {"case": [{"role": "operator", "action": "whoami"}]},
    ):
        with pytest.raises(ValueError, match=r"case|enum|role"):
            compare.cases(bad)
