"""What a tenant's privacy rules make of a text: typed into a box, looked at, told, and kept nowhere."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from strongroom.console import place
from strongroom.console.visit import STATUS, Answer, Visit, mendable
from strongroom.gateway.guard_looks import Way, rules_of
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Environment, Role
from strongroom.kernel.refusal import Refusal, Refused, invalid
from strongroom.privacy.actions import Action, mask
from strongroom.rules import Subject
from strongroom.rules.privacy import PRIVACY
from strongroom.rules.resolve import settle

MAX_TEXT: Final = 4000
_DIRECTIONS: Final = ("input", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of the text: `kind` and `action` of what was found in it; empty where nothing was."""

    text: str
    kind: str = ""
    action: str = ""
    reason: str = ""


async def form(visit: Visit, problem: Refusal | None = None, pieces: list[Piece] | None = None) -> Answer:
    """Show the box, and what came of what was typed."""
    where = await place.of(visit, "privacy")
    deployed = await visit.parts.registry.list_deployments(visit.who, where.tenant, visit.ask())
    return visit.render(
        "privacy-try.html",
        status=200 if problem is None else STATUS[problem.kind],
        place=where,
        models=[f"{each.environment}/{each.name}" for each in deployed],
        directions=_DIRECTIONS,
        pieces=pieces,
        blocked=pieces is not None and any(each.action == Action.BLOCK for each in pieces),
        most=MAX_TEXT,
        problem=problem,
        entered=visit.form.entered,
    )


async def look(visit: Visit) -> Answer:
    """Say what the rules in force would make of what was typed."""
    where = await place.of(visit, "privacy")
    try:
        environment, _, model = visit.form.raw("model").partition("/")
        text, direction = visit.form.raw("text"), visit.form.raw("direction")
        if environment not in list(Environment) or not model:
            raise Refused(invalid("Choose a model.", param="model"))
        if direction not in _DIRECTIONS:
            raise Refused(invalid("Choose a direction.", param="direction"))
        if not 0 < len(text) <= MAX_TEXT:
            raise Refused(invalid(f"Type 1 to {MAX_TEXT} characters.", param="text"))
    except Refused as no:
        return await form(visit, mendable(no))
    standing = await visit.parts.rules.standing(visit.who, where.tenant, PRIVACY.name, visit.ask())
    subject = Subject(
        environment=Environment(environment), role=Role.INFERENCE.value, workload="-", key=KeyId("-"), model=model
    )
    rules = rules_of(settle(PRIVACY, standing, subject))
    way = rules.input if direction == "input" else rules.output
    # Beside the loop: a text may be dear to look at, and everybody else waits on it.
    pieces = [Piece(text=text)] if way is None else await asyncio.to_thread(_pieces, text, way)
    return await form(visit, pieces=pieces)


def _pieces(text: str, way: Way) -> list[Piece]:
    found: list[Piece] = []
    at = 0
    for span in way.engine.find(text):
        if span.start > at:
            found.append(Piece(text=text[at : span.start]))
        action = way.actions.get(span.kind, Action.ALLOW)
        value = text[span.start : span.end]
        told = mask(span.kind, value) if action in {Action.MASK, Action.TOKENISE, Action.BLOCK} else value
        found.append(Piece(text=told, kind=span.kind, action=action.value, reason=span.reason))
        at = span.end
    return [*found, Piece(text=text[at:])]
