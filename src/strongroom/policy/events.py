"""What the gate tells the rooms above it."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.audit import Outcome
from strongroom.kernel.events import Event
from strongroom.policy.model import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed(Event):
    """A request came to the gate, and this became of it."""

    actor: str
    action: Action
    resource: str
    outcome: Outcome
    reason: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryLost(Event):
    """A fault undid an action and its entry could not be written either; nothing was changed."""

    actor: str
    action: Action
    resource: str
    fault: str
    request_id: str
