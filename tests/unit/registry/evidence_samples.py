"""Documents of other tools, small ones of each form, for the tests of evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from strongroom.registry import dsse
from strongroom.registry.evidence.reading import stated
from strongroom.signatures.keys import SecretKey

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SUBJECT = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"
SCANNER, STRANGER = SecretKey.of_seed(b"s" * 32), SecretKey.of_seed(b"t" * 32)
BUILDER = "https://ci.example/builders/1"
SOURCE = "git+https://git.example/acme/model"


def cyclonedx(at: str = "2026-05-30T00:00:00Z", version: str = "1.6", **more: Any) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX", "specVersion": version, "version": 1,
        "metadata": {"timestamp": at, "component": {"type": "application", "name": "it", "bom-ref": "whole"}}, **more,
    }  # fmt: skip


PARTS = [{"type": "library", "name": "p", "version": "1", "bom-ref": "pkg:pypi/p@1"}]


def vulnerability(name: str, severity: str = "high", **more: Any) -> dict[str, Any]:
    return {"id": name, "ratings": [{"severity": severity}], "affects": [{"ref": "pkg:pypi/p@1"}], **more}


def vulns(*found: dict[str, Any], at: str = "2026-05-30T00:00:00Z", uri: str = "pkg:x/scanner") -> dict[str, Any]:
    return {
        "scanner": {"uri": uri, "version": "1", "db": {"lastUpdate": at}, "result": list(found)},
        "metadata": {"scanStartedOn": at, "scanFinishedOn": at},
    }


def sarif(*results: dict[str, Any], at: str | None = "2026-05-30T00:00:00Z", ok: bool = True) -> dict[str, Any]:
    rules = [
        {"id": "CVE-1", "properties": {"security-severity": "9.8"}},
        {"id": "CVE-2", "defaultConfiguration": {"level": "note"}},
    ]
    return {
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "grype", "rules": rules}},
                "invocations": [{"executionSuccessful": ok} | ({"endTimeUtc": at} if at else {})],
                "results": [{"message": {"text": "x"}, **each} for each in results],
            }
        ],
    }


def slsa(builder: str = BUILDER, **parameters: Any) -> dict[str, Any]:
    return {
        "buildDefinition": {
            "buildType": "https://ci.example/types/1", "externalParameters": {"source": SOURCE} | parameters,
        },
        "runDetails": {"builder": {"id": builder}, "metadata": {"finishedOn": "2026-05-30T00:00:00Z"}},
    }  # fmt: skip


def signed(document: Any, subject: str = SUBJECT, key: SecretKey = SCANNER) -> bytes:
    return stated(msgspec.json.encode(document), subject, "it", key)


def enveloped(payload: bytes, key: SecretKey = SCANNER) -> bytes:
    return dsse.sign(payload, [key])
