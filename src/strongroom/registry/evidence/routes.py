"""The control API's routes over others' evidence: decode, ask the service, encode."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.identity import Finder
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.registry.evidence.model import MOST_BYTES, About, Sha256
from strongroom.registry.evidence.service import EvidenceService, Told, Verified

TheEvidence: TypeAlias = NamedDependency[EvidenceService]
TheFinder: TypeAlias = NamedDependency[Finder]


class AddEvidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece of evidence, and which digest it was brought for."""

    about: About
    subject: Sha256
    envelope: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=MOST_BYTES,
            description="An in-toto statement in a DSSE envelope, or a publisher's signature, as JSON.",
        ),
    ]
    tenant: Annotated[str, msgspec.Meta(min_length=1, max_length=63)] | None = None


class EvidenceList(Listing, frozen=True, kw_only=True):
    """Pieces of evidence, and what the installation is now.

    Attributes:
        data: the pieces.
        runtime: digest of the installation; empty: it cannot be told.
        image: digest of its image; empty: none is named.
    """

    data: list[Told]
    runtime: str = ""
    image: str = ""


@post(
    "/evidence",
    responses=WRITE,
    summary="Take in evidence",
    tags=["evidence"],
    request_max_body_size=2 * MOST_BYTES,
)
async def add_evidence(
    data: JSONBody[AddEvidence], evidence: TheEvidence, finder: TheFinder, who: Who, ask: Asked
) -> Told:
    """Take in a bill of materials, a scan, VEX or provenance, signed by a key that the rules about approvals name.

    Or the signature of a release by its publisher (a Sigstore bundle of OpenSSF Model Signing), as the same rules demand it.
    """
    place = None if data.tenant is None else await finder.tenant(who, data.tenant, ask)
    return await evidence.add(who, data.about, data.subject, data.envelope.encode(), place or who.tenant, ask)


@get("/evidence", responses=READ, summary="List evidence", tags=["evidence"])
async def list_evidence(
    evidence: TheEvidence,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    subject: FromQuery[Sha256 | None] = None,
    tenant: FromQuery[str | None] = None,
) -> EvidenceList:
    """Return others' evidence that was taken in, newest first: the installation's, or a tenant's."""
    place = None if tenant is None else await finder.tenant(who, tenant, ask)
    data, runtime, image = await evidence.list(who, place or who.tenant, subject, ask)
    return EvidenceList(data=data, runtime=runtime, image=image)


@get("/evidence/{piece:uuid}", responses=READ, summary="Verify evidence", tags=["evidence"])
async def verify_evidence(
    piece: FromPath[UUID],
    evidence: TheEvidence,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Verified:
    """Return a piece of evidence with its document, verified anew."""
    place = None if tenant is None else await finder.tenant(who, tenant, ask)
    return await evidence.verify(who, piece, place or who.tenant, ask)


ROUTES: Final = (add_evidence, list_evidence, verify_evidence)
"""What can be asked and said about others' evidence."""
