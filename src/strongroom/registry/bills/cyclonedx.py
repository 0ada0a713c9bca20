"""A release as a CycloneDX 1.6 ML-BOM (ECMA-424, machine-learning-model)."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from strongroom.kernel.clock import rfc3339
from strongroom.registry.bills.model import Described
from strongroom.registry.model import Operation

SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.6.schema.json"
MEDIA_TYPE: Final = "application/vnd.cyclonedx+json; version=1.6"
_RELEASE: Final = "release"
_TASK: Final = {
    Operation.CHAT: ("text-generation", "text", "text"),
    Operation.EMBEDDING: ("feature-extraction", "text", "vector"),
    Operation.MODERATION: ("text-classification", "text", "labels"),
    Operation.INFER: ("inference", "tensors", "tensors"),
}


def ml_bom(found: Described) -> dict[str, Any]:
    """Return a release's bill of materials. The same facts at the same time give the same document."""
    facts = msgspec.json.encode(found, order="sorted").decode()
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, facts)}",
        "version": 1,
        "metadata": {
            "timestamp": rfc3339(found.at),
            "tools": {"components": [tool()]},
            "component": _component(found),
        },
        "components": list(_files(found)),
        "dependencies": [
            {"ref": _RELEASE, "dependsOn": [f"file:{each.path}" for each in found.files]},
            *({"ref": f"file:{each.path}"} for each in found.files),
        ],
        "compositions": [
            # Its files are all there are: the manifest is its identity. What it was trained on, nothing here can say.
            {"aggregate": "complete", "assemblies": [_RELEASE]}
        ],
    }


def tool() -> dict[str, str]:
    """Return what made a document."""
    return {"type": "application", "name": "strongroom", "version": version("strongroom")}


def property_of(name: str, value: object) -> dict[str, str]:
    """Return a property in this product's own part of the names."""
    text = value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
    return {"name": f"strongroom:{name}", "value": text}


def _component(found: Described) -> dict[str, Any]:
    task, takes, gives = _TASK[found.kind]
    card: dict[str, Any] = {
        "modelParameters": {"task": task, "inputs": [{"format": takes}], "outputs": [{"format": gives}]}
    }
    metrics = list(_metrics(found))
    if metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": _RELEASE,
        "name": found.name,
        "version": found.version,
        "hashes": [{"alg": "SHA-256", "content": found.digest.removeprefix("sha256:")}],
        "modelCard": card,
        "properties": list(_properties(found)),
    }
    if found.author is not None:
        component["authors"] = [{"name": found.author}]
    return component


def _files(found: Described) -> Iterator[dict[str, Any]]:
    for each in found.files:
        hashes = [{"alg": "SHA-256", "content": each.sha256}]
        if each.blake3:
            hashes.append({"alg": "BLAKE3", "content": each.blake3})
        yield {
            "type": "file",
            "bom-ref": f"file:{each.path}",
            "name": each.path,
            "hashes": hashes,
            "properties": [property_of("size", each.size)],
        }


def _metrics(found: Described) -> Iterator[dict[str, str]]:
    for each in found.evaluations:
        for metric, value in sorted(each.metrics.items()):
            yield {"type": str(metric), "value": f"{value:g}", "slice": f"{each.suite} in {each.environment}"}


def _properties(found: Described) -> Iterator[dict[str, str]]:
    yield property_of("format", str(found.format))
    yield property_of("bytes", found.bytes)
    yield property_of("source", found.source)
    if found.risk is not None:
        yield property_of("risk", str(found.risk))
    if found.scan is not None:
        yield property_of("scan", found.scan)
    for signer in found.signers:
        yield property_of("signature", {"key": signer, "over": found.called})
    for approval in found.approvals:
        yield property_of("approval", approval)
    for channel in found.channels:
        yield property_of("channel", channel)
    for each in found.evaluations:
        said = {
            "suite": each.suite, "suite_digest": each.suite_digest, "environment": each.environment,
            "passed": each.passed, "cases": each.cases, "at": each.at, "expires": each.expires, "prompt": each.prompt,
        }  # fmt: skip
        yield property_of("evaluation", said)
    for standing in found.standing:
        lacks = [reason.because for reason in standing.reasons if not reason.met]
        said = {"environment": standing.environment, "may_serve": standing.may_serve, "lacks": lacks}
        yield property_of("standing", said)
