"""Signing a model, and telling whether it is the one that was signed.

1. the signature's bytes are verified, by a key or certificate that the caller trusts;
2. what was signed is read, strictly: one subject, the method `files`, each path once;
3. it must be the model of that name;
4. the files that are there must be those, no more and no fewer, with those digests.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from strongroom.registry import dsse
from strongroom.registry.oms.bundle import BadSignature, Bundle, read, write
from strongroom.registry.oms.files import HASHES, ITSELF, Progress, digests
from strongroom.registry.oms.keys import SigningKey, Trust, fingerprint
from strongroom.registry.scan.jsonread import shown
from strongroom.registry.scan.names import unplain

_STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://model_signing/signature/v1.0"
_HEX: Final = re.compile(r"(?:[0-9a-f]{2}){20,64}")
_SHOWN: Final = 5


class _Subject(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, str]


class _Resource(msgspec.Struct, frozen=True):
    name: str
    algorithm: str
    digest: str


class _Serialization(msgspec.Struct, frozen=True):
    method: str
    hash_type: str
    allow_symlinks: bool = False


class _Predicate(msgspec.Struct, frozen=True):
    serialization: _Serialization
    resources: tuple[_Resource, ...]


class _Statement(msgspec.Struct, frozen=True, rename={"type": "_type", "predicate_type": "predicateType"}):
    type: str
    subject: tuple[_Subject, ...]
    predicate_type: str
    predicate: _Predicate


class Signed(msgspec.Struct, frozen=True):
    """What a signature says of a model.

    Attributes:
        name: the model's.
        root: SHA-256 over the files' digests in the order of the statement: it names no file, so it is no identity.
        algorithm: of the files' digests.
        files: digest by path.
    """

    name: str
    root: str
    algorithm: str
    files: dict[str, str]


class Verified(msgspec.Struct, frozen=True):
    """A model that is what was signed: what that was, and by whom."""

    signed: Signed
    signer: str


def payload(name: str, files: dict[str, str]) -> bytes:
    """Return the statement over a model's files, by SHA-256."""
    resources = [{"name": path, "algorithm": "sha256", "digest": files[path]} for path in sorted(files)]
    document: dict[str, Any] = {
        "_type": _STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": _root(files[path] for path in sorted(files))}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []},
            "resources": resources,
        },
    }
    return msgspec.json.encode(document)


def sign(
    path: Path, name: str, key: SigningKey, *, without: Path | None = None, progress: Progress | None = None
) -> tuple[bytes, Verified]:
    """Return a signature, a Sigstore bundle, over a model's files and its name, and what it says.

    Raises:
        NotAModel: when the files cannot be signed.
        OSError: when one cannot be read.
    """
    return sign_files(name, digests(path, without=without, progress=progress), key)


def sign_files(name: str, files: dict[str, str], key: SigningKey) -> tuple[bytes, Verified]:
    """Return a signature over files whose SHA-256 are known, and what it says."""
    body = payload(name, files)
    bundle = bundled(body, key.sign(message(body)), key.key.public_key(), key.certificates)
    return bundle, Verified(_signed(read(bundle)), f"key {key.hint}")


def message(body: bytes) -> bytes:
    """Return what is signed of a statement: for a key that is elsewhere."""
    return dsse.encoded(dsse.IN_TOTO, body)


def bundled(
    body: bytes, signature: bytes, key: ec.EllipticCurvePublicKey, certificates: tuple[x509.Certificate, ...]
) -> bytes:
    """Return a statement with its signature, by `key` and with the certificates that speak for it, as a bundle."""
    chain = tuple(each.public_bytes(Encoding.DER) for each in certificates)
    return write(body, signature, certificates=chain, hint=fingerprint(key))


def verify(
    path: Path,
    name: str,
    signature: bytes,
    trust: Trust,
    *,
    without: Path | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Return who signed the model at `path`, when it is what was signed.

    Args:
        path: the model.
        name: what it must have been signed as.
        signature: the bundle.
        trust: whose signature counts.
        without: the signature's own file.
        progress: told of each part of a file.

    Raises:
        BadSignature: when the signature does not hold, or the model is not what was signed.
        NotAModel: when what is there cannot be a model.
        OSError: when something cannot be read.
    """
    found = verify_statement(signature, trust)
    if found.signed.name != name:
        raise BadSignature(f"it was signed as {shown(found.signed.name)}, and this is {shown(name)}")
    here = digests(path, algorithm=found.signed.algorithm, without=without, progress=progress)
    if here.keys() == {ITSELF} and found.signed.files.keys() == {path.name}:
        here = {path.name: here[ITSELF]}  # The specification calls the one file by its name, `model-signing` by `.`.
    if (here.keys() == {ITSELF}) != (found.signed.files.keys() == {ITSELF}):
        raise BadSignature("a directory was signed and this is a file, or the other way round")
    _same(here, found.signed.files)
    return found


def verify_statement(signature: bytes, trust: Trust) -> Verified:
    """Return what a signature says, and who says it; the files are not looked at.

    Raises:
        BadSignature: when it does not hold.
    """
    bundle = read(signature)
    signer = trust.signer(bundle)
    return Verified(_signed(bundle), signer)


def stated(signature: bytes) -> tuple[Bundle, Signed]:
    """Return what a bundle holds and what it says of a model, nothing of it verified.

    Raises:
        BadSignature: when it is none, or contradicts itself.
    """
    bundle = read(signature)
    return bundle, _signed(bundle)


def said_in(bundle: Bundle) -> Signed:
    """Return what a bundle says of a model: to be read once it is known who signed it.

    Raises:
        BadSignature: when it contradicts itself, or speaks of something else.
    """
    return _signed(bundle)


def _same(here: dict[str, str], signed: dict[str, str]) -> None:
    added, gone = sorted(here.keys() - signed.keys()), sorted(signed.keys() - here.keys())
    changed = sorted(path for path in here.keys() & signed.keys() if here[path] != signed[path])
    said = [
        f"{what}: {', '.join(shown(path) for path in paths[:_SHOWN])}" + (" …" if len(paths) > _SHOWN else "")
        for what, paths in (("changed", changed), ("added", added), ("missing", gone))
        if paths
    ]
    if said:
        raise BadSignature(f"the model is not what was signed ({'; '.join(said)})")


def _signed(bundle: Bundle) -> Signed:
    try:
        found = msgspec.json.decode(bundle.payload, type=_Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadSignature("what was signed is no statement about a model") from None
    if found.type != _STATEMENT or found.predicate_type != PREDICATE:
        raise BadSignature("what was signed is a statement of another kind or version")
    how = found.predicate.serialization
    if how.method != "files" or how.allow_symlinks or how.hash_type not in HASHES:
        raise BadSignature("it was signed by shards, through links or by another hash, which is not read here")
    if len(found.subject) != 1:
        raise BadSignature("what was signed has several subjects")
    files: dict[str, str] = {}
    for each in found.predicate.resources:
        if each.algorithm != how.hash_type or not _HEX.fullmatch(each.digest) or each.name in files:
            raise BadSignature(f"what was signed says of {shown(each.name)} two things, or none that can be read")
        if each.name != ITSELF and unplain(each.name) is not None:
            raise BadSignature(f"what was signed names a file {shown(each.name)}, which no model has")
        files[each.name] = each.digest
    root = found.subject[0].digest.get("sha256", "")
    if not files or root != _root(files.values()):
        raise BadSignature("what was signed contradicts itself: its digest is not that of its files")
    return Signed(found.subject[0].name, root, how.hash_type, files)


def _root(found: Iterable[str]) -> str:
    hasher = hashlib.sha256()
    for each in found:
        hasher.update(bytes.fromhex(each))
    return hasher.hexdigest()
