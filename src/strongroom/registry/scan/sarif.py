"""A scan's report as SARIF 2.1.0, as code scanning services take it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from strongroom.registry.scan.model import FileReport, Finding, Level, Report, Verdict
from strongroom.registry.scan.rules import RULES

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {Level.REFUSE: "error", Level.UNDETERMINED: "warning", Level.NOTE: "note"}


def sarif(report: Report) -> dict[str, Any]:
    """Return the report as a SARIF log of one run."""
    rules = sorted(RULES)
    places = {rule: at for at, rule in enumerate(rules)}
    results = [_result(finding, None, places) for finding in report.findings]
    results += [_result(finding, each, places) for each in report.files for finding in each.findings]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": report.scanner.name,
                        "version": report.scanner.version,
                        "semanticVersion": report.scanner.version,
                        "rules": [
                            {"id": rule, "shortDescription": {"text": RULES[rule]}, "help": {"text": RULES[rule]}}
                            for rule in rules
                        ],
                    },
                },
                "columnKind": "unicodeCodePoints",
                "artifacts": [
                    {
                        "location": {"uri": quote(each.path, errors="surrogateescape")},
                        "length": each.size,
                        **({"hashes": {"sha-256": each.sha256, "blake3": each.blake3}} if each.sha256 else {}),
                    }
                    for each in report.files
                ],
                "results": results,
                "invocations": [
                    {
                        "executionSuccessful": report.verdict is not Verdict.UNDETERMINED,
                        "startTimeUtc": report.started_at,
                    }
                ],
                "properties": {"verdict": report.verdict, "ruleset": report.ruleset},
            }
        ],
    }


def _result(finding: Finding, of: FileReport | None, places: dict[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": places[finding.rule],
        "level": _LEVELS[finding.level],
        "message": {"text": finding.message},
    }
    if of is not None:
        place: dict[str, Any] = {"artifactLocation": {"uri": quote(of.path, errors="surrogateescape")}}
        if finding.offset is not None:
            place["region"] = {"byteOffset": finding.offset, "byteLength": 0}
        result["locations"] = [{"physicalLocation": place}]
    return result
