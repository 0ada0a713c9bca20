"""Everybody can use every page: axe-core finds nothing, in light and dark and on a phone, and nothing is cut off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect
from tests.functional.console.releases import newer

from strongroom.app.dryrun import Compared
from strongroom.app.seed import INSTALLER
from strongroom.app.testing import ControlPlane
from strongroom.identity.approvals import Request
from strongroom.identity.elevation.model import Asked
from strongroom.identity.service import loopback_exception
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask
from strongroom.providers import ProviderKind
from strongroom.providers.service import Change
from strongroom.retention.testing import keep
from strongroom.rules import Level, Rules
from strongroom.rules.proposing import Proposing
from strongroom.subjects import RequestKind

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit, Visitor

BY_AXE = "Applying inline style"  # it measures by styles of its own; that our pages have none, the other tests see


@dataclass(frozen=True)
class Look:
    """A way to show a page that is open.

    Attributes:
        rules: of axe-core's rules the ones whose answer depends on what sets this look apart; none: all of them.
    """

    name: str
    scheme: Literal["light", "dark"] = "light"
    width: int = 1280
    rules: tuple[str, ...] = ()


LOOKS: Final = (
    Look("dark", scheme="dark", rules=("color-contrast", "link-in-text-block")),
    Look("phone", width=375),
    Look("light"),  # last, as the page then goes on
)


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
    document = {"rules": [{"name": "trying", "environments": ["dev"], "seed": True}]}
    plane.run(
        plane.services.rules.write(
            INSTALLER, acme, "disclosure", Level.CEILING, document, expected=0, reason="a test", ask=Ask()
        )
    )
    operator = Principal(role=Role.OPERATOR, name="operator", credential=KeyId(""))
    asked = Asked(
        tenant=acme, actions=("audit.read",), minutes=30, ticket="SUP-1", reason="a look", requester=str(operator)
    )
    elevation = plane.run(plane.services.elevations.request(operator, asked, Ask())).id
    glass = msgspec.structs.replace(asked, ticket="SUP-2", break_glass=True)
    broken = plane.run(plane.services.elevations.break_glass(operator, glass, Ask())).elevation.id
    leaked = plane.run(
        plane.services.incidents.key_leak(
            INSTALLER, acme, KeyId(keys[1]), freeze=False, rotate=True, reason="left on a train", ask=Ask()
        )
    )
    proposing = Proposing(plane.services.clock, Compared(plane.services.engine).attached)
    strict = Rules(plane.services.gate, plane.services.clock, proposing)
    proposal = plane.run(
        strict.propose(
            INSTALLER,
            acme,
            "tools",
            Level.CEILING,
            {"rules": []},
            expected=0,
            reason="a test",
            at_once=False,
            ask=Ask(),
        )
    )
    assert isinstance(proposal, Request)
    plane.run(
        plane.services.subjects.take(
            INSTALLER, acme, RequestKind.ERASE, "customer-1", "DSR-1", "asked by letter", Ask()
        )
    )
    plane.run(keep(plane.services.retention, INSTALLER, acme, 90, "a test", Ask()))
    newer(plane)
    outside = Change(base_url="http://127.0.0.1:9", owner="Team Procurement", region="eu-central")
    plane.run(plane.services.providers.add(INSTALLER, Name("outside"), ProviderKind.OPENAI, outside, Ask()))
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
        "quality": "/tenants/acme/quality",
        "limits": "/tenants/acme/limits",
        "rules": "/tenants/acme/rules",
        "disclosure": "/tenants/acme/rules/disclosure",
        "no deployments": "/tenants/acme/deployments?environment=prod",
        "tenant's log": "/tenants/acme/audit",
        "log": "/audit",
        "searched log": "/audit?action=key.*",
        "people": "/tenants/acme/people",
        "retention": "/retention",
        "no entries": "/audit?outcome=failed",
        "write rules": "/tenants/acme/rules/disclosure/ceiling",
        "no findings": "/tenants/acme/privacy",
        "keys that end": "/tenants/acme/keys?show=ending",
        "no replaced keys": "/tenants/globex/keys?show=replaced",
        "try rules": "/tenants/acme/privacy/try",
        "proposals": "/proposals",
        "proposal": f"/proposals/{proposal.id}",
        "elevations": "/elevations",
        "open elevation": f"/elevations/{elevation}",
        "broken glass": f"/elevations/{broken}",
        "access review": "/tenants/acme/review",
        "incidents": "/tenants/acme/incidents",
        "incident": f"/tenants/acme/incidents/{leaked.incident.id}",
        "no incidents": "/tenants/globex/incidents",
        "models": "/models",
        "release": "/models/tiny/1",
        "waiting release": "/models/tiny/2",
        "difference": "/models/tiny/2/diff?with=tiny@1",
        "own releases": "/tenants/acme/releases",
        "no releases": "/tenants/globex/releases",
        "channels": "/channels",
        "channel": "/channels/dev",
        "revocations": "/channels/revocations",
        "providers": "/providers",
        "open providers": "/tenants/acme/providers",
        "accounts": "/accounts",
        "delete": "/tenants/globex/delete",
        "missing": "/tenants/nothing",
    }


def examine(here: Visitor, name: str) -> list[str]:
    """Return what axe-core and a ruler find wrong with the page that is open, in every look."""
    closed = here.page.locator("details:not([open]) > summary")
    for _ in range(min(3, closed.count())):
        closed.first.click()  # which is then no longer among them
    here.page.evaluate(AXE_SCRIPT)
    return [wrong for look in LOOKS for wrong in examine_as(here, look, name)]


# The browser takes up a new look some frames later, and fades from colour to colour: what it would come to, it comes to at once.
SETTLED: Final = """async look => {
    const frame = () => new Promise(requestAnimationFrame);
    while (innerWidth !== look.width || !matchMedia(`(prefers-color-scheme: ${look.scheme})`).matches) await frame();
    await frame();
    document.getAnimations().forEach(each => each.finish());
    await frame();
}"""


def examine_as(here: Visitor, look: Look, name: str) -> list[str]:
    here.page.emulate_media(color_scheme=look.scheme)
    here.page.set_viewport_size({"width": look.width, "height": 800})
    here.page.evaluate(SETTLED, {"width": look.width, "scheme": look.scheme})
    options = {"preload": False, "resultTypes": ["violations"]}
    found = here.page.evaluate(
        "options => axe.run(options).then(found => found.violations)",
        options | ({"runOnly": {"type": "rule", "values": look.rules}} if look.rules else {}),
    )
    where = f"{name}, {look.name}"
    wrong = [f"{where}: {each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}" for each in found]
    wide = here.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wrong + ([f"{where}: {wide} px wider than the window"] if wide > 0 else [])


@pytest.mark.timeout(600)  # some forty pages in every look: two minutes of one core, and more on a busy machine
def test_every_page_is_for_everybody(visit: Visit, pages: dict[str, str]) -> None:
    here = visit("operator")
    here.expected |= {"status of 404", BY_AXE}
    wrong: list[str] = []
    for name, address in pages.items():
        here.go(address)
        wrong += examine(here, name)
    assert not wrong, "\n".join(wrong)


def test_an_approvers_pages_are_too(visit: Visit, pages: dict[str, str]) -> None:
    here = visit("approver")
    here.expected |= {BY_AXE}
    wrong: list[str] = []
    for name, address in {"approvals": "/approvals", "approve": pages["waiting release"]}.items():
        here.go(address)
        wrong += examine(here, name)
    assert not wrong, "\n".join(wrong)


def test_the_pages_that_answer_a_form_are_too(visit: Visit) -> None:
    here = visit()
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
    here.page.get_by_label("Name", exact=True).fill("somebodys")
    here.page.get_by_label("Owner", exact=True).fill("Somebody with a name that is longer than most columns are wide")
    here.page.get_by_role("button", name="Create workload").click()
    expect(here.page.get_by_role("status")).to_be_visible()
    wrong += examine(here, "done")
    assert not wrong, "\n".join(wrong)


def test_each_look_is_looked_at(visit: Visit) -> None:
    # The control: what is wrong in one look alone is found there and nowhere else.
    here = visit("operator")
    here.expected |= {BY_AXE}
    here.go("/models")
    here.page.evaluate(
        """() => {
            const wrong = new CSSStyleSheet();
            wrong.replaceSync(`
                @media (prefers-color-scheme: dark) { main td { color: #222 !important; background: #000 !important } }
                @media (max-width: 400px) { h1 { min-width: 900px } }
                @media (min-width: 401px) and (prefers-color-scheme: light) { main td { color: #eee !important; background: #fff !important } }
            `);
            document.adoptedStyleSheets.push(wrong);
        }"""
    )
    found = {re.sub(r"\d+ px", "", each).partition(": [")[0] for each in examine(here, "it")}
    assert found == {
        "it, dark: color-contrast",
        "it, phone:  wider than the window",
        "it, light: color-contrast",
    }
