"""Everybody can use every page: axe-core finds nothing, in light and dark and on a phone, and nothing is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import ControlPlane
from strongroom.identity.service import loopback_exception
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Environment
from strongroom.policy import Ask

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit, Visitor

BY_AXE = "Applying inline style"  # it measures by styles of its own; that our pages have none, the other tests see
LOOKS: dict[str, dict[str, Any]] = {"light": {}, "dark": {"dark": True}, "phone": {"width": 375, "height": 700}}


@pytest.fixture(scope="module")
def pages(plane: ControlPlane) -> dict[str, str]:
    """Return every page that can be opened by its address, with something of each kind on it."""
    identity, acme = plane.services.identity, plane.tenants["acme"]
    keys: list[str] = []
    for label in ("excepted", "revoked"):
        made = plane.run(
            identity.create_key(
                INSTALLER,
                acme,
                environment=Environment.DEV,
                workload=Name("inference"),
                label=label,
                exception=loopback_exception(plane.services.clock.now(), 1),
                ask=Ask(),
            )
        )
        keys.append(made.key.id)
    plane.run(identity.revoke_key(INSTALLER, acme, KeyId(keys[1]), "left on a train", Ask()))
    return {
        "overview": "/",
        "tenants": "/tenants",
        "tenant": "/tenants/acme",
        "production": "/tenants/acme?environment=prod",
        "keys": "/tenants/acme/keys",
        "no keys": "/tenants/acme/keys?environment=test",
        "key": f"/tenants/acme/keys/{keys[0]}",
        "revoked key": f"/tenants/acme/keys/{keys[1]}",
        "deployments": "/tenants/acme/deployments",
        "no deployments": "/tenants/acme/deployments?environment=prod",
        "tenant's log": "/tenants/acme/audit",
        "log": "/audit",
        "no entries": "/audit?outcome=failed",
        "models": "/models",
        "accounts": "/accounts",
        "delete": "/tenants/globex/delete",
        "missing": "/tenants/nothing",
    }


def examine(here: Visitor, name: str) -> list[str]:
    """Return what axe-core and a ruler find wrong with the page that is open."""
    for closed in here.page.locator("details:not([open]) > summary").all()[:3]:
        closed.click()
    found = Axe().run(here.page, options={"preload": False}).response["violations"]
    wrong = [f"{name}: {each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}" for each in found]
    wide = here.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wrong + ([f"{name}: {wide} px wider than the window"] if wide > 0 else [])


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_for_everybody(visit: Visit, pages: dict[str, str], look: str) -> None:
    here = visit("operator", **LOOKS[look])
    here.expected |= {"status of 404", BY_AXE}
    wrong: list[str] = []
    for name, address in pages.items():
        here.go(address)
        wrong += examine(here, name)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_that_answer_a_form_are_too(visit: Visit, look: str) -> None:
    here = visit(**LOOKS[look])
    here.expected |= {"status of 401", "status of 400", BY_AXE}
    here.go("/sign-in")
    wrong = examine(here, "sign-in")
    here.page.get_by_label("Token").fill("no")
    here.page.get_by_role("button", name="Sign in").click()
    expect(here.page.get_by_role("alert")).to_be_visible()
    wrong += examine(here, "failed sign-in")
    here.sign_in("operator")
    here.go("/tenants/acme/keys?environment=dev&workload=inference")
    here.page.locator("#days").fill("999")
    here.page.get_by_role("button", name="Issue key").click()
    expect(here.page.locator("#wrong-days")).to_contain_text("at most 7 days")
    wrong += examine(here, "refused key")
    here.page.locator("#days").fill("1")
    here.page.get_by_role("button", name="Issue key").click()
    expect(here.page.locator("h1")).to_have_text("Copy this key now")
    wrong += examine(here, "new key")
    here.go("/tenants/acme")
    here.page.get_by_text("New workload").click()
    here.page.get_by_label("Name", exact=True).fill(f"by-{look}")
    here.page.get_by_label("Owner", exact=True).fill("Somebody with a name that is longer than most columns are wide")
    here.page.get_by_role("button", name="Create workload").click()
    expect(here.page.get_by_role("status")).to_be_visible()
    wrong += examine(here, "done")
    assert not wrong, "\n".join(wrong)
