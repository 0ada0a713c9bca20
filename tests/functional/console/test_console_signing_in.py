"""Signing in, staying in and getting out; and forms that come from somewhere else."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Generator
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import ControlPlane
from strongroom.kernel.ids import Name
from strongroom.kernel.principal import Role
from strongroom.policy import Ask

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit

FAILED = "That token does not open this console."


def test_signing_in_shows_who_one_is_and_signing_out_ends_it(visit: Visit) -> None:
    here = visit()
    here.go("/tenants")
    expect(here.page).to_have_url(f"{here.plane.url}/sign-in?next=%2Ftenants")
    here.page.get_by_label("Token").fill(here.plane.tokens["operator"])
    here.page.keyboard.press("Enter")
    expect(here.page).to_have_url(f"{here.plane.url}/tenants")
    expect(here.page.locator(".who")).to_contain_text("operator")
    expect(here.page.locator(".ends")).to_contain_text("in 30 days")
    expect(here.page.locator(".demo")).to_contain_text("Demo")
    (cookie,) = here.context.cookies()
    assert cookie["name"] == "strongroom"
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["path"] == "/"
    here.page.get_by_role("button", name="Sign out").click()
    expect(here.page).to_have_url(f"{here.plane.url}/sign-in")
    # The same cookie again, as a thief would: it is worth nothing.
    here.context.add_cookies([{"name": "strongroom", "value": cookie["value"], "url": here.plane.url}])
    here.go("/tenants")
    expect(here.page.get_by_label("Token")).to_be_visible()


def test_each_sign_in_has_a_session_of_its_own_and_ends_the_one_before(visit: Visit) -> None:
    here = visit("operator")
    (before,) = here.context.cookies()
    here.sign_in("operator")
    (after,) = here.context.cookies()
    assert before["value"] != after["value"]
    here.context.add_cookies([{"name": "strongroom", "value": before["value"], "url": here.plane.url}])
    here.go("/")
    expect(here.page.get_by_label("Token")).to_be_visible()


@pytest.mark.parametrize("who", ["nonsense", "wrong secret", "acme-inference"])
def test_who_fails_learns_nothing_of_why_and_it_is_written_down(visit: Visit, plane: ControlPlane, who: str) -> None:
    here = visit()
    here.expected.add("status of 401")
    token = {"nonsense": "hello", "acme-inference": plane.tokens["acme-inference"]}.get(
        who, f"srk_opr_all_{'a' * 16}_x"
    )
    here.go("/sign-in")
    here.page.get_by_label("Token").fill(token)
    here.page.get_by_role("button", name="Sign in").click()
    expect(here.page.get_by_role("alert")).to_have_text(FAILED)
    assert token not in here.page.content()
    assert not here.context.cookies()
    log = visit("operator")
    log.go("/audit?outcome=refused")
    expect(log.page.locator("tbody tr").first).to_contain_text("authenticate")
    assert token not in log.page.content()


def test_a_session_ends_with_its_token(visit: Visit, plane: ControlPlane) -> None:
    made = plane.run(plane.services.accounts.create(INSTALLER, Name("leaver"), Role.OPERATOR, ask=Ask()))
    plane.tokens["leaver"] = made.token
    plane.run(plane.services.follower.refresh(5))
    here = visit("leaver")
    here.go("/tenants")
    plane.run(plane.services.accounts.delete(INSTALLER, Name("leaver"), Ask()))
    plane.run(plane.services.follower.refresh(5))
    here.go("/tenants")
    expect(here.page.get_by_label("Token")).to_be_visible()
    assert not here.context.cookies()


@pytest.fixture
def other_site(plane: ControlPlane) -> Generator[str]:
    """Another site: a page with a form that makes a tenant, if the browser's cookie is enough."""
    page = (
        f'<!doctype html><title>prize</title><form method="post" action="{plane.url}/tenants">'
        '<input name="name" value="stolen"><button>Claim</button></form>'
    ).encode()

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            del format, args

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_form_on_another_origin_changes_nothing(visit: Visit, other_site: str) -> None:
    # Another port is another origin but the same site: SameSite=Strict alone would let it through.
    here = visit("operator")
    here.expected |= {"status of 403", "favicon"}
    here.page.goto(other_site)
    with here.page.expect_response(lambda answer: answer.url.endswith("/tenants")) as answered:
        here.page.get_by_role("button", name="Claim").click()
    assert answered.value.status == 403
    here.go("/tenants")
    expect(here.page.locator("tbody")).not_to_contain_text("stolen")


def ask(plane: ControlPlane, path: str, body: str, cookie: str, **headers: str) -> int:
    """Send what no browser would, and return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=20)
    fields = {"content-type": "application/x-www-form-urlencoded", "cookie": f"strongroom={cookie}"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, body=body, headers=fields)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_form_needs_the_browsers_word_and_the_sessions_token(visit: Visit, plane: ControlPlane) -> None:
    here, other = visit("operator"), visit("operator")
    token = here.page.locator("input[name=csrf]").first.get_attribute("value") or ""
    foreign = other.page.locator("input[name=csrf]").first.get_attribute("value") or ""
    (held,) = here.context.cookies()
    cookie, own = held["value"], plane.url
    body = f"name=forged&csrf={token}"
    assert ask(plane, "/tenants", body, cookie) == 403  # no word of the browser
    assert ask(plane, "/tenants", body, cookie, origin="null") == 403
    assert ask(plane, "/tenants", body, cookie, origin="https://evil.example") == 403
    assert ask(plane, "/tenants", body, cookie, origin=own, sec_fetch_site="same-site") == 403
    assert ask(plane, "/tenants", body, cookie, origin=own, sec_fetch_site="cross-site") == 403
    assert ask(plane, "/tenants", "name=forged", cookie, origin=own) == 403
    assert ask(plane, "/tenants", "name=forged&csrf=", cookie, origin=own) == 403
    assert ask(plane, "/tenants", f"name=forged&csrf={foreign}", cookie, origin=own) == 403
    assert ask(plane, "/tenants", body, "made-up", origin=own) == 303  # to the sign-in
    here.go("/tenants")
    expect(here.page.locator("tbody")).not_to_contain_text("forged")
    assert ask(plane, "/tenants", body.replace("forged", "genuine"), cookie, origin=own) == 303
    here.go("/tenants")
    expect(here.page.locator("tbody")).to_contain_text("genuine")


def test_every_answer_carries_the_headers(plane: ControlPlane) -> None:
    for path in ("/sign-in", "/", "/tenants/x", "/static/x/console.css"):
        connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert (answer.getheader("content-security-policy") or "").startswith("default-src 'none'"), path
        assert answer.getheader("cache-control") == "no-store", path
        assert answer.getheader("x-content-type-options") == "nosniff", path
        assert answer.getheader("cross-origin-opener-policy") == "same-origin", path
        assert (answer.getheader("x-request-id") or "").startswith("req_"), path
        assert not SimpleCookie(answer.getheader("set-cookie") or ""), path
