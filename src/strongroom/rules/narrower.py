"""Whether one document allows nothing that another did not: for whoever puts one in force before anybody else has seen it.

Always true here:
- a yes is a proof: everybody whom either document tells apart was asked about, and for each of them what would hold allows
  nothing beyond what holds;
- whatever cannot be shown is a no, with the reason.

Who is told apart: a document names environments, roles, models, workloads and keys; all that it does not name it treats
alike. So one of each name, and one that nobody named, stand for everybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any, Final

from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import WORKLOAD_ROLES, Environment
from strongroom.rules.kind import Kind
from strongroom.rules.model import Level, Rule, Subject
from strongroom.rules.resolve import Held, Standing, above, own

_MOST: Final = 4_000
"""Whom to ask about at most: some 0.1 ms each, on the thread that serves everybody."""

_UNNAMED: Final = ""
"""Stands for every model, workload or key that no rule names: no rule can name it."""


def objection(kind: Kind[Any, Any], level: Level, before: Standing[Any], after: Standing[Any]) -> str | None:
    """Return why `after` is not shown to be narrower than `before` where the document at `level` differs; None: it is.

    A tenant's own document is compared by itself: what its ceiling hides today may show tomorrow.
    """
    said = own if level is Level.OWN else above
    old, new = (getattr(standing, level.value) for standing in (before, after))
    if new is not None and new.document is None:
        return "it cannot be read"
    rules = [*_rules(before.above if level is not Level.OWN else old), *_rules(new), *_rules(after.above)]
    if _many(rules) > _MOST:
        return "it tells too many callers apart to be compared"
    for subject in _everybody(rules):
        if not kind.is_narrower(said(kind, before, subject), said(kind, after, subject)):
            return f"it allows something that is not allowed now, to {_whom(subject)}"
    return None


def _rules(held: Held[Any] | None) -> Sequence[Rule]:
    return () if held is None or held.document is None else held.document.rules


def _names(rules: Sequence[Rule]) -> tuple[Sequence[str], ...]:
    """Return whom to ask about in each part: environments and roles all, the rest as they are named, and one unnamed."""
    named = [
        sorted({each for rule in rules for each in getattr(rule, part)}) for part in ("models", "workloads", "keys")
    ]
    return (list(Environment), sorted(role.value for role in WORKLOAD_ROLES), *([*each, _UNNAMED] for each in named))


def _many(rules: Sequence[Rule]) -> int:
    return prod(len(part) for part in _names(rules))


def _everybody(rules: Sequence[Rule]) -> Iterator[Subject]:
    for environment, role, model, workload, key in product(*_names(rules)):
        yield Subject(environment=Environment(environment), role=role, workload=workload, key=KeyId(key), model=model)


def _whom(subject: Subject) -> str:
    named = {"workload": subject.workload, "key": subject.key, "model": subject.model}
    said = [f"{what} {name}" for what, name in named.items() if name]
    return ", ".join([f"{subject.role} workloads in {subject.environment}", *said])
