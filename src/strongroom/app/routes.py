"""The control API's routes that concern more than one room, or none below: logs, settings, checks, a tenant's end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter
from msgspec import Meta

from strongroom.app.dryrun import DryRun
from strongroom.app.probes import RELEASE_LATEST_S, RevocationProof
from strongroom.app.services import Services
from strongroom.audit import PAGE_LIMIT, Entry
from strongroom.gateway.reading import RecordRow
from strongroom.identity import Finder, Key
from strongroom.identity.bodies import Body, RevokeKey
from strongroom.identity.http import Asked, Listing, Who, noting
from strongroom.identity.model import AccountToken
from strongroom.identity.problems import READ, WRITE
from strongroom.identity.whoami import Whoami, whoami
from strongroom.kernel.ids import parse_key_id
from strongroom.kernel.refusal import Refused, hidden, invalid
from strongroom.registry.channels.answers import Stopped
from strongroom.registry.channels.model import RevokedKind
from strongroom.registry.channels.routes import Revoke
from strongroom.rules import Level

TheServices: TypeAlias = NamedDependency[Services]
TheFinder: TypeAlias = NamedDependency[Finder]
Limit: TypeAlias = Annotated[int, Parameter(ge=1, le=PAGE_LIMIT, description="How many entries at most.")]
Before: TypeAlias = Annotated[UUID | None, Parameter(description="The last id of the page before.")]

Since: TypeAlias = Annotated[datetime | None, Parameter(description="Received then or later (RFC 3339, with a zone).")]
Status: TypeAlias = Annotated[int | None, Parameter(ge=0, le=599, description="With this HTTP status only.")]
Outcome: TypeAlias = Annotated[
    Literal["completed", "refused", "failed", "cancelled", "interrupted"] | None,
    Parameter(description="With this outcome only."),
]

Purpose: TypeAlias = Annotated[
    Literal["support-bundle"] | None,
    Parameter(description="What they are read for; it stands in the log, and in the flows."),
]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was asked, and what became of it."""

    id: UUID
    at: datetime
    actor: str
    credential: str
    action: str
    resource: str
    outcome: str
    reason: str
    request_id: str
    detail: dict[str, str]

    @classmethod
    def of(cls, entry: Entry) -> AuditEntry:
        """Return `entry` as the API shows it."""
        return cls(
            id=entry.id,
            at=entry.at,
            actor=entry.actor,
            credential=entry.credential,
            action=entry.action,
            resource=entry.resource,
            outcome=entry.outcome.value,
            reason=entry.reason,
            request_id=entry.request_id,
            detail=dict(entry.detail),
        )


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting in force, and where it came from."""

    name: str
    value: Any
    """As it stands in `strongroom.toml`: text, a number, a truth value, a list; null when unset."""
    source: str
    description: str = ""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that `doctor` looked at. `fix` says what to do when it is not ok."""

    name: str
    status: Literal["ok", "failed", "undetermined"]
    detail: str
    fix: str = ""


class AuditEntries(Listing, frozen=True, kw_only=True):
    """Entries of a log, in an answer."""

    data: list[AuditEntry]


class Records(Listing, frozen=True, kw_only=True):
    """Records of requests, in an answer."""

    data: list[RecordRow]


class Settings(Listing, frozen=True, kw_only=True):
    """Settings, in an answer."""

    data: list[Setting]


class Checks(Listing, frozen=True, kw_only=True):
    """Checks, in an answer."""

    data: list[Check]


@get("/whoami", responses=READ, summary="Who one is", tags=["identity"])
async def show_self(services: TheServices, who: Who, ask: Asked) -> Whoami:
    """Return what the presented credential stands for. Every credential may ask, a workload's key too."""
    return await whoami(services.gate, services.directory, who, ask)


@delete("/tenants/{tenant:str}", responses=WRITE, summary="Delete a tenant", tags=["tenants"])
async def delete_tenant(tenant: FromPath[str], services: TheServices, finder: TheFinder, who: Who, ask: Asked) -> None:
    """End a tenant with its workloads, keys, administrators and deployments. The name can be used again, the id never."""
    await services.end_tenant(who, await finder.tenant_to_end(who, tenant, ask), ask)


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """A credential that was revoked (a workload's key or an account's token), and what every process made of it."""

    key: Key | None
    token: AccountToken | None
    proof: RevocationProof


@post("/keys/{key:str}/revoke/prove", responses=WRITE, status_code=200, summary="Revoke, and prove it", tags=["keys"])
async def revoke_proven(
    key: FromPath[str],
    data: JSONBody[RevokeKey],
    services: TheServices,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Proven:
    """End a credential at once, asking every process before and after whether it takes the key."""
    key_id = parse_key_id(key)
    if key_id is None:
        raise Refused(hidden("not a key's id"))
    async with services.prover.watching(key_id) as watch:
        noted = noting(ask, reason=data.reason)
        ended = await finder.revoke_credential(who, key, tenant, data.reason, noted, first=watch.begin)
        proof = await watch.proof(services.clock.now())
    if isinstance(ended, Key):
        return Proven(key=ended, token=None, proof=proof)
    return Proven(key=None, token=ended, proof=proof)


class ProvenStop(msgspec.Struct, frozen=True, kw_only=True):
    """What a revocation stops, and what every gateway and every worker made of it."""

    stopped: Stopped
    proof: RevocationProof


@post("/revocations/prove", responses=WRITE, summary="Revoke a release, and prove it", tags=["channels"])
async def revoke_release_proven(data: JSONBody[Revoke], services: TheServices, who: Who, ask: Asked) -> ProvenStop:
    """Revoke a release by its digest, asking every gateway before and after whether it serves it, and whether a worker does."""
    if data.digest is None or data.signer is not None:
        raise Refused(invalid("Name a `digest`: it is one release that is watched.", param="digest"))
    async with services.prover.watching_release(data.digest) as watch:
        stopped = await services.channels.holds.revoke(
            who, RevokedKind.DIGEST, data.digest, data.reason, ask, first=watch.begin
        )
        proof = await watch.proof(services.clock.now(), RELEASE_LATEST_S)
    return ProvenStop(stopped=stopped, proof=proof)


@post("/tenants/{tenant:str}/shred", responses=WRITE, status_code=204, summary="Shred a tenant", tags=["vault"])
async def shred_tenant(tenant: FromPath[str], services: TheServices, finder: TheFinder, who: Who, ask: Asked) -> None:
    """End a tenant and destroy its keys: what they sealed is unreadable in every copy and backup, for good."""
    await services.shred_tenant(who, await finder.tenant_to_end(who, tenant, ask), ask)


class Rehearse(Body, frozen=True, kw_only=True):
    """A document to be tried on what happened lately; null: as if it were withdrawn."""

    document: Annotated[
        dict[str, Any] | None, Meta(description="The document: its `rules`.", examples=[{"rules": [{"seed": True}]}])
    ]
    days: Annotated[int, Meta(ge=1, le=366, description="How far back; left out: the newest 1,000 records.")] | None = (
        None
    )


@post(
    "/tenants/{tenant:str}/rules/{kind:str}/{level:str}/dry-run",
    responses=WRITE,
    status_code=200,
    summary="Try rules on what happened lately",
    tags=["rules"],
)
async def rehearse_rules(
    tenant: FromPath[str],
    kind: FromPath[str],
    level: FromPath[Level],
    data: JSONBody[Rehearse],
    services: TheServices,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> DryRun:
    """Return who of those who asked lately would gain or lose by a document; nothing is put in force."""
    place = await finder.tenant(who, tenant, ask)
    return await services.rehearsal.run(who, place, kind, level, data.document, ask, data.days)


@get("/tenants/{tenant:str}/audit", responses=READ, summary="Read a tenant's log", tags=["audit"])
async def read_tenant_log(
    tenant: FromPath[str],
    services: TheServices,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    limit: Limit = 50,
    before: Before = None,
) -> AuditEntries:
    """Return the newest entries of a tenant's log, newest first."""
    place = await finder.tenant(who, tenant, ask)
    found = await services.audit.of_tenant(who, place, ask, limit=limit, before=before)
    return AuditEntries(data=[AuditEntry.of(entry) for entry in found])


@get("/tenants/{tenant:str}/records", responses=READ, summary="Read a tenant's records", tags=["records"])
async def read_records(
    tenant: FromPath[str],
    services: TheServices,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    limit: Limit = 50,
    before: Before = None,
    since: Since = None,
    status: Status = None,
    outcome: Outcome = None,
    purpose: Purpose = None,
) -> Records:
    """Return the newest records of a tenant's requests, newest first. They hold figures and names, and no content."""
    place = await finder.tenant(who, tenant, ask)
    said = noting(ask, **{"for": purpose}) if purpose else ask
    found = await services.records.of_tenant(
        who, place, said, limit=limit, before=before, since=moment(since), status=status, outcome=outcome
    )
    return Records(data=found)


@get("/audit", responses=READ, summary="Read the installation's log", tags=["audit"])
async def read_log(
    services: TheServices, who: Who, ask: Asked, limit: Limit = 50, before: Before = None
) -> AuditEntries:
    """Return the newest entries of the installation's own log, newest first."""
    found = await services.audit.of_platform(who, ask, limit=limit, before=before)
    return AuditEntries(data=[AuditEntry.of(entry) for entry in found])


@get("/config", responses=READ, summary="Explain the settings", tags=["installation"])
async def explain_config(services: TheServices, who: Who, ask: Asked) -> Settings:
    """Return the settings in force and where each value came from. No setting holds a secret."""
    return Settings(data=_shown(await services.explained(who, ask), Setting))


@get("/doctor", responses=READ, summary="Check the installation", tags=["installation"])
async def run_doctor(services: TheServices, who: Who, ask: Asked) -> Checks:
    """Return what the checks of this installation found, from inside the control process."""
    return Checks(data=_shown(await services.examined(who, ask), Check))


def moment(given: datetime | None, param: str = "since") -> datetime | None:
    """Return a moment in UTC.

    Raises:
        Refused: INVALID for one without a zone, or too far away to have one.
    """
    if given is None:
        return None
    try:
        if given.tzinfo is not None and given.year > 1:
            return given.astimezone(UTC)
    except OverflowError:
        pass
    raise Refused(invalid("A moment is RFC 3339 with a zone, such as 2026-01-31T12:00:00Z.", param=param))


def _shown(found: Any, kind: type[Any]) -> list[Any]:
    """Return what the app's own parts said as the API's types: only the fields that are named there travel."""
    return [msgspec.convert(each, kind, from_attributes=True) for each in found]


ROUTES: Final = (
    show_self,
    revoke_proven,
    revoke_release_proven,
    delete_tenant,
    shred_tenant,
    rehearse_rules,
    read_tenant_log,
    read_records,
    read_log,
    explain_config,
    run_doctor,
)
