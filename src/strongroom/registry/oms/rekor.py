"""Entries of a Rekor log (version 1) as bundles hold them, verified offline (docs.sigstore.dev, "Sigstore bundle").

1. the entry is a `dsse` of version 0.0.1 and says just this payload, signature and certificate;
2. the log has promised it (signed entry timestamp), which alone dates it;
3. it is in the tree that a checkpoint of the log names: inclusion proof and the log's signature under it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from strongroom.audit.tlog.merkle import leaf_hash, verify_inclusion
from strongroom.registry.oms.bundle import BadSignature, Bundle, Entry

_HINT: Final = 4  # bytes of a signed note's signature that name its key
_LINES: Final = 3  # of a checkpoint at least: origin, size, root
Verifies = Callable[[bytes, bytes], bool]
"""Whether a signature, in the form of its algorithm, is the log's over a message."""


class _Hash(msgspec.Struct, frozen=True):
    algorithm: str
    value: str


class _Signature(msgspec.Struct, frozen=True):
    signature: str
    verifier: str


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    payload_hash: _Hash
    signatures: tuple[_Signature, ...]


class _Body(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str
    kind: str
    spec: _Spec


def check(entry: Entry, bundle: Bundle, certificate_pem: bytes, verifies: Verifies) -> None:
    """Refuse an entry that is not of this bundle, or not in the log.

    Raises:
        BadSignature: saying which.
    """
    _of(entry, bundle, certificate_pem)
    if not verifies(entry.promise, _promised(entry)):
        raise BadSignature("its log has not promised it: the signed entry timestamp does not hold")
    size, root = _checkpoint(entry.checkpoint, verifies)
    if (size, root) != (entry.size, entry.root):
        raise BadSignature("its proof is of another tree than the log's checkpoint")
    if not verify_inclusion(leaf_hash(entry.body), entry.proof_index, entry.size, entry.hashes, entry.root):
        raise BadSignature("it is not in its log: the inclusion proof does not hold")


def _of(entry: Entry, bundle: Bundle, certificate_pem: bytes) -> None:
    try:
        body = msgspec.json.decode(entry.body, type=_Body)
        ((signature, verifier),) = [
            (_unbase64(each.signature), _unbase64(each.verifier)) for each in body.spec.signatures
        ]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise BadSignature("its entry of the log is none that is read here") from None
    if (body.kind, body.api_version) != ("dsse", "0.0.1") or (entry.kind, entry.version) != ("dsse", "0.0.1"):
        raise BadSignature("its entry of the log is of a kind that is not read here")
    hashed = body.spec.payload_hash
    same = hashed.algorithm == "sha256" and hashed.value == hashlib.sha256(bundle.payload).hexdigest()
    if not same or signature != bundle.signature or verifier.strip() != certificate_pem.strip():
        raise BadSignature("its entry of the log is of another signature")


def _promised(entry: Entry) -> bytes:
    """Return what a signed entry timestamp is over: RFC 8785 of four plain members."""
    document: dict[str, Any] = {
        "body": base64.b64encode(entry.body).decode(), "integratedTime": entry.at,
        "logID": entry.log.hex(), "logIndex": entry.index,
    }  # fmt: skip
    return msgspec.json.encode(document, order="sorted")


def _checkpoint(envelope: str, verifies: Verifies) -> tuple[int, bytes]:
    """Return size and root of a checkpoint (C2SP signed note) that the log signed."""
    text, parted, signatures = envelope.partition("\n\n")
    lines = text.split("\n")
    if not parted or len(lines) < _LINES:
        raise BadSignature("its checkpoint is none")
    for line in signatures.splitlines():
        mark, _, rest = line.partition(" ")
        try:
            signature = _unbase64(rest.rpartition(" ")[2])[_HINT:]
        except ValueError:
            continue
        if mark == "\u2014" and verifies(signature, f"{text}\n".encode()):
            break
    else:
        raise BadSignature("its checkpoint is not signed by its log")
    try:
        if not lines[1].isascii() or not lines[1].isdigit():
            raise ValueError(lines[1])
        return int(lines[1]), _unbase64(lines[2])
    except ValueError:
        raise BadSignature("its checkpoint is none") from None


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError(text) from None
