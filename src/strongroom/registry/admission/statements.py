"""The statements about a release: made, and read back once their signature was verified."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from strongroom.kernel.clock import rfc3339
from strongroom.kernel.principal import Environment
from strongroom.registry import dsse
from strongroom.registry.admission.model import Risk, Subject
from strongroom.registry.scan import Report
from strongroom.registry.scan import statement as scan_statement
from strongroom.registry.scan.statement import PREDICATE as TEST_RESULT
from strongroom.registry.scan.statement import STATEMENT
from strongroom.signatures.keys import PublicKey, SecretKey

SVR: Final = "https://in-toto.io/attestation/svr/v0.2"
EVERY_TENANT: Final = "*"


class _Digest(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, str]


class _Tool(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, str]


class _Release(msgspec.Struct, frozen=True):
    digest: str
    name: str
    version: str
    author: str
    risk: Risk
    provenance: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class _Ours(msgspec.Struct, frozen=True):
    release: _Release
    rules: tuple[str, ...] = ()


class _TestResult(msgspec.Struct, frozen=True):
    result: str
    configuration: tuple[_Tool, ...]
    strongroom: _Ours


class _Scan(msgspec.Struct, frozen=True, rename={"predicate_type": "predicateType"}):
    subject: tuple[_Digest, ...]
    predicate_type: str
    predicate: _TestResult


class Scanned(msgspec.Struct, frozen=True):
    """What a verdict says, by which rules (`ruleset`), and which of them (`rules`) something went against."""

    subject: Subject
    author: str
    risk: Risk
    files: dict[str, str]
    passed: bool
    ruleset: str
    signer: str
    rules: tuple[str, ...] = ()
    provenance: dict[str, str] = msgspec.field(default_factory=dict[str, str])


def scanned(
    report: Report,
    subject: Subject,
    author: str,
    risk: Risk,
    key: SecretKey,
    provenance: Mapping[str, str] | None = None,
) -> bytes:
    """Return the verdict over a release's files, bound to the release and to what made it, where that is known, signed."""
    document = scan_statement(report)
    release: dict[str, Any] = {
        "digest": subject.digest,
        "name": subject.name,
        "version": subject.version,
        "author": author,
        "risk": risk,
    }
    if provenance:
        release["provenance"] = dict(provenance)
    document["predicate"]["strongroom"]["release"] = release
    return dsse.sign(msgspec.json.encode(document, order="deterministic"), [key])


def read_scan(envelope: bytes, trusted: list[PublicKey]) -> Scanned:
    """Return what a verdict says.

    Raises:
        BadEnvelope: when no scanner of this installation signed it, or it is no verdict about a release.
    """
    payload, key = dsse.verify(envelope, trusted)
    try:
        found = msgspec.json.decode(payload, type=_Scan)
    except msgspec.MsgspecError:
        raise dsse.BadEnvelope("it is no verdict about a release") from None
    if found.predicate_type != TEST_RESULT:
        raise dsse.BadEnvelope("it is a statement of another kind")
    release = found.predicate.strongroom.release
    rules = {tool.name: tool.digest.get("sha256", "") for tool in found.predicate.configuration}
    return Scanned(
        Subject(digest=release.digest, name=release.name, version=release.version),
        release.author,
        release.risk,
        {each.name: each.digest.get("sha256", "") for each in found.subject},
        found.predicate.result == "PASSED",
        rules.get("ruleset", ""),
        key.id,
        found.predicate.strongroom.rules,
        release.provenance,
    )


class _Verifier(msgspec.Struct, frozen=True):
    id: str


class Terms(msgspec.Struct, frozen=True):
    """What was approved, besides the release itself.

    Attributes:
        approver: the account's name.
        environment: where it may be deployed.
        tenant: for which tenant, by id; `*`: for all.
        expires: when the approval ends, RFC 3339.
        reason: in the approver's words.
        version: of the release.
    """

    approver: str
    environment: Environment
    tenant: str
    expires: datetime
    reason: str
    version: str


class _Svr(msgspec.Struct, frozen=True, rename={"time_created": "timeCreated"}):
    verifier: _Verifier
    time_created: datetime
    strongroom: Terms


class _Approval(msgspec.Struct, frozen=True, rename={"predicate_type": "predicateType"}):
    subject: tuple[_Digest, ...]
    predicate_type: str
    predicate: _Svr


class Approved(msgspec.Struct, frozen=True):
    """What an approval says, and when it was given, as it says itself."""

    subject: Subject
    terms: Terms
    at: datetime


def approved(subject: Subject, terms: Terms, at: datetime, key: SecretKey) -> bytes:
    """Return an approval, signed by the approver's key."""
    document: dict[str, Any] = {
        "_type": STATEMENT,
        "subject": [{"name": subject.name, "digest": {"sha256": subject.digest.removeprefix("sha256:")}}],
        "predicateType": SVR,
        "predicate": {
            "verifier": {"id": f"account:{terms.approver}"},
            "timeCreated": rfc3339(at),
            "properties": [f"STRONGROOM_APPROVED_{terms.environment.upper()}"],
            "strongroom": terms,
        },
    }
    return dsse.sign(msgspec.json.encode(document, order="deterministic"), [key])


def read_approval(envelope: bytes, trusted: list[PublicKey]) -> tuple[Approved, PublicKey]:
    """Return what an approval says, and the key that signed it.

    Raises:
        BadEnvelope: when none of `trusted` signed it, or it is no approval.
    """
    payload, key = dsse.verify(envelope, trusted)
    try:
        found = msgspec.json.decode(payload, type=_Approval)
        (subject,) = found.subject
    except (msgspec.MsgspecError, ValueError):
        raise dsse.BadEnvelope("it is no approval") from None
    if found.predicate_type != SVR:
        raise dsse.BadEnvelope("it is a statement of another kind")
    terms = found.predicate.strongroom
    digest = f"sha256:{subject.digest.get('sha256', '')}"
    said = Approved(
        Subject(digest=digest, name=subject.name, version=terms.version), terms, found.predicate.time_created
    )
    return said, key
