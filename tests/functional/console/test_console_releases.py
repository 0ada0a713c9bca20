"""Releases and channels in the console, in a real browser: looked at, compared, approved by their digest, promoted, stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect
from tests.functional.console.releases import OWN_KEY, furnish, person

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import ControlPlane
from strongroom.kernel.principal import Environment
from strongroom.policy import Ask
from strongroom.registry.channels.model import Channel

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit


@pytest.fixture(scope="module", autouse=True)
def furnished(plane: ControlPlane) -> None:
    furnish(plane)


def approve(page: Page, environment: str) -> None:
    page.locator("#environment").select_option(environment)
    page.locator("#reason").fill("I have read its card")
    page.get_by_role("button", name="Approve", exact=True).click()


def test_an_approver_finds_what_waits_and_answers_for_the_digest_that_was_shown(
    visit: Visit,
) -> None:
    here = visit("approver")
    here.expected |= {"status of 400", "status of 409"}
    here.go("/approvals")
    expect(here.page.locator("tbody tr").filter(has_text="tiny@2")).to_contain_text("0 of 1 approvals that dev demands")
    own = here.page.locator("tbody tr").filter(has_text=OWN_KEY.public.id)
    expect(own).to_contain_text("ed25519")
    expect(own).to_contain_text("active")
    here.page.get_by_role("link", name="tiny@2").click()
    expect(here.page.locator("h1")).to_contain_text("tiny")
    here.page.locator("input[name=digest]").evaluate("each => { each.value = 'sha256:' + '0'.repeat(64) }")
    approve(here.page, "dev")
    expect(here.page.get_by_role("alert")).to_contain_text("another release")
    expect(here.page.locator("body")).to_contain_text("Nobody has approved it yet.")

    here.go("/models/tiny/2")
    here.page.locator("#days").fill("401")
    approve(here.page, "dev")
    expect(here.page.locator("#wrong-days")).to_contain_text("1 to 400")
    here.page.locator("#days").fill("7")
    approve(here.page, "dev")
    expect(here.page.get_by_role("status")).to_contain_text("Approved in dev")
    expect(here.page.locator("tbody tr").filter(has_text="I have read its card")).to_contain_text("approver")
    here.go("/approvals")  # test and prod wait on; dev has its word
    waiting = here.page.locator("tbody tr").filter(has_text="tiny@2")
    expect(waiting).to_contain_text("prod demands")
    expect(waiting).not_to_contain_text("dev demands")

    operator = visit("operator")  # who may not approve is not asked to
    operator.go("/models/tiny/2")
    expect(operator.page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    expect(operator.page.get_by_role("link", name="Approvals")).to_have_count(0)


def test_a_tenants_own_releases_are_its_own_and_templates_are_compared(visit: Visit) -> None:
    here = visit("acme-admin")
    here.go("/tenants/acme/releases")
    expect(here.page.locator("tbody tr").filter(has_text="trojan 1")).to_contain_text("which no release brings along")
    here.page.locator("tbody tr").filter(has_text="support-bot").last.get_by_role("link").click()
    expect(here.page.locator(".reasons").first).to_contain_text("It was scanned by today's rules, and is clean.")
    here.page.locator("#with").select_option("support-bot@1")
    here.page.get_by_role("button", name="Show the difference").click()
    expect(here.page.locator("tbody tr").filter(has_text="chat_template.jinja")).to_contain_text("changed")
    expect(here.page.locator(".diff .removed")).to_contain_text("Be brief.")
    expect(here.page.locator(".diff .added")).to_contain_text("Answer in full.")

    approver = visit("approver")
    approver.go("/tenants/acme/releases/support-bot/2")
    approve(approver.page, "dev")
    expect(approver.page.get_by_role("status")).to_contain_text("for this tenant")
    operator = visit("operator")  # sees what differs by digest, and none of a tenant's texts
    operator.go("/tenants/acme/releases/support-bot/2/diff?with=support-bot@1")
    expect(operator.page.locator("body")).to_contain_text("for that tenant, and for approvers")
    assert "Be brief." not in operator.page.content()
    other = visit("globex-admin")
    other.expected |= {"status of 404"}
    for path in ("/tenants/acme/releases", "/tenants/acme/releases/support-bot/1", "/models/support-bot/1"):
        other.go(path)
        assert "support-bot" not in other.page.locator("main").inner_text(), path
    other.go("/tenants/globex/releases")
    assert "support-bot" not in other.page.content()


def test_a_release_is_promoted_gone_back_from_frozen_and_revoked(visit: Visit, plane: ControlPlane) -> None:
    services, approver = plane.services, person(plane, "approver")
    plane.run(
        services.admission.approve(
            approver, "tiny", "2", Environment.TEST, tenant=None, days=7, reason="a test", ask=Ask()
        )
    )

    def promoted() -> dict[str, bool]:
        shown = plane.run(services.channels.show(INSTALLER, Channel.TEST, Ask()))
        return {each.called: each.current for each in shown.promoted}

    here = visit("operator")
    here.expected |= {"status of 400", "status of 409"}
    here.go("/channels/test")
    here.page.get_by_text("Promote a release").click()
    here.page.locator("#release").select_option("tiny@2")
    here.page.locator("#promote-reason").fill("evaluated")
    here.page.get_by_role("button", name="Promote to test").click()
    expect(here.page.get_by_role("status")).to_contain_text("tiny@2 may be deployed in test now")
    assert promoted() == {"tiny@1": False, "tiny@2": True}
    for button, says, current in (
        ("Rehearse it only", "nothing was changed", False),
        ("Go back now", "Gone back", True),
    ):
        here.page.get_by_text("Go back to an older release").click()
        here.page.locator("#back-reason").fill("scores drift")
        here.page.get_by_role("button", name=button).click()
        expect(here.page.get_by_role("status")).to_contain_text(says)
        assert promoted()["tiny@1"] is current

    here.page.locator("summary").filter(has_text="Freeze").click()
    here.page.locator("#tenant").fill("nobody")
    here.page.locator("#freeze-reason").fill("their audit")
    here.page.get_by_role("button", name="Freeze", exact=True).click()
    expect(here.page.locator("#wrong-tenant")).to_contain_text("no tenant")
    here.page.locator("#tenant").fill("")
    here.page.locator("#name").fill("tiny")
    here.page.locator("#freeze-reason").fill("under review")
    here.page.get_by_role("button", name="Freeze", exact=True).click()
    expect(here.page.locator(".votes")).to_contain_text("under review")
    here.page.locator("#end-1").fill("reviewed")
    here.page.get_by_role("button", name="End this freeze").click()
    expect(here.page.get_by_role("status")).to_contain_text("is frozen no more")

    here.go("/channels/revocations")
    here.page.locator("#revoke-reason").fill("poisoned")
    here.page.get_by_role("button", name="Revoke for good").click()
    expect(here.page.locator("#wrong-digest")).to_contain_text("one of the two")
    here.page.locator("#digest").select_option(label="tiny@2")
    here.page.locator("#revoke-reason").fill("poisoned")
    here.page.get_by_role("button", name="Revoke for good").click()
    expect(here.page.get_by_role("status")).to_contain_text("Nothing was deployed of it")
    expect(here.page.locator("tbody tr")).to_contain_text("poisoned")
    here.go("/models")
    expect(here.page.locator("tbody tr").filter(has=here.page.get_by_role("cell", name="revoked"))).to_contain_text(
        "tiny"
    )

    admin = visit("acme-admin")  # channels are the installation's
    admin.expected |= {"status of 404", "status of 403"}
    admin.go("/channels")
    assert "Timestamp" not in admin.page.content()
    expect(admin.page.get_by_role("link", name="Channels")).to_have_count(0)


def test_a_key_of_which_no_release_is_made_is_revoked_as_a_key(visit: Visit) -> None:
    here = visit("operator")
    here.go("/channels/revocations")
    here.page.locator("#signer").fill("5d41402abc4b2a76b9719d911017c592")
    here.page.locator("#revoke-reason").fill("stolen")
    here.page.get_by_role("button", name="Revoke for good").click()
    expect(here.page.get_by_role("status")).to_contain_text("is judged anew")
