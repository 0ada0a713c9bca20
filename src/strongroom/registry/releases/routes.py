"""The control API's routes over releases that people bring."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.identity import Finder
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy import Ask
from strongroom.registry.admission.answers import Shown
from strongroom.registry.content import PART
from strongroom.registry.releases.keeping import Keeping
from strongroom.registry.releases.model import MOST_FILES, NewRelease, Progress, Verified
from strongroom.registry.releases.service import OCTETS, Releases

TheReleases: TypeAlias = NamedDependency[Releases]
TheKeeping: TypeAlias = NamedDependency[Keeping]
TheFinder: TypeAlias = NamedDependency[Finder]


class Uploads(Listing, frozen=True, kw_only=True):
    """Uploads, in an answer."""

    data: list[Progress]


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file goes on."""

    received: int


class Sent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was sent: SHA-256 of each file in hex, as its sender read it, in the order in which they were named."""

    sha256: Annotated[
        list[Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$", max_length=64)]],
        msgspec.Meta(min_length=1, max_length=MOST_FILES),
    ]


async def _tenant(finder: Finder, who: Principal, tenant: str | None, ask: Ask) -> TenantId | None:
    return None if tenant is None else await finder.tenant(who, tenant, ask)


@post("/uploads", responses=WRITE, summary="Begin to bring a release", tags=["models"], request_max_body_size=1 << 20)
async def begin_upload(
    data: JSONBody[NewRelease], releases: TheReleases, finder: TheFinder, who: Who, ask: Asked
) -> Progress:
    """Begin to bring a release into quarantine, or go on with what you began with the same files.

    An operator brings one for the installation, or with `tenant` for that tenant; a tenant's administrator brings one of
    the tenant's own.
    """
    return await releases.begin(who, data, await _tenant(finder, who, data.tenant, ask), ask)


@get("/uploads", responses=READ, summary="List uploads", tags=["models"])
async def list_uploads(releases: TheReleases, who: Who, ask: Asked) -> Uploads:
    """Return the uploads that you, or your tenant, have begun, and what became of them, for a day."""
    return Uploads(data=await releases.uploads(who, ask))


@get("/uploads/{upload:uuid}", responses=READ, summary="See how far an upload is", tags=["models"])
async def show_upload(upload: FromPath[UUID], releases: TheReleases, who: Who) -> Progress:
    """Return how far an upload of yours is, and once it was scanned, what came of it."""
    return await releases.progress(who, upload)


@put(
    "/uploads/{upload:uuid}/files/{index:int}",
    responses=WRITE,
    summary="Send a chunk of a file",
    tags=["models"],
    request_max_body_size=PART,
)
async def send_chunk(
    upload: FromPath[UUID],
    index: FromPath[int],
    offset: FromQuery[int],
    releases: TheReleases,
    request: Request[Any, Any, Any],
    who: Who,
) -> Taken:
    """Take one chunk (`application/octet-stream`) of a file: 1 MiB, but for the file's last one.

    409 says in its text where the file goes on, when it is not at `offset`.
    """
    written = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Taken(received=await releases.take(who, upload, index, offset, await request.body(), written))


@post(
    "/uploads/{upload:uuid}/finish",
    responses=WRITE,
    summary="Finish an upload",
    tags=["models"],
    request_max_body_size=1 << 20,
)
async def finish_upload(
    upload: FromPath[UUID], data: JSONBody[Sent], releases: TheReleases, who: Who, ask: Asked
) -> Progress:
    """Say that everything was sent, and what it was; from here on it is scanned."""
    return await releases.finish(who, upload, data.sha256, ask)


@delete("/uploads/{upload:uuid}", responses=WRITE, summary="Give an upload up", tags=["models"])
async def drop_upload(upload: FromPath[UUID], releases: TheReleases, who: Who, ask: Asked) -> None:
    """Remove what has arrived of an upload."""
    await releases.drop(who, upload, ask)


@post("/models/{name:str}/{version:str}/verify", responses=WRITE, summary="Hash a release again", tags=["models"])
async def verify_model(
    name: FromPath[str],
    version: FromPath[str],
    keeping: TheKeeping,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Verified:
    """Hash every stored file of a release again, and hold it against its manifest."""
    return await keeping.verify(who, name, version, await _tenant(finder, who, tenant, ask), ask)


@post("/models/{name:str}/{version:str}/rescan", responses=WRITE, summary="Scan a release again", tags=["models"])
async def rescan_model(
    name: FromPath[str],
    version: FromPath[str],
    keeping: TheKeeping,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Shown:
    """Scan a release by today's rules; the new verdict is signed, and counts from here on."""
    return await keeping.rescan(who, name, version, await _tenant(finder, who, tenant, ask), ask)


@get("/models/{name:str}/{version:str}/content", responses=READ, summary="Export a piece of a file", tags=["models"])
async def export_model(
    name: FromPath[str],
    version: FromPath[str],
    path: FromQuery[str],
    keeping: TheKeeping,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    offset: FromQuery[int] = 0,
    tenant: FromQuery[str | None] = None,
) -> Response[bytes]:
    """Return up to 8 MiB of a file in the clear, from `offset` on. A tenant's own release: under an elevation only."""
    piece = await keeping.piece(who, name, version, await _tenant(finder, who, tenant, ask), path, offset, ask)
    return Response(piece, media_type=OCTETS)


@delete("/models/{name:str}/{version:str}", responses=WRITE, summary="Delete a release", tags=["models"])
async def delete_model(
    name: FromPath[str],
    version: FromPath[str],
    keeping: TheKeeping,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> None:
    """Delete a release that nobody has deployed; its name and version never mean other bytes."""
    await keeping.delete(who, name, version, await _tenant(finder, who, tenant, ask), ask)


ROUTES: Final = (
    begin_upload,
    list_uploads,
    show_upload,
    send_chunk,
    finish_upload,
    drop_upload,
    verify_model,
    rescan_model,
    export_model,
    delete_model,
)
