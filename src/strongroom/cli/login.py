"""`strongroom login` and `strongroom logout`: a person's own power at the API, for as long as their sign-in lasts."""

# ruff: noqa: PLC0415 - cryptography and TLS come late: `--help` must not wait for them

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec
from cyclopts import Parameter

from strongroom.cli import logins, output
from strongroom.cli.failures import FAILED, UNDETERMINED, Failure
from strongroom.cli.logins import Login
from strongroom.cli.session import HERE, Session, decoded, is_loopback

if TYPE_CHECKING:
    from strongroom.cli.exchange import Line
    from strongroom.signatures.dpop import Prover

LOGIN_EPILOGUE: Final = """
Examples:
  strongroom login --control https://console.example:8401
  strongroom login --fresh                     (before what wants proof of who you are)
  strongroom login --device                    (where there is no browser)
  strongroom login --no-browser --port 8765    (over ssh -L 8765:127.0.0.1:8765)
"""
LOGOUT_EPILOGUE: Final = """
Example:
  strongroom logout
"""
_CLIENT: Final = "strongroom-cli"
_METADATA: Final = "/.well-known/oauth-authorization-server"
_WISH: Final = "/oauth2/par"
_DEVICE: Final = "/oauth2/device_authorization"
_TOKEN: Final = "/oauth2/token"  # noqa: S105 - a path
_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_FORM: Final = [(b"content-type", b"application/x-www-form-urlencoded"), (b"accept", b"application/json")]
_NONCE: Final = b"dpop-nonce"
_MISSING: Final = 404
_OK: Final = (200, 201)
_SLOWER_S: Final = 5
_ANOTHERS: Final = "The server names another's page to sign in at; nothing was sent there."


def login(
    *,
    fresh: Annotated[
        bool, Parameter(negative="", help="Prove who you are anew, whoever the browser remembers.")
    ] = False,
    device: Annotated[bool, Parameter(negative="", help="By a code that you type into a browser elsewhere.")] = False,
    browser: Annotated[bool, Parameter(help="Open a browser; the address is printed in any case.")] = True,
    port: Annotated[int, Parameter(help="Where to be answered on this machine; 0: wherever there is room.")] = 0,
    session: Session = HERE,
) -> None:
    """Sign in with your organisation, in a browser; commands then ask as you, until your session ends.

    What is kept is bound to a key of this command line and stands in a file that only you can read.

    Args:
        fresh: prove it anew.
        device: by a code.
        browser: open one.
        port: where to be answered.
        session: where to sign in.
    """
    from strongroom.cli.exchange import Line
    from strongroom.signatures import SecretKey
    from strongroom.signatures.dpop import Prover

    url, key = session.server(), SecretKey.generate()
    with Line(url, session.authorities) as line:
        desk = _Desk(line, url, Prover(key))
        where = desk.where()
        said = desk.by_word(where) if device else desk.by_browser(where, fresh=fresh, opens=browser, port=port)
        lives = int(said["expires_in"])
        made = Login(
            control=f"{url.scheme}://{url.netloc}",
            who="",
            token=said["access_token"],
            key=key.pem(),
            ends=time.time() + lives,
        )
        who = desk.whoami(made)
    path = logins.keep(url, msgspec.structs.replace(made, who=f"{who['role']}/{who['name']}"))
    told = {name: who[name] for name in ("role", "name", "tenant_name", "expires_at", "credential") if who.get(name)}
    if session.json:
        output.raw(msgspec.json.encode(told))
    else:
        output.record(told)
        output.note(f"Signed in; kept in {path}. `strongroom logout` ends it.")


def logout(*, session: Session = HERE) -> None:
    """End what `strongroom login` began, on the server and on this machine.

    Args:
        session: where.
    """
    from strongroom.cli.calling import Caller
    from strongroom.cli.calls import answered, place

    url = session.server()
    try:
        found = logins.kept(url)
    except Failure:
        logins.forget(url)  # of no use, and not to be believed
        raise
    if found is None:
        raise Failure("Nobody is signed in here.", "`strongroom login` signs you in.")
    if found.ends > time.time():
        with Caller(session, found) as caller:
            status, said = caller.ask("POST", place("sign-out"))
        if status != 401:  # noqa: PLR2004 - it counts no more: that is what was wanted
            answered(status, said)
    logins.forget(url)
    if not session.json:
        output.note(f"{found.who} is signed out.")


class _Desk:
    """Asks a server for a sign-in over one connection."""

    def __init__(self, line: Line, url: SplitResult, prover: Prover) -> None:
        self._line: Final = line
        self._host: Final = url.hostname or ""
        self._server: Final = f"{url.scheme}://{url.netloc}"
        self._prover: Final = prover
        self._nonce: str | None = None

    def where(self) -> dict[str, Any]:
        """Return where people sign in.

        Raises:
            Failure: when nowhere, or at a place that is not this server's own: one that passes another's page on would get what
                is allowed there (RFC 8414 §3.3). What is reached through this machine may be a tunnel's other end.
        """
        status, body = self._line.ask("GET", _METADATA, [(b"accept", b"application/json")], b"")
        if status == _MISSING:
            raise Failure(
                "People do not sign in at this server.",
                "It needs a provider (`identity.sso_issuer`), see docs/how-to/single-sign-on.md; else ask with a token.",
                FAILED,
            )
        found: dict[str, Any] = decoded(body)
        issuer, page = (_place(found.get(name)) for name in ("issuer", "authorization_endpoint"))
        if page.scheme != "https" and not (page.scheme == "http" and is_loopback(page.hostname or "")):
            raise Failure("The server names no page to sign in at that is safe.", "Check --control.", UNDETERMINED)
        own = is_loopback(self._host) or issuer.hostname == self._host
        if not own or (issuer.scheme, issuer.netloc) != (page.scheme, page.netloc):
            raise Failure(_ANOTHERS, "Name with --control the server as its console is named.", UNDETERMINED)
        return found

    def by_browser(self, where: dict[str, Any], *, fresh: bool, opens: bool, port: int) -> dict[str, Any]:
        """Return the token that a browser on this machine brought the code for (RFC 8252 §7.3)."""
        import webbrowser

        from strongroom.cli.loopback import Loopback

        with Loopback(port, issuer=str(where.get("issuer"))) as answer:
            form = {
                "response_type": "code",
                "redirect_uri": answer.redirect_uri,
                "code_challenge": answer.challenge,
                "code_challenge_method": "S256",
                "state": answer.state,
            }
            wish = self._asked(_WISH, form)
            query = {"client_id": _CLIENT, "request_uri": wish["request_uri"]} | ({"prompt": "login"} if fresh else {})
            page = f"{where['authorization_endpoint']}?{urlencode(query)}"
            output.note(f"Sign in here: {page}")
            if opens:
                webbrowser.open(page)
            code = answer.wait(int(wish["expires_in"]))
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": answer.redirect_uri}
            return self._asked(_TOKEN, form | {"code_verifier": answer.verifier})

    def by_word(self, where: dict[str, Any]) -> dict[str, Any]:
        """Return the token that a person's typing of a word gave (RFC 8628)."""
        if not where.get("device_authorization_endpoint"):
            raise Failure(
                "This server gives out no device codes.",
                "Use `--no-browser --port N` with `ssh -L N:127.0.0.1:N`, or `identity.sso_device_codes`.",
            )
        said = self._asked(_DEVICE, {})
        if _place(said["verification_uri"]).netloc != _place(where.get("issuer")).netloc:
            raise Failure(_ANOTHERS, "Check --control.", UNDETERMINED)
        output.note(f"Open {said['verification_uri']} and type {said['user_code']}; only you, and only now.")
        form, pause = {"grant_type": _DEVICE_GRANT, "device_code": said["device_code"]}, int(said["interval"])
        until = time.monotonic() + int(said["expires_in"])
        while time.monotonic() < until:
            time.sleep(pause)  # the pace is the server's to say (RFC 8628 §3.5)
            status, body = self._post(_TOKEN, form)
            word = decoded(body).get("error")
            if word == "slow_down":
                pause += _SLOWER_S
            elif word != "authorization_pending":
                return _given(status, body)
        raise Failure("Nobody typed the code in time.", "Run the command again.")

    def whoami(self, made: Login) -> dict[str, Any]:
        """Return whom the new token stands for: it works, or is not kept."""
        proof = self._prover.proof("GET", f"{self._server}/api/whoami", token=made.token, nonce=self._nonce)
        fields = [(b"authorization", f"DPoP {made.token}".encode()), (b"dpop", proof.encode())]
        status, body = self._line.ask("GET", "/api/whoami", fields, b"")
        if status not in _OK:
            raise Failure("The new token does not count.", "Run the command again.", UNDETERMINED)
        return dict(decoded(body))

    def _asked(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        return _given(*self._post(path, form))

    def _post(self, path: str, form: dict[str, str]) -> tuple[int, bytes]:
        """Return the answer to a form with proof of the key; once more, where the server wants a nonce of its own in it."""
        content = urlencode({"client_id": _CLIENT, **form}).encode()
        status, body = self._posted(path, content)
        return self._posted(path, content) if b'"use_dpop_nonce"' in body else (status, body)

    def _posted(self, path: str, content: bytes) -> tuple[int, bytes]:
        proof = self._prover.proof("POST", f"{self._server}{path}", nonce=self._nonce)
        status, said, body = self._line.answer("POST", path, [*_FORM, (b"dpop", proof.encode())], content)
        self._nonce = next((value.decode("latin-1") for name, value in said if name.lower() == _NONCE), self._nonce)
        return status, body


def _place(text: object) -> SplitResult:
    try:
        return urlsplit(str(text or ""))
    except ValueError:
        return urlsplit("")


def _given(status: int, body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = decoded(body)
    if status in _OK:
        return found
    said = str(found.get("error_description") or f"The server answered {status}.")
    denied = found.get("error") == "access_denied"
    then = f"(request {found['request_id']})" if found.get("request_id") else ""
    raise Failure("It was denied in the browser." if denied else said, then, UNDETERMINED if status >= 500 else FAILED)  # noqa: PLR2004 - RFC 9110 §15.6
