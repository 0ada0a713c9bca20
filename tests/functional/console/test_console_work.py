"""What one does in the console, page by page, in a real browser."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import RELEASE, ControlPlane
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Environment, Role
from strongroom.policy import Ask

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit, Visitor

KEY = re.compile(r"srk_(?:inf|evl)_(?:dev|test|prod)_[0-9a-z]{16}_[0-9A-Za-z]{49}")


def fill(page: Page, **fields: str) -> None:
    for label, value in fields.items():
        page.get_by_label(label.capitalize(), exact=True).fill(value)


def make_tenant(here: Visitor, name: str) -> None:
    here.go("/tenants")
    here.page.get_by_text("New tenant").click()
    fill(here.page, name=name)
    here.page.get_by_role("button", name="Create tenant").click()
    expect(here.page.get_by_role("status")).to_contain_text(f"Tenant {name} is there")


def make_workload(here: Visitor, tenant: str, name: str, environment: str, owner: str = "Team") -> None:
    here.go(f"/tenants/{tenant}")
    here.page.get_by_text("New workload").click()
    fill(here.page, name=name, owner=owner)
    here.page.locator("#environment").select_option(environment)
    here.page.get_by_role("button", name="Create workload").click()
    expect(here.page.get_by_role("status")).to_contain_text(f"Workload {name} is there in {environment}")


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_from_a_tenant_to_a_key_that_is_shown_once_and_revoked(
    visit: Visit, plane: ControlPlane, *, javascript: bool
) -> None:
    here = visit("operator", javascript=javascript)
    tenant = f"initech-{'js' if javascript else 'plain'}"
    make_tenant(here, tenant)
    expect(here.page).to_have_url(f"{plane.url}/tenants/{tenant}")
    expect(here.page.locator(".environment")).to_have_count(3)
    expect(here.page.locator(".none")).to_have_count(3)

    make_workload(here, tenant, "chat", "prod")
    expect(here.page.locator("body")).to_have_class("in-prod")
    expect(here.page.locator(".prod-line")).to_be_visible()
    expect(here.page.get_by_label("Workload")).to_have_value("prod/chat")
    here.page.locator("#label").fill("web")
    here.page.locator("#days").fill("7")
    here.page.get_by_role("button", name="Issue key").click()
    expect(here.page.locator("h1")).to_have_text("Copy this key now")
    secret = here.page.locator(".secret-box code").inner_text()
    assert KEY.fullmatch(secret)
    assert here.page.content().count(secret) == 1
    assert here.page.title() == "New key · Strongroom"

    # It works, and it is the only copy there is.
    plane.run(plane.services.follower.refresh(5))
    who = plane.services.directory.authenticate(secret, "127.0.0.1")
    assert getattr(who, "role", None) is Role.INFERENCE
    key_id = secret.split("_")[3]
    if javascript:
        here.page.reload()  # the page is the key's own by now
        expect(here.page.locator("h1")).to_have_text(f"Key {key_id}")
        assert secret not in here.page.content()
    for path in ("/keys", f"/keys/{key_id}", "/audit", ""):
        here.go(f"/tenants/{tenant}{path}")
        assert secret not in here.page.content(), path
    here.page.go_back()
    here.page.go_back()
    assert secret not in here.page.content()

    here.go(f"/tenants/{tenant}/keys/{key_id}")
    expect(here.page.locator(".facts")).to_contain_text("web")
    expect(here.page.locator(".facts")).to_contain_text("in 7 days")
    here.page.get_by_label("Reason").fill("it's <b>over</b>")
    here.page.get_by_role("button", name="Revoke key").click()
    expect(here.page.get_by_role("status")).to_contain_text("is revoked")
    said = here.page.get_by_role("status").locator("code").inner_text()
    assert shlex.split(said) == [
        *["strongroom", "key", "revoke", key_id, "--tenant", tenant, "--reason", "it's <b>over</b>"]
    ]
    expect(here.page.locator(".facts")).to_contain_text("it's <b>over</b>")
    assert getattr(plane.services.directory.authenticate(secret, "127.0.0.1"), "role", None) is None


def test_a_form_that_was_sent_makes_no_second_key(visit: Visit, plane: ControlPlane) -> None:
    here = visit("operator", javascript=False)
    here.expected.add("status of 409")
    here.go("/tenants/acme/keys?environment=dev&workload=inference")
    before = here.page.locator("tbody tr").count()
    here.page.get_by_role("button", name="Issue key").click()
    secret = here.page.locator(".secret-box code").inner_text()
    here.page.reload()  # the browser sends the form again
    expect(here.page.get_by_role("alert")).to_contain_text("sent already")
    assert secret not in here.page.content()
    here.go("/tenants/acme/keys")
    assert here.page.locator("tbody tr").count() == before + 1
    del plane


def test_a_page_that_comes_back_whole_has_no_secret(visit: Visit) -> None:
    here = visit("operator")
    here.go("/tenants/acme/keys?environment=dev&workload=inference")
    here.page.get_by_role("button", name="Issue key").click()
    secret = here.page.locator(".secret-box code").inner_text()
    here.page.get_by_role("link", name="I have kept it").click()
    here.page.locator("h1", has_text="Key ").wait_for()
    here.page.go_back()
    here.page.wait_for_load_state()
    assert secret not in here.page.content()


def test_what_cannot_be_is_said_beside_the_field_and_what_was_typed_stays(visit: Visit) -> None:
    here = visit("operator")
    here.expected |= {"status of 400", "status of 409"}
    here.go("/tenants")
    here.page.get_by_text("New tenant").click()
    here.page.locator("#name").evaluate("each => each.removeAttribute('pattern')")
    fill(here.page, name="Not A Name")
    here.page.get_by_role("button", name="Create tenant").click()
    expect(here.page.locator("#wrong-name")).to_contain_text("A name is 1 to 63")
    expect(here.page.get_by_label("Name", exact=True)).to_have_value("Not A Name")
    fill(here.page, name="acme")
    here.page.get_by_role("button", name="Create tenant").click()
    expect(here.page.get_by_role("alert")).to_have_text("There is a tenant called acme already.")


def test_the_command_beside_a_form_follows_what_is_typed(visit: Visit) -> None:
    here = visit("operator")
    here.go("/tenants/acme")
    here.page.get_by_text("New workload").click()
    shown = here.page.locator("form[data-preview] .cli code")
    assert shown.inner_text().split()[:4] == ["strongroom", "workload", "create", "NAME"]
    fill(here.page, name="chat", owner="it's --me; $(x)")
    assert shlex.split(shown.text_content() or "") == [
        *["strongroom", "workload", "create", "chat", "--tenant", "acme"],
        *["--environment", "dev", "--role", "inference", "--owner", "it's --me; $(x)"],
    ]
    fill(here.page, owner="--yes")
    assert shlex.split(shown.text_content() or "")[-1] == "--owner=--yes"


def test_copying_copies_the_command(visit: Visit) -> None:
    here = visit("operator")
    here.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=here.plane.url)
    here.go("/tenants")
    here.page.get_by_role("button", name="Copy").first.click()
    expect(here.page.get_by_role("button", name="Copied")).to_be_visible()
    assert here.page.evaluate("navigator.clipboard.readText()") == "strongroom tenant list"


def test_a_tenant_is_deleted_by_typing_its_name(visit: Visit, plane: ControlPlane) -> None:
    here = visit("operator")
    here.expected |= {"status of 400", "status of 404"}
    make_tenant(here, "doomed")
    here.page.get_by_role("link", name="Delete this tenant…").click()
    here.page.locator("#confirm").fill("doom")
    here.page.get_by_role("button", name="Delete doomed").click()
    expect(here.page.locator("#wrong-confirm")).to_have_text("Type doomed to confirm.")
    here.page.locator("#confirm").fill("doomed")
    here.page.get_by_role("button", name="Delete doomed").click()
    expect(here.page).to_have_url(f"{plane.url}/tenants")
    expect(here.page.get_by_role("status")).to_contain_text("Tenant doomed is gone")
    here.go("/tenants/doomed")
    expect(here.page.locator("h1")).to_have_text("Not here")


def test_each_page_shows_what_there_is(visit: Visit, plane: ControlPlane) -> None:
    here = visit("operator")
    here.go("/")
    expect(here.page.locator(".tiles")).to_contain_text("Tenants")
    expect(here.page.locator(".light.on")).to_have_count(2)
    here.go("/tenants/acme/deployments")
    row = here.page.locator("tbody tr").first
    expect(row).to_contain_text("tiny")
    row.locator("summary").click()
    expect(row).to_contain_text(RELEASE.digest)
    here.go("/tenants/globex/deployments?environment=prod")
    expect(here.page.locator(".empty")).to_contain_text("Nothing is deployed here")
    here.go("/models")
    expect(here.page.locator("tbody")).to_contain_text("made for a test")
    here.go("/accounts")
    expect(here.page.locator("tbody tr", has_text="globex-admin")).to_contain_text("globex")
    here.go("/tenants/acme/keys")
    expect(here.page.locator("tbody")).to_contain_text(plane.key_ids["acme"])


def test_the_log_is_read_in_pages_and_by_outcome(visit: Visit, plane: ControlPlane) -> None:
    here = visit("operator")
    for _ in range(30):
        plane.run(plane.services.identity.list_tenants(INSTALLER, Ask(request_id="req_many")))
        plane.run(plane.services.accounts.list(INSTALLER, Ask(request_id="req_many")))
    here.go("/audit")
    expect(here.page.locator("#entries tr")).to_have_count(51)  # fifty, and the way to older ones
    here.page.locator("#older a").click()
    expect(here.page.locator("#entries tr").nth(60)).to_be_visible()  # in place
    assert here.page.url.endswith("/audit")
    here.page.get_by_role("link", name="failed").click()
    expect(here.page.locator("h1")).to_contain_text("Audit")
    assert here.page.locator(".status.allowed").count() == 0
    plain = visit("operator", javascript=False)
    plain.go("/audit")
    first = plain.page.locator("#entries tr").first.inner_text()
    plain.page.locator("#older a").click()
    assert "before=" in plain.page.url
    assert plain.page.locator("#entries tr").first.inner_text() != first


ODD = '<script>document.title="owned"</script><img src=x onerror=alert(1)>{{7*7}}'


def test_what_a_tenant_wrote_is_text(visit: Visit, plane: ControlPlane) -> None:
    identity, acme = plane.services.identity, plane.tenants["acme"]
    plane.run(
        identity.create_workload(
            INSTALLER, acme, environment=Environment.TEST, name=Name("odd"), role=Role.INFERENCE, owner=ODD, ask=Ask()
        )
    )
    plane.run(
        identity.create_key(
            INSTALLER, acme, environment=Environment.TEST, workload=Name("odd"), label=ODD, owner=ODD, ask=Ask()
        )
    )
    here = visit("acme-admin")
    here.page.on("dialog", lambda dialog: here.complaints.append(dialog.message))
    for path in ("/tenants/acme", "/tenants/acme/keys", "/tenants/acme/audit"):
        here.go(path)
        assert here.page.title() != "owned"
        assert here.page.locator("main img, main script").count() == 0
    here.go("/tenants/acme")
    assert ODD in here.page.locator("main").inner_text()
    here.go("/tenants/acme/keys?environment=%3Cscript%3E&workload=%22%3E%3Cscript%3E")
    assert here.page.locator("main script").count() == 0


def test_a_tenant_administrator_sees_its_own_tenant_and_nothing_else(visit: Visit, plane: ControlPlane) -> None:
    here = visit("acme-admin")
    here.expected |= {"status of 404"}
    expect(here.page.locator(".menu")).to_contain_text("acme")
    expect(here.page.locator(".menu")).not_to_contain_text("Tenants")
    expect(here.page.locator(".menu")).not_to_contain_text("Accounts")
    here.go("/tenants/acme/keys")
    expect(here.page.locator("h1")).to_contain_text("Keys")

    def told(path: str) -> str:
        here.go(path)
        return re.sub(r"req_[0-9a-f]+|\?.*", "", here.page.locator("main").inner_text())

    missing = told("/tenants/nothing-here")
    assert missing.startswith("404")
    foreign = plane.key_ids["globex"]
    for path in (
        "/tenants/globex",
        f"/tenants/{plane.tenants['globex']}",
        "/tenants/globex/keys",
        f"/tenants/globex/keys/{foreign}",
        f"/tenants/acme/keys/{foreign}",
        f"/tenants/acme/keys/{'0' * 16}",
        "/tenants/globex/deployments",
        "/tenants/globex/audit",
        "/tenants/globex/delete",
        "/accounts",
        "/audit",
    ):
        assert told(path) == missing, path


def test_an_approver_is_offered_what_it_may_see(visit: Visit) -> None:
    here = visit("approver")
    here.expected |= {"status of 404"}
    expect(here.page.locator(".menu li")).to_have_count(
        6
    )  # and what it decides on: releases, channels, elevations, proposals
    here.go("/models")
    expect(here.page.locator("tbody")).to_contain_text("tiny")
    here.go("/tenants/acme")
    expect(here.page.locator("h1")).to_have_text("Not here")


def test_the_look_is_chosen_and_stays(visit: Visit) -> None:
    for javascript in (True, False):
        here = visit("operator", javascript=javascript)
        here.page.get_by_role("button", name="Dark").click()
        expect(here.page.locator("html")).to_have_attribute("data-theme", "dark")
        expect(here.page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
        here.page.wait_for_load_state("networkidle")
        here.go("/tenants")
        expect(here.page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_keyboard_is_enough(visit: Visit) -> None:
    here = visit("operator")
    here.go("/tenants")
    here.page.keyboard.press("Tab")
    expect(here.page.locator(".skip")).to_be_focused()
    here.page.keyboard.press("Enter")
    expect(here.page.locator("main")).to_be_focused()
    here.page.get_by_text("New tenant").focus()
    here.page.keyboard.press("Enter")
    here.page.keyboard.press("Tab")
    expect(here.page.get_by_label("Name", exact=True)).to_be_focused()


def test_a_workload_role_that_is_none_is_refused(visit: Visit, plane: ControlPlane) -> None:
    here = visit("operator")
    here.expected |= {"status of 400"}
    here.go("/tenants/acme")
    here.page.get_by_text("New workload").click()
    fill(here.page, name="sneaky", owner="Me")
    here.page.locator("#role").evaluate("each => { each.options[0].value = 'operator'; }")
    here.page.get_by_role("button", name="Create workload").click()
    expect(here.page.locator("#wrong-role")).to_be_visible()
    found = plane.run(plane.services.identity.list_workloads(INSTALLER, TenantId(plane.tenants["acme"]), Ask()))
    assert all(each.name != "sneaky" for each in found)
