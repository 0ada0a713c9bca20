"""The database goes away and comes back: a page says so, nothing is half done, and nobody has to start anything."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from playwright.sync_api import expect

from strongroom.app.testing import ControlPlane
from strongroom.store import migrate, roles
from strongroom.store.cluster import Cluster
from strongroom.store.testing import TestDatabase, logins, private_cluster

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit

Outage: TypeAlias = Callable[[], AbstractContextManager[None]]
Run: TypeAlias = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module")
def cluster() -> Generator[Cluster]:
    """A server of this module's own: the shared one is not ours to stop."""
    with tempfile.TemporaryDirectory(prefix="sr-") as name:
        place = Path(name)
        place.chmod(0o755)  # PostgreSQL runs under another uid
        yield private_cluster(place)


@pytest.fixture(scope="module")
def ground(cluster: Cluster, elsewhere: Run) -> Generator[TestDatabase]:
    admin = elsewhere(cluster.start())
    passwords = roles.Passwords.generate()
    elsewhere(migrate.migrate(admin, passwords))
    yield logins(admin, passwords)
    elsewhere(cluster.stop())


@pytest.fixture
def outage(cluster: Cluster, elsewhere: Run) -> Outage:
    @contextmanager
    def outage() -> Generator[None]:
        elsewhere(cluster.stop())
        try:
            yield
        finally:
            elsewhere(cluster.start())

    return outage


def test_the_console_says_that_the_database_is_away_and_comes_back_by_itself(visit: Visit, outage: Outage) -> None:
    here = visit("operator")
    here.expected |= {"status of 503"}
    here.go("/tenants")
    with outage():
        here.go("/tenants")
        expect(here.page.locator("h1")).to_have_text("Not available right now")
        here.page.locator("main").get_by_role("link", name="Overview").click()
        expect(here.page.locator("h1")).to_have_text("Not available right now")
        assert "srk_" not in here.page.content()
    # No click: the page asks whether it may come back, and the session is still there.
    expect(here.page.locator("h1")).to_have_text("Overview", timeout=30_000)


def test_nobody_is_signed_in_while_it_cannot_be_known_who_counts(
    visit: Visit, plane: ControlPlane, outage: Outage
) -> None:
    here = visit()
    here.expected |= {"status of 503"}
    here.go("/sign-in")
    here.page.get_by_label("Token").fill(plane.tokens["operator"])
    with outage():
        here.page.get_by_role("button", name="Sign in").click()
        expect(here.page.locator("h1")).to_have_text("Not available right now")
        assert not here.context.cookies()
    assert plane.run(plane.services.follower.refresh(20))
    here.sign_in("operator")
