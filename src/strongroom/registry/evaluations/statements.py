"""An evaluation as a signed statement: in-toto `test-result/v0.1`, bound to release, suite, environment and tenant."""

from __future__ import annotations

from typing import Any

import msgspec

from strongroom.registry import dsse
from strongroom.registry.evaluations.model import Evaluated
from strongroom.registry.scan.statement import PREDICATE as TEST_RESULT
from strongroom.registry.scan.statement import STATEMENT
from strongroom.signatures.keys import PublicKey, SecretKey


class _Digest(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, str]


class _Ours(msgspec.Struct, frozen=True):
    evaluation: Evaluated


class _TestResult(msgspec.Struct, frozen=True):
    result: str
    configuration: tuple[_Digest, ...]
    strongroom: _Ours


class _Evaluation(msgspec.Struct, frozen=True, rename={"predicate_type": "predicateType"}):
    subject: tuple[_Digest, ...]
    predicate_type: str
    predicate: _TestResult


def evaluated(found: Evaluated, key: SecretKey) -> bytes:
    """Return an evaluation, signed."""
    document: dict[str, Any] = {
        "_type": STATEMENT,
        "subject": [{"name": found.name, "digest": {"sha256": found.release.removeprefix("sha256:")}}],
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": "PASSED" if found.passed else "FAILED",
            "configuration": [{"name": found.suite, "digest": {"sha256": found.suite_digest.removeprefix("sha256:")}}],
            "failedTests": list(found.failed),
            "strongroom": {"evaluation": found},
        },
    }
    return dsse.sign(msgspec.json.encode(document, order="deterministic"), [key])


def read(envelope: bytes, trusted: list[PublicKey]) -> Evaluated:
    """Return what an evaluation says.

    Raises:
        BadEnvelope: when no evaluator of this installation signed it, or it is none.
    """
    payload, _ = dsse.verify(envelope, trusted)
    try:
        document = msgspec.json.decode(payload, type=_Evaluation)
        (subject,) = document.subject
    except (msgspec.MsgspecError, ValueError):
        raise dsse.BadEnvelope("it is no evaluation") from None
    found = document.predicate.strongroom.evaluation
    if document.predicate_type != TEST_RESULT or found.release != f"sha256:{subject.digest.get('sha256', '')}":
        raise dsse.BadEnvelope("it is a statement of another kind")
    met = bool(found.thresholds) and all(
        bound.met(found.metrics.get(metric)) for metric, bound in found.thresholds.items()
    )
    if found.passed is not met or document.predicate.result != ("PASSED" if met else "FAILED"):
        raise dsse.BadEnvelope("its result is not what its metrics come to")
    return found
