"""The lineage page, in a real browser: a picture, the same in tables, as it stood then, whatever things are called."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from playwright.sync_api import expect
from tests.functional.console.releases import person

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import RELEASE, ControlPlane
from strongroom.kernel.ids import Name, new_uuid
from strongroom.kernel.principal import Environment
from strongroom.policy import Ask

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit

EVIL = '</text></svg><script>document.title="owned"</script>'
CALLED = f"{RELEASE.name}@{RELEASE.version}"


@pytest.fixture(scope="module", autouse=True)
def known(plane: ControlPlane) -> None:
    """Tell of a run outside that made the installation's release from clicks with an evil name, and deploy it."""
    event: dict[str, Any] = {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-20T10:00:00Z",
        "producer": "https://airflow.example",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(new_uuid())},
        "job": {"namespace": "airflow", "name": "nightly"},
        "inputs": [{"namespace": "s3://lake", "name": EVIL}],
        "outputs": [{"namespace": "strongroom/acme", "name": f"release/{CALLED}"}],
    }
    services, acme = plane.services, plane.tenants["acme"]
    told = [msgspec.Raw(json.dumps(event).encode())]
    plane.run(services.lineage.take(person(plane, "acme-admin"), acme, Environment.DEV, told, Ask()))
    plane.run(services.registry.deploy(INSTALLER, acme, Environment.DEV, Name("traced"), RELEASE.digest, Ask()))


def test_a_release_is_followed_by_eye_and_by_table_and_nothing_that_it_is_called_runs(visit: Visit) -> None:
    here = visit("acme-admin")
    here.go("/tenants/acme/releases")
    here.page.get_by_role("link", name="Lineage").click()
    here.page.locator("main").get_by_role("link", name=CALLED, exact=True).click()
    picture = here.page.get_by_role("img", name="What went into what")
    expect(picture).to_be_visible()
    here.page.emulate_media(color_scheme="dark")
    inks = picture.locator("text").evaluate_all("all => all.map(one => getComputedStyle(one).fill)")
    assert set(inks) == {"rgb(17, 17, 17)", "rgb(85, 85, 85)"}, "its paper is white in the dark too"
    assert here.page.title() != "owned"
    expect(here.page.locator("script[src='']")).to_have_count(0)
    ways = here.page.get_by_role("region", name="What went into what").locator("tbody tr")
    expect(ways.filter(has_text="airflow/nightly").filter(has_text=CALLED)).to_contain_text("claimed")
    deployed = ways.filter(has_text="dev/traced")
    expect(deployed).to_contain_text("observed")
    expect(deployed).to_contain_text(str(INSTALLER))
    things = here.page.get_by_role("region", name="What they are").locator("tbody tr")
    expect(things.filter(has_text="elsewhere")).to_contain_text(EVIL)
    here.page.get_by_role("region", name="Picture; the tables below say the same").focus()  # scrolled by the keyboard
    expect(here.page.locator("body")).to_contain_text(f"strongroom lineage {CALLED} --tenant acme --kind release")


def test_a_past_moment_is_shown_as_it_was_and_what_is_not_there_is_told_so(visit: Visit, plane: ControlPlane) -> None:
    here = visit("acme-admin")
    here.expected |= {"status of 400", "status of 404"}
    here.go("/tenants/acme/lineage")
    here.page.locator("#of").fill(CALLED)
    here.page.locator("#at").fill("yesterday")
    here.page.get_by_role("button", name="Show").click()
    expect(here.page.locator("#wrong-at")).to_contain_text("in UTC")
    here.page.locator("#at").fill("2026-01-21T00:00")
    here.page.get_by_role("button", name="Show").click()
    expect(here.page.locator("#wrong-of")).to_contain_text("or was none then")
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    plane.run(
        plane.services.registry.withdraw(
            INSTALLER, plane.tenants["acme"], Environment.DEV, Name("traced"), Ask()
        )
    )  # fmt: skip
    for at, there in ((now, 1), ("", 1)):
        here.page.locator("#at").fill(at)
        here.page.get_by_role("button", name="Show").click()
        ways = here.page.get_by_role("region", name="What went into what").locator("tbody tr")
        expect(ways.filter(has_text="dev/traced")).to_have_count(there)
    expect(here.page.get_by_role("region", name="What they are")).to_contain_text("withdrawn by: ")

    other = visit("globex-admin")
    other.expected |= {"status of 404"}
    other.go(f"/tenants/acme/lineage?of={CALLED}")
    assert "airflow" not in other.page.content()
    other.go(f"/tenants/globex/lineage?of={CALLED}")
    expect(other.page.get_by_role("region", name="What they are")).to_contain_text("dev/tiny")
    assert "airflow" not in other.page.content()
