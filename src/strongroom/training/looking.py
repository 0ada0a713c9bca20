"""Looking for what points to one person, before anything of a table is kept.

A number with a fraction or fewer than nine digits is not looked at: it is a measurement, and none of the types is written so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from strongroom.privacy import Classification, classification
from strongroom.privacy.actions import Action, mask, replace
from strongroom.privacy.engine import Engine
from strongroom.privacy.model import Span
from strongroom.rules.privacy import STRICTNESS, Privacy, action_on, stricter
from strongroom.training.table import Table

_MEASURE: Final = re.compile(r"[-+]?(?:\d{1,8}|\d*\.\d+)(?:[eE][-+]?\d{1,3})?")


class Blocked(Exception):  # noqa: N818 - an answer
    """It holds what the tenant's rules let into no file; the message names columns and kinds."""


def look(table: Table, rules: Privacy | None) -> tuple[Table, dict[str, int]]:
    """Return a table with what points to one person masked, and how many values of which column that were.

    Args:
        table: as it was sent.
        rules: the tenant's, for what is asked; whatever they say, secrets and what points to one person are masked.

    Raises:
        Blocked: when a rule says so.
    """
    actions: Mapping[str, Action] = {} if rules is None else rules.input
    engine = Engine(strictness=lambda kind: STRICTNESS.index(_action(actions, kind)))
    found: Counter[str] = Counter()
    columns = [
        _column(engine, name, [row[at] for row in table.rows], actions, found) for at, name in enumerate(table.columns)
    ]
    return Table(table.columns, [list(row) for row in zip(*columns, strict=True)]), dict(found)


def _column(
    engine: Engine, name: str, cells: list[str], actions: Mapping[str, Action], found: Counter[str]
) -> list[str]:
    if any(classification(span.kind) is not Classification.INDIRECT for span in engine.find(name)):
        raise Blocked("The name of a column points to a person.")
    seen: dict[str, str] = {}
    for cell in cells:
        if cell not in seen:
            seen[cell] = cell if _MEASURE.fullmatch(cell) else _masked(engine, name, cell, actions)
    kept = [seen[cell] for cell in cells]
    found[name] += sum(old != new for old, new in zip(cells, kept, strict=True))
    if not found[name]:
        del found[name]
    return kept


def _masked(engine: Engine, name: str, cell: str, actions: Mapping[str, Action]) -> str:
    hidden: list[Span] = []
    for span in engine.find(cell):
        action = _action(actions, span.kind)
        if action is Action.BLOCK:
            raise Blocked(f"Column {name} holds {span.kind}, which the tenant's rules let into no file.")
        if action in {Action.MASK, Action.TOKENISE}:
            hidden.append(span)
    return replace(cell, hidden, mask)


def _action(actions: Mapping[str, Action], kind: str) -> Action:
    own = action_on(actions, kind) if actions else Action.ALLOW
    return stricter(Action.ALLOW if classification(kind) is Classification.INDIRECT else Action.MASK, own)
