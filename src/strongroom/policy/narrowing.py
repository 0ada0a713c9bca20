"""Policies of a tenant's own, or of the installation's own beside the product's: they take away and never give.

Always true here:
- each is a `forbid` that holds against the schema and has a name of its own; anything else is not taken;
- they are asked only after the product's own policies have said yes, so nothing that they say can permit;
- an error while asking them is a no;
- a tenant's bind who belongs to the tenant. Whom the installation answers for is bound by its own policies, or a tenant could
  forbid the revocation of a stolen key;
- the installation's own bind everybody, and leave what ends a credential and what takes the policies back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final, cast

import cedarpy

from strongroom.kernel.principal import Principal
from strongroom.policy.engine import NO_CONTEXT, Decision, Engine, PolicyError, packaged
from strongroom.policy.model import Action, Resource

MAX_POLICIES: Final = 50
MAX_BYTES: Final = 8 * 1024
MAX_LOOKS: Final = 30_000
"""What holding the policies of one document against the schema may cost: Cedar looks at each part of a condition once for
every kind of caller and every action that the head leaves open. Some 2 µs a look at worst, so about 60 ms in all, on the one
thread that serves everybody."""

MAX_DEPTH: Final = 32
"""How deep brackets may stand in one another. Cedar's parser overflows its stack at some hundreds, and the process is gone."""

_PER_POLICY: Final = 4
_PER_NAME: Final = 175
_PER_HEAD: Final = 500
"""What a head that names things costs whatever its condition is, in looks."""
_BASE: Final = "everything-else"
_PERMIT: Final = f'@id("{_BASE}") permit (principal, action, resource);\n'
_FREE: Final = frozenset({Action.RULES_READ, Action.RULES_WRITE, Action.WHOAMI})
"""What no tenant's policy takes away: without these it could not take back what it wrote."""

_FREE_OF_ALL: Final = frozenset(
    {
        Action.WHOAMI, Action.RULES_READ, Action.RULES_WRITE, Action.RULES_WRITE_CEILING,
        Action.PROPOSAL_READ, Action.PROPOSAL_DECIDE, Action.PROPOSAL_WITHDRAW,
        Action.KEY_REVOKE, Action.TOKEN_REVOKE, Action.SIGNER_REVOKE, Action.FEDERATION_DELETE, Action.ELEVATION_END,
    }
)  # fmt: skip
"""What no policy of the installation's own takes away: the way back, and the end of what was stolen."""

_ACTIONS: Final = frozenset(action.value for action in Action)


class Narrowing:
    """Policies that take away, parsed and validated once."""

    def __init__(self, text: str, *, production: bool = False, documents: int = 1, installation: bool = False) -> None:
        """Parse and validate.

        Args:
            text: the policies.
            production: whether this is a production installation, as they are told by the circumstances of a question.
            documents: how many documents they come from, each of which may be as large as one.
            installation: they are the installation's own, and bind everybody.

        Raises:
            PolicyError: when one permits, has no name of its own, or does not hold against the schema; or when there are
                too many, or they are too large or too deep to be looked through.
        """
        policies, schema = "", packaged()[1]
        self._installation: Final = installation
        self._digest: Final = f"sha256:{sha256(text.encode()).hexdigest()}" if installation and text.strip() else ""
        try:
            if text.strip():
                _refuse(text, documents)
                policies = text
            self._engine: Final = Engine(_PERMIT + policies, schema, production=production)
        except RecursionError:
            raise PolicyError("the policies are nested too deeply to be read") from None

    @property
    def version(self) -> str:
        """The digest of the policies."""
        return self._engine.version

    @property
    def digest(self) -> str:
        """The digest that decisions name beside the product's; empty for a tenant's, and where there are none."""
        return self._digest

    def held(
        self,
        said: Decision,
        who: Principal,
        action: Action,
        resource: Resource,
        context: Mapping[str, str | bool] = NO_CONTEXT,
    ) -> Decision:
        """Return what holds when the product's policies have `said` something."""
        free = action in _FREE_OF_ALL if self._installation else who.tenant is None or action in _FREE
        if not said.allowed or free:
            return said
        found = self._engine.decide(who, action, resource, context)
        if found.allowed:
            return replace(said, beside=self._digest) if self._digest else said
        whose = "the installation's" if self._installation else "the tenant's"
        reason = f"{whose} own policies: {found.reason}"
        return replace(said, allowed=False, policies=found.policies, reason=reason, beside=self._digest or said.beside)


class Beside:
    """The product's policies with the installation's own beside them, as one to ask."""

    def __init__(self, engine: Engine, narrowing: Narrowing) -> None:
        self._engine: Final = engine
        self._narrowing: Final = narrowing

    def decide(
        self, principal: Principal, action: Action, resource: Resource, context: Mapping[str, str | bool] = NO_CONTEXT
    ) -> Decision:
        """Return whether `principal` may do `action` to `resource`."""
        said = self._engine.decide(principal, action, resource, context)
        return self._narrowing.held(said, principal, action, resource, context)


def statements(text: str) -> frozenset[str]:
    """Return the policies of a text that holds, each by itself and in one spelling, so that two texts can be compared."""
    if not text.strip():
        return frozenset()
    parsed: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    return frozenset(json.dumps(policy, sort_keys=True) for policy in parsed.values())


def _refuse(text: str, documents: int) -> None:
    """Refuse what permits, and what would cost too much to look through, before the costly look."""
    if len(text.encode()) > documents * MAX_BYTES:
        raise PolicyError(f"a document has at most {MAX_BYTES // 1024} KiB of policies")
    _refuse_depth(text)
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise PolicyError(f"the policies do not parse: {error}") from None
    if parsed.get("templates") or parsed.get("templateLinks"):
        raise PolicyError("policies that take away have no templates")
    policies: list[dict[str, Any]] = list(parsed["staticPolicies"].values())
    if len(policies) > documents * MAX_POLICIES:
        raise PolicyError(f"a document has at most {MAX_POLICIES} policies")
    if any(policy.get("effect") != "forbid" for policy in policies):
        raise PolicyError("these policies only forbid: what is permitted is the product's to say")
    if sum(_looks(policy) for policy in policies) > documents * MAX_LOOKS:
        raise PolicyError(
            "the policies would take too long to be looked through: shorten conditions, or name the actions that they are about"
        )


def _looks(policy: dict[str, Any]) -> int:
    """Return how much there is to look at: the parts of the conditions, for every action that the head leaves open."""
    parts = _PER_POLICY + _parts(policy["conditions"])
    names = [_named(policy[place]) for place in ("principal", "action", "resource")]
    heads = sum(_PER_HEAD + _PER_NAME * len(each) for each in names if each)
    known = bool(names[1]) and all(each.get("id") in _ACTIONS for each in names[1])
    return heads + parts * (len(names[1]) if known else len(_ACTIONS))


def _named(head: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what one part of a head names: `== X`, `in X`, `in [X, Y]`, `is T in X`; nothing where it is left open."""
    found: list[dict[str, Any]] = list(head.get("entities", ()))
    found += [each["entity"] for each in (head, head.get("in", {})) if "entity" in each]
    return found


def _refuse_depth(text: str) -> None:
    """Refuse brackets in brackets in brackets, before Cedar sees them. Those in texts count too: nobody needs them."""
    depth = 0
    for each in text:
        depth += (each in "([{") - (each in ")]}")
        depth = max(depth, 0)
        if depth > MAX_DEPTH:
            raise PolicyError(
                f"the policies are nested too deeply to be read: at most {MAX_DEPTH} brackets in one another"
            )


def _parts(expression: object) -> int:
    """Return the number of tables in an expression, without recursion: its depth is up to whoever wrote it."""
    found, left = 0, [expression]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            found += 1
            left += cast("dict[str, object]", each).values()
        elif isinstance(each, list):
            left += cast("list[object]", each)
    return found
