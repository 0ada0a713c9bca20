"""Decisions: Cedar policies over typed facts; whatever cannot be decided is a no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Self

from strongroom.kernel.principal import Principal
from strongroom.policy.model import Action, Resource

NO_CONTEXT: Final[Mapping[str, str | bool]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer.

    Attributes:
        allowed: whether the principal may.
        policies: the ids of the policies that made the answer; empty when nothing permitted.
        reason: for the operator and the audit log.
        version: the digest of the policies that answered.
    """

    allowed: bool
    policies: tuple[str, ...]
    reason: str
    version: str


class Engine:
    """Answers from one set of policies, loaded and validated once."""

    version: str

    @classmethod
    def load(cls) -> Self:
        """Return an engine over the packaged policies; raise `PolicyError` when they do not hold against the schema."""
        raise NotImplementedError

    def decide(
        self, principal: Principal, action: Action, resource: Resource, context: Mapping[str, str | bool] = NO_CONTEXT
    ) -> Decision:
        """Return whether `principal` may do `action` to `resource`; never raises."""
        raise NotImplementedError
