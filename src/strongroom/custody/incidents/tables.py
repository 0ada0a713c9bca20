"""The SQL of incidents. Every statement binds `tenant_id` itself."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from strongroom.custody.incidents.model import LEAK, Incident, LeakReport
from strongroom.store import Record, TenantTx

_COLUMNS = "id, kind, subject, opened_at, opened_by, reason, cause, fix, closed_at, closed_by"


async def insert(tx: TenantTx, incident: Incident, report: LeakReport) -> None:
    """Add an open incident."""
    await tx.execute(
        """INSERT INTO identity.incident (tenant_id, id, kind, subject, opened_at, opened_by, reason, report)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        tx.tenant,
        incident.id,
        incident.kind,
        incident.subject,
        incident.opened_at,
        incident.opened_by,
        incident.reason,
        msgspec.json.encode(report).decode(),
    )


async def amend(tx: TenantTx, incident: UUID, report: LeakReport) -> None:
    """Write a report anew."""
    await tx.execute(
        "UPDATE identity.incident SET report = $3 WHERE tenant_id = $1 AND id = $2",
        tx.tenant,
        incident,
        msgspec.json.encode(report).decode(),
    )


async def incidents(tx: TenantTx, *, closed: bool) -> list[Incident]:
    """Return the tenant's open incidents, or with `closed` all of them, newest first, without their reports."""
    rows = await tx.fetch(
        f"""SELECT {_COLUMNS} FROM identity.incident
            WHERE tenant_id = $1 AND ($2 OR closed_at IS NULL) ORDER BY opened_at DESC""",  # noqa: S608 - a constant
        tx.tenant,
        closed,
    )
    return [_incident(row) for row in rows]


async def incident(tx: TenantTx, incident_id: UUID) -> Incident | None:
    """Return one incident with its report."""
    row = await tx.fetchrow(
        f"""SELECT {_COLUMNS}, report FROM identity.incident
            WHERE tenant_id = $1 AND id = $2""",  # noqa: S608 - a constant
        tx.tenant,
        incident_id,
    )
    if row is None:
        return None
    found = _incident(row)
    if found.kind != LEAK:  # it opened by itself, and what is known of it is its reason and its entry
        return found
    return msgspec.structs.replace(found, report=msgspec.json.decode(row["report"], type=LeakReport))


async def close(tx: TenantTx, incident_id: UUID, at: datetime, by: str, cause: str, fix: str) -> bool:
    """Close an incident; return whether it was open."""
    closed = await tx.fetchval(
        """UPDATE identity.incident SET closed_at = $3, closed_by = $4, cause = $5, fix = $6
           WHERE tenant_id = $1 AND id = $2 AND closed_at IS NULL RETURNING true""",
        tx.tenant,
        incident_id,
        at,
        by,
        cause,
        fix,
    )
    return closed is True


def _incident(row: Record) -> Incident:
    return Incident(
        id=row["id"],
        kind=row["kind"],
        subject=row["subject"],
        status="open" if row["closed_at"] is None else "closed",
        opened_at=row["opened_at"],
        opened_by=row["opened_by"],
        reason=row["reason"],
        root_cause=row["cause"],
        fix=row["fix"],
        closed_at=row["closed_at"],
        closed_by=row["closed_by"],
    )
