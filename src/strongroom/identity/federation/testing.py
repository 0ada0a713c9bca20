"""An issuer for tests: discovery, a key set that rotates, tokens; and every way to be wrong that is known.

It is a real server on loopback, in a thread of its own, so that what is tested asks it as it would ask anybody's.
"""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, TypeAlias, cast
from urllib.parse import parse_qs, urlencode

from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey, generate_key
from joserfc.jws import JWSRegistry

Key: TypeAlias = RSAKey | ECKey | OKPKey | OctKey
Answer: TypeAlias = tuple[int, bytes]

LIVES_S: Final = 300
_KINDS: Final[dict[str, tuple[str, Any]]] = {
    "RS256": ("RSA", 2048),
    "PS256": ("RSA", 2048),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "EdDSA": ("OKP", "Ed25519"),
}


def encoded(content: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def compact(
    header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes, sign: Callable[[bytes], bytes]
) -> str:
    """Return a token in compact form, whatever is in it."""
    parts = [encoded(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, claims)]
    signed = ".".join(parts)
    return f"{signed}.{encoded(sign(signed.encode()))}"


@dataclass
class SigningKey:
    """A key of the issuer's, with the name that it has in the set."""

    alg: str
    kid: str
    key: Any

    @classmethod
    def make(cls, alg: str = "ES256") -> SigningKey:
        """Return a new one."""
        kty, size = _KINDS[alg]
        return cls(alg, uuid.uuid4().hex, generate_key(cast("Any", kty), size, {}, private=True))

    @property
    def jwk(self) -> dict[str, Any]:
        """Its public half, as it stands in a key set."""
        public: dict[str, Any] = dict(self.key.as_dict(private=False))
        return {**public, "kid": self.kid, "use": "sig", "alg": self.alg}

    def sign(self, message: bytes) -> bytes:
        """Return its signature."""
        name = "Ed25519" if self.alg == "EdDSA" else self.alg
        signature: bytes = JWSRegistry.algorithms[name].sign(message, self.key)
        return signature

    def token(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Return a token; a header that is None is left out."""
        fields = {"alg": self.alg, "typ": "JWT", "kid": self.kid, **header}
        return compact({name: value for name, value in fields.items() if value is not None}, claims, self.sign)

    def as_shared_secret(self, claims: Mapping[str, Any]) -> str:
        """Return a token "signed" by HMAC with the public key as the secret: the classic confusion (RFC 8725 §2.1)."""
        secret = self.key.as_pem(private=False)
        return compact(
            {"alg": "HS256", "typ": "JWT", "kid": self.kid}, claims, lambda m: hmac.digest(secret, m, "sha256")
        )


@dataclass
class LocalIssuer:
    """A running issuer.

    Attributes:
        url: its name, and where it is.
        keys: those in its key set; what signs is the first.
        answers: what a path answers instead of what it should: (status, body).
        person: what is said of whoever signs on.
        codes: what was asked for, by codes that were not redeemed yet.
        refreshes: refresh tokens that count, each once, by the client's name.
        asked: how often each path was asked.
    """

    url: str
    keys: list[SigningKey] = field(default_factory=lambda: [SigningKey.make()])
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "248289761001"})
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    refreshes: dict[str, str] = field(default_factory=dict[str, str])
    asked: Counter[str] = field(default_factory=Counter[str])

    def rotate(self, alg: str = "ES256", *, keep: bool = True) -> SigningKey:
        """Sign with a new key from now on; the old ones stay in the set, or go."""
        self.keys = [SigningKey.make(alg), *(self.keys if keep else [])]
        return self.keys[0]

    def claims(self, **more: Any) -> dict[str, Any]:
        """Return a token's claims as they should be; one that is None is left out."""
        now = int(time.time())
        said = {"iss": self.url, "iat": now, "nbf": now, "exp": now + LIVES_S, "jti": uuid.uuid4().hex, **more}
        return {name: value for name, value in said.items() if value is not None}

    def token(self, **claims: Any) -> str:
        """Return a token."""
        return self.keys[0].token(self.claims(**claims))

    @property
    def key_set(self) -> bytes:
        """The key set, as it is served."""
        return json.dumps({"keys": [key.jwk for key in self.keys]}).encode()

    def answer(self, path: str) -> Answer:
        """Return what `path` answers."""
        self.asked[path] += 1
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps(self.configuration()).encode()
        if path.startswith("/authorize?"):
            return self._authorize(path)
        return (200, self.key_set) if path == "/jwks" else (404, b"{}")

    def _authorize(self, path: str) -> Answer:
        """Sign the one person of this provider on, without asking, and send the browser back with a code."""
        asked = {name: values[0] for name, values in parse_qs(path.partition("?")[2]).items()}
        code = uuid.uuid4().hex
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.url}
        return 302, f"{asked['redirect_uri']}?{urlencode(back)}".encode()

    def redeem(self, form: dict[str, str]) -> Answer:
        """Answer at the token endpoint: a code once, and with its verifier alone (RFC 7636 §4.6)."""
        if form.get("grant_type") == "refresh_token":
            client = self.refreshes.pop(form.get("refresh_token", ""), None)
            if client is None or client != form.get("client_id"):
                return 400, b'{"error": "invalid_grant"}'
            return self._given({"aud": client, **self.person}, client, offline=True)
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = encoded(sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or asked.get("code_challenge") != challenge
            or form.get("redirect_uri") != asked["redirect_uri"]
        ):
            return 400, b'{"error": "invalid_grant"}'
        now = int(time.time())
        said = {"aud": asked["client_id"], "nonce": asked["nonce"], "auth_time": now, **self.person}
        return self._given(said, asked["client_id"], offline="offline_access" in asked.get("scope", "").split())

    def _given(self, said: dict[str, Any], client: str, *, offline: bool) -> Answer:
        answer = {"access_token": "x", "token_type": "Bearer", "id_token": self.token(**said)}
        if offline:
            answer["refresh_token"] = uuid.uuid4().hex
            self.refreshes[answer["refresh_token"]] = client
        return 200, json.dumps(answer).encode()

    def configuration(self) -> dict[str, Any]:
        """Return the discovery document."""
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
        }


@contextmanager
def local_issuer() -> Generator[LocalIssuer]:
    """Run an issuer on loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._say(*issuer.answer(self.path))

        def do_POST(self) -> None:
            issuer.asked[self.path] += 1
            content = self.rfile.read(int(self.headers["content-length"])).decode()
            self._say(*issuer.redeem({name: values[0] for name, values in parse_qs(content).items()}))

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status // 100 == 3:  # noqa: PLR2004 - redirects
                self.send_header("location", body.decode())
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    issuer = LocalIssuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
