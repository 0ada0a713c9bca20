"""What was met of personal data, canaries, and a key's successor: in the console, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import asyncpg
import pytest
from playwright.sync_api import expect

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import ControlPlane
from strongroom.kernel.ids import Name
from strongroom.kernel.principal import Environment, Principal
from strongroom.policy import Ask
from strongroom.store.testing import TestDatabase

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit


async def write(ground: TestDatabase, text: str, *values: object) -> None:
    connection = await asyncpg.connect(**ground.admin.arguments())
    try:
        await connection.execute(text, *values)
    finally:
        await connection.close()


async def record(
    ground: TestDatabase, tenant: UUID, environment: str, target: str, findings: str, ago: int = 0
) -> None:
    """Put a record there as the gateways do."""
    await write(
        ground,
        """INSERT INTO gateway.record (tenant_id, day, id, at, environment, workload_id, key_id, operation, status, target,
                                       input_tokens, output_tokens, duration_us, policy_version, findings)
           SELECT $1, (at at time zone 'utc')::date, $2, at, $3, $2, 'k', 'chat', 200, $4, 1, 1, 1, 'v', $5::jsonb
           FROM (SELECT now() - make_interval(days => $6)) AS moment (at)""",
        tenant, uuid4(), environment, target, findings, ago,
    )  # fmt: skip


async def leaked(ground: TestDatabase, tenant: UUID, canary: UUID) -> None:
    """Open the incident that a canary in an answer opens."""
    await write(
        ground,
        """INSERT INTO identity.incident (tenant_id, id, kind, subject, opened_at, opened_by, reason, report)
           VALUES ($1, $2, 'canary-leak', 'deployment/tiny', now(), 'detection', $3, '{}')""",
        tenant, uuid4(), f"a canary in the answer: {canary} (handbook)",
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def furnished(plane: ControlPlane, ground: TestDatabase) -> None:
    acme, globex = plane.tenants["acme"], plane.tenants["globex"]
    for ago in (0, 0, 3):
        plane.run(record(ground, acme, "dev", "tiny", '{"input":{"email":2},"output":{"iban":1}}', ago))
    plane.run(record(ground, acme, "prod", "tiny", '{"input":{"phone_number":5}}', 1))
    plane.run(record(ground, acme, "dev", "tiny", '{"input":{"us_ssn":7}}', 40))
    plane.run(record(ground, globex, "dev", "tiny", '{"input":{"api_key":9}}'))
    canary = plane.run(plane.services.canaries.plant_in_document(INSTALLER, acme, "handbook", Ask()))
    plane.run(plane.services.canaries.plant_in_instructions(INSTALLER, acme, Environment.DEV, Name("tiny"), Ask()))
    plane.run(leaked(ground, acme, canary.id))


def test_what_was_met_is_counted_for_its_tenant_alone_and_never_shown(visit: Visit, plane: ControlPlane) -> None:
    here = visit("acme-admin")
    here.go("/tenants/acme/privacy")
    row = here.page.get_by_role("row").filter(has=here.page.get_by_role("rowheader", name="email"))
    expect(row.get_by_role("cell").first).to_have_text("6")
    text = here.page.locator("main").inner_text()
    for word, there in {"phone_number": True, "us_ssn": False, "api_key": False}.items():  # too old; another tenant's
        assert (word in text) is there, word
    here.page.get_by_role("link", name="dev", exact=True).click()
    expect(here.page.locator("main")).not_to_contain_text("phone_number")

    canaries = here.page.get_by_role("region", name="Canaries").get_by_role("row")
    expect(canaries.filter(has_text="tiny")).to_contain_text("never")
    for each in plane.run(plane.services.canaries.every(INSTALLER, plane.tenants["acme"], Ask())):
        assert each.word not in here.page.content()
    canaries.filter(has_text="handbook").get_by_role("link").click()
    expect(here.page.locator("h1")).to_contain_text("canary-leak")

    other = visit("globex-admin")
    other.expected |= {"status of 404"}
    other.go("/tenants/acme/privacy")
    assert "handbook" not in other.page.content()
    assert "email" not in other.page.content()


def test_a_key_gets_one_successor_that_is_shown_once(visit: Visit, plane: ControlPlane) -> None:
    here, old = visit("acme-admin", javascript=False), plane.key_ids["acme"]
    here.expected |= {"status of 400", "status of 409"}
    here.go("/tenants/acme/keys?show=ending")
    expect(here.page.locator("main")).to_contain_text(old)
    here.go(f"/tenants/acme/keys/{old}")
    other = here.context.new_page()
    other.goto(here.page.url)
    other.get_by_text("Give it a successor", exact=True).click()
    expect(here.page.locator(".facts")).to_contain_text("whoever has its text has it")
    here.page.get_by_text("Give it a successor", exact=True).click()
    here.page.locator("#overlap").fill("5")
    here.page.locator("#why").fill("its month is over")
    here.page.get_by_role("button", name="Rotate").click()
    expect(here.page.locator("#wrong-overlap")).to_contain_text("no overlap")
    here.page.locator("#overlap").fill("")
    here.page.get_by_role("button", name="Rotate").click()
    expect(here.page.locator("h1")).to_have_text("Copy this key now")
    secret = here.page.locator(".secret-box code").inner_text()
    expect(here.page.locator("main")).to_contain_text("counts no more")
    plane.run(plane.services.follower.refresh(5))
    assert isinstance(plane.services.directory.authenticate(secret, "127.0.0.1"), Principal)
    assert not isinstance(
        plane.services.directory.authenticate(plane.tokens["acme-evaluation"], "127.0.0.1"), Principal
    )
    other.locator("#why").fill("once more")
    other.get_by_role("button", name="Rotate").click()
    expect(other.get_by_role("alert")).to_contain_text("has a successor")
    here.go("/tenants/acme/keys?show=replaced")
    expect(here.page.locator("tbody tr")).to_have_count(1)
    expect(here.page.locator("tbody tr")).to_contain_text(old)
    assert secret not in here.page.content()


def test_what_was_taken_out_is_shown_by_who_took_it(visit: Visit) -> None:
    here = visit("acme-admin")
    here.go("/tenants/acme/audit")
    here.go("/tenants/acme/limits")
    rows = here.page.get_by_role("region", name="Taken out").get_by_role("row")
    expect(rows.filter(has_text="account:tenant-admin/").filter(has_text="rows an hour").first).to_contain_text("audit")
    here.go("/tenants/acme/incidents")
    expect(here.page.locator("main")).to_contain_text("Nobody is paged when one opens")
