"""JSON Web Tokens of others, read strictly: what is not known to be right is refused, with the reason for the operator.

Always true here:
- the algorithm is one of a fixed list, all asymmetric, and fits the key; `none` and shared secrets do not exist here, so
  a public key can never be taken for one (RFC 8725 §3.1);
- a key comes from a set that the caller holds, never from the token: `jku`, `jwk`, `x5u` and `x5c` in a header refuse it
  (RFC 8725 §3.10), and so does any `crit`, because no extension is understood (RFC 7515 §4.1.11);
- what is read is what was signed: one spelling of base64url, no JSON member twice;
- every size has a bound, and nothing that a token says stands in a reason.

Signatures and keys are joserfc's; its own reading of tokens, which takes more than we do, is not used.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.jws import JWSRegistry

MAX_BYTES: Final = 16 * 1024
"""The longest token that is looked at."""

PLAIN_TYPES: Final = frozenset({"jwt"})
"""What `typ` may say, in lower case, of a token of no special kind. It may also be left out."""

SKEW_S: Final = 30
"""How far another's clock may be from ours, in seconds."""

_ALGORITHMS: Final[dict[str, tuple[str, str | None]]] = {
    # alg (RFC 7518 §3.1, RFC 8037, RFC 9864): (kty, crv)
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
ALGORITHMS: Final = frozenset(_ALGORITHMS)
"""Every algorithm that is taken."""

_MODEL: Final = {"EdDSA": "Ed25519"}  # the same signature; joserfc warns of the older name
_KEY_FROM_TOKEN: Final = ("jku", "jwk", "x5u", "x5c")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]+")
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PUBLIC: Final = ("kty", "crv", "n", "e", "x", "y")
_RSA_BITS: Final = (2048, 8192)
_MAX_EXPONENT: Final = 2**32
_MAX_KEYS: Final = 64
_MAX_KID: Final = 256


class BadToken(ValueError):  # noqa: N818 - said to an operator, as a reason
    """A token is not one to rely on. The text says why, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Jwt:
    """A token that could be read. Nothing in it is true until a key has verified it."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "Jwt()"

    @property
    def alg(self) -> str:
        """The algorithm that it names: one of `ALGORITHMS`."""
        return cast("str", self.header["alg"])


def read(text: str, *, types: Collection[str] = PLAIN_TYPES, typed: bool = False, own_key: bool = False) -> Jwt:
    """Return what `text` says of itself.

    Args:
        text: a JWS in compact form (RFC 7515 §7.1).
        types: what `typ` may say, in lower case.
        typed: whether `typ` must be there (RFC 8725 §3.11).
        own_key: whether it carries the key that signed it in `jwk`, as a proof of possession does and nothing else.

    Raises:
        BadToken: when it is malformed, or asks for what is not done here.
    """
    if len(text) > MAX_BYTES:
        raise BadToken("the token is too long")
    parts = text.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature
        raise BadToken("not a signed token in compact form")
    header = _object(_decoded(parts[0]), "header")
    _check_header(header, types, typed=typed, own_key=own_key)
    claims = _object(_decoded(parts[1]), "payload")
    return Jwt(header, claims, f"{parts[0]}.{parts[1]}".encode("ascii"), _decoded(parts[2]))


def _decoded(segment: str) -> bytes:
    if _SEGMENT.fullmatch(segment) is None:
        raise BadToken("a part of the token is not base64url")
    try:
        content = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise BadToken("a part of the token is not base64url") from None
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii") != segment:
        raise BadToken("a part of the token is spelled in another way than its only one")
    return content


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise BadToken("the token has a member twice")
    return found


def _no_number(text: str) -> Any:
    del text
    raise BadToken("the token holds what is no JSON number")


def load_object(content: bytes, what: str) -> dict[str, Any]:
    """Return a JSON object without a member twice.

    Raises:
        BadToken: when it is none; `what` names it.
    """
    return _object(content, what)


def _object(content: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise BadToken(f"the {what} is not JSON") from None
    except ValueError as error:  # BadToken, or a number of more digits than Python reads
        raise error if isinstance(error, BadToken) else BadToken(f"the {what} is not JSON") from None
    if not isinstance(found, dict):
        raise BadToken(f"the {what} is no JSON object")
    return cast("dict[str, Any]", found)


def _check_header(header: dict[str, Any], types: Collection[str], *, typed: bool, own_key: bool) -> None:
    alg, kind, kid = header.get("alg"), header.get("typ"), header.get("kid")
    if not isinstance(alg, str) or alg not in _ALGORITHMS:
        raise BadToken("the token's algorithm is not one that is taken")
    if "crit" in header or header.get("b64", True) is not True:
        raise BadToken("the token demands an extension")
    for name in _KEY_FROM_TOKEN:
        if name in header and not (own_key and name == "jwk"):
            raise BadToken(f"the token names its own key ({name})")
    if (typed and kind is None) or (kind is not None and (not isinstance(kind, str) or kind.lower() not in types)):
        raise BadToken("the token is of another type")
    if kid is not None and (not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID):
        raise BadToken("the token names its key in a way that is not taken")


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """One public key, and what its owner says that it is for."""

    kid: str | None
    alg: str | None
    _key: Any
    _kty: str
    _crv: str | None

    @classmethod
    def of(cls, jwk: Mapping[str, Any]) -> Self:
        """Return the key of a JSON Web Key (RFC 7517).

        Raises:
            BadToken: for what is no public key that is taken here.
        """
        if _PRIVATE & jwk.keys():
            raise BadToken("a key with a private part, or a shared secret")
        kid, alg = jwk.get("kid"), jwk.get("alg")
        if not all(each is None or isinstance(each, str) for each in (kid, alg)):
            raise BadToken("a key with a name that is none")
        try:
            # Without `alg`, `use` and the like, which are judged here.
            key: Any = import_key(cast("Any", {name: jwk[name] for name in _PUBLIC if name in jwk}))
            raw = key.raw_value
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise BadToken("a key that cannot be read") from None
        return cls(kid, alg, key, *_kind_of(raw))

    @property
    def thumbprint(self) -> bytes:
        """SHA-256 of the key's required members (RFC 7638), 32 bytes: the same whoever computes it."""
        return base64.urlsafe_b64decode(self._key.thumbprint() + "=")

    def fits(self, alg: str) -> bool:
        """Whether a signature by `alg` could be this key's."""
        return _ALGORITHMS[alg] in {(self._kty, None), (self._kty, self._crv)} and self.alg in {None, alg}

    def verifies(self, token: Jwt) -> bool:
        """Whether this key made the signature of `token`."""
        if not self.fits(token.alg):
            return False
        model = JWSRegistry.algorithms[_MODEL.get(token.alg, token.alg)]
        try:
            return bool(model.verify(token.signed, token.signature, self._key))
        except (JoseError, ValueError, InvalidSignature):
            return False


def _kind_of(raw: object) -> tuple[str, str | None]:
    if isinstance(raw, RSAPublicKey):
        if not _RSA_BITS[0] <= raw.key_size <= _RSA_BITS[1] or raw.public_numbers().e > _MAX_EXPONENT:
            raise BadToken("an RSA key of a size that is not taken")
        return "RSA", None
    if isinstance(raw, EllipticCurvePublicKey):
        return "EC", {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}.get(raw.curve.name, "other")
    if isinstance(raw, Ed25519PublicKey):
        return "OKP", "Ed25519"
    raise BadToken("a key of a kind that is not taken")


class KeySet:
    """The public keys of one issuer."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[VerifyingKey]) -> None:
        self._keys: Final = tuple(keys)

    def __len__(self) -> int:
        """Return how many keys it holds."""
        return len(self._keys)

    @classmethod
    def parse(cls, content: bytes, *, uses: Collection[str] = ("sig",), used: bool = False) -> Self:
        """Return the keys of a JSON Web Key set. Keys of another use, or of a kind that is not taken, are left out.

        Args:
            content: the document.
            uses: what `use` may say.
            used: whether `use` must be there, as in a SPIFFE bundle, where it tells X.509 keys from those of tokens.

        Raises:
            BadToken: when it is no such document, holds more keys than anybody needs, or none that is taken.
        """
        listed = _object(content, "key set").get("keys")
        if not isinstance(listed, list):
            raise BadToken("the key set has no keys")
        entries = cast("list[object]", listed)
        if len(entries) > _MAX_KEYS:
            raise BadToken("the key set has too many keys")
        found = cls(each for each in (_taken(entry, uses, used=used) for entry in entries) if each is not None)
        if not len(found):
            raise BadToken("the key set has no key that is taken")
        return found

    def verify(self, token: Jwt) -> bool | None:
        """Return whether one of the keys made the signature; None when the set has no key that it could be.

        A `kid` picks the keys of that name. Without one, the set must have a single key that fits: trying several would
        let a token choose.
        """
        kid = token.header.get("kid")
        fitting = [each for each in self._keys if each.fits(token.alg) and kid in {None, each.kid}]
        if not fitting or (kid is None and len(fitting) > 1):
            return None
        return any(each.verifies(token) for each in fitting)


def _taken(entry: object, uses: Collection[str], *, used: bool) -> VerifyingKey | None:
    if not isinstance(entry, dict):
        return None
    jwk = cast("dict[str, Any]", entry)
    use, ops = jwk.get("use"), jwk.get("key_ops")
    if (use is None and used) or (use is not None and use not in uses):
        return None
    if ops is not None and not (isinstance(ops, list) and "verify" in ops):
        return None
    try:
        return VerifyingKey.of(jwk)
    except BadToken:
        return None


def moment(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a claim that is a time (RFC 7519 §2, NumericDate), in Unix seconds; None when it is not there.

    Raises:
        BadToken: when it is no time.
    """
    found = claims.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < 2**40:
        raise BadToken(f"`{name}` is no time")
    return float(found)


def check_times(claims: Mapping[str, Any], now: float, max_age_s: float, *, issued: bool = True) -> float:
    """Check `exp`, `nbf` and `iat`, and return when the token stops counting, in Unix seconds.

    Args:
        claims: what it says.
        now: Unix seconds.
        max_age_s: how long ago it may have been issued, whatever end it gives itself.
        issued: whether `iat` must be there; without it the end must be near.

    Raises:
        BadToken: when it is not to be relied on now, or does not say.
    """
    ends, begins, made = (moment(claims, name) for name in ("exp", "nbf", "iat"))
    if ends is None or (made is None and issued):
        raise BadToken("the token does not say when it was issued, or when it ends")
    if ends <= now - SKEW_S:
        raise BadToken("the token has ended")
    if begins is not None and begins > now + SKEW_S:
        raise BadToken("the token does not count yet")
    if made is None:
        if ends > now + max_age_s + SKEW_S:
            raise BadToken("the token does not say when it was issued, and lasts for too long")
        return ends
    if made > now + SKEW_S:
        raise BadToken("the token was issued in the future")
    if made < now - max_age_s - SKEW_S:
        raise BadToken("the token was issued too long ago")
    return min(ends, made + max_age_s)
