"""What models passed and how they do, in a real browser: a tenant's own alone, with what failed and what has moved."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import pytest
from playwright.sync_api import expect
from tests.functional.console.releases import person

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import RELEASE, ControlPlane
from strongroom.kernel.ids import Name
from strongroom.kernel.principal import Environment
from strongroom.policy import Ask
from strongroom.registry.evaluations.model import Label
from strongroom.registry.evaluations.scoring import Told
from strongroom.store.testing import TestDatabase

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit

CALLED = f"{RELEASE.name}@{RELEASE.version}"
ROWS = 30


async def answered(ground: TestDatabase, tenant: UUID, deployment: UUID) -> str:
    """Put the record of a request there, as the gateways do, and return the request's id."""
    request = uuid4()
    connection = await asyncpg.connect(**ground.admin.arguments())
    try:
        await connection.execute(
            """INSERT INTO gateway.record (tenant_id, day, id, at, environment, workload_id, key_id, deployment_id,
                                           release_digest, operation, status, input_tokens, output_tokens, duration_us,
                                           policy_version)
               VALUES ($1, (now() at time zone 'utc')::date, $2, now(), 'dev', $2, 'k', $3, $4, 'infer', 200, $5, 1, 1, 'v')""",
            tenant, request, deployment, RELEASE.digest, ROWS,
        )  # fmt: skip
    finally:
        await connection.close()
    return f"req_{request.hex}"


def suite(name: str, wanted: str) -> str:
    head = {"suite": "strongroom/suite/1", "name": name, "version": "1", "thresholds": {"accuracy": {"least": 0.9}}}
    tensor = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1]}
    cases = [{"id": f"r{n}", "inputs": [tensor], "expect": {"label": wanted}} for n in range(ROWS)]
    return "\n".join(json.dumps(each) for each in (head, *cases))


@pytest.fixture(scope="module", autouse=True)
def evaluated(plane: ControlPlane, ground: TestDatabase) -> None:
    """Evaluate acme's deployment twice, passed and failed; then let everything be told otherwise, mostly wrong."""
    services, acme, admin = plane.services, plane.tenants["acme"], person(plane, "acme-admin")
    (deployment,) = plane.run(services.registry.list_deployments(INSTALLER, acme, Ask()))
    request = plane.run(answered(ground, acme, deployment.id))
    told = [Told(case=f"r{n}", request=request, label=str(n % 2), score=0.5 + n / 100) for n in range(ROWS)]
    for name, wanted in (("held", "1"), ("easy", "1")):
        answers = told if name == "held" else [Told(case=each.case, request=request, label="1") for each in told]
        record = services.evaluations.record
        plane.run(record(INSTALLER, acme, Environment.DEV, Name("tiny"), suite(name, wanted), answers, Ask()))
    for right in (True, *[False] * (ROWS - 1)):
        one = Label(
            request=plane.run(answered(ground, acme, deployment.id)),
            label="0" if right else "1",
            predicted="0",
            score=0.9,
        )
        plane.run(services.evaluations.label(admin, acme, Environment.DEV, [one], Ask()))


def test_what_serves_is_shown_with_what_it_passed_and_how_far_it_has_moved(visit: Visit) -> None:
    here = visit("acme-admin")
    here.go("/tenants/acme/deployments")
    here.page.locator("main").get_by_role("link", name="Quality").click()
    row = here.page.get_by_role("region", name="Where they are deployed").locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(CALLED)
    expect(row).to_contain_text("3.3 %")
    expect(row).to_contain_text("much")
    expect(row).to_contain_text("easy@1")
    expect(row.get_by_role("img")).to_have_accessible_name(re.compile(r"^Share that was right, by day: .* 3 %$"))
    done = here.page.get_by_role("region", name="Evaluations").locator("tbody tr")
    failed = done.filter(has_text="held@1")
    expect(failed).to_contain_text("failed")
    expect(failed).to_contain_text("accuracy 0.5")
    failed.locator("summary").click()
    expect(failed).to_contain_text("r0")
    expect(done.filter(has_text="easy@1")).to_contain_text("passed")
    expect(here.page.locator("body")).to_contain_text("strongroom model evaluations --tenant acme")
    here.go("/tenants/acme/quality?environment=prod")
    expect(here.page.locator("main")).to_contain_text("No release is deployed here")


def test_a_tenants_quality_is_nobody_elses(visit: Visit) -> None:
    other = visit("globex-admin")
    other.expected |= {"status of 404"}
    other.go("/tenants/globex/quality")
    expect(other.page.locator("main")).to_contain_text("Nothing was evaluated yet")
    other.go("/tenants/acme/quality")
    expect(other.page.locator("h1")).to_have_text("Not here")
