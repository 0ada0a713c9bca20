"""From an envelope to what it says, of one subject, by one of the keys that count.

1. the envelope is small, and strict JSON;
2. a key that counts signed it;
3. what was signed is an in-toto statement, strict JSON too;
4. one of its subjects is the digest that it was brought for;
5. its predicate is one of those that are known, and follows its schema;
6. it was not made in the future.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec

from strongroom.registry import dsse
from strongroom.registry.evidence import cyclonedx, sarif, slsa, vulns
from strongroom.registry.evidence.model import MOST_BYTES, BadEvidence, Facts, Form, short
from strongroom.registry.evidence.strictly import decoded
from strongroom.registry.scan.statement import STATEMENT
from strongroom.signatures.keys import PublicKey, SecretKey

CYCLONEDX: Final = "https://cyclonedx.org/bom"
_AHEAD: Final = timedelta(minutes=5)  # how far another's clock may be ahead of ours
_STATEMENTS: Final = frozenset({STATEMENT, "https://in-toto.io/Statement/v0.1"})
_READERS: Final[Mapping[str, Callable[[Any], Facts]]] = {
    CYCLONEDX: cyclonedx.read,
    sarif.PREDICATE: sarif.read,
    slsa.PREDICATE: slsa.read,
    **dict.fromkeys(vulns.PREDICATES, vulns.read),
}
_PREDICATES: Final[Mapping[Form, str]] = {
    Form.CYCLONEDX: CYCLONEDX,
    Form.SARIF: sarif.PREDICATE,
    Form.SLSA: slsa.PREDICATE,
    Form.VULNS: "https://in-toto.io/attestation/vulns/v0.2",
}


class _Subject(msgspec.Struct, frozen=True):
    digest: dict[str, str]
    name: str = ""


class _Statement(
    msgspec.Struct, frozen=True, kw_only=True, rename={"predicate_type": "predicateType", "type": "_type"}
):
    type: str
    subject: Annotated[tuple[_Subject, ...], msgspec.Meta(min_length=1, max_length=1000)]
    predicate_type: str
    predicate: dict[str, Any]


def read(envelope: bytes, subject: str, trusted: Iterable[PublicKey], now: datetime) -> tuple[Facts, str]:
    """Return what an envelope says of a digest, and the id of the key that signed it. Takes as long as the schema does.

    Args:
        envelope: DSSE, as JSON.
        subject: `sha256:…`.
        trusted: the keys that count.
        now: the time.

    Raises:
        BadEvidence: with a sentence that says why, for a person who is trusted with it.
    """
    _shape(envelope)
    try:
        payload, key = dsse.verify(envelope, trusted)
    except dsse.BadEnvelope as error:
        tell = "The keys that count are named in the rules about approvals (`evidence.keys`)."
        raise BadEvidence(f"It is not evidence: {error}. {tell}") from None
    statement = _statement(payload)
    hexadecimal = subject.removeprefix("sha256:")
    if not any(each.digest.get("sha256") == hexadecimal for each in statement.subject):
        raise BadEvidence(f"It is about something else than {subject}.")
    reader = _READERS.get(statement.predicate_type)
    if reader is None:
        raise BadEvidence(f"What it states ({short(statement.predicate_type)}) is not one of {', '.join(_READERS)}.")
    facts = reader(statement.predicate)
    if facts.made > now + _AHEAD:
        raise BadEvidence("It says that it was made in the future.")
    return facts, key.id


def stated(document: bytes, subject: str, name: str, key: SecretKey) -> bytes:
    """Return a document of another tool as a statement about a digest, signed: for what scanners write without a signature.

    Args:
        document: CycloneDX, SARIF, a predicate `vulns`, or SLSA provenance, as JSON.
        subject: `sha256:…`.
        name: what that is called.
        key: signs it.

    Raises:
        BadEvidence: when it is none of these.
    """
    predicate = decoded(document, MOST_BYTES)
    kind = _PREDICATES[_form(predicate)]
    _READERS[kind](predicate)
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": subject.removeprefix("sha256:")}}],
        "predicateType": kind,
        "predicate": predicate,
    }
    return dsse.sign(msgspec.json.encode(statement, order="deterministic"), [key])


def _form(predicate: Any) -> Form:
    marks: dict[str, Form] = {
        "bomFormat": Form.CYCLONEDX, "runs": Form.SARIF, "buildDefinition": Form.SLSA, "scanner": Form.VULNS,
    }  # fmt: skip
    for mark, form in marks.items():
        if isinstance(predicate, dict) and mark in predicate:
            return form
    raise BadEvidence("It is neither CycloneDX nor SARIF, SLSA provenance or a predicate `vulns`.")


class _Signature(msgspec.Struct, frozen=True):
    sig: str
    keyid: str = ""


class _Envelope(msgspec.Struct, frozen=True, rename={"payload_type": "payloadType"}):
    payload: str
    payload_type: Literal["application/vnd.in-toto+json"]
    signatures: Annotated[tuple[_Signature, ...], msgspec.Meta(max_length=20)]


def _shape(envelope: bytes) -> None:
    """Refuse what is no envelope; what is signed is compared as bytes after that, so its JSON must have one reading."""
    try:
        msgspec.convert(decoded(envelope, MOST_BYTES), _Envelope)
    except msgspec.ValidationError:
        tell = "Wrap what a scanner wrote with `strongroom evidence sign`."
        raise BadEvidence(f"It is no DSSE envelope of an in-toto statement. {tell}") from None


def _statement(payload: bytes) -> _Statement:
    try:
        statement = msgspec.convert(decoded(payload, MOST_BYTES), _Statement)
    except msgspec.ValidationError as error:
        raise BadEvidence(f"It is no in-toto statement: {short(error)}.") from None
    if statement.type not in _STATEMENTS:
        raise BadEvidence("It is an in-toto statement of an unknown version.")
    return statement
