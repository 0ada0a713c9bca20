"""The SQL of capture sessions. Every statement binds `tenant_id` itself."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from strongroom.captures.model import Listed, Phase, Session, Wanted, phase_of
from strongroom.identity.approvals import State
from strongroom.kernel.principal import Environment
from strongroom.store import Record, TenantTx

_SHOWN = 100
_ENTRIES = 1000


async def begin(
    tx: TenantTx, session: UUID, wanted: Wanted, approved_by: str, began_at: datetime, ends_at: datetime
) -> bool:
    """Let a session begin; False when it has already."""
    done = await tx.execute(
        """INSERT INTO capture.session (tenant_id, id, environment, model, workload, share, octets_most, requester, ticket,
                                        reason, approved_by, began_at, ends_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING""",
        tx.tenant, session, wanted.environment, wanted.model, wanted.workload, wanted.share, wanted.octets,
        wanted.requester, wanted.ticket, wanted.reason, approved_by, began_at, ends_at,
    )  # fmt: skip
    return done == "INSERT 0 1"


async def stop(tx: TenantTx, session: UUID, at: datetime, by: str, reason: str) -> bool:
    """Stop a session; False when it was stopped before, or there is none."""
    done = await tx.execute(
        """UPDATE capture.session SET stopped_at = $3, stopped_by = $4, stopped_reason = $5
           WHERE tenant_id = $1 AND id = $2 AND stopped_at IS NULL""",
        tx.tenant, session, at, by, reason,
    )  # fmt: skip
    return done == "UPDATE 1"


async def sessions(tx: TenantTx, now: datetime) -> list[Session]:
    """Return the tenant's newest sessions."""
    rows = await tx.fetch(
        """SELECT s.*, e.entries, e.octets FROM capture.session s LEFT JOIN LATERAL (
               SELECT count(*) AS entries, coalesce(sum(octets), 0) AS octets FROM capture.entry e
               WHERE e.tenant_id = s.tenant_id AND e.session_id = s.id) e ON true
           WHERE s.tenant_id = $1 ORDER BY s.began_at DESC LIMIT $2""",
        tx.tenant,
        _SHOWN,
    )
    return [_session(row, now) for row in rows]


async def over(tx: TenantTx, now: datetime) -> list[UUID]:
    """Return the sessions that have ended by themselves of late."""
    rows = await tx.fetch(
        """SELECT id FROM capture.session WHERE tenant_id = $1 AND ends_at <= $2 AND ends_at > $2 - interval '2 days'""",
        tx.tenant,
        now,
    )
    return [row["id"] for row in rows]


async def environment_of(tx: TenantTx, session: UUID) -> Environment | None:
    """Return where a session of the tenant captures; None when there is none."""
    found = await tx.fetchval(
        "SELECT environment FROM capture.session WHERE tenant_id = $1 AND id = $2", tx.tenant, session
    )
    return None if found is None else Environment(found)


async def entries(tx: TenantTx, session: UUID) -> list[Listed]:
    """Return what was captured in a session, oldest first, without what it says."""
    rows = await tx.fetch(
        """SELECT id, at, request_id, octets FROM capture.entry WHERE tenant_id = $1 AND session_id = $2
           ORDER BY at, id LIMIT $3""",
        tx.tenant, session, _ENTRIES,
    )  # fmt: skip
    return [Listed(id=row["id"], at=row["at"], request_id=row["request_id"], octets=row["octets"]) for row in rows]


class Sealed(NamedTuple):
    """An entry as it is kept, and by whose key where it is somebody's own: the pseudonym, or nothing."""

    sealed: bytes
    subject: str


async def sealed(tx: TenantTx, session: UUID, entry: UUID) -> Sealed | None:
    """Return one entry as it is kept; None when there is none."""
    row = await tx.fetchrow(
        "SELECT sealed, subject FROM capture.entry WHERE tenant_id = $1 AND session_id = $2 AND id = $3",
        tx.tenant, session, entry,
    )  # fmt: skip
    return None if row is None else Sealed(bytes(row["sealed"]), row["subject"] or "")


def _session(row: Record, now: datetime) -> Session:
    phase: Phase = phase_of(
        State.USED, begun=True, stopped=row["stopped_at"] is not None, ends_at=row["ends_at"], now=now
    )
    return Session(
        id=row["id"], phase=phase, environment=Environment(row["environment"]), model=row["model"],
        workload=row["workload"], share=row["share"], octets_most=row["octets_most"], requester=row["requester"],
        ticket=row["ticket"], reason=row["reason"], approved_by=row["approved_by"], began_at=row["began_at"],
        ends_at=row["ends_at"], stopped_at=row["stopped_at"], stopped_by=row["stopped_by"],
        stopped_reason=row["stopped_reason"], entries=row["entries"], octets=row["octets"],
    )  # fmt: skip
