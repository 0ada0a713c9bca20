"""The engine refuses to load what it cannot trust, and says no to what it cannot decide."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Action, Engine, Kind, PolicyError, Resource, Sensitivity
from strongroom.policy.engine import packaged
from strongroom.policy.facts import PRINCIPAL_TYPES, RESOURCE_TYPES

ACME = TenantId(UUID("0198c000-0000-7000-8000-000000000001"))
GLOBEX = TenantId(UUID("0198c000-0000-7000-8000-000000000002"))
WORKLOAD = Principal(
    role=Role.INFERENCE,
    name="chat",
    credential=KeyId("0123456789abcdef"),
    tenant=ACME,
    environment=Environment.PROD,
    workload=WorkloadId(UUID("0198c000-0000-7000-8000-000000000003")),
)
OPERATOR = Principal(role=Role.OPERATOR, name="root", credential=KeyId("fedcba9876543210"))
MODEL = Resource(kind=Kind.DEPLOYMENT, id="smollm2-135m", tenant=ACME, environment=Environment.PROD)

POLICIES, SCHEMA = packaged()


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load()


def test_a_permit_is_named_in_the_answer(engine: Engine) -> None:
    decision = engine.decide(WORKLOAD, Action.MODEL_INVOKE, MODEL)
    assert decision.allowed
    assert decision.policies == ("inference-asks-models-of-its-place",)
    assert decision.reason == "permitted by inference-asks-models-of-its-place"


def test_a_forbid_is_named_in_the_answer(engine: Engine) -> None:
    decision = engine.decide(WORKLOAD, Action.MODEL_INVOKE, replace(MODEL, tenant=GLOBEX))
    assert not decision.allowed
    assert decision.reason == "forbidden by no-foreign-tenant"


def test_what_no_policy_names_is_refused() -> None:
    nothing = Engine('@id("never") forbid (principal, action, resource) when { false };', SCHEMA)
    decision = nothing.decide(OPERATOR, Action.TENANT_LIST, Resource(kind=Kind.TENANT))
    assert not decision.allowed
    assert decision.reason == "no policy permits it"


def test_the_version_is_a_digest_of_policies_and_schema(engine: Engine) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", engine.version)
    assert Engine.load().version == engine.version
    assert Engine(POLICIES + "\n", SCHEMA).version != engine.version
    assert Engine(POLICIES, SCHEMA + "\n").version != engine.version
    assert engine.decide(WORKLOAD, Action.MODEL_INVOKE, MODEL).version == engine.version


@pytest.mark.parametrize(
    "policy",
    [
        '@id("x") forbid (principal, action, resource) when { principal.tenant == 3 };',
        '@id("x") forbid (principal is Inference, action, resource) when { principal.tenant == 3 };',
        '@id("x") forbid (principal, action, resource) when { resource.owner == "me" };',
        '@id("x") forbid (principal, action, resource) when { resource.tenant == "t" };',
        '@id("x") forbid (principal is Superuser, action, resource);',
        '@id("x") permit (principal, action == Action::"tenant.burn", resource);',
        '@id("x") permit (principal, action, resource) when { context.admin };',
        '@id("x") permit (principal, action, resource) when {',
        "permit (principal, action, resource);",
        '@id("") permit (principal is Operator, action, resource);',
        '@id("no-foreign-tenant") permit (principal is Operator, action, resource);',
    ],
)
def test_policies_that_cannot_be_trusted_are_not_loaded(policy: str) -> None:
    with pytest.raises(PolicyError):
        Engine(f"{POLICIES}\n{policy}", SCHEMA)


def test_a_schema_that_does_not_parse_is_not_loaded() -> None:
    with pytest.raises(PolicyError):
        Engine(POLICIES, f"{SCHEMA}\nentity")


def test_a_forbid_that_errors_denies() -> None:
    # Cedar's own answer is Allow: the permit holds and the failing forbid is skipped. Overflow passes every type check.
    permit = '@id("all") permit (principal, action, resource);'
    wall = '@id("wall") forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };'
    decision = Engine(permit + wall, SCHEMA).decide(WORKLOAD, Action.MODEL_INVOKE, MODEL)
    assert not decision.allowed
    assert decision.reason.startswith("undecidable: ")
    assert decision.policies == ("all",)


def test_a_permit_that_errors_denies_even_beside_one_that_holds() -> None:
    permit = '@id("all") permit (principal, action, resource);'
    broken = '@id("broken") permit (principal, action, resource) when { 9223372036854775807 + 1 > 0 };'
    assert not Engine(permit + broken, SCHEMA).decide(WORKLOAD, Action.MODEL_INVOKE, MODEL).allowed


@pytest.mark.parametrize(
    "who",
    [
        replace(WORKLOAD, tenant=None),
        replace(WORKLOAD, environment=None),
        replace(WORKLOAD, tenant=None, environment=None),
        replace(OPERATOR, tenant=ACME),
        replace(OPERATOR, environment=Environment.PROD),
        replace(OPERATOR, role=Role.TENANT_ADMIN),
        replace(OPERATOR, role=Role.TENANT_ADMIN, tenant=ACME, environment=Environment.PROD),
        replace(OPERATOR, role=Role.APPROVER, tenant=ACME),
    ],
    ids=lambda who: f"{who.role} tenant={bool(who.tenant)} environment={bool(who.environment)}",
)
@pytest.mark.parametrize("action", list(Action))
def test_a_caller_with_too_little_or_too_much_is_nobody(engine: Engine, who: Principal, action: Action) -> None:
    for resource in (
        Resource(kind=action.kind),
        replace(MODEL, kind=action.kind),
        Resource(kind=action.kind, tenant=ACME),
    ):
        decision = engine.decide(who, action, resource)
        assert not decision.allowed
        assert decision.reason.startswith("undecidable: ")


@pytest.mark.parametrize("action", [Action.MODEL_INVOKE, Action.MODEL_SEE])
def test_a_deployment_without_a_place_is_refused(engine: Engine, action: Action) -> None:
    for resource in (replace(MODEL, environment=None), Resource(kind=Kind.DEPLOYMENT, id="smollm2-135m")):
        assert not engine.decide(WORKLOAD, action, resource).allowed


def test_a_verb_on_the_wrong_kind_of_thing_is_refused(engine: Engine) -> None:
    for action in Action:
        for kind in set(Kind) - {action.kind}:
            assert not engine.decide(OPERATOR, action, Resource(kind=kind)).allowed


def test_a_context_that_the_schema_does_not_know_is_refused(engine: Engine) -> None:
    decision = engine.decide(WORKLOAD, Action.MODEL_INVOKE, MODEL, {"colour": "red"})
    assert not decision.allowed
    assert decision.reason.startswith("undecidable: ")


@pytest.mark.parametrize(
    ("principal", "action", "resource"),
    [
        ("Superuser", "tenant.list", "Tenant"),
        ("Operator", "tenant.burn", "Tenant"),
        ("Operator", "tenant.list", "Universe"),
        ("Role", "tenant.list", "Tenant"),
        ("Operator", "", "Tenant"),
        ("", "tenant.list", "Tenant"),
    ],
)
def test_an_unknown_role_verb_or_kind_is_refused(engine: Engine, principal: str, action: str, resource: str) -> None:
    uids = {
        "principal": {"type": principal, "id": "a"},
        "action": {"type": "Action", "id": action},
        "resource": {"type": resource, "id": "b"},
    }
    things = [
        {"uid": uids["principal"], "attrs": {}, "parents": []},
        {"uid": uids["resource"], "attrs": {"sensitivity": "normal"}, "parents": []},
    ]
    assert not engine._ask(uids, json.dumps(things)).allowed


def test_an_unknown_sensitivity_counts_as_restricted(engine: Engine) -> None:
    place = {"tenant": str(ACME), "environment": "prod"}
    uids: dict[str, Any] = {
        "principal": {"type": "Evaluation", "id": "a"},
        "action": {"type": "Action", "id": "model.invoke"},
        "resource": {"type": "Deployment", "id": "b"},
        "context": {"elevated": False, "covered": False, "production": False},
    }

    def ask(sensitivity: str) -> bool:
        things = [
            {"uid": uids["principal"], "attrs": place, "parents": []},
            {"uid": uids["resource"], "attrs": {**place, "sensitivity": sensitivity}, "parents": []},
        ]
        return engine._ask(uids, json.dumps(things)).allowed

    assert ask(Sensitivity.NORMAL)
    assert not ask("Normal")
    assert not ask("")


def test_the_code_and_the_schema_name_the_same_things() -> None:
    code = "\n".join(line.split("//")[0] for line in SCHEMA.splitlines())
    assert set(re.findall(r'"([^"]+)"', code)) == {action.value for action in Action}
    entities = {name.strip() for group in re.findall(r"entity ([\w, ]+)", code) for name in group.split(",")}
    assert entities == {*PRINCIPAL_TYPES.values(), *RESOURCE_TYPES.values()}
    assert set(PRINCIPAL_TYPES) == set(Role)
    assert set(RESOURCE_TYPES) == set(Kind)


def test_the_schema_ties_each_verb_to_its_kind() -> None:
    for verbs, kind in re.findall(r"action ([^{]+?) appliesTo \{[^}]*resource: \[(\w+)\]", SCHEMA):
        for verb in re.findall(r'"([^"]+)"', verbs):
            assert RESOURCE_TYPES[Action(verb).kind] == kind
