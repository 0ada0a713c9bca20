"""Isolation tests 17 and 19: the whole truth table, and each role trying every verb."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Action, Engine, Kind, Resource
from strongroom.policy.truthtable import COLUMNS, COMMAND, Line, lines, render

FILE = Path(__file__).parent / "authorisation.txt"
TENANT_BOUND = {role for role in Role if role.is_placed} | {Role.TENANT_ADMIN, Role.TENANT_AUDITOR}

# Written out a second time, by hand and apart from the policies: every verb that a role may do anywhere at all.
ADMINISTRATION = {
    Action.TENANT_READ,
    Action.TENANT_RENEW_KEYS,
    Action.ENVIRONMENT_LIST,
    Action.WORKLOAD_CREATE,
    Action.WORKLOAD_LIST,
    Action.WORKLOAD_DELETE,
    Action.KEY_CREATE,
    Action.KEY_LIST,
    Action.KEY_READ,
    Action.KEY_REVOKE,
    Action.KEY_ROTATE,
    Action.KEY_BIND,
    Action.SIGNER_ADD,
    Action.SIGNER_LIST,
    Action.SIGNER_REVOKE,
    Action.FEDERATION_CREATE,
    Action.FEDERATION_LIST,
    Action.FEDERATION_DELETE,
    Action.TOKEN_LIST,
    Action.TOKEN_REVOKE,
    Action.MODEL_LIST,
    Action.MODEL_EVALUATE,
    Action.MODEL_LABEL,
    Action.MODEL_QUALITY,
    Action.PROMPT_ADD,
    Action.PROMPT_LIST,
    Action.PROMPT_READ,
    Action.MODEL_ADD,
    Action.MODEL_RESCAN,
    Action.MODEL_VERIFY,
    Action.MODEL_DELETE,
    Action.EVIDENCE_ADD,
    Action.EVIDENCE_READ,
    Action.DEPLOYMENT_CREATE,
    Action.DEPLOYMENT_LIST,
    Action.DEPLOYMENT_DELETE,
    Action.PROVIDER_LIST,
    Action.INCIDENT_OPEN,
    Action.INCIDENT_READ,
    Action.INCIDENT_CLOSE,
    Action.SUBJECT_READ,
    Action.SUBJECT_REQUEST,
    Action.SUBJECT_CONFIRM,
    Action.SUBJECT_REFUSE,
    Action.SUBJECT_EXPORT,
    Action.SUBJECT_ERASE,
    Action.SUBJECT_CERTIFY,
    Action.SUBJECT_HOLD,
    Action.SUBJECT_RELEASE,
    Action.CANARY_PLANT,
    Action.CANARY_LIST,
    Action.CANARY_ROTATE,
    Action.FLOW_READ,
    Action.FLOW_DECLARE,
    Action.LIST_ADD,
    Action.LIST_LIST,
    Action.LIST_DELETE,
    Action.CAPTURE_LIST,
    Action.CAPTURE_STOP,
    Action.TRAINING_READ,
    Action.TRAINING_END,
    Action.DATASET_ADD,
    Action.DATASET_LIST,
    Action.DATASET_EXPORT,
    Action.DATASET_GRANT,
    Action.DATASET_REVOKE,
    Action.DATASET_WITHDRAW,
    Action.SOURCE_ADD,
    Action.SOURCE_LIST,
    Action.LINEAGE_READ,
    Action.LINEAGE_LINK,
    Action.RULES_READ,
    Action.RULES_WRITE,
    Action.PROPOSAL_READ,
    Action.PROPOSAL_DECIDE,
    Action.PROPOSAL_WITHDRAW,
    Action.AUDIT_READ,
    Action.RECORDS_READ,
    Action.WHOAMI,
}
READING = {
    Action.TENANT_READ,
    Action.ENVIRONMENT_LIST,
    Action.WORKLOAD_LIST,
    Action.KEY_LIST,
    Action.KEY_READ,
    Action.SIGNER_LIST,
    Action.FEDERATION_LIST,
    Action.TOKEN_LIST,
    Action.PROMPT_LIST,
    Action.MODEL_QUALITY,
    Action.DATASET_LIST,
    Action.SOURCE_LIST,
    Action.LINEAGE_READ,
    Action.DEPLOYMENT_LIST,
    Action.PROVIDER_LIST,
    Action.RULES_READ,
    Action.PROPOSAL_READ,
    Action.AUDIT_READ,
    Action.FLOW_READ,
    Action.SUBJECT_READ,
    Action.RECORDS_READ,
    Action.CAPTURE_LIST,
    Action.WHOAMI,
}
MAY = {
    Role.OPERATOR: set(Action)
    - {
        Action.MODEL_APPROVE,
        Action.APPROVER_ADD_KEY,
        Action.MODEL_LABEL,
        Action.PROMPT_APPROVE,
        Action.MODEL_INVOKE,
        Action.MODEL_SEE,
        Action.RULES_WRITE,
        Action.KEY_OPEN,
        Action.TOKEN_ISSUE,
    }
    - {
        Action.DATASET_READ,
        Action.DATASET_APPROVE,
        Action.DATASET_EXPORT,
        Action.TRAINING_RUN,
        Action.TRAINING_DELIVER,
        Action.CASE_VIEW,
    }
    - {Action.ELEVATION_DECIDE, Action.ELEVATION_REVIEW, Action.PROPOSAL_DECIDE}
    - {Action.CAPTURE_DECIDE, Action.CAPTURE_BEGIN, Action.CAPTURE_READ},
    Role.APPROVER: {
        Action.MODEL_LIST,
        Action.MODEL_APPROVE,
        Action.EVIDENCE_READ,
        Action.MODEL_QUALITY,
        Action.PROMPT_LIST,
        Action.PROMPT_READ,
        Action.PROMPT_APPROVE,
        Action.DATASET_LIST,
        Action.DATASET_APPROVE,
        Action.DATASET_WITHDRAW,
        Action.SOURCE_LIST,
        Action.LINEAGE_READ,
        Action.APPROVER_ADD_KEY,
        Action.CHANNEL_READ,
        Action.CHANNEL_FREEZE,
        Action.CHANNEL_REVOKE,
        Action.ELEVATION_READ,
        Action.ELEVATION_DECIDE,
        Action.ELEVATION_END,
        Action.ELEVATION_REVIEW,
        Action.PROPOSAL_READ,
        Action.PROPOSAL_DECIDE,
        Action.CAPTURE_DECIDE,
        Action.CAPTURE_BEGIN,
        Action.CAPTURE_LIST,
        Action.CAPTURE_STOP,
        Action.WHOAMI,
    },
    Role.TENANT_ADMIN: ADMINISTRATION,
    Role.TENANT_AUDITOR: READING,
    Role.AUDITOR: READING
    | {
        Action.RETENTION_READ,
        Action.TENANT_LIST,
        Action.ACCOUNT_LIST,
        Action.MODEL_LIST,
        Action.EVIDENCE_READ,
        Action.PROVIDER_READ,
        Action.CHANNEL_READ,
        Action.AUDIT_READ_PLATFORM,
    }
    | {Action.CONFIG_EXPLAIN, Action.METRICS_READ},
    Role.INFERENCE: {Action.MODEL_INVOKE, Action.MODEL_SEE, Action.TOKEN_ISSUE, Action.WHOAMI},
    Role.EVALUATION: {
        Action.MODEL_INVOKE,
        Action.MODEL_SEE,
        Action.MODEL_LABEL,
        Action.TOKEN_ISSUE,
        Action.WHOAMI,
    },
    Role.INGESTION: {Action.DATASET_ADD, Action.TOKEN_ISSUE, Action.WHOAMI},
    Role.TRAINING: {
        Action.DATASET_READ,
        Action.TRAINING_RUN,
        Action.TRAINING_DELIVER,
        Action.TOKEN_ISSUE,
        Action.WHOAMI,
    },
    Role.SUPPORT: {Action.MODEL_SEE, Action.CASE_VIEW, Action.TOKEN_ISSUE, Action.WHOAMI},
    Role.NOTEBOOK: {Action.MODEL_INVOKE, Action.MODEL_SEE, Action.TOKEN_ISSUE, Action.WHOAMI},
    Role.DELIVERY: {Action.KEY_OPEN, Action.WHOAMI},
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load()


@pytest.fixture(scope="module")
def answers(engine: Engine) -> list[Line]:
    return list(lines(engine))


@pytest.fixture(scope="module")
def table(engine: Engine, answers: list[Line]) -> str:
    return render(engine, answers)


def test_the_file_says_what_the_policies_say(table: str) -> None:
    assert FILE.read_text(encoding="utf-8") == table, (
        f"somebody's rights have changed: run `{COMMAND}`, read the difference as such, and commit it with the policies"
    )


def test_the_product_is_complete(answers: list[Line]) -> None:
    # 26 callers (3 accounts, 2 of a tenant, 6 kinds of workloads and deliveries in 3 environments each), nine places,
    # two sensitivities, every verb.
    assert len(answers) == 26 * 9 * 2 * len(Action)
    for role in Role:
        assert {line.relation for line in answers if line.who.role is role} == set(COLUMNS[role])


def test_no_cell_depends_on_which_environment_it_is(table: str) -> None:
    tables = table.split("\nActions\n", 1)[1]
    assert "MIXED" not in tables


def test_nothing_is_allowed_across_tenants(answers: list[Line]) -> None:
    asked = [
        line
        for line in answers
        if line.who.role in TENANT_BOUND and line.resource.tenant not in {None, line.who.tenant}
    ]
    assert len(asked) == 23 * 4 * 2 * len(Action)
    assert [line for line in asked if line.allowed] == []


def test_nothing_is_allowed_across_environments(answers: list[Line]) -> None:
    asked = [
        line
        for line in answers
        if line.who.environment is not None and line.resource.environment not in {None, line.who.environment}
    ]
    assert len(asked) == 21 * 2 * 2 * 2 * len(Action)
    assert [line for line in asked if line.allowed] == []


def test_of_the_installation_a_tenant_reads_the_catalogue_and_nothing_else(answers: list[Line]) -> None:
    allowed = {
        (line.who.role, line.action, line.resource.kind)
        for line in answers
        if line.who.role in TENANT_BOUND and line.resource.tenant is None and line.allowed
    }
    assert allowed == {(Role.TENANT_ADMIN, Action.MODEL_LIST, Kind.RELEASE)}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_tries_every_verb(answers: list[Line], role: Role) -> None:
    tried = [line for line in answers if line.who.role is role]
    assert {line.action for line in tried} == set(Action)
    assert {line.action for line in tried if line.allowed} == MAY[role]


def test_only_workloads_ask_models(answers: list[Line]) -> None:
    asking = {line.who.role for line in answers if line.action is Action.MODEL_INVOKE and line.allowed}
    assert asking == {Role.INFERENCE, Role.EVALUATION, Role.NOTEBOOK}


def test_a_notebook_is_nowhere_in_prod_and_holds_no_credential_there(engine: Engine, answers: list[Line]) -> None:
    prod = [line for line in answers if line.who.role is Role.NOTEBOOK and line.who.environment is Environment.PROD]
    assert prod
    assert [line for line in prod if line.allowed] == []
    makers = {line.who for line in answers if line.who.role in {Role.OPERATOR, Role.TENANT_ADMIN}}
    tenant = next(line.who.tenant for line in answers if line.who.role is Role.TENANT_ADMIN)
    makes = (Action.WORKLOAD_CREATE, Action.KEY_CREATE, Action.KEY_ROTATE, Action.SIGNER_ADD, Action.FEDERATION_CREATE)

    def made(who: Principal, action: Action, where: Environment, holder: Role) -> bool:
        asked = Resource(kind=action.kind, tenant=tenant, environment=where, holder=holder)
        return engine.decide(who, action, asked).allowed

    asked = [(who, action) for who in makers for action in makes]
    assert len(asked) == 2 * 5
    assert not any(made(*each, Environment.PROD, Role.NOTEBOOK) for each in asked)
    assert all(made(*each, Environment.DEV, Role.NOTEBOOK) for each in asked)
    assert all(made(*each, Environment.PROD, Role.INFERENCE) for each in asked)


def test_a_workload_has_one_family_of_verbs_and_no_two_that_carry_data_through(answers: list[Line]) -> None:
    may: dict[Role, set[Action]] = {}
    for line in answers:
        # Getting in is no verb of a family: what a token may do is what its workload may.
        getting_in = line.action in {Action.WHOAMI, Action.TOKEN_ISSUE}
        if line.allowed and line.who.role.is_placed and not getting_in:
            may.setdefault(line.who.role, set()).add(line.action)
    # No workload reads training data and also asks models, brings data in, or administers anything.
    families = [
        {Action.MODEL_INVOKE, Action.MODEL_SEE},
        {Action.MODEL_INVOKE, Action.MODEL_SEE, Action.MODEL_LABEL},  # and is told nothing for a label
        {Action.DATASET_ADD},
        {Action.DATASET_READ, Action.TRAINING_RUN, Action.TRAINING_DELIVER},
        {Action.MODEL_SEE, Action.CASE_VIEW},
        {Action.KEY_OPEN},
    ]
    assert {role for role in Role if role.is_placed} == set(may)
    for role, verbs in may.items():
        assert verbs in families, role
