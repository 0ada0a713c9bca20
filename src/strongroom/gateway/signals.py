"""What whoever watches is told of a request that was answered: as an entry in the log of the tenant whose key it was.

A refusal's signal stands in the refusal's own entry. These are for what was allowed and is odd.
"""

from __future__ import annotations

from typing import Final

from strongroom.audit import Entry, Outcome, plain
from strongroom.gateway.uses import First
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import new_uuid
from strongroom.kernel.principal import Principal
from strongroom.policy import Action

OUTCOME: Final = "outcome"
"""The fact that keeps an entry's outcome in the spool, where a denial has none but `refused`."""

OLD_KEY: Final = "old-key-in-use"
_HERE: Final = "gateway/keys"
_TOLD: Final = {"scope": "first-use-of-scope"}


def news(first: First, clock: Clock) -> Entry:
    """Return the entry for what a key was not known to do: `new-network`, `new-agent` and so on."""
    signal = _TOLD.get(first.kind, f"new-{first.kind}")
    return entry(first.who, signal, f"key {first.key}: {first.kind} {first.value} for the first time", clock)


def entry(who: Principal, signal: str, reason: str, clock: Clock, request_id: str = "", resource: str = _HERE) -> Entry:
    """Return the entry for something odd that was allowed."""
    return Entry(
        id=new_uuid(),
        at=clock.now(),
        actor=str(who),
        credential=who.credential,
        action=Action.MODEL_SEE,
        resource=resource,
        outcome=Outcome.ALLOWED,
        reason=plain(reason),
        request_id=request_id,
        detail={"signal": signal, OUTCOME: Outcome.ALLOWED.value},
    )
