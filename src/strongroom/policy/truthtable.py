"""Who may do what, written out: every role, action, place and sensitivity, asked of the real engine.

    python -m strongroom.policy.truthtable            # rewrites tests/isolation/authorisation.txt
    python -m strongroom.policy.truthtable --check    # exits 1 when that file is not what the policies say

Always true here:
- nothing is left out of the product: for each role all of its places times each action times each place of a resource;
- the text holds no id, time or digest, so it changes only when an answer changes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from itertools import product
from pathlib import Path
from typing import Final
from uuid import UUID

from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Elevation, Environment, Principal, Role
from strongroom.policy.engine import Decides, Engine
from strongroom.policy.model import Action, Resource, Sensitivity

FILE: Final = Path("tests/isolation/authorisation.txt")
COMMAND: Final = "python -m strongroom.policy.truthtable"
_WIDE: Final = 32
"""Width of a table's first column, in characters: fixed, so that a new action changes its own lines only."""

OWN: Final = TenantId(UUID("0198c000-0000-7000-8000-00000000000a"))
OTHER: Final = TenantId(UUID("0198c000-0000-7000-8000-00000000000b"))
_CREDENTIAL: Final = KeyId("0123456789abcdef")
WORKLOAD: Final = WorkloadId(UUID("0198c000-0000-7000-8000-0000000000ff"))


@unique
class Relation(StrEnum):
    """Where a resource stands, seen from the caller. The value is a column's title."""

    INSTALLATION = "installation"
    TENANT = "tenant"
    TENANT_ENV = "tenant/env"
    OWN = "own"
    OWN_ENV = "own/env"
    OWN_SAME_ENV = "own/same-env"
    OWN_OTHER_ENV = "own/other-env"
    OTHER = "other"
    OTHER_ENV = "other/env"
    OTHER_SAME_ENV = "other/same-env"
    OTHER_OTHER_ENV = "other/other-env"


COLUMNS: Final = {
    Role.OPERATOR: (Relation.INSTALLATION, Relation.TENANT, Relation.TENANT_ENV),
    Role.APPROVER: (Relation.INSTALLATION, Relation.TENANT, Relation.TENANT_ENV),
    Role.AUDITOR: (Relation.INSTALLATION, Relation.TENANT, Relation.TENANT_ENV),
    Role.TENANT_ADMIN: (
        Relation.INSTALLATION,
        Relation.OWN,
        Relation.OWN_ENV,
        Relation.OTHER,
        Relation.OTHER_ENV,
    ),
    Role.INFERENCE: (
        Relation.INSTALLATION,
        Relation.OWN,
        Relation.OWN_SAME_ENV,
        Relation.OWN_OTHER_ENV,
        Relation.OTHER,
        Relation.OTHER_SAME_ENV,
        Relation.OTHER_OTHER_ENV,
    ),
}
for _role in Role:
    if _role.is_placed:
        COLUMNS[_role] = COLUMNS[Role.INFERENCE]
COLUMNS[Role.TENANT_AUDITOR] = COLUMNS[Role.TENANT_ADMIN]

_HEAD: Final = """\
Who may do what in Strongroom
=============================

This file is written from the policies in force by
    {command}
and compared with them in every test run. A change here is a change of somebody's rights: read it as such.

How to read it. Each role has a table. A line is an action; a column is where the thing that it is done to stands.

    yes        allowed
    normal     allowed, unless the tenant has marked the thing as restricted
    -          refused
    MIXED      the answer depends on which environment it is; there must be none

    installation      it belongs to the installation, to no tenant
    tenant            it belongs to some tenant as a whole (for roles that belong to no tenant)
    own, other        it belongs to the caller's own tenant; to another tenant
    /env              ... and stands in one environment: dev, test or prod
    /same-env         ... in the caller's own environment
    /other-env        ... in another one

An action fits one kind of thing only; where no such thing can stand in a column, the answer is "-".

Actions
-------

"""

_ROLES: Final = {
    Role.OPERATOR: "runs the installation and administers its tenants; belongs to no tenant",
    Role.APPROVER: "says yes to releases; belongs to no tenant",
    Role.TENANT_ADMIN: "administers one tenant, in all its environments",
    Role.AUDITOR: "reads the installation and every tenant, until an agreed day; belongs to no tenant",
    Role.TENANT_AUDITOR: "reads one tenant, in all its environments, until an agreed day",
    Role.INFERENCE: "a program that asks models, in one environment of one tenant",
    Role.EVALUATION: "a program that measures models, in one environment of one tenant",
    Role.INGESTION: "a program that brings data in, in one environment of one tenant",
    Role.TRAINING: "a program that trains on admitted data, in one environment of one tenant",
    Role.SUPPORT: "a program that serves tickets, in one environment of one tenant",
    Role.NOTEBOOK: "a person's interactive session, in one environment of one tenant",
    Role.DELIVERY: "a link that hands one key over, in one environment of one tenant",
}
_SOMEWHERE_ONLY: Final = {
    Role.NOTEBOOK: ((Environment.DEV, Environment.TEST), (Environment.PROD,)),
}
"""Roles that may more in some environments than in others: a table for each group of those they stand in."""

_MADE_BY: Final = (Role.OPERATOR, Role.TENANT_ADMIN)
_MAKING: Final = (
    Action.WORKLOAD_CREATE,
    Action.KEY_CREATE,
    Action.KEY_ROTATE,
    Action.SIGNER_ADD,
    Action.FEDERATION_CREATE,
)
_CREDENTIALS: Final = """
Credentials: which role may be given one, by whom, in which environment
------------------------------------------------------------------------

A line is an action and the role of the workload that it is done for, in the caller's own tenant where it has one.

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One question of the full product and its answer."""

    who: Principal
    action: Action
    resource: Resource
    relation: Relation
    allowed: bool


_STANDINGS: Final = ("standing", "in production", "elevated for it", "for another action", "for another tenant")
_ELEVATIONS: Final = """
operator in a tenant, standing and elevated
-------------------------------------------

What an operator may do to a thing of a tenant, somewhere in it: by the token that it has anyway, in development and in
production; and in production under an elevation for this action on this tenant, for every other action on it, and for
every action on another tenant.

"""


def principals(role: Role) -> Iterator[Principal]:
    """Yield a caller of `role` for each place that one can have."""
    tenant = None if role in {Role.OPERATOR, Role.APPROVER, Role.AUDITOR} else OWN
    for environment in Environment if role.is_placed else (None,):
        yield Principal(
            role=role,
            name="someone",
            credential=_CREDENTIAL,
            tenant=tenant,
            environment=environment,
            workload=WORKLOAD if role.is_placed else None,
        )


def things(action: Action) -> Iterator[Resource]:
    """Yield what `action` works on, in every place and of every sensitivity."""
    for sensitivity in Sensitivity:
        yield Resource(kind=action.kind, sensitivity=sensitivity)
        for tenant, environment in product((OWN, OTHER), (None, *Environment)):
            yield Resource(kind=action.kind, tenant=tenant, environment=environment, sensitivity=sensitivity)


def lines(engine: Decides, actions: Iterable[Action] = Action) -> Iterator[Line]:
    """Ask everything of everybody, or `actions` alone."""
    for role, action in product(Role, actions):
        for who, resource in product(principals(role), things(action)):
            yield Line(
                who=who,
                action=action,
                resource=resource,
                relation=relate(who, resource),
                allowed=engine.decide(who, action, resource).allowed,
            )


def relate(who: Principal, resource: Resource) -> Relation:
    """Return where `resource` stands, seen from `who`."""
    if resource.tenant is None:
        return Relation.INSTALLATION
    side = "tenant" if who.tenant is None else "own" if who.tenant == resource.tenant else "other"
    if resource.environment is None:
        return Relation(side)
    if who.environment is None:
        return Relation(f"{side}/env")
    return Relation(f"{side}/{'same' if who.environment == resource.environment else 'other'}-env")


def render(engine: Engine, answered: Iterable[Line] | None = None) -> str:
    """Return the whole table as text, from lines that were asked already, or asked now."""
    answers: dict[tuple[Role, bool, Action, Relation], dict[Sensitivity, set[bool]]] = {}
    for line in lines(engine) if answered is None else answered:
        last = line.who.environment in _SOMEWHERE_ONLY.get(line.who.role, ((), ()))[-1]
        cell = answers.setdefault((line.who.role, last, line.action, line.relation), {})
        cell.setdefault(line.resource.sensitivity, set()).add(line.allowed)
    text = _HEAD.format(command=COMMAND)
    text += "".join(f"    {action:<{_WIDE}}  {action.meaning}\n" for action in Action)
    for role, says in _ROLES.items():
        groups = _SOMEWHERE_ONLY.get(role)
        for last in (False, True) if groups else (False,):
            where = f", where that is {' or '.join(groups[last])}" if groups else ""
            title = f"{role}: {says}{where}"
            text += f"\n{title}\n{'-' * len(title)}\n\n"
            rows = [
                [action.value, *(_cell(answers[role, last, action, each]) for each in COLUMNS[role])]
                for action in Action
            ]
            text += _grid(["", *COLUMNS[role]], rows)
    return text + _CREDENTIALS + _credentials(engine) + _ELEVATIONS + _elevations(engine)


def _credentials(engine: Engine) -> str:
    """Return who may be given a credential."""
    holders = [role for role in Role if role.is_workload]
    rows = [
        [f"{action} {holder}", *(
            _cell({
                sensitivity: {
                    engine.decide(who, action, Resource(
                        kind=action.kind, tenant=OWN, environment=environment, sensitivity=sensitivity, holder=holder
                    )).allowed
                }
                for sensitivity in Sensitivity
            })
            for who in (next(principals(by)) for by in _MADE_BY)
            for environment in Environment
        )]
        for action, holder in product(_MAKING, holders)
    ]  # fmt: skip
    titles = [f"{by}, {environment}" for by in _MADE_BY for environment in Environment]
    return _grid(["", *titles], rows)


def _elevations(engine: Engine) -> str:
    """Return what an operator may do in a tenant: standing, in production, and under elevations."""
    standing = next(principals(Role.OPERATOR))

    def answer(action: Action, tenant: TenantId | None, covers: frozenset[str], *, production: bool) -> str:
        elevation = None if tenant is None else Elevation(id="e", ticket="t", tenant=tenant, actions=covers)
        who = replace(standing, elevation=elevation)
        asked = {
            sensitivity: {
                engine.decide(
                    who,
                    action,
                    Resource(kind=action.kind, tenant=OWN, environment=each, sensitivity=sensitivity),
                    {"production": production},
                ).allowed
                for each in (None, *Environment)
            }
            for sensitivity in Sensitivity
        }
        return _cell({sensitivity: {any(found)} for sensitivity, found in asked.items()})

    others = frozenset(action.value for action in Action)
    rows = [
        [
            action.value,
            answer(action, None, frozenset(), production=False),
            answer(action, None, frozenset(), production=True),
            answer(action, OWN, frozenset({action.value}), production=True),
            answer(action, OWN, others - {action.value}, production=True),
            answer(action, OTHER, others, production=True),
        ]
        for action in Action
    ]
    return _grid(["", *_STANDINGS], rows)


def _cell(answers: dict[Sensitivity, set[bool]]) -> str:
    normal, restricted = answers[Sensitivity.NORMAL], answers[Sensitivity.RESTRICTED]
    words = {(True, True): "yes", (True, False): "normal", (False, False): "-"}
    if len(normal) > 1 or len(restricted) > 1:
        return "MIXED"
    return words.get((next(iter(normal)), next(iter(restricted))), "MIXED")


def _grid(head: list[str], rows: list[list[str]]) -> str:
    widths = [_WIDE, *(len(title) for title in head[1:])]
    padded = (
        "    " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in [head, *rows]
    )
    return "".join(f"{row.rstrip()}\n" for row in padded)


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` compare it; return the exit code."""
    text = render(Engine.load())
    if arguments == ["--check"]:
        return 0 if FILE.read_text(encoding="utf-8") == text else 1
    FILE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
