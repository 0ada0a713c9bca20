"""For how long rows are kept: the kind `retention`, the installation's one document about all tenants.

Always true here:
- it is the installation's word alone (level `default`); a rule names the tenants that it is for, or is for all that no rule of
  their own speaks of;
- of one tenant and one class of rows one rule speaks at most, so which one holds needs no order;
- the database reads this very document by itself, in the one function of each class that can remove a row;
- no document is narrower than another: fewer days destroy evidence, more keep what is about people. So none is in force at
  once where a second person is demanded;
- where the document cannot be read, nothing is removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from strongroom.rules.kind import Document, Kind, Said
from strongroom.rules.model import DocumentError, Level, NamePattern, Rule

MOST_DAYS: Final = 3660
CLASSES: Final = ("records", "captures", "analytics")
"""Classes of rows, as fields of a rule and in the database."""
_EVERYBODY: Final = "every tenant without a rule of its own"

Days: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_DAYS)]
Smallest: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]


class RetentionRule(Rule, frozen=True, kw_only=True):
    """For how many days rows of some tenants are kept; of a class that it leaves out, another rule speaks, or none.

    Attributes:
        tenants: by name; none: all that have no rule of their own for a class.
        records: of requests.
        captures: what capture sessions captured.
        analytics: sums over records by the day.
        smallest: with `analytics`: of how many callers and requests a group has at least that stands by itself.
    """

    tenants: Annotated[tuple[NamePattern, ...], Meta(max_length=1000)] = ()
    records: Days | None = None
    captures: Days | None = None
    analytics: Days | None = None
    smallest: Smallest | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What is said of one class of rows; `tenant` empty: of all that have no rule of their own."""

    tenant: str
    class_: str = msgspec.field(name="class")
    days: int
    smallest: int | None = None


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """For how long rows are kept, of whom; of what is not here the product's own terms hold."""

    lines: tuple[Line, ...] = ()


class RetentionKind(Kind[RetentionRule, Keeping]):
    """The kind `retention`."""

    name = "retention"
    meaning = "For how many days records, captured requests and analytics are kept, of all tenants and of each."
    rule = RetentionRule
    levels = frozenset({Level.DEFAULT})

    def ceiling(self, rules: Sequence[RetentionRule]) -> Keeping:
        """Return what the rules say of everybody."""
        return Keeping(lines=tuple(sorted(each for rule in rules for each in lines_of(rule))))

    def own(self, rules: Sequence[RetentionRule]) -> Keeping:
        """Return nothing: no tenant says for how long its rows are kept."""
        del rules
        return Keeping()

    def meet(self, one: Keeping, other: Keeping) -> Keeping:
        """Return what the installation says: it is the only one that speaks."""
        return one if one.lines else other

    def is_narrower(self, old: Keeping, new: Keeping) -> bool:
        """Never, but for the same: see above."""
        return old == new

    @property
    def unreadable(self) -> Keeping:
        """No rule: nothing is removed but what the product's own terms end."""
        return Keeping()

    def explain(self, rules: Sequence[tuple[str, RetentionRule]], terms: Keeping) -> Sequence[Said]:
        """Say of each class what holds, and by which rules."""
        return [
            Said(
                field=class_,
                value=msgspec.to_builtins([each for each in terms.lines if each.class_ == class_]),
                means="; ".join(_said(each) for each in terms.lines if each.class_ == class_) or "no rule speaks of it",
                by=tuple(told for told, rule in rules if getattr(rule, class_) is not None),
            )
            for class_ in CLASSES
        ]

    def say(self, rule: RetentionRule) -> Sequence[str]:
        """Return what one rule says, in plain words."""
        return [_said(each) for each in lines_of(rule)]

    def check(self, document: Document[RetentionRule]) -> None:
        """Refuse two rules about one class of one tenant: neither would be the one that holds."""
        super().check(document)
        seen = set[tuple[str, str]]()
        for index, rule in enumerate(document.rules):
            for each in lines_of(rule):
                if (each.tenant, each.class_) in seen:
                    whose = each.tenant or _EVERYBODY
                    raise DocumentError(
                        f"Another rule speaks of {each.class_} of {whose}", f"rules[{index}].{each.class_}"
                    )
                seen.add((each.tenant, each.class_))

    def check_rule(self, rule: RetentionRule, place: str) -> None:
        """Refuse what speaks of callers, says nothing, or bounds groups of figures that it does not keep."""
        if rule.environments or rule.roles or rule.models or rule.workloads or rule.keys:
            raise DocumentError("A rule about retention is for tenants, and for no callers", place)
        if not lines_of(rule):
            raise DocumentError("A rule about retention says for how many days something is kept", place)
        if len(set(rule.tenants)) != len(rule.tenants):
            raise DocumentError("A tenant is named once", f"{place}.tenants")
        if rule.smallest is not None and rule.analytics is None:
            raise DocumentError("Only the analytics have groups: say their days too", f"{place}.smallest")


RETENTION: Final = RetentionKind()


def lines_of(rule: RetentionRule) -> list[Line]:
    """Return what a rule says, one line for each tenant and class."""
    return [
        Line(tenant=tenant, class_=class_, days=days, smallest=rule.smallest if class_ == "analytics" else None)
        for tenant in rule.tenants or ("",)
        for class_ in CLASSES
        if (days := getattr(rule, class_)) is not None
    ]


def _said(line: Line) -> str:
    groups = "" if line.smallest is None else f", in groups of at least {line.smallest}"
    return f"{line.class_} of {line.tenant or _EVERYBODY} for {line.days} days{groups}"
