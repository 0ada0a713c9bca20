"""People who sign in with their own provider: in a real browser, and by every way around it that is known."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from strongroom.app.testing import ControlPlane, control_plane
from strongroom.cli.loopback import Loopback
from strongroom.identity.federation.testing import LocalIssuer, SigningKey, local_issuer
from strongroom.identity.people import Provider, parse_mapping
from strongroom.signatures.dpop import Prover
from strongroom.store.testing import TestDatabase

if TYPE_CHECKING:
    from tests.functional.console.conftest import Visit

UNTIL = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
PEOPLE = (
    "groups=platform -> operator",
    "groups=releases -> approver",
    "groups=acme-admins -> tenant-admin acme",
    f"groups=auditors -> auditor until {UNTIL}",
    f"groups=acme-auditors -> tenant-auditor acme until {UNTIL}",
    "groups=late -> auditor until 2020-01-01",
    "groups=ghosts -> tenant-admin nowhere",
    "email=boss@example.org -> operator",
)
FAILED = "You could not be signed in."


@pytest.fixture(scope="module")
def issuer() -> Generator[LocalIssuer]:
    with local_issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def plane(
    ground: TestDatabase, issuer: LocalIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[ControlPlane]:
    def people(url: str) -> Provider:
        return Provider(
            issuer=issuer.url,
            client_id="strongroom",
            client_secret="not a secret",
            public_url=url,
            mappings=[parse_mapping(each) for each in PEOPLE],
            session_s=3600,
        )

    with control_plane(ground, tmp_path_factory.mktemp("control"), people=people) as plane:
        yield plane


@pytest.fixture
def person(issuer: LocalIssuer) -> Iterator[Callable[..., None]]:
    """Return what says who signs on next."""
    before = dict(issuer.person)

    def is_(*groups: str, **claims: Any) -> None:
        issuer.person = {"sub": "248289761001", "preferred_username": "Jane.Doe", "groups": list(groups), **claims}

    yield is_
    issuer.person = before


def test_a_person_signs_in_works_and_is_written_down(visit: Visit, person: Callable[..., None]) -> None:
    person("staff", "platform")
    here = visit()
    here.go("/tenants")
    here.page.get_by_role("button", name="Sign in with your organisation").click()
    expect(here.page).to_have_url(f"{here.plane.url}/tenants")
    expect(here.page.locator(".who")).to_contain_text("jane.doe-")
    session = next(each for each in here.context.cookies() if each["name"] == "strongroom")
    assert (session["httpOnly"], session["sameSite"]) == (True, "Strict")
    assert all(each["name"] != "strongroom-sign-on" for each in here.context.cookies())
    here.go("/audit")
    expect(here.page.locator("main")).to_contain_text("operator/jane.doe-")
    here.page.get_by_role("button", name="Sign out").click()
    here.go("/tenants")
    expect(here.page.get_by_role("button", name="Sign in with your organisation")).to_be_visible()


def test_an_auditor_looks_at_everything_and_changes_nothing(visit: Visit, person: Callable[..., None]) -> None:
    person("auditors")
    here = visit()
    here.go("/sign-in/sso")
    expect(here.page.get_by_role("button", name="Sign out")).to_be_visible()
    here.expected.add("403")
    for path in ("/tenants", "/tenants/acme", "/tenants/acme/keys", "/tenants/globex/audit", "/audit", "/accounts"):
        here.go(path)
        expect(here.page.locator("h1")).not_to_have_text("Not here")
    here.go("/tenants")
    expect(here.page.get_by_role("button", name="Create")).to_have_count(0)
    here.go("/tenants/acme/keys")
    expect(here.page.get_by_role("button", name="Issue")).to_have_count(0)


def test_a_command_line_is_signed_in_in_a_browser(
    visit: Visit, plane: ControlPlane, person: Callable[..., None]
) -> None:
    person("platform")
    prover, codes, here = Prover.generate(), list[str](), visit()
    with Loopback(0, issuer=plane.url) as answer:
        form = {
            "client_id": "strongroom-cli",
            "response_type": "code",
            "redirect_uri": answer.redirect_uri,
            "code_challenge": answer.challenge,
            "code_challenge_method": "S256",
            "state": answer.state,
        }
        fields = {"content-type": "application/x-www-form-urlencoded"}
        fields |= {"dpop": prover.proof("POST", f"{plane.url}/oauth2/par")}
        connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=20)
        connection.request("POST", "/oauth2/par", urlencode(form), fields)
        wish = json.loads(connection.getresponse().read())["request_uri"]
        connection.close()
        waiting = threading.Thread(target=lambda: codes.append(answer.wait(60)), daemon=True)
        waiting.start()
        here.go(f"/sign-in/cli?client_id=strongroom-cli&request_uri={wish}")
        here.page.get_by_role("button", name="Sign in with your organisation").click()
        expect(here.page.locator("main")).to_contain_text("A command line asks to act as you")
        here.page.get_by_role("button", name="Allow").click()
        expect(here.page.locator("body")).to_contain_text("You can close this window")
        waiting.join(20)
    assert len(codes) == 1


class Browser:
    """As little of a browser as the protocol needs, so that each step can be done wrong."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.plane.port, timeout=20)
        try:
            cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            connection.request("GET", path, headers={"cookie": cookie} if cookie else {})
            answer = connection.getresponse()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    key, _, held = value.partition(";")[0].partition("=")
                    self.cookies[key] = held
            return answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def post(self, path: str, form: dict[str, str], *, came_from: str) -> tuple[int, str]:
        """Send a form as a page of the console would, and return the status and where it leads."""
        csrf = re.search(r'name="csrf" value="([^"]+)"', self.get("/")[2])
        assert csrf is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.plane.port, timeout=20)
        fields = {"content-type": "application/x-www-form-urlencoded", "origin": self.plane.url}
        fields |= {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        fields |= {"referer": self.plane.url + came_from}
        connection.request("POST", path, urlencode(form | {"csrf": csrf[1]}), fields)
        answer = connection.getresponse()
        connection.close()
        return answer.status, answer.headers.get("location", "")

    def begin(self, query: str = "") -> dict[str, str]:
        """Start, and return what the provider was asked."""
        status, fields, _ = self.get(f"/sign-in/sso{query}")
        assert status == 303
        return {name: values[0] for name, values in parse_qs(urlsplit(fields["location"]).query).items()}

    def back(self, issuer: LocalIssuer, asked: dict[str, str], **more: str | None) -> int:
        """Come back from the provider, as it sends browsers back or otherwise, and return the status."""
        _, to = issuer.answer(f"/authorize?{urlencode(asked)}")
        said = {name: values[0] for name, values in parse_qs(urlsplit(to.decode()).query).items()}
        merged = {name: value for name, value in {**said, **more}.items() if value is not None}
        status, _, text = self.get(f"/sign-in/sso/callback?{urlencode(merged)}")
        assert (status == 200) == ("Signed in" in text)
        return status

    @property
    def in_(self) -> bool:
        return self.get("/")[0] == 200


def test_each_role_comes_from_its_claim_and_from_nothing_else(
    plane: ControlPlane, issuer: LocalIssuer, person: Callable[..., None]
) -> None:
    def enters(*groups: str, **claims: Any) -> Browser | None:
        person(*groups, **claims)
        here = Browser(plane)
        return here if here.back(issuer, here.begin()) == 200 else None

    admin, auditor = enters("acme-admins"), enters("acme-auditors")
    for here in (admin, auditor):
        assert here is not None
        assert here.get("/tenants/acme/keys")[0] == 200
        assert here.get("/tenants/globex/keys")[0] == 404
        assert here.get("/audit")[0] == 404
    approver = enters("releases")
    assert approver is not None
    assert approver.get("/models")[0] == 200
    assert approver.get("/tenants/acme")[0] == 404
    assert enters("staff") is None
    assert enters() is None
    assert enters("Platform") is None
    assert enters("platform2") is None
    assert enters("late") is None  # its time is over
    assert enters("ghosts") is None  # its tenant is gone
    assert enters(groups={"platform": True}) is None
    assert enters(groups="platform") is not None
    assert enters(email="boss@example.org") is None  # anybody may have written that into a profile
    assert enters(email="boss@example.org", email_verified=True) is not None


def test_a_sign_on_counts_once_for_the_browser_that_began_it(
    plane: ControlPlane, issuer: LocalIssuer, person: Callable[..., None]
) -> None:
    person("platform")
    here, other = Browser(plane), Browser(plane)
    asked = here.begin()
    assert asked["code_challenge_method"] == "S256"
    assert other.back(issuer, asked) == 401  # another browser brings the code back: login CSRF
    assert not other.in_
    assert here.back(issuer, asked) == 401  # and by that the state is spent
    asked = here.begin()
    assert here.back(issuer, asked) == 200
    assert here.in_
    assert here.back(issuer, asked) == 401
    fresh = Browser(plane)
    asked = fresh.begin()
    assert fresh.back(issuer, asked, iss="https://evil.example") == 401  # mix-up (RFC 9207)
    for more in ({"state": "x"}, {"state": None}, {"code": None}, {"error": "access_denied"}):
        fresh = Browser(plane)
        assert fresh.back(issuer, fresh.begin(), **more) == 401
        assert not fresh.in_
    assert Browser(plane).get("/sign-in/sso/callback")[0] == 401


def test_a_code_of_another_sign_on_is_worth_nothing(
    plane: ControlPlane, issuer: LocalIssuer, person: Callable[..., None]
) -> None:
    person("platform")
    thief, victim = Browser(plane), Browser(plane)
    stolen = victim.begin()
    _, to = issuer.answer(f"/authorize?{urlencode(stolen)}")
    code = parse_qs(urlsplit(to.decode()).query)["code"][0]
    assert thief.back(issuer, thief.begin(), code=code) == 401  # PKCE: the verifier is another
    assert not thief.in_


def test_a_wrong_id_token_lets_nobody_in(
    plane: ControlPlane, issuer: LocalIssuer, person: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time())
    for wrong in (
        {"aud": "another"},
        {"aud": ["strongroom", "another"]},
        {"azp": "another"},
        {"iss": "https://evil.example"},
        {"nonce": "x"},
        {"nonce": None},
        {"exp": now - 60},
        {"iat": now - 3600},
        {"sub": None},
    ):
        person("platform", **wrong)
        here = Browser(plane)
        assert here.back(issuer, here.begin()) == 401, wrong
        assert not here.in_
    person("platform")
    stranger = SigningKey.make()
    monkeypatch.setattr(issuer, "token", lambda **said: stranger.token(issuer.claims(**said), kid=issuer.keys[0].kid))
    here = Browser(plane)
    assert here.back(issuer, here.begin()) == 401


def test_what_cannot_be_undone_needs_fresh_proof(
    plane: ControlPlane, issuer: LocalIssuer, person: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    person("platform")
    here = Browser(plane)
    assert here.back(issuer, here.begin()) == 200
    assert here.get("/tenants/acme/delete")[0] == 200
    # Ten minutes later.
    monkeypatch.setattr("strongroom.console.visit.FRESH_S", -1.0)
    status, fields, _ = here.get("/tenants/acme/delete")
    assert (status, fields["location"]) == (303, f"/sign-in/sso?fresh=1&next={quote('/tenants/acme/delete', safe='')}")
    asked = here.begin("?fresh=1")
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    person("platform", auth_time=int(time.time()) - 3600)  # the provider let an old sign-in do
    assert here.back(issuer, asked) == 401
    person("platform", auth_time=None)
    assert here.back(issuer, here.begin("?fresh=1")) == 401
    monkeypatch.undo()
    person("platform")
    assert here.back(issuer, here.begin("?fresh=1")) == 200
    assert here.get("/tenants/acme/delete")[0] == 200
    person("platform", auth_time=int(time.time()) - 200)  # let do, and as old as it is from now on
    assert here.back(issuer, here.begin("?fresh=1")) == 200
    monkeypatch.setattr("strongroom.console.visit.FRESH_S", 100.0)
    assert here.get("/tenants/acme/delete")[0] == 303


def test_who_decides_on_others_proves_first_who_they_are_and_comes_back(
    plane: ControlPlane, issuer: LocalIssuer, person: Callable[..., None]
) -> None:
    page = "/elevations/01a21cac-1b8c-75da-99c5-294fa77236ce"
    form = {"verdict": "approve", "reason": "agreed", "digest": f"sha256:{'0' * 64}"}
    person("releases", auth_time=int(time.time()) - 3600)
    here = Browser(plane)
    assert here.back(issuer, here.begin()) == 200
    status, where = here.post(f"{page}/decide", form, came_from=page)
    assert (status, where) == (303, f"/sign-in/sso?fresh=1&next={quote(page, safe='')}")
    person("releases")
    assert here.back(issuer, here.begin("?fresh=1")) == 200
    assert here.post(f"{page}/decide", form, came_from=page)[0] == 404  # asked now, and there is none


def test_a_sign_on_without_the_wish_for_fresh_proof_is_no_fresh_proof(
    plane: ControlPlane, issuer: LocalIssuer, person: Callable[..., None]
) -> None:
    for auth_time in (
        int(time.time()) - 7 * 86400,
        None,
    ):  # the provider remembers them from last week, or does not say
        person("platform", auth_time=auth_time)
        here = Browser(plane)
        assert "prompt" not in (asked := here.begin())
        assert here.back(issuer, asked) == 200
        assert here.in_
        status, fields, _ = here.get("/tenants/acme/delete")
        assert status == 303
        assert fields["location"].startswith("/sign-in/sso?fresh=1&")
        person("platform")
        assert here.back(issuer, here.begin("?fresh=1")) == 200
        assert here.get("/tenants/acme/delete")[0] == 200
    person("platform", auth_time=int(time.time()) + 3600)
    here = Browser(plane)
    assert here.back(issuer, here.begin()) == 401
    assert not here.in_


def test_a_session_ends_with_its_revocation_by_the_id_in_the_log(
    plane: ControlPlane, issuer: LocalIssuer, person: Callable[..., None]
) -> None:
    def ask(method: str, path: str, body: str | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=20)
        fields = {"authorization": f"Bearer {plane.tokens['operator']}", "content-type": "application/json"}
        connection.request(method, path, body, fields)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        return answer.status, said

    person("platform", preferred_username="stolen")
    here = Browser(plane)
    assert here.back(issuer, here.begin()) == 200
    log = ask("GET", "/api/audit?limit=50")[1]["data"]
    made = next(
        each for each in log if each["action"] == "key.create" and each["detail"].get("name", "").startswith("stolen-")
    )
    credential = made["resource"][-16:]
    assert here.get("/")[0] == 200
    status, said = ask("POST", f"/api/keys/{credential}/revoke", json.dumps({"reason": "stolen laptop"}))
    assert (status, said["id"], said["status"]) == (200, credential, "revoked")
    assert not here.in_
    log = ask("GET", "/api/audit?limit=50")[1]["data"]
    assert any(each["action"] == "key.revoke" and each["resource"] == made["resource"] for each in log)


def test_no_sign_on_leads_to_another_site(
    plane: ControlPlane, issuer: LocalIssuer, person: Callable[..., None]
) -> None:
    person("platform")
    for wish in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        here = Browser(plane)
        asked = here.begin(f"?next={quote(wish, safe='')}")
        _, to = issuer.answer(f"/authorize?{urlencode(asked)}")
        _, _, text = here.get(f"/sign-in/sso/callback?{urlsplit(to.decode()).query}")
        assert "evil" not in text
        assert 'content="0;url=/"' in text


def test_the_log_says_why_and_holds_no_code(
    plane: ControlPlane, issuer: LocalIssuer, person: Callable[..., None]
) -> None:
    person("staff")
    here = Browser(plane)
    assert here.back(issuer, here.begin()) == 401
    connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=20)
    connection.request("GET", "/api/audit?limit=50", headers={"authorization": f"Bearer {plane.tokens['operator']}"})
    log = json.loads(connection.getresponse().read())["data"]
    connection.close()
    assert any(each["reason"].startswith("single sign-on: no mapping fits") for each in log)
    assert here.cookies.get("strongroom-sign-on", "x") not in json.dumps(log)


def test_a_rule_is_seen_and_ended_in_the_console(visit: Visit, issuer: LocalIssuer) -> None:
    here = visit("acme-admin")
    here.go("/tenants/acme/federation")
    expect(here.page.locator("main")).to_contain_text("No federation rule")
    rule = {
        "environment": "dev",
        "workload": "inference",
        "kind": "oidc",
        "issuer": issuer.url,
        "audience": "strongroom",
        "subject": "repo:octo/app:environment:<b>live</b>",
        "claims": {"repository_id": "1296269"},
    }
    connection = http.client.HTTPConnection("127.0.0.1", here.plane.port, timeout=20)
    fields = {"authorization": f"Bearer {here.plane.tokens['acme-admin']}", "content-type": "application/json"}
    connection.request("POST", "/api/tenants/acme/federation", json.dumps(rule), fields)
    assert connection.getresponse().status == 201
    connection.close()
    here.go("/tenants/acme/federation")
    row = here.page.get_by_role("row").filter(has_text="repository_id=1296269")
    expect(row).to_contain_text("<b>live</b>")
    expect(row).to_contain_text("active")
    row.get_by_role("button", name="End").click()
    expect(here.page.locator(".notice")).to_contain_text("has ended")
    expect(here.page.get_by_role("row").filter(has_text="repository_id=1296269")).to_contain_text("ended")
