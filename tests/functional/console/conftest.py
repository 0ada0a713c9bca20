"""A real Chromium against a real control port over a real PostgreSQL: one of each for a module.

Every page that a test opens is watched: an error, a warning or a violation of the content security policy in the
browser's console fails the test.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright

from strongroom.app.testing import ControlPlane, control_plane
from strongroom.store.testing import TestDatabase, TestServer

CHROMIUM = Path(shutil.which("chromium") or "/usr/bin/chromium")


@pytest.fixture(
    scope="module"
)  # not the session: while it lives it holds this thread's event loop, and others' tests fail
def chromium() -> Generator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail("Chromium is missing; as root, once: `make browser`", pytrace=False)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's own refuses to run as root
    with sync_playwright() as playwright:
        browser = _launch(playwright, sandbox)
        yield browser
        browser.close()


def _launch(playwright: Playwright, sandbox: list[str]) -> Browser:
    return playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[*sandbox, "--disable-background-networking", "--disable-dev-shm-usage"],
    )


@pytest.fixture(scope="module")
def elsewhere() -> Generator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Return what runs a coroutine on a loop of another thread: Playwright's synchronous interface has this one's."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture(scope="module")
def ground(postgres: TestServer, elsewhere: Callable[[Coroutine[Any, Any, Any]], Any]) -> Generator[TestDatabase]:
    """Return the database under the module's control port."""
    manager = postgres.database()
    yield elsewhere(manager.__aenter__())
    elsewhere(manager.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def plane(ground: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Generator[ControlPlane]:
    with control_plane(ground, tmp_path_factory.mktemp("control")) as plane:
        yield plane


@dataclass
class Visitor:
    """One browser profile at the console, watched."""

    context: BrowserContext
    page: Page
    plane: ControlPlane
    complaints: list[str] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)

    def go(self, path: str) -> None:
        self.page.goto(self.plane.url + path)

    def sign_in(self, who: str) -> None:
        self.go("/sign-in")
        self.page.get_by_label("Token").fill(self.plane.tokens[who])
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    def heading(self) -> str:
        return self.page.locator("h1").inner_text()

    def watch(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(part in message.text for part in self.expected):
            self.complaints.append(message.text)


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(chromium: Browser, plane: ControlPlane) -> Generator[Visit]:
    """Return a function that opens a fresh browser profile, signed in as `who` if given."""
    opened: list[Visitor] = []

    def visit(
        who: str | None = None, *, javascript: bool = True, dark: bool = False, width: int = 1280, height: int = 800
    ) -> Visitor:
        context = chromium.new_context(
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": height},
        )
        context.set_default_timeout(15_000)
        visitor = Visitor(context, context.new_page(), plane)
        opened.append(visitor)
        visitor.page.on("console", visitor.watch)
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        if who is not None:
            visitor.sign_in(who)
        return visitor

    yield visit
    for visitor in opened:
        visitor.context.close()
    complaints = [complaint for visitor in opened for complaint in visitor.complaints]
    assert not complaints, "the browser complained"
