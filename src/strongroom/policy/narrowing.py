"""A tenant's own policies: they take away and never give.

Always true here:
- each is a `forbid` that holds against the schema and has a name of its own; anything else is not taken;
- they are asked only after the product's own policies have said yes, so nothing that they say can permit;
- an error while asking them is a no;
- they bind who belongs to the tenant. Whom the installation answers for is bound by its own policies, or a tenant could
  forbid the revocation of a stolen key.
"""

from __future__ import annotations

import json
from typing import Final, cast

import cedarpy

from strongroom.kernel.principal import Principal
from strongroom.policy.engine import Decision, Engine, PolicyError, packaged
from strongroom.policy.model import Action, Resource

MAX_POLICIES: Final = 50
_BASE: Final = "everything-else"
_PERMIT: Final = f'@id("{_BASE}") permit (principal, action, resource);\n'
_FREE: Final = frozenset({Action.RULES_READ, Action.RULES_WRITE, Action.WHOAMI})
"""What no tenant's policy takes away: without these it could not take back what it wrote."""


class Narrowing:
    """A tenant's policies, parsed and validated once."""

    def __init__(self, text: str) -> None:
        """Parse and validate.

        Raises:
            PolicyError: when one permits, has no name of its own, or does not hold against the schema; or there are too many.
        """
        policies, schema = "", packaged()[1]
        if text.strip():
            _refuse_permits(text)
            policies = text
        self._engine: Final = Engine(_PERMIT + policies, schema)

    @property
    def version(self) -> str:
        """The digest of the policies."""
        return self._engine.version

    def held(self, said: Decision, who: Principal, action: Action, resource: Resource) -> Decision:
        """Return what holds when the product's policies have `said` something."""
        if not said.allowed or who.tenant is None or action in _FREE:
            return said
        found = self._engine.decide(who, action, resource)
        if found.allowed:
            return said
        reason = f"the tenant's own policies: {found.reason}"
        return Decision(allowed=False, policies=found.policies, reason=reason, version=said.version)


def _refuse_permits(text: str) -> None:
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise PolicyError(f"the policies do not parse: {error}") from None
    if parsed.get("templates") or parsed.get("templateLinks"):
        raise PolicyError("a tenant's policies have no templates")
    policies = cast("dict[str, dict[str, object]]", parsed["staticPolicies"])
    if len(policies) > MAX_POLICIES:
        raise PolicyError(f"a tenant has at most {MAX_POLICIES} policies of its own")
    if any(policy.get("effect") != "forbid" for policy in policies.values()):
        raise PolicyError("a tenant's own policies only forbid: what is permitted is the installation's to say")
