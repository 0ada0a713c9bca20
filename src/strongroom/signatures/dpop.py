"""Proofs of possession (DPoP, RFC 9449): a small signed token beside a request, by the key that a credential is bound to.

What the caller of `check` still owes: that the key is the one that the credential is bound to (`Proven.thumbprint`), and
that `Proven.jti` was never seen with that key; where nonces are given out (§8, `proofnonces`), that `Proven.nonce` is one.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

from strongroom.signatures.jose import BadToken, VerifyingKey, moment, read
from strongroom.signatures.keys import Algorithm, SecretKey

MAX_AGE_S: Final = 60
"""For how long a proof is taken after it was made, in seconds."""

AHEAD_S: Final = 5
"""How far a client's clock may run ahead of ours, in seconds."""

TYPE: Final = "dpop+jwt"
MAX_BYTES: Final = 4096

_JTI: Final = re.compile(r"[\x21-\x7e]{8,256}")
_DEFAULT_PORT: Final = {"http": 80, "https": 443}
_MEMBERS: Final = ("crv", "kty", "x", "y")
_Request = TypeVar("_Request", bound=Any)


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof shows: its maker holds the key with this thumbprint (RFC 7638, 32 bytes)."""

    thumbprint: bytes
    jti: str
    made: float
    nonce: str | None = None


def check(proof: str, *, method: str, url: str, now: float, token: str | None) -> Proven:
    """Return what `proof` shows of a request (RFC 9449 §4.3).

    Args:
        proof: the value of the one field `DPoP`.
        method: the request's.
        url: the request's, as it came in; query and fragment do not matter.
        now: Unix seconds.
        token: the credential that is shown with it; None where one is still to be made.

    Raises:
        BadToken: when it shows nothing; the text says why, and quotes nothing.
    """
    if len(proof) > MAX_BYTES:
        raise BadToken("the proof is too long")
    said = read(proof, types={TYPE}, typed=True, own_key=True)
    jwk = said.header.get("jwk")
    if not isinstance(jwk, dict):
        raise BadToken("the proof carries no key")
    key = VerifyingKey.of(cast("dict[str, Any]", jwk))
    if not key.verifies(said):
        raise BadToken("the proof's signature is wrong")
    claims = said.claims
    jti = claims.get("jti")
    if not isinstance(jti, str) or _JTI.fullmatch(jti) is None:
        raise BadToken("the proof has no name of its own")
    if claims.get("htm") != method:
        raise BadToken("the proof is for another method")
    htu = claims.get("htu")
    if not isinstance(htu, str) or _place(htu) != _place(url) or _place(url) is None:
        raise BadToken("the proof is for another place")
    made = moment(claims, "iat")
    if made is None or not now - MAX_AGE_S <= made <= now + AHEAD_S:
        raise BadToken("the proof was not made just now")
    if token is not None and not _is_of(claims.get("ath"), token):
        raise BadToken("the proof is for another credential")
    nonce = claims.get("nonce")
    return Proven(key.thumbprint, jti, made, nonce if isinstance(nonce, str) else None)


def token_hash(token: str) -> str:
    """Return what a proof says of a credential (`ath`)."""
    return _encoded(sha256(token.encode("ascii", "replace")).digest())


def _is_of(said: object, token: str) -> bool:
    return isinstance(said, str) and said.isascii() and hmac.compare_digest(said, token_hash(token))


def _place(url: str) -> tuple[str, str, int | None, str] | None:
    """Return what two spellings of one place have in common (RFC 3986 §6.2.2, §6.2.3), without query and fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname.lower(), port or _DEFAULT_PORT[parts.scheme], parts.path or "/"


class Prover:
    """Proves that this program holds a key: for exchanges, and for each request with what they give out.

    prover = Prover.generate()
    source = TokenSource(control, rule, subject, proof=prover)
    client = openai.OpenAI(api_key="proven", base_url=…, http_client=httpx.Client(auth=source.auth))
    """

    def __init__(self, key: SecretKey) -> None:
        self._key: Final = key
        jwk = key.public.jwk()
        self._jwk: Final[dict[str, str]] = {name: jwk[name] for name in _MEMBERS if name in jwk}
        self._alg: Final = "EdDSA" if key.public.algorithm is Algorithm.ED25519 else "ES256"

    def __repr__(self) -> str:
        """Name the key."""
        return f"Prover({self.thumbprint})"

    @classmethod
    def generate(cls) -> Prover:
        """Return one with a key that no other program has, and that ends with this one."""
        return cls(SecretKey.generate())

    @property
    def thumbprint(self) -> str:
        """What credentials are bound to (`jkt`)."""
        return _encoded(VerifyingKey.of(self._jwk).thumbprint)

    def proof(
        self, method: str, url: str, *, token: str | None = None, at: int | None = None, nonce: str | None = None
    ) -> str:
        """Return the value of the field `DPoP` for one request: it counts once, and for a minute.

        `nonce`: what the server gave, where it wants proofs made with one (RFC 9449 §8).
        """
        header = {"typ": TYPE, "alg": self._alg, "jwk": self._jwk}
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(18),
            "htm": method,
            "htu": url.partition("?")[0].partition("#")[0],
            "iat": int(time.time()) if at is None else at,
        }
        if token is not None:
            claims["ath"] = token_hash(token)
        if nonce is not None:
            claims["nonce"] = nonce
        signed = ".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return f"{signed}.{_encoded(self._key.sign(signed.encode()))}"

    def bind(self, credential: str) -> _Bound:
        """Return what adds a credential and a proof to an httpx request: `httpx.Client(auth=prover.bind(key))`."""
        return _Bound(self, credential)


class _Bound:
    """A credential with its proof, as httpx takes `auth`."""

    def __init__(self, prover: Prover, credential: str) -> None:
        self._prover: Final = prover
        self._credential: Final = credential

    def __repr__(self) -> str:
        """Show no credential."""
        return f"_Bound({self._prover!r})"

    def __call__(self, request: _Request, nonce: str | None = None) -> _Request:
        """Add both to an httpx request, in place, and return it; `nonce` as in `Prover.proof`."""
        request.headers["authorization"] = f"DPoP {self._credential}"
        request.headers["dpop"] = self._prover.proof(
            request.method, str(request.url), token=self._credential, nonce=nonce
        )
        return request


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
