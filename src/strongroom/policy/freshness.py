"""What somebody who has signed on with a provider does only with fresh proof of who they are.

A session lasts an hour, and a laptop is left open in less. It is asked of people who signed on: an account's token and a
workload's key have no person to ask.
"""

from __future__ import annotations

from typing import Final

from strongroom.policy.model import Action, Resource

FRESH_S: Final = 300.0
"""For how long somebody who has just proven who they are may do what a stolen session must not."""

FRESH_PROOF: Final = "fresh_proof"
"""The code of the no to a person who has to prove again who they are."""

_WANT_FRESH_PROOF: Final = frozenset(
    {
        Action.TENANT_DELETE,
        Action.TENANT_SHRED,
        Action.VAULT_DISSOLVE,
        Action.ACCOUNT_CREATE,
        Action.RULES_WRITE_CEILING,
        Action.ELEVATION_DECIDE,
        Action.ELEVATION_BREAK_GLASS,
        Action.PROPOSAL_DECIDE,
        Action.CAPTURE_DECIDE,
    }
)
"""What cannot be undone, and what makes somebody, or something, able to do more."""


def wants_fresh_proof(action: Action, resource: Resource) -> bool:
    """Return whether a person who signed on must have proven who they are just now; an account's own new token counts, too."""
    return action in _WANT_FRESH_PROOF or (action is Action.KEY_CREATE and resource.tenant is None)
