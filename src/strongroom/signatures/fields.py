"""The fields that carry a signature, in the one spelling that is taken: RFC 8941's own serialisation of them.

A field that another spelling would also describe (spaces where none are written, an escape, a second member, a parameter
twice) is refused. So the text of `Signature-Input` is at once the value of `@signature-params`, without writing it anew.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import Final

MAX_FIELD_BYTES: Final = 2048

_LABEL: Final = rb"[a-z*][a-z0-9_.*-]{0,63}"
_COMPONENT: Final = rb'"@?[a-z0-9][a-z0-9-]{0,63}"'
_VALUE: Final = rb'(?:-?[0-9]{1,15}|"[\x20\x21\x23-\x5b\x5d-\x7e]{0,256}")'
_PARAMETER: Final = rb";([a-z*][a-z0-9_.*-]{0,31})=(" + _VALUE + rb")"
_INPUT: Final = re.compile(
    rb"(" + _LABEL + rb")=(\((" + _COMPONENT + rb"(?: " + _COMPONENT + rb"){0,31})\)"
    rb"((?:;[a-z*][a-z0-9_.*-]{0,31}=" + _VALUE + rb"){1,16}))"
)
_PARAMETERS: Final = re.compile(_PARAMETER)
_SIGNATURE: Final = re.compile(rb"(" + _LABEL + rb")=:([A-Za-z0-9+/]{1,1024}={0,2}):")
_DIGEST: Final = re.compile(rb"sha-(256|512)=:([A-Za-z0-9+/]{43,86}={1,2}):")
_HASHES: Final = {b"256": sha256, b"512": sha512}


@dataclass(frozen=True, slots=True)
class SignatureInput:
    """What a signature says of itself.

    Attributes:
        label: its name in both fields.
        components: what it covers, in order, each once.
        parameters: numbers and texts, each once.
        text: the value of `@signature-params`, byte for byte.
    """

    label: bytes
    components: tuple[str, ...]
    parameters: Mapping[str, int | str]
    text: bytes


def parse_input(value: bytes) -> SignatureInput | None:
    """Return a `Signature-Input` field with one member; None: it is another, or spelled otherwise."""
    found = _INPUT.fullmatch(value) if len(value) <= MAX_FIELD_BYTES else None
    if found is None:
        return None
    components = tuple(found[3].replace(b'"', b"").decode("ascii").split(" "))
    parameters: dict[str, int | str] = {}
    for name, text in _PARAMETERS.findall(found[4]):
        known = name.decode("ascii")
        if known in parameters:
            return None
        parameters[known] = text[1:-1].decode("ascii") if text.startswith(b'"') else int(text)
    if len(set(components)) != len(components):
        return None
    return SignatureInput(found[1], components, parameters, found[2])


def parse_signature(value: bytes, label: bytes) -> bytes | None:
    """Return the signature of a `Signature` field whose one member is `label`."""
    found = _SIGNATURE.fullmatch(value) if len(value) <= MAX_FIELD_BYTES else None
    return None if found is None or found[1] != label else _unbase64(found[2])


def digests_hold(value: bytes, body: bytes) -> bool | None:
    """Whether every digest of a `Content-Digest` field (RFC 9530) is that of `body`; None: it has another form.

    SHA-256 and SHA-512 are taken, each at most once, and no other: what is not checked would only look as if it were.
    """
    members = value.split(b", ") if len(value) <= MAX_FIELD_BYTES else []
    seen: set[bytes] = set()
    holds = True
    for member in members:
        found = _DIGEST.fullmatch(member)
        claimed = None if found is None else _unbase64(found[2])
        if found is None or claimed is None or found[1] in seen:
            return None
        seen.add(found[1])
        holds = hmac.compare_digest(_HASHES[found[1]](body).digest(), claimed) and holds
    return holds if seen else None


def content_digest(body: bytes) -> bytes:
    """Return the `Content-Digest` of `body`, by SHA-256."""
    return digest_field(sha256(body).digest())


def digest_field(digest: bytes) -> bytes:
    """Return a SHA-256 digest as RFC 9530 writes it."""
    return b"sha-256=:%b:" % base64.b64encode(digest)


def write_input(components: tuple[str, ...], parameters: Mapping[str, int | str]) -> bytes:
    """Return the value of `@signature-params`: what `parse_input` reads, without the label.

    Raises:
        ValueError: when a text holds what has no one spelling.
    """
    covered = " ".join(f'"{name}"' for name in components)
    said = "".join(
        f";{name}={value if isinstance(value, int) else _quoted(value)}" for name, value in parameters.items()
    )
    return f"({covered}){said}".encode("ascii")


def write_signature(label: bytes, signature: bytes) -> bytes:
    """Return a `Signature` field with one member."""
    return b"%b=:%b:" % (label, base64.b64encode(signature))


def base(values: Mapping[str, bytes], covered: SignatureInput | tuple[tuple[str, ...], bytes]) -> bytes:
    """Return the signature base (RFC 9421 §2.5).

    Args:
        values: each component's value.
        covered: which components, in order, and the value of `@signature-params`.
    """
    components, text = (covered.components, covered.text) if isinstance(covered, SignatureInput) else covered
    lines = [b'"%b": %b' % (name.encode("ascii"), values[name]) for name in components]
    return b"\n".join([*lines, b'"@signature-params": ' + text])


def _quoted(text: str) -> str:
    if not text.isascii() or not text.isprintable() or '"' in text or "\\" in text:
        raise ValueError("a text of a signature is plain ASCII without quotes and backslashes")
    return f'"{text}"'


def _unbase64(text: bytes) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return raw if base64.b64encode(raw) == text else None  # stray bits at the end would be a second spelling
