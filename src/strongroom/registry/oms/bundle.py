"""Sigstore bundles with a DSSE envelope, as far as OMS needs them: read strictly, written as `model-signing` reads them."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Final

import msgspec

from strongroom.registry import dsse

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_READ: Final = frozenset(
    {MEDIA_TYPE, *(f"application/vnd.dev.sigstore.bundle+json;version=0.{minor}" for minor in (1, 2, 3))}
)
_CERTIFICATES: Final = 16
_Number = Annotated[int, msgspec.Meta(ge=0)]  # protobuf writes 64 bits as texts


class BadSignature(ValueError):  # noqa: N818 - said to a person
    """A model's signature does not hold; the message says why."""


class _Hint(msgspec.Struct, frozen=True):
    hint: str | None = None


class _Certificate(msgspec.Struct, frozen=True, rename="camel"):
    raw_bytes: str


class _Chain(msgspec.Struct, frozen=True):
    certificates: tuple[_Certificate, ...] = ()


class _Id(msgspec.Struct, frozen=True, rename="camel"):
    key_id: bytes


class _Kind(msgspec.Struct, frozen=True):
    kind: str
    version: str


class _Promise(msgspec.Struct, frozen=True, rename="camel"):
    signed_entry_timestamp: bytes


class _Checkpoint(msgspec.Struct, frozen=True):
    envelope: str


class _Proof(msgspec.Struct, frozen=True, rename="camel"):
    log_index: _Number
    root_hash: bytes
    tree_size: _Number
    hashes: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=64)] = ()
    checkpoint: _Checkpoint = _Checkpoint("")


class _Entry(msgspec.Struct, frozen=True, rename="camel"):
    log_index: _Number
    log_id: _Id
    kind_version: _Kind
    integrated_time: _Number
    inclusion_promise: _Promise
    inclusion_proof: _Proof
    canonicalized_body: bytes


class _Material(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    public_key: _Hint | None = None
    x509_certificate_chain: _Chain | None = msgspec.field(name="x509CertificateChain", default=None)
    certificate: _Certificate | None = None
    tlog_entries: list[Any] | None = None


class _Bundle(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    verification_material: _Material
    dsse_envelope: msgspec.Raw


class Entry(msgspec.Struct, frozen=True):
    """An entry of a transparency log, nothing of it verified.

    Attributes:
        log: SHA-256 of the log's key.
        kind: of the entry.
        version: of that.
        index: its number in the log.
        at: when the log took it in, in seconds.
        body: its bytes.
        promise: the log's signature over all of that.
        proof_index: its number in the tree of the proof.
        size: how many leaves that tree has.
        root: of the tree.
        hashes: the proof.
        checkpoint: what the log signed of the tree.
    """

    log: bytes
    kind: str
    version: str
    index: int
    at: int
    body: bytes
    promise: bytes
    proof_index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str


class Bundle(msgspec.Struct, frozen=True):
    """What a bundle holds, nothing of it verified.

    Attributes:
        payload: the statement's bytes.
        message: what is signed: the payload with its type.
        signature: DER.
        certificates: DER, the signer's first; none where a bare key signed.
        hint: SHA-256 of the key's PEM, for people.
        entry: of the log of the Sigstore service that it was signed through; None: it was not.
    """

    payload: bytes
    message: bytes
    signature: bytes
    certificates: tuple[bytes, ...]
    hint: str
    entry: Entry | None = None


def read(data: bytes) -> Bundle:
    """Read a bundle.

    Raises:
        BadSignature: when it is none, or one of another kind.
    """
    try:
        found = msgspec.json.decode(data, type=_Bundle)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadSignature("it is no Sigstore bundle with a DSSE envelope") from None
    if found.media_type not in _READ:
        raise BadSignature("it is a bundle of a version that is not read here")
    try:
        payload, message, signatures = dsse.opened(bytes(found.dsse_envelope))
    except dsse.BadEnvelope as error:
        raise BadSignature(str(error)) from None
    if len(signatures) != 1:
        raise BadSignature("it holds several signatures, and OMS has one")
    material = found.verification_material
    if material.certificate is not None:
        return _of_a_service(material, material.certificate, (payload, message, signatures[0]))
    chain = material.x509_certificate_chain.certificates if material.x509_certificate_chain else ()
    if len(chain) > _CERTIFICATES or bool(chain) == (material.public_key is not None):
        raise BadSignature("it holds neither one key nor one chain of certificates")
    try:
        certificates = tuple(base64.b64decode(each.raw_bytes, validate=True) for each in chain)
    except (binascii.Error, ValueError):
        raise BadSignature("a certificate in it is not in base64") from None
    hint = material.public_key.hint if material.public_key is not None else None
    return Bundle(payload, message, signatures[0], certificates, hint or "")


def _of_a_service(material: _Material, certificate: _Certificate, parts: tuple[bytes, bytes, bytes]) -> Bundle:
    if material.public_key is not None or material.x509_certificate_chain is not None:
        raise BadSignature("it holds neither one key nor one chain of certificates")
    try:
        (found,) = msgspec.convert(material.tlog_entries or [], tuple[_Entry, ...], strict=False)
        raw = base64.b64decode(certificate.raw_bytes, validate=True)
    except (msgspec.ValidationError, binascii.Error, ValueError):
        raise BadSignature(
            "it was signed through a Sigstore service, and holds not just one entry of its log"
        ) from None
    proof, kind = found.inclusion_proof, found.kind_version
    entry = Entry(
        found.log_id.key_id, kind.kind, kind.version, found.log_index, found.integrated_time, found.canonicalized_body,
        found.inclusion_promise.signed_entry_timestamp, proof.log_index, proof.tree_size, proof.root_hash, proof.hashes,
        proof.checkpoint.envelope,
    )  # fmt: skip
    return Bundle(*parts, (raw,), "", entry)


def write(payload: bytes, signature: bytes, *, certificates: tuple[bytes, ...], hint: str) -> bytes:
    """Return a bundle."""
    if certificates:
        raw = [{"rawBytes": base64.b64encode(each).decode()} for each in certificates]
        material: dict[str, Any] = {"x509CertificateChain": {"certificates": raw}}
    else:
        material = {"publicKey": {"hint": hint}}
    return msgspec.json.encode(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {**material, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": dsse.IN_TOTO,
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }
    )
