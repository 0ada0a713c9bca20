"""The control API's routes over documents of rules: decode, ask the service, encode."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter
from msgspec import Meta

from strongroom.identity import Finder
from strongroom.identity.approvals.routes import PROPOSED, Proposal, done_or_proposed
from strongroom.identity.bodies import Body, ReasonText
from strongroom.identity.http import Asked, Listing, Who, name_of, noting
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.policy import Ask
from strongroom.rules.kinds import KINDS
from strongroom.rules.model import Level, NamePattern, Subject, Version
from strongroom.rules.resolve import Why
from strongroom.rules.service import Rules, kind_named

TheRules: TypeAlias = NamedDependency[Rules]
TheFinder: TypeAlias = NamedDependency[Finder]
TenantLevel: TypeAlias = Literal["ceiling", "own"]
Limit: TypeAlias = Annotated[int, Parameter(ge=1, le=100, description="How many versions at most.")]
Before: TypeAlias = Annotated[
    int | None, Parameter(ge=1, le=2**31 - 1, description="The last version of the page before.")
]


class WriteRules(Body, frozen=True, kw_only=True):
    """A document to be put in force."""

    document: Annotated[
        dict[str, Any] | None,
        Meta(
            description="The document: its `rules`, each a table; null withdraws what is in force.",
            examples=[{"rules": [{"environments": ["dev"], "seed": True}]}],
        ),
    ]
    expected: Annotated[int, Meta(ge=0, le=2**31 - 2, description="The version seen last; 0: there is none yet.")]
    reason: ReasonText
    at_once: Annotated[
        bool,
        Meta(
            description="In production, in an emergency: in force before anybody else has seen it. Only what takes away may "
            "be; somebody else's review is owed then."
        ),
    ] = False


class Documents(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of one kind that concern a tenant; null where nobody wrote one, or withdrew it.

    `last` is for whoever writes: the number of the last version at each level, withdrawn ones included.
    """

    kind: str
    meaning: str
    default: Version | None
    ceiling: Version | None
    own: Version | None
    last: dict[str, int]


class Kinds(Listing, frozen=True, kw_only=True):
    """Every kind with its documents, in an answer."""

    data: list[Documents]


class ExplainedField(msgspec.Struct, frozen=True, kw_only=True):
    """One field of what holds. `document` is null where no document spoke and the product's own least holds."""

    field: str
    value: Any
    means: str
    document: str | None
    rules: tuple[str, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one key and one model, in plain words, and who said so."""

    kind: str
    environment: Environment
    workload: str
    role: str
    key: str
    model: str
    documents: list[str]
    fields: list[ExplainedField]


class Versions(Listing, frozen=True, kw_only=True):
    """Versions of one document, in an answer."""

    data: list[Version]


@get("/tenants/{tenant:str}/rules", responses=READ, summary="List a tenant's rules", tags=["rules"])
async def list_rules(tenant: FromPath[str], rules: TheRules, finder: TheFinder, who: Who, ask: Asked) -> Kinds:
    """Return for every kind which documents concern a tenant: the installation's, its ceiling and its own."""
    return await _every(rules, who, await finder.tenant(who, tenant, ask), ask)


@get("/tenants/{tenant:str}/rules/{kind:str}", responses=READ, summary="Show a tenant's rules", tags=["rules"])
async def show_rules(
    tenant: FromPath[str], kind: FromPath[str], rules: TheRules, finder: TheFinder, who: Who, ask: Asked
) -> Documents:
    """Return the documents of one kind that concern a tenant."""
    place = await finder.tenant(who, tenant, ask)
    return _documents(kind_named(kind).name, await rules.in_force(who, place, ask, kind))


@put(
    "/tenants/{tenant:str}/rules/{kind:str}/{level:str}",
    responses=WRITE | PROPOSED,
    summary="Write a tenant's rules",
    tags=["rules"],
)
async def write_rules(
    tenant: FromPath[str],
    kind: FromPath[str],
    level: FromPath[TenantLevel],
    data: JSONBody[WriteRules],
    rules: TheRules,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Response[Version | Proposal]:
    """Put a document in force: an operator a tenant's ceiling, a tenant's administrator the tenant's own.

    In production it is proposed (202), and in force once somebody else has approved it.
    """
    place = await finder.tenant(who, tenant, ask)
    return await _written(rules, who, place, kind, Level(level), data, ask)


@get(
    "/tenants/{tenant:str}/rules/{kind:str}/{level:str}/history",
    responses=READ,
    summary="Read the history of a tenant's rules",
    tags=["rules"],
)
async def read_history(
    tenant: FromPath[str],
    kind: FromPath[str],
    level: FromPath[TenantLevel],
    rules: TheRules,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    limit: Limit = 20,
    before: Before = None,
) -> Versions:
    """Return the versions of one document, the newest first."""
    place = await finder.tenant(who, tenant, ask)
    return Versions(data=await rules.history(who, place, kind, Level(level), ask, limit=limit, before=before))


@get("/rules", responses=READ, summary="List the installation's rules", tags=["rules"])
async def list_default_rules(rules: TheRules, who: Who, ask: Asked) -> Kinds:
    """Return for every kind the installation's default, which holds for tenants without a ceiling."""
    return await _every(rules, who, None, ask)


@get("/rules/{kind:str}", responses=READ, summary="Show the installation's rules", tags=["rules"])
async def show_default_rules(kind: FromPath[str], rules: TheRules, who: Who, ask: Asked) -> Documents:
    """Return the installation's default of one kind."""
    return _documents(kind_named(kind).name, await rules.in_force(who, None, ask, kind))


@put("/rules/{kind:str}", responses=WRITE | PROPOSED, summary="Write the installation's rules", tags=["rules"])
async def write_default_rules(
    kind: FromPath[str], data: JSONBody[WriteRules], rules: TheRules, who: Who, ask: Asked
) -> Response[Version | Proposal]:
    """Put a default in force, for every tenant without a ceiling of this kind. In production it is proposed (202)."""
    return await _written(rules, who, None, kind, Level.DEFAULT, data, ask)


@get(
    "/rules/{kind:str}/history", responses=READ, summary="Read the history of the installation's rules", tags=["rules"]
)
async def read_default_history(
    kind: FromPath[str], rules: TheRules, who: Who, ask: Asked, limit: Limit = 20, before: Before = None
) -> Versions:
    """Return the versions of one default, the newest first."""
    return Versions(data=await rules.history(who, None, kind, Level.DEFAULT, ask, limit=limit, before=before))


@get("/keys/{key:str}/rules/{kind:str}", responses=READ, summary="Explain what holds for a key", tags=["rules"])
async def explain_rules(
    key: FromPath[str],
    kind: FromPath[str],
    model: FromQuery[NamePattern],
    rules: TheRules,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Explanation:
    """Return field by field what the documents of one kind come to for a workload's key that asks a model, and why.

    The key is named by its public id. Whether the model is deployed where the key counts is not asked.
    """
    place, found = await finder.workload_key(who, key, tenant, ask)
    subject = Subject(
        environment=found.environment,
        role=found.role.value,
        workload=found.workload,
        key=KeyId(found.id),
        model=name_of(model, "model"),
    )
    standing, why = await rules.explain(who, place, kind, subject, ask)
    return Explanation(
        kind=kind,
        environment=found.environment,
        workload=found.workload,
        role=found.role.value,
        key=found.id,
        model=model,
        documents=[str(held) for held in (standing.above, standing.own) if held is not None],
        fields=[_explained(each) for each in why],
    )


async def _every(rules: Rules, who: Principal, tenant: TenantId | None, ask: Ask) -> Kinds:
    found = await rules.in_force(who, tenant, ask)
    return Kinds(data=[_documents(name, [each for each in found if each.kind == name]) for name in KINDS])


async def _written(
    rules: Rules, who: Principal, tenant: TenantId | None, kind: str, level: Level, data: WriteRules, ask: Ask
) -> Response[Version | Proposal]:
    noted = noting(ask, reason=data.reason, expected=str(data.expected))
    said = await rules.propose(
        who, tenant, kind, level, data.document, expected=data.expected, reason=data.reason, at_once=data.at_once,
        ask=noted,
    )  # fmt: skip
    return done_or_proposed(said, HTTPStatus.OK)


def _explained(why: Why) -> ExplainedField:
    said = why.said
    return ExplainedField(field=said.field, value=said.value, means=said.means, document=why.by, rules=said.by)


def _documents(kind: str, found: list[Version]) -> Documents:
    at = {version.level: version for version in found}
    held = {level: version for level, version in at.items() if not version.withdrawn}
    return Documents(
        kind=kind,
        meaning=KINDS[kind].meaning,
        default=held.get(Level.DEFAULT),
        ceiling=held.get(Level.CEILING),
        own=held.get(Level.OWN),
        last={level.value: version.version for level, version in at.items()},
    )


ROUTES: Final = (
    list_rules,
    show_rules,
    write_rules,
    read_history,
    list_default_rules,
    show_default_rules,
    write_default_rules,
    read_default_history,
    explain_rules,
)
