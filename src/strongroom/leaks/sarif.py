"""A report as SARIF 2.1.0 (OASIS), which code hosts and editors show in place."""

from __future__ import annotations

from typing import Any, Final

from strongroom.leaks.model import Hit, Report

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def document(report: Report, version: str) -> dict[str, Any]:
    """Return the whole document. It holds what the report holds: no secret."""
    rules = sorted({(hit.kind, hit.rule) for hit in report.hits})
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "strongroom key scan",
                        "version": version,
                        "rules": [
                            {"id": _rule_id(*rule), "shortDescription": {"text": f"{rule[1]} ({rule[0]})"}}
                            for rule in rules
                        ],
                    }
                },
                "results": [_result(hit) for hit in report.hits],
                "invocations": [
                    {
                        "executionSuccessful": not report.unreadable,
                        "toolExecutionNotifications": [
                            {"level": "error", "message": {"text": f"{each.path}: {each.why}"}}
                            for each in report.unreadable
                        ],
                    }
                ],
            }
        ],
    }


def _rule_id(kind: str, rule: str) -> str:
    return f"{kind}/{'-'.join(rule.lower().split())}"


def _result(hit: Hit) -> dict[str, Any]:
    where = f", {hit.where}" if hit.where else ""
    return {
        "ruleId": _rule_id(hit.kind, hit.rule),
        "level": "error",
        "message": {"text": f"{hit.rule}: {hit.shown}{where}"},
        "partialFingerprints": {"strongroomLeak/v1": hit.fingerprint},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": hit.path.replace("\\", "/")},
                    "region": {"startLine": max(1, hit.line), "startColumn": hit.column},
                }
            }
        ],
    }
