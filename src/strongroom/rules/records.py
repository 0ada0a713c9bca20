"""How surely requests are recorded: the kind `records`.

Always true here:
- nobody speaks: records are `bounded`, which costs an answer nothing and never hides a gap;
- whoever asks for `strict` gets it: a tenant may demand what the installation does not, and never wave what it does.

Why: where a record is evidence, an answer must not be out before its record is on the disk; where it is a figure on a bill,
a millisecond for each answer is too much.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

import msgspec

from strongroom.rules.kind import FieldKind
from strongroom.rules.model import Rule

RecordsMode: TypeAlias = Literal["strict", "bounded"]


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """How requests of one caller to one model are recorded.

    Attributes:
        mode: `strict`: the opening record is durable before the first byte of an answer leaves and the closing one
            before the last, else there is no answer; `bounded`: neither waits, and what is lost is counted and told.
    """

    mode: RecordsMode = "bounded"


class RecordsRule(Rule, frozen=True, kw_only=True):
    """One rule of a document on records; what it does not speak of is left to others."""

    mode: RecordsMode | None = None


def _surer(one: RecordsMode, other: RecordsMode) -> RecordsMode:
    return "strict" if "strict" in {one, other} else "bounded"


NARROWER: Final[dict[str, Callable[[Any, Any], Any]]] = {"mode": _surer}

WORDS: Final[dict[str, Callable[[Any], str]]] = {
    "mode": lambda value: (
        "No answer leaves before its record is durable."
        if value == "strict"
        else "Records are written beside the answer; what is lost is counted and told."
    )
}

RECORDS: Final[FieldKind[RecordsRule, Records]] = FieldKind(
    "records",
    "How surely requests are recorded.",
    RecordsRule,
    least=Records(),
    most=Records(),
    narrower=NARROWER,
    words=WORDS,
    unreadable=Records(mode="strict"),
)
