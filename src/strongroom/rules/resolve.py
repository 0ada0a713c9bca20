"""From documents to what holds for one caller and one model.

1. The ceiling speaks: the operator's document for the tenant, or where there is none the installation's default, or
   where there is none nobody, which is the least.
2. The tenant's own document speaks, if there is one.
3. What both allow holds. So nothing that a tenant writes allows what its ceiling does not.

A document that cannot be read stands where it stood, as the kind's `unreadable`: nothing behind it speaks in its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from strongroom.rules.kind import Document, Kind, RuleT, Said, TermsT, fitting
from strongroom.rules.model import Level, Subject

_Terms = TypeVar("_Terms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Generic[RuleT]):
    """A document in force. `document` is None when it cannot be read."""

    level: Level
    version: int
    digest: str
    document: Document[RuleT] | None

    def __str__(self) -> str:
        """Name it in plain words."""
        said = {
            Level.DEFAULT: "the installation's default",
            Level.CEILING: "the tenant's ceiling",
            Level.OWN: "the tenant's own document",
        }
        return f"{said[self.level]}, version {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(Generic[RuleT]):
    """The documents of one kind that concern one tenant."""

    default: Held[RuleT] | None = None
    ceiling: Held[RuleT] | None = None
    own: Held[RuleT] | None = None

    def with_(self, level: Level, held: Held[RuleT] | None) -> Standing[RuleT]:
        """Return them with another document at `level`."""
        return replace(self, **{level.value: held})

    @property
    def above(self) -> Held[RuleT] | None:
        """The operator's word: the ceiling, or the default where there is none."""
        return self.ceiling or self.default


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """What holds in one field, and who said so.

    Attributes:
        said: by the document that decided.
        by: that document; None: the product's own least.
    """

    said: Said
    by: str | None


class Terms:
    """What holds for one caller and one model, of every kind. `terms.of(DISCLOSURE)` has the kind's own type."""

    __slots__ = ("_of", "version")

    def __init__(self, of: Mapping[str, Any], version: str) -> None:
        self._of = of
        self.version = version
        """Digest over which versions of which documents were in force for the tenant, hex."""

    def of(self, kind: Kind[Any, _Terms]) -> _Terms:
        """Return what holds of one kind."""
        held: _Terms = self._of[kind.name]
        return held


def settle(kind: Kind[RuleT, TermsT], standing: Standing[RuleT], subject: Subject) -> TermsT:
    """Return what the documents of one kind come to for `subject`."""
    ceiling = above(kind, standing, subject)
    if standing.own is None:
        return ceiling
    return kind.meet(ceiling, own(kind, standing, subject))


def above(kind: Kind[RuleT, TermsT], standing: Standing[RuleT], subject: Subject) -> TermsT:
    """Return what the operator's word comes to for `subject`."""
    held = standing.above
    if held is not None and held.document is None:
        return kind.unreadable
    return kind.ceiling(() if held is None or held.document is None else _rules(held.document, subject))


def own(kind: Kind[RuleT, TermsT], standing: Standing[RuleT], subject: Subject) -> TermsT:
    """Return what the tenant's own word comes to for `subject`, before it meets the ceiling."""
    held = standing.own
    if held is not None and held.document is None:
        return kind.unreadable
    return kind.own(() if held is None or held.document is None else _rules(held.document, subject))


def explain(kind: Kind[RuleT, TermsT], standing: Standing[RuleT], subject: Subject) -> list[Why]:
    """Say for each field what holds and which document and rules said so."""
    ceiling, narrowed = above(kind, standing, subject), own(kind, standing, subject)
    over = _because(kind, standing.above, subject, ceiling)
    if standing.own is None:
        return over
    under = _because(kind, standing.own, subject, narrowed)
    final = {said.field: said for said in kind.explain((), kind.meet(ceiling, narrowed))}
    chosen: list[Why] = []
    for one, other in zip(over, under, strict=True):
        value = final[one.said.field].value
        # Where both say the same, the ceiling is named: the tenant could not have it otherwise.
        chosen.append(one if one.said.value == value else other)
    return chosen


def fingerprint(standings: Sequence[tuple[str, Standing[Any]]]) -> str:
    """Return one digest over every version in force; each part framed by its own line."""
    lines = [
        f"{kind} {held.level} {held.version} {held.digest}\n"
        for kind, standing in standings
        for held in (standing.above, standing.own)
        if held is not None
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _rules(document: Document[RuleT], subject: Subject) -> list[RuleT]:
    return [rule for rule in document.rules if rule.fits(subject)]


def _because(kind: Kind[RuleT, TermsT], held: Held[RuleT] | None, subject: Subject, terms: TermsT) -> list[Why]:
    named = [] if held is None or held.document is None else fitting(held.document, subject)
    said = kind.explain(named, terms)
    unread = held is not None and held.document is None
    return [Why(said=each, by=str(held) if unread or (each.by and held is not None) else None) for each in said]
