"""What this installation signs of sources and data sets, and reads back once the signature was verified."""

from __future__ import annotations

from typing import Final

import msgspec

from strongroom.registry import dsse
from strongroom.registry.admission.model import Subject
from strongroom.registry.datasets.model import Source, Verdict
from strongroom.registry.scan.statement import PREDICATE as TEST_RESULT
from strongroom.registry.scan.statement import STATEMENT
from strongroom.signatures.keys import PublicKey, SecretKey

SOURCE_TYPE: Final = "application/vnd.strongroom.source+json"
_TOLD_APART: Final = "dataset/"  # no release is called so: an approval of the one is none of the other


class _Tool(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, str]


class _Ours(msgspec.Struct, frozen=True):
    dataset: str
    verdict: Verdict
    source: Source


class _Result(msgspec.Struct, frozen=True):
    result: str
    configuration: tuple[_Tool, ...]
    strongroom: _Ours


class _Named(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, str]


class _Statement(msgspec.Struct, frozen=True, rename={"predicate_type": "predicateType", "type_": "_type"}):
    type_: str
    subject: tuple[_Named, ...]
    predicate_type: str
    predicate: _Result


class Judged(msgspec.Struct, frozen=True):
    """What a verdict says of a data set, and of the source that it came from as it stood then."""

    verdict: Verdict
    source: Source


def subject_of(digest: str, name: str, version: str) -> Subject:
    """Return what statements call a data set."""
    return Subject(digest=digest, name=f"{_TOLD_APART}{name}", version=version)


def judged(subject: Subject, verdict: Verdict, source: Source, key: SecretKey) -> bytes:
    """Return the verdict over a data set, signed: an in-toto test result."""
    rules = [*verdict.rules.items(), ("contract", verdict.contract)]
    document = _Statement(
        STATEMENT,
        (_Named(subject.called, {"sha256": subject.digest.removeprefix("sha256:")}),),
        TEST_RESULT,
        _Result(
            "PASSED" if verdict.passed else "FAILED",
            tuple(_Tool(name, {"sha256": digest}) for name, digest in rules),
            _Ours(subject.digest, verdict, source),
        ),
    )
    return dsse.sign(msgspec.json.encode(document, order="deterministic"), [key])


def read_judged(envelope: bytes, subject: Subject, trusted: list[PublicKey]) -> Judged:
    """Return what a verdict says.

    Raises:
        BadEnvelope: when this installation did not sign it, or it is about something else.
    """
    payload, _ = dsse.verify(envelope, trusted)
    try:
        found = msgspec.json.decode(payload, type=_Statement)
    except msgspec.MsgspecError:
        raise dsse.BadEnvelope("it is no verdict about a data set") from None
    ours = found.predicate.strongroom
    if found.predicate_type != TEST_RESULT or ours.dataset != subject.digest:
        raise dsse.BadEnvelope("it is about another data set")
    if (found.predicate.result == "PASSED") is not ours.verdict.passed:
        raise dsse.BadEnvelope("it says two things")
    return Judged(ours.verdict, ours.source)


def registered(source: Source, key: SecretKey) -> bytes:
    """Return a source as it is kept: signed."""
    return dsse.sign(msgspec.json.encode(source, order="deterministic"), [key], SOURCE_TYPE)


def read_source(envelope: bytes, trusted: list[PublicKey]) -> Source:
    """Return a source.

    Raises:
        BadEnvelope: when this installation did not sign it.
    """
    payload, _ = dsse.verify(envelope, trusted, SOURCE_TYPE)
    try:
        return msgspec.json.decode(payload, type=Source)
    except msgspec.MsgspecError:
        raise dsse.BadEnvelope("it is no source") from None
