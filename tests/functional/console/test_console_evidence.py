"""The log, its proofs, people's requests and retention in the console, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from strongroom.app.testing import ControlPlane
from strongroom.kernel.principal import Principal
from strongroom.policy import Ask
from strongroom.retention.testing import keep
from strongroom.subjects import RequestKind

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit


def administrator(plane: ControlPlane, tenant: str) -> Principal:
    found = plane.services.directory.authenticate(plane.tokens[f"{tenant}-admin"], "127.0.0.1")
    assert isinstance(found, Principal)
    return found


def test_the_log_is_searched_and_goes_on_with_the_same_search(visit: Visit, plane: ControlPlane) -> None:
    who, acme = administrator(plane, "acme"), plane.tenants["acme"]
    for _ in range(60):
        plane.run(plane.services.identity.list_workloads(who, acme, Ask(request_id="req_searched")))
    here = visit("acme-admin", javascript=False)
    here.go("/tenants/acme/audit?action=workload.*&request_id=req_searched&days=7")
    rows = here.page.locator("#entries tr")
    expect(rows).to_have_count(51)
    expect(here.page.locator("body")).to_contain_text("Of the last 7 days")
    expect(here.page.locator(".cli code").first).to_contain_text("audit search --tenant acme --since 168h")
    here.page.locator("#older a").click()
    assert "request_id=req_searched" in here.page.url
    expect(rows).to_have_count(10)
    expect(here.page.locator("#request_id")).to_have_value("req_searched")
    here.go("/tenants/acme/audit?action=nothing.like.it")
    expect(rows).to_have_count(0)
    here.expected |= {"status of 404"}
    here.go("/tenants/globex/audit?action=*")  # another tenant's looks like none
    assert "workload" not in here.page.locator("main").inner_text()


def test_what_is_not_signed_yet_has_no_proof_and_says_so(visit: Visit, plane: ControlPlane) -> None:
    # No keeper runs here: what nobody has sealed waits, and its proof is not there.
    here = visit("acme-admin")
    here.expected |= {"status of 404"}
    here.go("/tenants/acme/audit")
    expect(here.page.locator("td .status.waiting").first).to_be_visible()
    assert here.page.locator("a.status.signed").count() == 0
    found = plane.run(
        plane.services.audit.of_tenant(administrator(plane, "acme"), plane.tenants["acme"], Ask(), limit=1)
    )
    here.go(f"/tenants/acme/audit/{found[0].id}")
    expect(here.page.locator("h1")).to_have_text("Not here")


def test_a_request_of_a_person_shows_its_clock_and_no_name(visit: Visit, plane: ControlPlane) -> None:
    who, acme = administrator(plane, "acme"), plane.tenants["acme"]
    plane.run(
        plane.services.subjects.take(who, acme, RequestKind.EXPORT, "customer-4711", "DSR-7", "asked by letter", Ask())
    )
    here = visit("acme-admin")
    here.go("/tenants/acme/people")
    row = here.page.locator("tbody tr").first
    expect(row).to_contain_text("DSR-7")
    expect(row).to_contain_text("29 days left")
    assert "customer-4711" not in here.page.content()
    here.page.locator("#name").fill("customer-4711")
    here.page.get_by_role("button", name="Look", exact=True).click()
    expect(here.page.locator(".panel .plain")).to_be_visible()
    assert "customer-4711" not in here.page.content()
    other = visit("globex-admin")
    other.go("/tenants/globex/people")
    assert "DSR-7" not in other.page.content()


def test_retention_is_the_installations_to_see(visit: Visit, plane: ControlPlane) -> None:
    operator = plane.services.directory.authenticate(plane.tokens["operator"], "127.0.0.1")
    assert isinstance(operator, Principal)
    plane.run(keep(plane.services.retention, operator, plane.tenants["acme"], 90, "operational tier", Ask()))
    here = visit("operator")
    here.go("/retention")
    expect(here.page.locator("tbody").first).to_contain_text("operational tier")
    admin = visit("acme-admin")
    admin.expected |= {"status of 403", "status of 404"}
    admin.go("/retention")
    assert "operational tier" not in admin.page.content()
