"""SARIF 2.1.0: what a scanner of code or packages found (docs.oasis-open.org/sarif/sarif/v2.1.0).

Always true here:
- a result that is suppressed counts: what excuses stands in the rules about approvals, not in the scanner;
- a run that failed is no scan.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from strongroom.registry.evidence.model import MOST_FINDINGS, BadEvidence, Facts, Finding, Form, severity_of, short
from strongroom.rules.evidence import Severity

PREDICATE = "https://docs.oasis-open.org/sarif/sarif/v2.1.0"
_LEVELS: dict[str, Severity] = {"error": "high", "warning": "medium", "note": "low", "none": "low"}
_NOT_FOUND = frozenset({"pass", "notApplicable"})


class _Configuration(msgspec.Struct, frozen=True):
    level: Literal["none", "note", "warning", "error"] = "warning"


class _Rule(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    default_configuration: _Configuration | None = None
    properties: dict[str, Any] = {}


class _Driver(msgspec.Struct, frozen=True):
    name: str
    rules: tuple[_Rule, ...] = ()


class _Tool(msgspec.Struct, frozen=True):
    driver: _Driver


class _Invocation(msgspec.Struct, frozen=True, rename="camel"):
    execution_successful: bool
    end_time_utc: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _RuleRef(msgspec.Struct, frozen=True):
    id: str | None = None
    index: int = -1


class _Result(msgspec.Struct, frozen=True, rename="camel"):
    message: dict[str, Any]
    rule_id: str | None = None
    rule_index: int = -1
    rule: _RuleRef | None = None
    level: Literal["none", "note", "warning", "error"] | None = None
    kind: Literal["notApplicable", "pass", "fail", "review", "open", "informational"] = "fail"
    baseline_state: Literal["new", "unchanged", "updated", "absent"] | None = None


class _Run(msgspec.Struct, frozen=True):
    tool: _Tool
    results: tuple[_Result, ...]
    invocations: tuple[_Invocation, ...] = ()


class _Log(msgspec.Struct, frozen=True):
    version: Literal["2.1.0"]
    runs: Annotated[tuple[_Run, ...], msgspec.Meta(min_length=1, max_length=20)]


def read(document: Any) -> Facts:
    """Return what a log says.

    Raises:
        BadEvidence: when it is none, a run failed, or it does not say when it ended.
    """
    try:
        log = msgspec.convert(document, _Log)
    except msgspec.ValidationError as error:
        raise BadEvidence(f"It is no SARIF 2.1.0 that says enough: {short(error)}.") from None
    ended: list[datetime] = []
    findings: list[Finding] = []
    for run in log.runs:
        times = [each.end_time_utc for each in run.invocations if each.end_time_utc is not None]
        if not times or not all(each.execution_successful for each in run.invocations):
            raise BadEvidence("A run does not say when it ended (`invocations[].endTimeUtc`), or did not succeed.")
        ended.append(min(times))
        findings += [_finding(each, run) for each in run.results if _found(each)]
    if len(findings) > MOST_FINDINGS:
        raise BadEvidence(f"It tells of more than {MOST_FINDINGS} findings.")
    tool = "+".join(sorted({run.tool.driver.name for run in log.runs}))
    return Facts(form=Form.SARIF, made=min(ended), tool=short(tool), scan=True, findings=tuple(findings))


def _found(result: _Result) -> bool:
    return result.kind not in _NOT_FOUND and result.baseline_state != "absent"


def _finding(result: _Result, run: _Run) -> Finding:
    rules, named = run.tool.driver.rules, result.rule_id or (result.rule.id if result.rule is not None else None)
    index = result.rule_index if result.rule is None else max(result.rule_index, result.rule.index)
    rule = next((each for each in rules if each.id == named), None)
    if rule is None and 0 <= index < len(rules):
        rule = rules[index]
    said = None if rule is None else rule.properties.get("security-severity")
    if said is not None:
        severity = severity_of(str(said))
    else:
        default = rule.default_configuration if rule is not None else None
        severity = _LEVELS[result.level or (default or _Configuration()).level]
    return Finding(id=short(named or (rule.id if rule is not None else "?")), severity=severity)
