"""What is attacked: an installation's addresses and two tenants that look alike. No repr shows a credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """A credential."""

    id: str
    secret: str

    def __repr__(self) -> str:
        """Show the public part."""
        return f"Key({self.id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One of the two.

    Attributes:
        name: what it is called.
        id: its UUID.
        admin: the token of its administrator.
        keys: a key of its `inference` workload, by environment.
        evaluator: a key of its `evaluation` workload in dev.
        own: the name of a deployment that it alone has, in dev.
        prod_only: the name of a deployment that it has in prod and nowhere else.
        deployment: the UUID of `own`.
    """

    name: str
    id: str
    admin: Key
    keys: Mapping[str, Key]
    evaluator: Key
    own: str
    prod_only: str
    deployment: str

    @property
    def dev(self) -> Key:
        """Its key for dev."""
        return self.keys["dev"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a case is given. A is the attacker, B the victim.

    Attributes:
        gateway: URL of the data plane.
        control: URL of the control API.
        operator: the token of an operator, who makes and ends what a case needs.
        a: the attacker's tenant.
        b: the victim's, with `canary` in every name and label of its own choosing.
        chat: what both call their chat deployment, in every environment.
        embedding: what both call their embedding deployment, in dev.
        canary: must never reach A.
    """

    gateway: str
    control: str
    operator: Key
    a: Tenant
    b: Tenant
    chat: str
    embedding: str
    canary: str
