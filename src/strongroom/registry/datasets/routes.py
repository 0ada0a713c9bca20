"""The control API's routes over sources and data sets: decode, ask the service, encode."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.identity import Finder
from strongroom.identity.bodies import Body, NameText
from strongroom.identity.http import Asked, Listing, Who, name_of
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.principal import Environment, Role
from strongroom.registry.admission.routes import Signed
from strongroom.registry.admission.signed import MAX_DAYS
from strongroom.registry.content import PART
from strongroom.registry.datasets.derived import MOST_BYTES
from strongroom.registry.datasets.model import MAX_BYTES, Contract, Format, Listed, NewDataset, Shown, Source, Tier
from strongroom.registry.datasets.service import Datasets

TheDatasets: TypeAlias = NamedDependency[Datasets]
TheFinder: TypeAlias = NamedDependency[Finder]
_Line: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Reason: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, description="Why, in your words.")]


class AddSource(Body, frozen=True, kw_only=True):
    """Where data comes from. `owner`: an approver's account, whose yes data of a high risk needs."""

    name: NameText
    owner: NameText
    contact: _Line
    licence: _Line
    risk: Tier


class BeginDataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A data set to be. `parent`: NAME@VERSION of what it was made from; `transformation`: the record of how, as JSON."""

    name: NameText
    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$(?!\n)", max_length=64)]
    source: NameText
    environment: Environment
    format: Format
    size: Annotated[int, msgspec.Meta(ge=1, le=MAX_BYTES)]
    contract: Contract | None = None
    parent: Annotated[str, msgspec.Meta(max_length=130)] = ""
    transformation: Annotated[str, msgspec.Meta(max_length=MOST_BYTES)] = ""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that has begun. `part_bytes`: how many bytes a chunk has, but for the last one."""

    id: UUID
    part_bytes: int = PART


class GoesOn(msgspec.Struct, frozen=True):
    """Where an upload goes on."""

    received: int


class SentDataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was sent: SHA-256 in hex, as its sender read it."""

    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", max_length=64)]


class ApproveDataset(Body, frozen=True, kw_only=True):
    """An approval: how long, and why."""

    MULTILINE: ClassVar[frozenset[str]] = frozenset({"reason"})
    reason: _Reason
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS, description="How long it lasts.")] = 90
    statement: Signed | None = None


class WithdrawDataset(Body, frozen=True, kw_only=True):
    """An end, and why. `destroy`: its rows are destroyed as well, also those of one that was withdrawn before."""

    reason: _Reason
    destroy: bool = False


class GrantDataset(Body, frozen=True, kw_only=True):
    """Which training workload, in the data set's environment."""

    workload: NameText


class SourceList(Listing, frozen=True, kw_only=True):
    """Sources, in an answer."""

    data: list[Source]


class DatasetList(Listing, frozen=True, kw_only=True):
    """Data sets, in an answer."""

    data: list[Listed]


@post("/tenants/{tenant:str}/sources", responses=WRITE, summary="Register a source of data", tags=["datasets"])
async def add_source(
    tenant: FromPath[str], data: JSONBody[AddSource], datasets: TheDatasets, finder: TheFinder, who: Who, ask: Asked
) -> Source:
    """Register where data comes from, who answers for it, and how far it is trusted."""
    place = await finder.tenant(who, tenant, ask)
    return await datasets.add_source(
        who, place, name_of(data.name), data.owner, data.contact, data.licence, data.risk, ask
    )


@get("/tenants/{tenant:str}/sources", responses=READ, summary="List sources of data", tags=["datasets"])
async def list_sources(
    tenant: FromPath[str], datasets: TheDatasets, finder: TheFinder, who: Who, ask: Asked
) -> SourceList:
    """Return where a tenant's data comes from."""
    return SourceList(data=await datasets.sources(who, await finder.tenant(who, tenant, ask), ask))


@post(
    "/tenants/{tenant:str}/datasets",
    responses=WRITE,
    summary="Begin to bring a data set",
    tags=["datasets"],
    request_max_body_size=1 << 20,
)
async def begin_dataset(
    tenant: FromPath[str], data: JSONBody[BeginDataset], datasets: TheDatasets, finder: TheFinder, who: Who, ask: Asked
) -> Begun:
    """Begin to bring a data set. Nothing of it is written down before it was looked at; ten minutes later it is forgotten."""
    place = await finder.tenant(who, tenant, ask)
    new = NewDataset(
        environment=data.environment,
        name=name_of(data.name),
        version=data.version,
        source=data.source,
        format=data.format,
        size=data.size,
        contract=data.contract or Contract(),
        parent=data.parent,
        transformation=data.transformation.encode(),
    )
    return Begun(id=await datasets.begin(who, place, new, ask))


@put(
    "/tenants/{tenant:str}/dataset-uploads/{upload:uuid}",
    responses=WRITE,
    summary="Send a chunk of a data set",
    tags=["datasets"],
    request_max_body_size=PART,
)
async def send_rows(
    tenant: FromPath[str],
    upload: FromPath[UUID],
    offset: FromQuery[int],
    datasets: TheDatasets,
    finder: TheFinder,
    request: Request[Any, Any, Any],
    who: Who,
    ask: Asked,
) -> GoesOn:
    """Take one chunk (`application/octet-stream`): 1 MiB, but for the last one."""
    place = await finder.tenant(who, tenant, ask)
    return GoesOn(datasets.take(who, place, upload, offset, await request.body()))


@post(
    "/tenants/{tenant:str}/dataset-uploads/{upload:uuid}/finish",
    responses=WRITE,
    summary="Finish a data set",
    tags=["datasets"],
)
async def finish_dataset(
    tenant: FromPath[str],
    upload: FromPath[UUID],
    data: JSONBody[SentDataset],
    datasets: TheDatasets,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Shown:
    """Say that everything was sent: it is checked, and what came of it is returned."""
    return await datasets.finish(who, await finder.tenant(who, tenant, ask), upload, data.sha256, ask)


@get("/tenants/{tenant:str}/datasets", responses=READ, summary="List data sets", tags=["datasets"])
async def list_datasets(
    tenant: FromPath[str], datasets: TheDatasets, finder: TheFinder, who: Who, ask: Asked
) -> DatasetList:
    """Return a tenant's data sets, and how far each is."""
    return DatasetList(data=await datasets.every(who, await finder.tenant(who, tenant, ask), ask))


@get(
    "/tenants/{tenant:str}/datasets/{name:str}/{version:str}",
    responses=READ,
    summary="Show a data set",
    tags=["datasets"],
)
async def show_dataset(
    tenant: FromPath[str],
    name: FromPath[str],
    version: FromPath[str],
    datasets: TheDatasets,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Shown:
    """Return what was found in a data set, who may read it, and why it may or may not be used."""
    return await datasets.show(who, await finder.tenant(who, tenant, ask), name, version, ask)


@post(
    "/tenants/{tenant:str}/datasets/{name:str}/{version:str}/approvals",
    responses=WRITE,
    summary="Approve a data set",
    tags=["datasets"],
)
async def approve_dataset(
    tenant: FromPath[str],
    name: FromPath[str],
    version: FromPath[str],
    data: JSONBody[ApproveDataset],
    datasets: TheDatasets,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Shown:
    """Say as an approver that a data set may be used in its environment, until a day."""
    place = await finder.tenant(who, tenant, ask)
    statement = None if data.statement is None else data.statement.encode()
    return await datasets.approve(
        who, place, name, version, days=data.days, reason=data.reason, ask=ask, statement=statement
    )


@post(
    "/tenants/{tenant:str}/datasets/{name:str}/{version:str}/withdraw",
    responses=WRITE,
    summary="Withdraw a data set",
    tags=["datasets"],
)
async def withdraw_dataset(
    tenant: FromPath[str],
    name: FromPath[str],
    version: FromPath[str],
    data: JSONBody[WithdrawDataset],
    datasets: TheDatasets,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Shown:
    """End a data set: nothing trains on it from now on."""
    place = await finder.tenant(who, tenant, ask)
    return await datasets.withdraw(who, place, name, version, data.reason, ask, destroy=data.destroy)


@post(
    "/tenants/{tenant:str}/datasets/{name:str}/{version:str}/grants",
    responses=WRITE,
    summary="Let a workload read a data set",
    tags=["datasets"],
)
async def grant_dataset(
    tenant: FromPath[str],
    name: FromPath[str],
    version: FromPath[str],
    data: JSONBody[GrantDataset],
    datasets: TheDatasets,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Shown:
    """Let a training workload of the data set's environment read it, until that is revoked."""
    place = await finder.tenant(who, tenant, ask)
    return await datasets.grant(who, place, name, version, name_of(data.workload), ask)


@delete(
    "/tenants/{tenant:str}/datasets/{name:str}/{version:str}/grants/{workload:str}",
    responses=WRITE,
    summary="Revoke a workload's reading of a data set",
    tags=["datasets"],
    status_code=200,
)
async def revoke_dataset(
    tenant: FromPath[str],
    name: FromPath[str],
    version: FromPath[str],
    workload: FromPath[str],
    datasets: TheDatasets,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Shown:
    """Let a training workload read a data set no more."""
    place = await finder.tenant(who, tenant, ask)
    return await datasets.grant(who, place, name, version, name_of(workload), ask, revoke=True)


@get(
    "/tenants/{tenant:str}/datasets/{name:str}/{version:str}/content",
    responses=READ,
    summary="Read a data set's rows",
    tags=["datasets"],
)
async def read_dataset(
    tenant: FromPath[str],
    name: FromPath[str],
    version: FromPath[str],
    datasets: TheDatasets,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    part: FromQuery[Literal["rows", "rejects"]] = "rows",
) -> Response[bytes]:
    """Return the rows as JSON lines (`application/octet-stream`): to a training workload with a grant, or to the tenant's administrator.

    `part=rejects` returns the reject file, to the latter alone.
    """
    place = await finder.tenant(who, tenant, ask)
    if who.role is Role.TRAINING and part == "rows":
        content = await datasets.read(who, place, name, version, ask)
    else:
        content = await datasets.export(who, place, name, version, ask, rejects=part == "rejects")
    return Response(content, media_type="application/octet-stream")


ROUTES: Final = (
    add_source,
    list_sources,
    begin_dataset,
    send_rows,
    finish_dataset,
    list_datasets,
    show_dataset,
    approve_dataset,
    withdraw_dataset,
    grant_dataset,
    revoke_dataset,
    read_dataset,
)
"""What can be asked and said about training data."""
