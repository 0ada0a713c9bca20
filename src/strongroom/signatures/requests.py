"""Signed requests: what a signature must cover and say, and the reading and making of one.

A signature covers the method, where the request goes (`@target-uri`, or `@authority`, `@path` and `@query`), the body by
its `Content-Digest`, and the credential itself, so that it is worth nothing with another key. It says when it was made,
by which key, for this purpose (`tag="strongroom"`), and a nonce that is never used again.

What the caller of `read` still owes, in this order: that the moment holds (`timely`), that the key is known, its owner
the one who asks, and the algorithm its own; that the signature is right; that the nonce was never seen.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from strongroom.signatures.fields import (
    base,
    content_digest,
    digests_hold,
    parse_input,
    parse_signature,
    write_input,
    write_signature,
)
from strongroom.signatures.keys import SecretKey

TAG: Final = "strongroom"
MAX_AGE_S: Final = 60
"""The longest that a signature is taken after it was made, in seconds."""

SKEW_S: Final = 5
"""How far a signer's clock may run ahead of ours, in seconds."""

CREDENTIALS: Final = ("authorization", "x-api-key")
"""Fields that carry a key: each one that a request has must be covered."""

CARRIERS: Final = (b"signature-input", b"signature", b"content-digest")
"""Fields that a signature consists of: each stands exactly once."""

_PLACE: Final = frozenset({"@authority", "@path", "@query"})
_ALWAYS: Final = frozenset({"@method", "content-digest"})
_OPTIONAL: Final = frozenset({"content-type"})
_KNOWN: Final = _ALWAYS | _PLACE | _OPTIONAL | {"@target-uri", *CREDENTIALS}
_TYPES: Final[dict[str, type]] = {"created": int, "expires": int, "nonce": str, "keyid": str, "tag": str, "alg": str}
_NEEDED: Final = ("created", "nonce", "keyid", "tag")
_NONCE: Final = re.compile(r"[A-Za-z0-9+/=_.:~-]{16,128}")
_COVERABLE: Final = frozenset(name.encode() for name in (*CREDENTIALS, *_OPTIONAL))
_DEFAULT_PORT: Final = {"http": b":80", "https": b":443"}
_LABEL: Final = b"strongroom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What of a request a signature can cover.

    Attributes:
        method: in capitals.
        scheme: `http` or `https`, as the request came.
        host: the Host field.
        path: raw, without the query.
        query: raw, without its question mark.
        fields: the first value of each covered kind of field, by lower-case name.
    """

    method: str
    scheme: str
    host: bytes
    path: bytes
    query: bytes
    fields: Mapping[str, bytes]

    def values(self) -> dict[str, bytes]:
        """Return the value of each component (RFC 9421 §2.1, §2.2)."""
        authority = self.host.lower().removesuffix(_DEFAULT_PORT[self.scheme])
        query = b"?" + self.query
        target = b"%b://%b%b%b" % (self.scheme.encode(), authority, self.path, query if self.query else b"")
        return {
            **self.fields,
            "@method": self.method.encode(),
            "@authority": authority,
            "@path": self.path,
            "@query": query,
            "@target-uri": target,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A well-formed signature that covers what it must. Whether it is right is not known yet.

    Attributes:
        created: Unix seconds.
        expires: Unix seconds, if the signer said so.
        nonce: what may be used once.
        keyid: the key's id.
        alg: the algorithm that the signer names, if it names one.
        base: what was signed.
        signature: the signature itself.
    """

    created: int
    expires: int | None
    nonce: str
    keyid: str
    alg: str | None
    base: bytes
    signature: bytes


def read(parts: Parts, carriers: Mapping[bytes, list[bytes]], body: bytes) -> Claim | str:
    """Return what a request's signature claims, or why there is none that counts, for the operator.

    Args:
        parts: the request.
        carriers: every value of the fields in `CARRIERS`.
        body: as it arrived.
    """
    for name in CARRIERS:
        if len(carriers.get(name, ())) != 1:
            said = "missing" if not carriers.get(name) else "there more than once"
            return f"the field {name.decode()} is {said}"
    given = parse_input(carriers[b"signature-input"][0])
    if given is None:
        return "signature-input is malformed, or has more than one signature"
    signature = parse_signature(carriers[b"signature"][0], given.label)
    if signature is None:
        return "signature is malformed, or not the one that signature-input describes"
    wrong = _uncovered(parts, given.components) or _misparametered(given.parameters)
    if wrong is not None:
        return wrong
    digest = carriers[b"content-digest"][0]
    holds = digests_hold(digest, body)
    if not holds:
        return "content-digest is malformed" if holds is None else "content-digest is not that of the body"
    return _claim(given.parameters, base(parts.values() | {"content-digest": digest}, given), signature)


def claimed(
    method: str, scheme: str, path: bytes, query: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
) -> Claim | str:
    """Return what the signature of a request claims, or why there is none that counts, for the operator.

    Args:
        method: in capitals.
        scheme: `http` or `https`, as it came.
        path: raw, without the query.
        query: raw, without its question mark.
        headers: its fields, with names in lower case.
        body: as it arrived.
    """
    carriers: dict[bytes, list[bytes]] = {}
    fields: dict[str, bytes] = {}
    host = b""
    for name, value in headers:
        if name in CARRIERS:
            carriers.setdefault(name, []).append(value)
        elif name in _COVERABLE:
            if name.decode() in fields:
                return f"the field {name.decode()} is there more than once"
            fields[name.decode()] = value
        elif name == b"host":
            host = host or value
    parts = Parts(method=method, scheme=scheme, host=host, path=path, query=query, fields=fields)
    return read(parts, carriers, body)


def _uncovered(parts: Parts, components: tuple[str, ...]) -> str | None:
    covered = frozenset(components)
    if not covered <= _KNOWN:
        return f"the signature covers what is not known here: {min(covered - _KNOWN)}"
    if missing := sorted(_ALWAYS - covered):
        return f"the signature does not cover {missing[0]}"
    if "@target-uri" not in covered and (missing := sorted(_PLACE - covered)):
        return f"the signature does not cover {missing[0]}"
    for name in CREDENTIALS:
        if name in parts.fields and name not in covered:
            return f"the signature does not cover {name}, which the request has"
    absent = sorted(name for name in covered & {*CREDENTIALS, *_OPTIONAL} if name not in parts.fields)
    return f"the signature covers {absent[0]}, which the request has not" if absent else None


def _misparametered(parameters: Mapping[str, int | str]) -> str | None:
    for name in _NEEDED:
        if name not in parameters:
            return f"the parameter {name} is missing"
    for name, value in parameters.items():
        if name not in _TYPES:
            return f"the parameter {name} is not known here"
        if type(value) is not _TYPES[name]:
            return f"the parameter {name} is of the wrong type"
    if parameters["tag"] != TAG:
        return "the signature was made for another purpose: its tag is not ours"
    return None if _NONCE.fullmatch(str(parameters["nonce"])) else "the nonce is too short, too long or malformed"


def _claim(parameters: Mapping[str, int | str], signed: bytes, signature: bytes) -> Claim:
    expires, alg = parameters.get("expires"), parameters.get("alg")
    return Claim(
        created=int(parameters["created"]),
        expires=None if expires is None else int(expires),
        nonce=str(parameters["nonce"]),
        keyid=str(parameters["keyid"]),
        alg=None if alg is None else str(alg),
        base=signed,
        signature=signature,
    )


def timely(claim: Claim, now: float, max_age_s: int) -> str | None:
    """Return why `claim` does not hold at `now` (Unix seconds), if it does not."""
    if claim.created > now + SKEW_S:
        return f"the signature was made {claim.created - now:.0f} s in the future"
    if claim.created < now - max_age_s:
        return f"the signature is {now - claim.created:.0f} s old, and {max_age_s} are allowed"
    if claim.expires is not None and claim.expires <= now:
        return "the signature has expired by its own word"
    return None


def sign(parts: Parts, body: bytes, key: SecretKey, created: int, nonce: str | None = None) -> dict[str, str]:
    """Return the fields that make a request signed.

    Args:
        parts: the request, its credential included.
        body: as it will be sent.
        key: whose public half was registered for the workload.
        created: Unix seconds.
        nonce: 16 to 128 characters that are never used again; random if not given.
    """
    digest = content_digest(body)
    credentials = tuple(name for name in CREDENTIALS if name in parts.fields)
    components = ("@method", "@authority", "@path", "@query", "content-digest", *credentials)
    parameters: dict[str, int | str] = {
        "created": created,
        "nonce": nonce or secrets.token_urlsafe(18),
        "keyid": key.public.id,
        "alg": key.public.algorithm.value,
        "tag": TAG,
    }
    text = write_input(components, parameters)
    signed = base(parts.values() | {"content-digest": digest}, (components, text))
    return {
        "content-digest": digest.decode("ascii"),
        "signature-input": (_LABEL + b"=" + text).decode("ascii"),
        "signature": write_signature(_LABEL, key.sign(signed)).decode("ascii"),
    }
