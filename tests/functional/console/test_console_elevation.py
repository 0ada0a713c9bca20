"""Elevation in the console, in a real browser: asked for, approved by two, begun, counted down, ended; and incidents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import ControlPlane
from strongroom.identity.elevation.model import Asked, Phase
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit, Visitor


def approver(plane: ControlPlane, name: str) -> None:
    made = plane.run(plane.services.accounts.create(INSTALLER, Name(name), Role.APPROVER, ask=Ask()))
    plane.tokens[name] = made.token
    plane.run(plane.services.follower.refresh(5))


def decide(here: Visitor, address: str, verdict: str) -> None:
    here.page.goto(address)
    here.page.locator("#reason").fill("I have read the ticket")
    here.page.get_by_role("button", name=verdict, exact=True).click()
    here.page.get_by_role("status").wait_for()


def test_two_approve_and_the_token_is_shown_once_and_ends(visit: Visit, plane: ControlPlane) -> None:
    for name in ("first", "second"):
        approver(plane, name)
    asker = visit("operator")
    asker.expected |= {"status of 400", "status of 409"}
    asker.go("/elevations")
    asker.page.get_by_text("Ask for an elevation").click()
    for field, text in {
        "tenant": "acme",
        "actions": "audit.read",
        "ticket": "SUP-7",
        "minutes": "61",
        "reason": "why",
    }.items():
        asker.page.locator(f"#{field}").fill(text)
    asker.page.get_by_role("button", name="Ask", exact=True).click()
    expect(asker.page.locator("#wrong-minutes")).to_contain_text("1 to 60")
    asker.page.locator("#minutes").fill("5")
    asker.page.get_by_role("button", name="Ask", exact=True).click()
    expect(asker.page.get_by_role("status")).to_contain_text("Two approvers decide")
    address = asker.page.url
    for refused in ("Approve", "Begin"):  # neither by whoever asked, nor before anybody said yes
        expect(asker.page.get_by_role("button", name=refused, exact=True)).to_have_count(0)

    for name in ("first", "second"):
        decide(visit(name), address, "Approve")
    asker.page.goto(address)
    asker.page.get_by_role("button", name="Begin", exact=True).click()
    expect(asker.page.locator("h1")).to_have_text("Copy this token now")
    token = asker.page.locator(".secret-box code").inner_text()
    plane.run(plane.services.follower.refresh(5))
    elevated = plane.services.directory.authenticate(token, "127.0.0.1")
    assert isinstance(elevated, Principal)
    assert elevated.elevation is not None
    assert elevated.elevation.actions == {"audit.read"}

    asker.page.reload()  # the page is the elevation's own by now
    assert token not in asker.page.content()
    left = asker.page.locator("[data-until]")
    before = left.inner_text()
    minutes, seconds = before.split(":")
    assert int(minutes) * 60 + int(seconds) <= 300
    expect(left).not_to_have_text(before)  # it counts
    asker.page.get_by_role("button", name="End", exact=True).click()
    expect(asker.page.get_by_role("status")).to_contain_text("counts no more")
    plane.run(plane.services.follower.refresh(5))
    assert not isinstance(plane.services.directory.authenticate(token, "127.0.0.1"), Principal)


def test_an_approval_is_of_what_the_page_showed_and_nobodys_twice(visit: Visit, plane: ControlPlane) -> None:
    approver(plane, "third")
    operator = plane.services.directory.authenticate(plane.tokens["operator"], "127.0.0.1")
    assert isinstance(operator, Principal)
    tenant = plane.tenants["acme"]
    asked = Asked(
        tenant=tenant, actions=("audit.read",), minutes=5, ticket="SUP-8", reason="r", requester=str(operator)
    )
    made = plane.run(plane.services.elevations.request(operator, asked, Ask()))
    here = visit("third")
    here.expected |= {"status of 409"}
    here.go(f"/elevations/{made.id}")
    here.page.locator("input[name=digest]").evaluate("each => { each.value = 'sha256:' + '0'.repeat(64) }")
    here.page.locator("#reason").fill("yes")
    here.page.get_by_role("button", name="Approve", exact=True).click()
    expect(here.page.get_by_role("alert")).to_be_visible()
    decide(here, f"{plane.url}/elevations/{made.id}", "Approve")
    expect(here.page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    assert plane.run(plane.services.elevations.show(operator, made.id, Ask())).phase is Phase.OPEN

    admin = visit("acme-admin")  # a tenant's administrator is told of none, nor that there is one
    admin.expected |= {"status of 403", "status of 404"}
    admin.go(f"/elevations/{made.id}")
    assert "SUP-8" not in admin.page.content()
    admin.go("/")
    expect(admin.page.get_by_role("link", name="Elevation")).to_have_count(0)


def leak(plane: ControlPlane, tenant: TenantId) -> str:
    made = plane.run(
        plane.services.identity.create_key(
            INSTALLER, tenant, environment=Environment.DEV, workload=Name("inference"), ask=Ask()
        )
    )
    dealt = plane.run(
        plane.services.incidents.key_leak(
            INSTALLER, tenant, KeyId(made.key.id), freeze=False, rotate=False, reason="left on a train", ask=Ask()
        )
    )
    return str(dealt.incident.id)


def test_an_incident_is_read_and_closed_by_its_cause(visit: Visit, plane: ControlPlane) -> None:
    incident = leak(plane, plane.tenants["acme"])
    here = visit("acme-admin")
    here.go("/tenants/acme/incidents")
    here.page.get_by_role("link", name="key-leak").first.click()
    expect(here.page.locator("body")).to_contain_text("left on a train")
    here.page.locator("#cause").fill("a note in a bag")
    here.page.get_by_role("button", name="Close the incident").click()
    expect(here.page.get_by_role("status")).to_contain_text("closed")
    expect(here.page.get_by_role("button", name="Close the incident")).to_have_count(0)
    here.expected |= {"status of 404"}
    other = leak(plane, plane.tenants["globex"])
    here.go(f"/tenants/acme/incidents/{other}")  # another's looks like none
    assert "left on a train" not in here.page.content()
    assert incident != other


def test_an_access_review_says_what_to_do(visit: Visit, plane: ControlPlane) -> None:
    here = visit("acme-admin")
    here.go("/tenants/acme/review")
    expect(here.page.locator("h1")).to_contain_text("Access review")
    assert plane.tokens["acme-inference"] not in here.page.content()
