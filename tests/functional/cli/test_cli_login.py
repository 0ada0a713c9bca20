"""`strongroom login`: a person signs a command line in with their own provider, by the real console; and every way around it."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from strongroom.app.testing import ControlPlane, control_plane_of
from strongroom.cli import logins
from strongroom.cli.loopback import Loopback
from strongroom.console.cookies import SIGN_ON
from strongroom.identity.federation.testing import LocalIssuer, SigningKey, compact, local_issuer
from strongroom.identity.people import Provider, SignOn, parse_mapping
from strongroom.identity.people.backchannel import EVENT
from strongroom.identity.people.signon import CALLBACK
from strongroom.identity.people.wishes import challenge_of
from strongroom.kernel.ids import KeyId
from strongroom.policy import Ask
from strongroom.signatures.dpop import Prover
from strongroom.signatures.proofnonces import ProofNonces
from strongroom.store import Unavailable
from strongroom.store.testing import TestServer

Run = Callable[..., Any]
UNTIL = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
PEOPLE = (
    "groups=platform -> operator",
    "groups=releases -> approver",
    "groups=acme-admins -> tenant-admin acme",
    f"groups=auditors -> auditor until {UNTIL}",
)
CODE_GRANT = "authorization_code"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture(scope="module")
def issuer() -> Generator[LocalIssuer]:
    with local_issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def plane(
    postgres: TestServer, issuer: LocalIssuer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[ControlPlane]:
    def people(url: str) -> Provider:
        return Provider(
            issuer=issuer.url,
            client_id="strongroom",
            client_secret=None,
            public_url=url,
            mappings=[parse_mapping(each) for each in PEOPLE],
            session_s=3600,
            devices=True,
            recheck_s=600,
        )

    with control_plane_of(postgres, tmp_path_factory.mktemp("control"), people=people) as plane:
        yield plane


@pytest.fixture
def person(issuer: LocalIssuer) -> Iterator[Callable[..., None]]:
    """Return what says who signs on next."""
    before = dict(issuer.person)

    def is_(*groups: str, **claims: Any) -> None:
        issuer.person = {"sub": "248289761001", "preferred_username": "jane", "groups": list(groups), **claims}

    yield is_
    issuer.person = before


class Person:
    """Somebody at a browser: as little of one as the protocol needs."""

    def __init__(self, plane: ControlPlane, issuer: LocalIssuer) -> None:
        self.plane = plane
        self.issuer = issuer
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, to: str, form: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
        parts = urlsplit(to)
        if parts.netloc and parts.port == urlsplit(self.issuer.url).port:
            status, where = self.issuer.answer(f"{parts.path}?{parts.query}")
            return status, {"location": where.decode()}, ""
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or self.plane.port, timeout=20)
        try:
            sent = self.cookies.items()
            if parts.path == CALLBACK:  # another site leads here: no `SameSite=Strict` cookie comes along
                sent = {name: value for name, value in sent if name == SIGN_ON}.items()
            fields = {"cookie": "; ".join(f"{name}={value}" for name, value in sent)}
            if form is not None:
                fields |= {"content-type": "application/x-www-form-urlencoded", "origin": self.plane.url}
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request(method, path, None if form is None else urlencode(form), fields)
            answer = connection.getresponse()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    key, _, held = value.partition(";")[0].partition("=")
                    self.cookies[key] = held
            return answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def go(self, to: str) -> tuple[str, str]:
        """Go where a link leads, sign on where that is wanted, and return the last page with its address."""
        for _ in range(12):
            status, fields, text = self.ask("GET", to)
            refresh = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', text)
            if status in {302, 303}:
                to = fields["location"]
            elif refresh is not None and urlsplit(refresh[1]).port in {None, self.plane.port}:
                to = refresh[1]
            elif "Sign in with your organisation" in text:
                to = re.findall(r'href="(/sign-in/sso[^"]*)"', text)[0].replace("&amp;", "&")
            else:
                return to, text
        raise AssertionError("no end of redirections")

    def decide(self, page: str, verdict: str = "allow") -> str:
        """Say yes or no on a page about a wish; return where the browser is sent, or nothing."""
        at, text = self.go(page)
        csrf = re.search(r'name="csrf" value="([^"]+)"', text)
        assert csrf is not None, text
        status, _, said = self.ask("POST", urlsplit(at).path, {"csrf": csrf[1], "verdict": verdict})
        assert status == 200, said
        sent = re.search(r'content="0;url=([^"]+)"', said)
        return "" if sent is None else sent[1].replace("&amp;", "&")

    def sign_out(self) -> None:
        csrf = re.search(r'name="csrf" value="([^"]+)"', self.go("/")[1])
        assert csrf is not None
        assert self.ask("POST", "/sign-out", {"csrf": csrf[1]})[0] == 303


@pytest.fixture
def browse(plane: ControlPlane, issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Person]:
    """Return what lets somebody sit at the browser that a command line opens."""

    def sits(verdict: str = "allow") -> Person:
        here = Person(plane, issuer)

        def opened(page: str) -> bool:
            def follow() -> None:
                here.ask("GET", here.decide(page, verdict))

            threading.Thread(target=follow, daemon=True).start()
            return True

        monkeypatch.setattr("webbrowser.open", opened)
        return here

    return sits


@pytest.fixture
def cli(plane: ControlPlane, inside: Run, tmp_path: Path) -> Run:
    """Return what runs a command line without any token, with a home of its own."""

    def run(*words: str, **env: str) -> Any:
        given = {"STRONGROOM_CONTROL": plane.url, "XDG_CONFIG_HOME": str(tmp_path), "COLUMNS": "200"} | env
        return inside(*words, env=given)

    return run


def log(plane: ControlPlane) -> list[dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=20)
    connection.request("GET", "/api/audit?limit=50", headers={"authorization": f"Bearer {plane.tokens['operator']}"})
    found: list[dict[str, Any]] = json.loads(connection.getresponse().read())["data"]
    connection.close()
    return found


def made_of(plane: ControlPlane, credential: str) -> dict[str, str]:
    """Return what the log says of how a credential was made."""
    made = [each for each in log(plane) if each["resource"].endswith(credential) and each["action"] == "key.create"]
    return dict(made[0]["detail"])


def kept(plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> logins.Login:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    found = logins.kept(urlsplit(plane.url))
    assert found is not None
    return found


def test_a_person_signs_a_command_line_in_works_and_signs_it_out(
    plane: ControlPlane, cli: Run, browse: Run, person: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person("platform")
    browse()
    said = cli("login")
    assert said.code == 0, said.err
    held = kept(plane, tmp_path, monkeypatch)
    place = logins.place(urlsplit(plane.url))
    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert held.token not in said.out + said.err
    assert 3500 < held.ends - time.time() <= 3600
    who = cli("whoami", "--json")
    assert (who.json["role"], who.json["name"][:5]) == ("operator", "jane-")
    assert cli("tenant", "create", "by-a-person").code == 0
    shown = cli("key", "show", who.json["credential"], "--json")
    assert shown.json["proof"] == "dpop"
    assert made_of(plane, who.json["credential"])["via"] == "command line"
    assert cli("logout").code == 0
    assert not place.exists()
    after = cli("whoami")
    assert (after.code, "strongroom login" in after.err) == (2, True)
    proof = held.prover().proof("GET", f"{plane.url}/api/whoami", token=held.token)
    assert whoami(plane, held.token, proof) == 401
    assert cli("logout").code == 1


def whoami(plane: ControlPlane, token: str, proof: str | None, scheme: str = "DPoP") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=20)
    fields = {"authorization": f"{scheme} {token}"} | ({} if proof is None else {"dpop": proof})
    connection.request("GET", "/api/whoami", headers=fields)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_copy_of_what_is_kept_without_its_key_opens_nothing(
    plane: ControlPlane, cli: Run, browse: Run, person: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person("platform")
    browse()
    assert cli("login").code == 0
    held, me = kept(plane, tmp_path, monkeypatch), f"{plane.url}/api/whoami"
    assert whoami(plane, held.token, held.prover().proof("GET", me, token=held.token)) == 200
    assert whoami(plane, held.token, None) == 401
    assert whoami(plane, held.token, None, "Bearer") == 401
    assert whoami(plane, held.token, Prover.generate().proof("GET", me, token=held.token)) == 401
    place = logins.place(urlsplit(plane.url))
    place.chmod(0o644)
    refused = cli("whoami")
    assert (refused.code, "can be read by others" in refused.err) == (1, True)


def test_each_role_is_what_the_mapping_says_and_an_auditor_changes_nothing(cli: Run, browse: Run, person: Run) -> None:
    person("auditors")
    browse()
    assert cli("login").code == 0
    assert cli("whoami", "--json").json["role"] == "auditor"
    assert cli("audit", "list", "--json").code == 0
    assert cli("tenant", "list", "--json").code == 0
    assert cli("tenant", "create", "never").code == 1
    person("acme-admins")
    browse()
    assert cli("login").code == 0
    assert cli("key", "list", "--tenant", "acme", "--json").code == 0
    assert cli("key", "list", "--tenant", "globex").code == 1


def test_what_cannot_be_undone_wants_fresh_proof_of_who_it_is(
    plane: ControlPlane, cli: Run, browse: Run, person: Run
) -> None:
    person("platform", auth_time=int(time.time()) - 3600)
    here = browse()
    assert cli("login").code == 0
    assert cli("tenant", "create", "to-end").code == 0
    for words in (
        ("tenant", "delete", "to-end", "--yes"),
        ("tenant", "shred", "to-end", "--yes"),
        ("vault", "dissolve-unit", "retail", "--yes"),
        ("account", "create", "another", "--role", "operator"),
        ("account", "token", "approver"),
    ):
        refused = cli(*words)
        assert (refused.code, "strongroom login --fresh" in refused.err) == (1, True), (words, refused.err)
    assert any(each["reason"].startswith("it wants proof of the last five minutes") for each in log(plane))
    assert here.cookies  # the browser is signed in, an hour ago by its provider's word
    person("platform")
    assert cli("login", "--fresh").code == 0
    assert cli("tenant", "delete", "to-end", "--yes").code == 0


def test_a_no_in_the_browser_is_a_no(cli: Run, browse: Run, person: Run) -> None:
    person("platform")
    browse("deny")
    said = cli("login")
    assert (said.code, "denied in the browser" in said.err) == (1, True)
    assert cli("whoami").code == 2


def test_signing_out_in_the_browser_or_a_revocation_ends_the_command_line(
    plane: ControlPlane, cli: Run, browse: Run, person: Run
) -> None:
    person("platform")
    here = browse()
    assert cli("login").code == 0
    assert cli("whoami").code == 0
    for _ in range(2):  # who has proven themselves anew meanwhile signs out of what they began before, too
        here.go("/sign-in/sso?fresh=1&next=/")
    assert cli("whoami").code == 0
    here.sign_out()
    assert cli("whoami").code == 1
    browse()
    assert cli("login").code == 0
    credential = cli("whoami", "--json").json["credential"]
    sign_on = made_of(plane, credential)["sign_on"]
    operator = {"STRONGROOM_TOKEN": plane.tokens["operator"]}
    assert cli("key", "revoke", sign_on, "--reason", "stolen laptop", **operator).code == 0
    assert cli("whoami").code == 1
    assert cli("logout").code == 0  # it counts no more: that was the wish


def test_who_left_their_group_is_out_once_the_provider_was_asked_again(
    plane: ControlPlane, cli: Run, browse: Run, person: Run, issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rechecks = plane.services.rechecks
    assert rechecks is not None

    def signed_in() -> Person:
        person("platform")
        here: Person = browse()
        assert cli("login").code == 0
        plane.run(rechecks.look())
        assert cli("whoami").code == 0
        return here

    def out(here: Person) -> bool:
        plane.run(rechecks.look())
        return cli("whoami").code == 1 and here.ask("GET", "/tenants")[0] == 303

    here = signed_in()
    person("platform", preferred_username="renamed")  # still who they were
    assert not out(here)
    person("staff")
    assert out(here)
    assert any(each["detail"].get("why") == "what the provider says of this person has changed" for each in log(plane))
    for other in (("releases",), ("platform",)):  # another role; the right one, of somebody else
        here = signed_in()
        person(*other, sub="248289761001" if other == ("releases",) else "another")
        assert out(here)
    here = signed_in()
    issuer.refreshes.clear()  # the provider has ended it
    assert out(here)
    here = signed_in()
    monkeypatch.setattr(issuer, "redeem", lambda _: (503, b"{}"))
    assert not out(here)
    assert not out(here)
    assert out(here)  # three times away has not said yes


def test_one_who_cannot_be_asked_about_keeps_nobody_else_in_and_is_out_in_the_end(
    plane: ControlPlane, browse: Run, person: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rechecks, refreshed = plane.services.rechecks, SignOn.refreshed
    assert rechecks is not None

    async def broken(signon: SignOn, refresh: str, subject: str) -> Any:
        if subject == "first":
            raise ValueError("what the provider said")
        return await refreshed(signon, refresh, subject)

    def are_in() -> list[bool]:
        plane.run(rechecks.look())
        return [here.ask("GET", "/tenants")[0] == 200 for here in people]

    monkeypatch.setattr(SignOn, "refreshed", broken)
    people = []
    for name in ("first", "second"):
        person("platform", sub=name)
        people.append(browse())
        people[-1].go("/sign-in/sso?next=/")
    assert are_in() == [True, True]
    person("staff", sub="second")
    assert are_in() == [True, False]
    assert are_in() == [False, False]  # three times nobody has said yes
    assert any(each["detail"].get("why", "").endswith("cannot be read") for each in log(plane))
    assert "what the provider said" not in caplog.text


def test_nobody_is_forgotten_who_signs_on_while_the_provider_is_asked_again(
    plane: ControlPlane, cli: Run, browse: Run, person: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    signon, rechecks = plane.services.signon, plane.services.rechecks
    assert signon is not None
    assert rechecks is not None
    order: list[str] = []

    async def known() -> None:
        await SignOn.known(signon)
        order.append("counts here")

    def remember(sign_on: KeyId, *more: Any) -> None:
        order.append("remembered")
        rechecks._remember(sign_on, *more)

    monkeypatch.setattr(signon, "known", known)
    monkeypatch.setattr(signon, "remember", remember)
    person("platform")
    browse()
    assert cli("login").code == 0
    assert order[:2] == ["counts here", "remembered"]  # else who asks in between takes them for somebody who has left


def test_who_cannot_be_asked_about_again_is_let_in_for_no_longer_and_a_restart_ends_all(
    plane: ControlPlane, cli: Run, browse: Run, person: Run, issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    person("platform")
    browse()
    monkeypatch.setattr(
        issuer, "_given", lambda said, client, **_: LocalIssuer._given(issuer, said, client, offline=False)
    )
    assert cli("login").code == 0
    ends = datetime.fromisoformat(cli("whoami", "--json").json["expires_at"])
    assert (ends - datetime.now(UTC)).total_seconds() <= 600
    signon = plane.services.signon
    assert signon is not None
    plane.run(signon.end_all(Ask()))
    assert cli("whoami").code == 1


def test_who_signs_out_at_the_provider_is_out_everywhere(
    plane: ControlPlane, cli: Run, browse: Run, person: Run, issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(signer: SigningKey | None = None, **more: Any) -> int:
        now = int(time.time())
        said = {"aud": "strongroom", "sub": "248289761001", "events": {EVENT: {}}, "iat": now, "exp": now + 60} | more
        key = signer or issuer.keys[0]
        text = key.token(issuer.claims(**said), kid=issuer.keys[0].kid, typ="logout+jwt")
        return form_of(plane, "/oauth2/backchannel-logout", {"logout_token": text})

    person("platform")
    here = browse()
    assert cli("login").code == 0
    wrongs: tuple[dict[str, Any], ...] = (
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"events": None},
        {"events": {"http://schemas.openid.net/event/else": {}}},
        {"nonce": "n"},
        {"sub": None, "sid": "s"},
        {"jti": None},
        {"iat": int(time.time()) - 3600},
        {"exp": int(time.time()) - 60},
    )
    for wrong in wrongs:
        assert told(**wrong) == 400, wrong
    assert told(SigningKey.make()) == 400
    unsigned = compact(
        {"alg": "none", "typ": "logout+jwt"}, issuer.claims(aud="strongroom", sub="248289761001"), lambda _: b"x"
    )
    assert form_of(plane, "/oauth2/backchannel-logout", {"logout_token": unsigned}) == 400
    assert told(sub="somebody else") == 200
    assert cli("whoami").code == 0
    assert told(jti="once") == 200
    assert cli("whoami").code == 1
    assert here.ask("GET", "/tenants")[0] == 303
    browse()
    assert cli("login").code == 0
    assert told(jti="once") == 400  # a replay ends nothing that was begun since
    assert cli("whoami").code == 0
    assert any(each["reason"].startswith("back-channel logout: ") for each in log(plane))
    with monkeypatch.context() as patch:

        def away(*_: Any) -> Any:
            raise Unavailable("the database is away")

        patch.setattr(plane.services.gate, "permit_platform", away)
        assert told(jti="again") == 503
    assert cli("whoami").code == 0
    assert told(jti="again") == 200  # what was not done may be said again
    assert cli("whoami").code == 1


def form_of(plane: ControlPlane, path: str, form: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=20)
    connection.request("POST", path, urlencode(form), {"content-type": "application/x-www-form-urlencoded"})
    status = connection.getresponse().status
    connection.close()
    return status


class Line:
    """A command line that does each step by hand, and so each step wrong."""

    def __init__(self, plane: ControlPlane, prover: Prover | None = None) -> None:
        self.plane = plane
        self.prover = prover or Prover.generate()
        self.verifier = "v" * 43

    def post(self, path: str, form: dict[str, str], prover: Prover | None = None) -> tuple[int, dict[str, Any]]:
        proof = (prover or self.prover).proof("POST", self.plane.url + path)
        return self.sent(path, form, {"dpop": proof})

    def sent(self, path: str, form: dict[str, str], fields: dict[str, str]) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.plane.port, timeout=20)
        fields = {"content-type": "application/x-www-form-urlencoded"} | fields
        connection.request("POST", path, urlencode({"client_id": "strongroom-cli", **form}), fields)
        answer = connection.getresponse()
        said = answer.status, dict(json.loads(answer.read()))
        connection.close()
        return said

    def wish(self, **more: str) -> tuple[int, dict[str, Any]]:
        form = {
            "response_type": "code",
            "redirect_uri": "http://127.0.0.1:9/callback".replace(":9", ":9999"),
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            "state": "s" * 16,
        }
        return self.post("/oauth2/par", form | more)

    def code(self, here: Person, verdict: str = "allow") -> str:
        status, said = self.wish()
        assert status == 201, said
        page = f"{self.plane.url}/sign-in/cli?client_id=strongroom-cli&request_uri={quote(said['request_uri'])}"
        back = parse_qs(urlsplit(here.decide(page, verdict)).query)
        assert back["state"] == ["s" * 16]
        assert back["iss"] == [self.plane.url]
        return back["code"][0]

    def redeem(self, code: str, prover: Prover | None = None, **more: str) -> tuple[int, dict[str, Any]]:
        form = {
            "grant_type": CODE_GRANT,
            "code": code,
            "redirect_uri": "http://127.0.0.1:9999/callback",
            "code_verifier": self.verifier,
        }
        return self.post("/oauth2/token", form | more, prover)


@pytest.fixture
def jane(plane: ControlPlane, issuer: LocalIssuer, person: Run) -> Person:
    person("platform")
    return Person(plane, issuer)


def test_a_code_counts_once_with_its_verifier_its_address_and_its_key(plane: ControlPlane, jane: Person) -> None:
    line = Line(plane)
    good = line.code(jane)
    status, said = line.redeem(good)
    assert (status, said["token_type"]) == (200, "DPoP")
    again = line.redeem(good)
    wrong = [
        line.redeem(line.code(jane), code_verifier="w" * 43),
        line.redeem(line.code(jane), code_verifier="v"),
        line.redeem(line.code(jane), redirect_uri="http://127.0.0.1:9998/callback"),
        line.redeem(line.code(jane), Prover.generate()),
        line.redeem("c" * 43),
    ]
    tell = again[1]["error_description"]
    for status, said in [again, *wrong]:
        assert (status, said["error"], said["error_description"]) == (400, "invalid_grant", tell)
    reasons = " ".join(each["reason"] for each in log(plane))
    for why in ("verifier is another", "verifier is none", "another address", "key is another", "used before"):
        assert why in reasons
    spent = line.code(jane)
    assert line.redeem(spent, code_verifier="w" * 43)[0] == 400
    assert line.redeem(spent)[0] == 400  # a wrong try spends it


def test_a_code_that_is_old_or_whose_sign_on_has_ended_counts_for_nothing(
    plane: ControlPlane, jane: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(plane)
    code = line.code(jane)
    jane.sign_out()
    assert line.redeem(code)[0] == 400
    code = line.code(jane)
    monkeypatch.setattr("strongroom.identity.people.wishes.CODE_S", -1.0)
    assert line.redeem(code)[0] == 400


def test_a_wish_without_proof_of_a_key_or_for_another_address_is_none(plane: ControlPlane) -> None:
    line = Line(plane)
    assert line.wish()[0] == 201
    for more in (
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "http://127.0.0.1.evil.example:9999/callback"},
        {"redirect_uri": "http://localhost:9999/callback"},
        {"redirect_uri": "http://127.0.0.1:9999/elsewhere"},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"response_type": "token"},
        {"state": "x"},
        {"client_id": "another"},
        {"scope": "everything"},
    ):
        status, said = line.wish(**more)
        assert status == 400, (more, said)
    form = {"grant_type": CODE_GRANT, "code": "c", "redirect_uri": "x", "code_verifier": "v"}
    assert line.sent("/oauth2/token", form, {})[0] == 400
    proof = line.prover.proof("POST", f"{plane.url}/oauth2/device_authorization")
    assert line.sent("/oauth2/device_authorization", {}, {"dpop": proof})[0] == 200
    assert line.sent("/oauth2/device_authorization", {}, {"dpop": proof})[0] == 400  # a replay
    assert line.sent("/oauth2/device_authorization", {}, {})[0] == 400


def test_a_wish_is_answered_once_by_who_has_signed_on_and_from_this_console(
    plane: ControlPlane, jane: Person, issuer: LocalIssuer
) -> None:
    line = Line(plane)
    wish = line.wish()[1]["request_uri"].rpartition(":")[2]
    page = f"/sign-in/cli/{wish}"
    stranger = Person(plane, issuer)
    assert stranger.ask("GET", page)[0] == 303  # to sign in
    assert stranger.ask("POST", page, {"csrf": "x", "verdict": "allow"})[0] == 303
    jane.go("/")
    assert jane.ask("POST", page, {"csrf": "x", "verdict": "allow"})[0] == 403  # no form of this session's
    assert jane.decide(page)
    assert jane.ask("GET", page)[0] == 404
    assert jane.ask("GET", f"/sign-in/cli/{'0' * 32}")[0] == 404
    assert jane.ask("GET", f"/sign-in/cli?client_id=another&request_uri={wish}")[0] == 404


def test_who_came_in_with_a_token_signs_no_command_line_in(plane: ControlPlane, jane: Person) -> None:
    wish = Line(plane).wish()[1]["request_uri"].rpartition(":")[2]
    status, _, _ = jane.ask("POST", "/sign-in", {"token": plane.tokens["operator"], "next": "/"})
    assert status == 303
    status, fields, _ = jane.ask("GET", f"/sign-in/cli/{wish}")
    assert (status, fields["location"]) == (303, f"/sign-in/sso?next=/sign-in/cli/{wish}")


def test_a_device_code_counts_once_a_person_has_typed_its_word(
    plane: ControlPlane, jane: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.identity.people.wishes.INTERVAL_S", 0)
    line = Line(plane)
    status, said = line.post("/oauth2/device_authorization", {})
    assert status == 200, said
    poll = {"grant_type": DEVICE_GRANT, "device_code": said["device_code"]}
    assert line.post("/oauth2/token", poll)[1]["error"] == "authorization_pending"
    assert type_word(jane, "BCDF-GHJK")[0] == 400
    status, to = type_word(jane, said["user_code"].lower())
    assert status == 303
    assert line.post("/oauth2/token", poll, Prover.generate())[1]["error"] == "invalid_grant"
    assert jane.decide(to) == ""
    status, given = line.post("/oauth2/token", poll)
    assert (status, given["token_type"]) == (200, "DPoP")
    proof = line.prover.proof("GET", f"{plane.url}/api/whoami", token=given["access_token"])
    assert whoami(plane, given["access_token"], proof) == 200
    assert line.post("/oauth2/token", poll)[1]["error"] == "expired_token"
    other = line.post("/oauth2/device_authorization", {})[1]
    jane.decide(type_word(jane, other["user_code"])[1], "deny")
    poll = {"grant_type": DEVICE_GRANT, "device_code": other["device_code"]}
    assert line.post("/oauth2/token", poll)[1]["error"] == "access_denied"
    assert [type_word(jane, "BCDF-GHJK")[0] for _ in range(10)][-1] == 429  # nobody guesses


def type_word(here: Person, word: str) -> tuple[int, str]:
    csrf = re.search(r'name="csrf" value="([^"]+)"', here.go("/sign-in/device")[1])
    assert csrf is not None
    status, fields, _ = here.ask("POST", "/sign-in/device", {"csrf": csrf[1], "word": word})
    return status, fields.get("location", "")


def test_a_command_line_without_a_browser_signs_in_by_a_word(
    cli: Run, jane: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.identity.people.wishes.INTERVAL_S", 0)
    monkeypatch.setattr("strongroom.identity.people.commandline.INTERVAL_S", 0)
    said: list[str] = []

    def note(text: str) -> None:
        said.append(text)
        if "type" in text:
            jane.decide(type_word(jane, text.partition("type ")[2][:9])[1])

    monkeypatch.setattr("strongroom.cli.output.note", note)
    done = cli("login", "--device")
    assert done.code == 0, done.err
    assert cli("whoami", "--json").json["role"] == "operator"


def test_a_command_line_makes_its_proofs_with_the_nonce_that_is_wanted(
    plane: ControlPlane, cli: Run, browse: Run, person: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    nonces = ProofNonces([b"n" * 32])
    for each in (plane.services.door, plane.services.command_lines):
        monkeypatch.setattr(each, "_nonces", nonces)
    status, said = Line(plane).wish()
    assert (status, said["error"]) == (400, "use_dpop_nonce")
    person("platform")
    browse()
    assert cli("login").code == 0
    assert cli("tenant", "create", "by-nonce").code == 0
    assert cli("logout").code == 0


def test_where_nobody_signs_on_there_is_no_login(
    inside: Run, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane.services.command_lines, "_signon", None)
    said = inside("login", env={"STRONGROOM_CONTROL": plane.url})
    assert (said.code, "identity.sso_issuer" in said.err) == (1, True)


def brought(*queries: str) -> tuple[Loopback, threading.Thread]:
    here = Loopback(0, issuer="https://console.example")

    def bring() -> None:
        for query in queries:
            connection = http.client.HTTPConnection("127.0.0.1", urlsplit(here.redirect_uri).port or 0, timeout=20)
            connection.request("GET", query.replace("STATE", here.state))
            connection.getresponse().read()
            connection.close()

    thread = threading.Thread(target=bring, daemon=True)
    thread.start()
    return here, thread


def test_the_command_line_listens_to_its_own_answer_alone() -> None:
    iss = quote("https://console.example", safe="")
    here, thread = brought(
        f"/callback?code=evil&state=wrong&iss={iss}",
        f"/callback?code=evil&iss={iss}",
        f"/elsewhere?code=evil&state=STATE&iss={iss}",
        f"/callback?code=good&state=STATE&iss={iss}",
    )
    with here:
        assert here.wait(20) == "good"
    thread.join(10)
    for query in ("/callback?code=c&state=STATE&iss=https%3A%2F%2Fevil.example", "/callback?code=c&state=STATE"):
        here, thread = brought(query)  # a mix-up (RFC 9207)
        with here, pytest.raises(Exception, match="another server's"):
            here.wait(20)
        thread.join(10)
