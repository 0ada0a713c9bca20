"""The control API's routes over proposals: what waits for a second person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from strongroom.identity.approvals.model import REVIEW_WITHIN, Kind, Request, State, Vote
from strongroom.identity.approvals.service import Proposals, summary_of
from strongroom.identity.bodies import Body, ReasonText
from strongroom.identity.http import Asked, Listing, Who, noting
from strongroom.identity.problems import READ, WRITE

TheProposals: TypeAlias = NamedDependency[Proposals]
_Digest: TypeAlias = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$(?!\n)", examples=["sha256:" + "0" * 64])]
_Done = TypeVar("_Done")
_DOCUMENTS: Final = ("before", "document", "dry_run")


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody proposed, and what became of it.

    Attributes:
        kind: of what: `rules`, `policy`, `account` or `provider`.
        what: in a line.
        state: `open` waits for decisions; `approved` waits for its use by who proposed it; `used` is done, or in force.
        tenant: whose matter it is; null: the installation's.
        digest: of exactly what is proposed; a decision names it.
        details: what is proposed, by name; what it takes the place of, and whom it would have concerned lately.
        review_owed: it was in force at once, and nobody else has looked at it yet.
        decide_by: then it ends by itself; for what was in force at once, when the review is due.
    """

    id: UUID
    kind: Kind
    what: str
    state: State
    tenant: UUID | None
    tenant_name: str | None
    requester: str
    reason: str
    digest: str
    approvals: int
    needed: int
    votes: list[Vote]
    created_at: datetime
    decide_by: datetime
    review_owed: bool
    details: dict[str, Any]

    @classmethod
    def of(cls, request: Request) -> Proposal:
        """Return a request as it is shown."""
        details = {name: value for name, value in request.subject.items() if name != "summary"}
        for name in _DOCUMENTS:
            if name in details:
                details[name] = msgspec.json.decode(details[name]) if details[name] else None
        return cls(
            id=request.id,
            kind=request.kind,
            what=summary_of(request),
            state=request.state,
            tenant=request.about,
            tenant_name=request.tenant_name,
            requester=request.requester,
            reason=request.reason,
            digest=request.digest,
            approvals=sum(vote.verdict == "approve" for vote in request.votes),
            needed=request.needed,
            votes=request.votes,
            created_at=request.created_at,
            decide_by=request.expires_at if request.needed else request.created_at + REVIEW_WITHIN,
            review_owed=request.review_owed,
            details=details,
        )


PROPOSED: Final = {
    202: ResponseSpec(data_container=Proposal, description="Proposed: somebody else decides", generate_examples=False)
}
"""What a route answers with besides, where in production somebody else has to say yes first."""


def done_or_proposed(said: _Done | Request, status: int) -> Response[_Done | Proposal]:
    """Return the answer of what was done with `status`, or of what waits for a second person with 202."""
    if isinstance(said, Request):
        return Response(Proposal.of(said), status_code=202)
    return Response(said, status_code=status)


class ProposalList(Listing, frozen=True, kw_only=True):
    """Proposals, in an answer."""

    data: list[Proposal]


class Decide(Body, frozen=True, kw_only=True):
    """A yes or a no, to the digest of what was read."""

    digest: _Digest
    reason: ReasonText


@get("/proposals", responses=READ, summary="List proposals", tags=["proposals"])
async def list_proposals(proposals: TheProposals, who: Who, ask: Asked) -> ProposalList:
    """Return the newest proposals, newest first: all of them, or those of the caller's tenant."""
    return ProposalList(data=[Proposal.of(each) for each in await proposals.every(who, ask)])


@get("/proposals/{proposal:uuid}", responses=READ, summary="Show a proposal", tags=["proposals"])
async def show_proposal(proposal: FromPath[UUID], proposals: TheProposals, who: Who, ask: Asked) -> Proposal:
    """Return one proposal with everything that a decision is about, and the digest that it names."""
    return Proposal.of(await proposals.show(who, proposal, ask))


@post("/proposals/{proposal:uuid}/approve", responses=WRITE, status_code=200, summary="Approve", tags=["proposals"])
async def approve_proposal(
    proposal: FromPath[UUID], data: JSONBody[Decide], proposals: TheProposals, who: Who, ask: Asked
) -> Proposal:
    """Approve somebody else's proposal. A document is in force with that; of what was in force at once, it is the review."""
    noting(ask, reason=data.reason)
    return Proposal.of(await proposals.decide(who, proposal, "approve", data.digest, data.reason, ask))


@post("/proposals/{proposal:uuid}/deny", responses=WRITE, status_code=200, summary="Deny", tags=["proposals"])
async def deny_proposal(
    proposal: FromPath[UUID], data: JSONBody[Decide], proposals: TheProposals, who: Who, ask: Asked
) -> Proposal:
    """Deny somebody else's proposal; one no is enough."""
    noting(ask, reason=data.reason)
    return Proposal.of(await proposals.decide(who, proposal, "deny", data.digest, data.reason, ask))


@post("/proposals/{proposal:uuid}/withdraw", responses=WRITE, status_code=200, summary="Withdraw", tags=["proposals"])
async def withdraw_proposal(proposal: FromPath[UUID], proposals: TheProposals, who: Who, ask: Asked) -> Proposal:
    """Withdraw one's own proposal."""
    return Proposal.of(await proposals.withdraw(who, proposal, ask))


ROUTES: Final = (list_proposals, show_proposal, approve_proposal, deny_proposal, withdraw_proposal)
