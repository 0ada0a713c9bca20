"""The SQL of elevations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec

from strongroom.identity.approvals import Request
from strongroom.identity.elevation.model import Asked, Elevated, phase_of
from strongroom.kernel.ids import KeyId
from strongroom.store import OperatorTx, Record

_UNDELIVERED: Final[LiteralString] = """
    SELECT id, body FROM identity.notice WHERE delivered_at IS NULL
    ORDER BY body ->> 'type' = 'incident.opened',
             row_number() OVER (PARTITION BY body ->> 'tenant' ORDER BY created_at, id), created_at, id
    LIMIT 10
"""


async def insert(tx: OperatorTx, request: UUID, *, break_glass: bool, review_due_at: datetime | None) -> None:
    """Add an elevation to its request."""
    await tx.execute(
        "INSERT INTO identity.elevation (request_id, break_glass, review_due_at) VALUES ($1, $2, $3)",
        request,
        break_glass,
        review_due_at,
    )


async def begin(tx: OperatorTx, request: UUID, key_id: KeyId, at: datetime, ends_at: datetime) -> None:
    """Write down that it began, by which token."""
    await tx.execute(
        "UPDATE identity.elevation SET key_id = $2, begun_at = $3, ends_at = $4 WHERE request_id = $1",
        request,
        key_id,
        at,
        ends_at,
    )


async def end(tx: OperatorTx, request: UUID, at: datetime, reason: str) -> None:
    """Write down that it was ended before its time."""
    await tx.execute(
        "UPDATE identity.elevation SET ended_at = $2, ended_reason = $3 WHERE request_id = $1 AND ended_at IS NULL",
        request,
        at,
        reason,
    )


async def review(tx: OperatorTx, request: UUID, at: datetime, reviewer: str, note: str) -> None:
    """Write down its review."""
    await tx.execute(
        "UPDATE identity.elevation SET reviewed_at = $2, reviewer = $3, review = $4 WHERE request_id = $1",
        request,
        at,
        reviewer,
        note,
    )


async def shown(tx: OperatorTx, requests: Sequence[Request], now: datetime) -> list[Elevated]:
    """Return the elevations of `requests`, in their order."""
    rows = await tx.fetch(
        """SELECT request_id, break_glass, key_id, begun_at, ends_at, ended_at, ended_reason, review_due_at, reviewed_at,
                  reviewer, review
           FROM identity.elevation WHERE request_id = any($1::uuid[])""",
        [request.id for request in requests],
    )
    by_id = {UUID(str(row["request_id"])): row for row in rows}
    return [_elevated(request, by_id[request.id], now) for request in requests]


async def owed(tx: OperatorTx) -> list[tuple[UUID, datetime]]:
    """Return the broken glass that nobody has reviewed, and until when it is due."""
    rows = await tx.fetch(
        """SELECT request_id, review_due_at FROM identity.elevation
           WHERE break_glass AND reviewed_at IS NULL ORDER BY review_due_at"""
    )
    return [(row["request_id"], row["review_due_at"]) for row in rows]


async def insert_notice(tx: OperatorTx, notice: UUID, body: str, at: datetime) -> None:
    """Add what somebody is to be paged with."""
    await tx.execute("INSERT INTO identity.notice (id, body, created_at) VALUES ($1, $2::jsonb, $3)", notice, body, at)


async def undelivered(tx: OperatorTx) -> list[tuple[UUID, str]]:
    """Return the first ten notices that nobody has got.

    A broken glass goes before incidents, which a tenant can make many of; of these each tenant's oldest, then each one's next.
    """
    rows = await tx.fetch(_UNDELIVERED)
    return [(UUID(str(row["id"])), str(row["body"])) for row in rows]


async def delivered(tx: OperatorTx, notice: UUID, at: datetime) -> None:
    """Write down that a notice was taken."""
    await tx.execute("UPDATE identity.notice SET delivered_at = $2 WHERE id = $1", notice, at)


def _elevated(request: Request, row: Record, now: datetime) -> Elevated:
    asked = msgspec.convert(request.subject, Asked)
    return Elevated(
        id=request.id,
        phase=phase_of(
            request.state,
            now=now,
            begun=row["begun_at"] is not None,
            ends_at=row["ends_at"],
            ended=row["ended_at"] is not None,
        ),
        requester=request.requester,
        tenant=asked.tenant,
        tenant_name=request.tenant_name,
        actions=asked.actions,
        minutes=asked.minutes,
        ticket=request.ticket,
        reason=request.reason,
        digest=request.digest,
        approvals=sum(vote.verdict == "approve" for vote in request.votes),
        needed=request.needed,
        votes=request.votes,
        created_at=request.created_at,
        decide_by=request.expires_at,
        break_glass=row["break_glass"],
        begun_at=row["begun_at"],
        ends_at=row["ends_at"],
        ended_at=row["ended_at"],
        ended_reason=row["ended_reason"],
        key_id=row["key_id"],
        review_due_at=row["review_due_at"],
        reviewed_at=row["reviewed_at"],
        reviewer=row["reviewer"],
        review=row["review"],
        review_owed=row["break_glass"] and row["reviewed_at"] is None,
    )
