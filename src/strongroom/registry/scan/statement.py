"""A scan's verdict as an in-toto statement (predicate `test-result/v0.1`), to be signed.

Always true here: the subjects are every file that was looked at, by both digests; the configuration names the scanner,
the rules and the plug-ins by digest, so a verdict of older rules is told apart; anything but clean is FAILED.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from strongroom.registry import dsse
from strongroom.registry.scan.model import FileReport, Report, Verdict
from strongroom.signatures.keys import SecretKey

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://in-toto.io/attestation/test-result/v0.1"


def statement(report: Report) -> dict[str, Any]:
    """Return the statement that says what `report` does."""
    clean = report.verdict is Verdict.CLEAN
    failed = sorted(
        {finding.rule for finding in report.findings if finding.level != "note"}
        | {finding.rule for each in report.files for finding in each.findings if finding.level != "note"}
    )
    tools = (report.scanner, *report.plugins)
    return {
        "_type": STATEMENT,
        "subject": [_subject(each) for each in report.files if each.sha256],
        "predicateType": PREDICATE,
        "predicate": {
            "result": "PASSED" if clean else "FAILED",
            "configuration": [
                *(
                    {"name": tool.name, "digest": {"sha256": tool.digest}, "annotations": {"version": tool.version}}
                    for tool in tools
                ),
                {"name": "ruleset", "digest": {"sha256": report.ruleset}},
            ],
            "passedTests": [each.path for each in report.files if each.verdict is Verdict.CLEAN],
            "warnedTests": [each.path for each in report.files if each.verdict is Verdict.UNDETERMINED],
            "failedTests": [each.path for each in report.files if each.verdict is Verdict.REFUSED],
            "strongroom": {
                "verdict": report.verdict,
                "scannedAt": report.started_at,
                "rules": failed,
                "sandbox": list(report.sandbox),
                "templates": [
                    {"path": each.path, "name": template.name, "digest": {"sha256": template.sha256}}
                    for each in report.files
                    for template in each.templates
                ],
            },
        },
    }


def signed(report: Report, key: SecretKey) -> bytes:
    """Return the statement in a DSSE envelope that `key` signed."""
    return dsse.sign(msgspec.json.encode(statement(report), order="deterministic"), [key])


def _subject(report: FileReport) -> dict[str, Any]:
    return {"name": report.path, "digest": {"sha256": report.sha256, "blake3": report.blake3}}
