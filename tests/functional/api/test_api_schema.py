"""Schemathesis asks everything that the OpenAPI document allows, and more: as an operator, and as a tenant's administrator.

It works on a control port of its own, since an operator who tries everything leaves little standing.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from strongroom.app.testing import ControlPlane, control_plane_of
from strongroom.store.testing import TestServer


def not_a_fault(context: Any, response: Any, case: Any) -> None:
    del context
    # 503 is said in the document: on a machine this busy the lease may run out for a moment.
    assert response.status_code != 500, case.operation.label


CHECKS = [not_a_fault, status_code_conformance, content_type_conformance, response_schema_conformance]
BOUNDED = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def tried(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[ControlPlane]:
    with control_plane_of(postgres, tmp_path_factory.mktemp("control")) as plane:
        yield plane


@pytest.mark.timeout(
    600
)  # some two hundred operations, a dozen times each: a minute of one core, and more on a busy machine
def test_every_answer_is_as_the_document_says(tried: ControlPlane) -> None:
    # Its pytest plugin does not know this pytest; its strategies do.
    document: Any = schemathesis.openapi.from_url(f"{tried.url}/api/openapi.json")
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) > 20
    with requests.Session() as session:  # a connection for each question is a fifth of the time
        session.trust_env = False
        for operation in operations:
            probe(operation, [tried.tokens["acme-admin"], tried.tokens["operator"]], session)


def probe(operation: Any, tokens: list[str], session: requests.Session) -> None:
    """Ask with everything that is drawn, as each in turn: to think of it takes longer than to ask it twice."""

    @BOUNDED
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        if operation.label in {"POST /api/accounts/{name}/token", "DELETE /api/accounts/{name}"}:
            case.path_parameters["name"] = f"x-{case.path_parameters['name']}"  # or it would end the one who asks
        if "tenant" in case.path_parameters and operation.label != "DELETE /api/tenants/{tenant}":
            case.path_parameters["tenant"] = "acme"  # a made-up one would be 404 before anything else is looked at
        for token in tokens:
            case.call_and_validate(checks=CHECKS, headers={"authorization": f"Bearer {token}"}, session=session)

    ask()
