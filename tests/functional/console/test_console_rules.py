"""Rules in the console, in a real browser: written after a look at what they change, decided on by somebody else, tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from strongroom.app.dryrun import Compared
from strongroom.app.testing import ControlPlane
from strongroom.identity.approvals import Request, State
from strongroom.kernel.principal import Principal
from strongroom.policy import Ask
from strongroom.rules import Level, Rules
from strongroom.rules.proposing import Proposing

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit

OWN = 'kind = "privacy"\n\n[[rules]]\nname = "no addresses"\n\n[rules.input]\nemail = "mask"\n'
CEILING = {"rules": [{"name": "try", "environments": ["dev"], "seed": True}]}


def administrator(plane: ControlPlane) -> Principal:
    found = plane.services.directory.authenticate(plane.tokens["acme-admin"], "127.0.0.1")
    assert isinstance(found, Principal)
    return found


def test_a_document_is_looked_at_then_put_in_force_and_tried(visit: Visit, plane: ControlPlane) -> None:
    here = visit("acme-admin")
    here.expected |= {"status of 400", "status of 404"}
    here.go("/tenants/acme/rules/privacy")
    here.page.get_by_role("link", name="Write the next version").click()
    document, reason = here.page.locator("#document"), here.page.locator("#reason")
    document.fill('kind = "privacy"\n\n[[rules]]\nemail = 1\n')
    here.page.get_by_role("button", name="Look at it first").click()
    expect(here.page.locator("#wrong-document")).to_contain_text("Line 3")
    document.fill(OWN)
    here.page.get_by_role("button", name="Look at it first").click()
    expect(here.page.locator(".diff .added").filter(has_text='email = "mask"')).to_be_visible()
    expect(document).to_have_value(OWN.rstrip("\n") + "\n")
    assert not plane.run(
        plane.services.rules.history(administrator(plane), plane.tenants["acme"], "privacy", Level.OWN, Ask(), limit=1)
    )
    here.page.get_by_role("button", name="Put it in force").click()
    expect(here.page.locator("#wrong-reason")).to_be_visible()  # never without a reason
    reason.fill("support asked")
    here.page.get_by_role("button", name="Put it in force").click()
    expect(here.page.get_by_role("status")).to_contain_text("Version 1 is in force")

    here.go("/tenants/acme/privacy/try")
    here.page.locator("#text").fill("write to jane.roe@example.com, <b>please</b>")
    here.page.get_by_role("button", name="Look at it").click()
    expect(here.page.locator(".tried mark")).to_have_text("[EMAIL]")
    expect(here.page.locator(".tried")).to_contain_text("<b>please</b>")  # text stays text
    entries = plane.run(plane.services.audit.of_tenant(administrator(plane), plane.tenants["acme"], Ask(), limit=50))
    assert "jane" not in repr(entries)

    here.go("/tenants/acme/rules/privacy/ceiling")  # which is an operator's to write
    assert here.page.locator("#document").count() == 0


def proposed(plane: ControlPlane) -> Request:
    """Have an operator propose a ceiling, as in production."""
    services = plane.services
    operator = services.directory.authenticate(plane.tokens["operator"], "127.0.0.1")
    assert isinstance(operator, Principal)
    rules = Rules(services.gate, services.clock, Proposing(services.clock, Compared(services.engine).attached))
    made = plane.run(
        rules.propose(
            operator, plane.tenants["acme"], "disclosure", Level.CEILING, CEILING, expected=0, reason="to try",
            at_once=False, ask=Ask(),
        )
    )  # fmt: skip
    assert isinstance(made, Request)
    return made


def test_a_proposal_is_decided_by_somebody_else_and_by_what_they_saw(visit: Visit, plane: ControlPlane) -> None:
    made = proposed(plane)
    asker = visit("operator")
    asker.go(f"/proposals/{made.id}")
    expect(asker.page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)  # nobody their own
    expect(asker.page.get_by_role("button", name="Withdraw")).to_be_visible()

    here = visit("approver")
    here.expected |= {"status of 409", "status of 404"}
    here.go("/proposals")
    here.page.get_by_role("link", name="Disclosure at the level ceiling").or_(
        here.page.get_by_role("link", name="disclosure at the level ceiling")
    ).first.click()
    expect(here.page.locator(".diff .added").filter(has_text="seed = true")).to_be_visible()
    expect(here.page.locator("body")).to_contain_text("Looked at")
    here.page.locator("input[name=digest]").evaluate("each => { each.value = 'sha256:' + '0'.repeat(64) }")
    here.page.locator("#reason").fill("agreed")
    here.page.get_by_role("button", name="Approve", exact=True).click()
    expect(here.page.get_by_role("alert")).to_be_visible()
    here.go(f"/proposals/{made.id}")
    here.page.locator("#reason").fill("agreed")
    here.page.get_by_role("button", name="Approve", exact=True).click()
    expect(here.page.get_by_role("status")).to_contain_text("in force")
    shown = plane.run(plane.services.proposals.show(administrator(plane), made.id, Ask()))
    assert shown.state is State.USED
    other = visit("globex-admin")  # another tenant's proposal looks like none
    other.expected |= {"status of 404"}
    other.go(f"/proposals/{made.id}")
    assert "to try" not in other.page.content()
