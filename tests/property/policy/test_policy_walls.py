"""No combination of facts opens a wall."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Elevation, Environment, Principal, Role
from strongroom.policy import Action, Engine, Kind, Resource, Sensitivity

ENGINE = Engine.load()
PRODUCTION = Engine.load(production=True)
# Few, so that they meet; two of them alike but for one digit.
TENANTS = [TenantId(UUID(int=n)) for n in (1, 2, 0x10, 1 << 127)]

IDS = ["*", "smollm2-135m", "0123456789abcdef", str(TENANTS[0])]
ENVIRONMENTS = [None, *Environment]

principals = st.builds(
    Principal,
    role=st.sampled_from(Role),
    name=st.sampled_from(["root", "chat", ""]),
    credential=st.sampled_from(IDS).map(KeyId),
    tenant=st.sampled_from([None, *TENANTS]),
    environment=st.sampled_from(ENVIRONMENTS),
    workload=st.sampled_from([None, WorkloadId(UUID(int=9))]),
)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Principal, Action, Resource]:
    """Draw anything of anybody; mostly a verb on its own kind, since the others are refused at once."""
    action = draw(st.sampled_from(Action))
    tenant = draw(st.sampled_from([None, *TENANTS]))
    resource = Resource(
        kind=draw(st.sampled_from([action.kind] * 10 + list(Kind))),
        id=draw(st.sampled_from(IDS)),
        tenant=tenant,
        environment=draw(st.sampled_from(ENVIRONMENTS)) if tenant is not None else None,
        sensitivity=draw(st.sampled_from(Sensitivity)),
    )
    return draw(principals), action, resource


@settings(max_examples=500, deadline=None)
@given(questions(), st.permutations(TENANTS))
def test_who_belongs_to_a_tenant_touches_no_other(
    question: tuple[Principal, Action, Resource], tenants: list[TenantId]
) -> None:
    who, action, resource = question
    who = replace(who, tenant=tenants[0])
    if resource.tenant is not None:
        resource = replace(resource, tenant=tenants[1])
    allowed = ENGINE.decide(who, action, resource).allowed
    # The catalogue is the one thing outside a tenant that one may read from inside.
    assert not allowed or (action is Action.MODEL_LIST and resource.tenant is None and who.role is Role.TENANT_ADMIN)


@settings(max_examples=500, deadline=None)
@given(questions(), st.permutations(list(Environment)))
def test_who_lives_in_an_environment_touches_no_other(
    question: tuple[Principal, Action, Resource], environments: list[Environment]
) -> None:
    who, action, resource = question
    who = replace(who, environment=environments[0])
    if resource.environment is not None:
        resource = replace(resource, environment=environments[1])
    assert not ENGINE.decide(who, action, resource).allowed


@settings(max_examples=500, deadline=None)
@given(questions(), st.booleans())
def test_a_role_without_exactly_its_facts_is_nobody(question: tuple[Principal, Action, Resource], lose: bool) -> None:
    who, action, resource = question
    tenant_bound = who.role is Role.TENANT_ADMIN or who.role.is_placed
    if lose:
        who = replace(who, tenant=None if tenant_bound else TENANTS[0])
    else:
        who = replace(who, environment=None if who.role.is_placed else Environment.PROD)
    assert not ENGINE.decide(who, action, resource).allowed


@settings(max_examples=500, deadline=None)
@given(questions())
def test_restricting_never_opens(question: tuple[Principal, Action, Resource]) -> None:
    who, action, resource = question
    restricted = ENGINE.decide(who, action, replace(resource, sensitivity=Sensitivity.RESTRICTED)).allowed
    normal = ENGINE.decide(who, action, replace(resource, sensitivity=Sensitivity.NORMAL)).allowed
    assert normal or not restricted


@settings(max_examples=500, deadline=None)
@given(questions(), st.text(max_size=20), st.text(max_size=20))
def test_names_and_ids_decide_nothing(question: tuple[Principal, Action, Resource], name: str, credential: str) -> None:
    who, action, resource = question
    renamed = replace(who, name=name, credential=KeyId(credential))
    assert ENGINE.decide(who, action, resource).allowed == ENGINE.decide(renamed, action, resource).allowed


@settings(max_examples=500, deadline=None)
@given(
    questions(), st.sampled_from(TENANTS), st.frozensets(st.sampled_from([each.value for each in Action]), max_size=4)
)
def test_an_elevation_is_no_more_than_was_approved_and_opens_nothing_elsewhere(
    question: tuple[Principal, Action, Resource], tenant: TenantId, actions: frozenset[str]
) -> None:
    """Isolation test 21: another tenant, another action."""
    who, action, resource = question
    elevated = replace(who, elevation=Elevation(id="e", ticket="t", tenant=tenant, actions=actions))
    covered = resource.tenant == tenant and action.value in actions
    for engine in (ENGINE, PRODUCTION):
        if engine.decide(elevated, action, resource).allowed:
            assert covered or action is Action.WHOAMI
    if PRODUCTION.decide(who, action, resource).allowed:  # production takes away, and gives nothing
        assert ENGINE.decide(who, action, resource).allowed
