"""Two sets of policies beside each other: which cells of the truth table change, and tests of a set as a table of cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy.engine import Decides, Decision
from strongroom.policy.model import Action, Resource, Sensitivity
from strongroom.policy.truthtable import OTHER, OWN, WORKLOAD, lines

Cell: TypeAlias = tuple[str, str, str, str, str]
"""Role (with the caller's environment, if it has one), action, relation, environment of the thing, sensitivity."""

Where: TypeAlias = Literal["installation", "own", "other"]
_NAMED: Final = {"installation": None, "own": OWN, "other": OTHER}


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One question: who, what, where. `tenant`: seen from a caller who has one, whose the thing is.

    Attributes:
        expect: what the answer must be; only of a test.
    """

    role: Role
    action: Action
    tenant: Where = "own"
    environment: Environment | None = None
    caller_environment: Environment | None = None
    sensitivity: Sensitivity = Sensitivity.NORMAL
    production: bool = False
    expect: Literal["allow", "deny"] | None = None

    def decide(self, engine: Decides) -> Decision:
        """Return the answer."""
        who = Principal(
            role=self.role,
            name="someone",
            credential=KeyId("0123456789abcdef"),
            tenant=None if self.role in {Role.OPERATOR, Role.APPROVER, Role.AUDITOR} else OWN,
            environment=(self.caller_environment or self.environment or Environment.DEV)
            if self.role.is_placed
            else None,
            workload=WorkloadId(WORKLOAD) if self.role.is_placed else None,
        )
        tenant: TenantId | None = _NAMED[self.tenant]
        thing = Resource(
            kind=self.action.kind,
            tenant=tenant,
            environment=None if tenant is None else self.environment,
            sensitivity=self.sensitivity,
        )
        return engine.decide(who, self.action, thing, {"production": self.production})

    def __str__(self) -> str:
        """Say it in a line."""
        place = self.tenant + (f"/{self.environment}" if self.environment else "")
        hard = "" if self.sensitivity is Sensitivity.NORMAL else f", {self.sensitivity}"
        return f"{self.role} {self.action} {place}{hard}{', production' if self.production else ''}"


def cells(engine: Decides, actions: Iterable[Action] = Action) -> dict[Cell, bool]:
    """Return every answer of the whole product, or of `actions` alone."""
    return {
        (
            str(line.who.role) + (f"/{line.who.environment}" if line.who.environment else ""),
            line.action.value,
            str(line.relation),
            str(line.resource.environment or "-"),
            str(line.resource.sensitivity),
        ): line.allowed
        for line in lines(engine, actions)
    }


def changed(before: Decides, after: Decides, actions: Iterable[Action] = Action) -> list[dict[str, Any]]:
    """Return the cells whose answers differ, of all actions or some: who gains, who loses."""
    old, new = cells(before, actions), cells(after, actions)
    names = ("who", "action", "relation", "environment", "sensitivity")
    return [
        {**dict(zip(names, cell, strict=True)), "change": "gains" if allowed else "loses"}
        for cell, allowed in new.items()
        if old.get(cell) is not allowed
    ]


def cases(document: Mapping[str, Any]) -> list[Case]:
    """Return the cases of a test file: a list `case` of tables, each with `expect`.

    Raises:
        ValueError: saying which is none.
    """
    try:
        found = msgspec.convert(document.get("case", []), list[Case])
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    if not found or any(case.expect is None for case in found):
        raise ValueError("a test file has tables [[case]], each with `expect`")
    return found
