"""What is left of a yes when the installation's own policies and the tenant's were asked too; for the gate."""

from __future__ import annotations

from functools import partial

from strongroom.kernel.ids import PLATFORM
from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Decision, Resource
from strongroom.policy.gate import Narrowed
from strongroom.rules.access import ACCESS, InstallationPolicies, OwnPolicies
from strongroom.rules.documents import Rulebook
from strongroom.rules.policy import POLICY


def narrowed_by(book: Rulebook, *, production: bool) -> Narrowed:
    """Return what takes away from a decision what the documents that `book` knows forbid."""
    installation = InstallationPolicies(partial(book.standing, POLICY, PLATFORM), production=production)
    own = OwnPolicies(partial(book.standing, ACCESS), production=production)

    def held(said: Decision, who: Principal, action: Action, resource: Resource) -> Decision:
        return own.held(installation.held(said, who, action, resource), who, action, resource)

    return held
