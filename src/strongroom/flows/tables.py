"""The SQL of flows. Every statement binds `tenant_id` itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from strongroom.audit import reading
from strongroom.flows.model import Applied, Edge
from strongroom.flows.seen import EXPORTS, Asked, Taken
from strongroom.store import Record, TenantTx

MOST_EDGES: Final = 5000
"""What is kept of one tenant at most."""

_ASKED: Final[LiteralString] = """
    select r.environment, coalesce(w.name, r.workload_id::text) as workload, coalesce(d.name, '') as model, r.target,
           p.region, r.operation, min(r.at) as first, max(r.at) as last,
           array_agg(distinct f.direction || ' ' || f.kind) filter (where f.kind is not null) as found
    from gateway.record r
    left join identity.workload w on w.tenant_id = r.tenant_id and w.id = r.workload_id
    left join registry.deployment d on d.tenant_id = r.tenant_id and d.id = r.deployment_id
    left join providers.provider p on p.name = r.target and r.target <> 'local'
    left join lateral (
        select each.key as direction, type.key as kind
        from jsonb_each(r.findings) each, jsonb_each(each.value) type
    ) f on true
    where r.tenant_id = $1 and r.day >= ($2 at time zone 'utc')::date and r.at >= $2 and r.outcome <> 'refused'
    group by 1, 2, 3, 4, 5, 6 limit 10000
"""
_SEE: Final[LiteralString] = """
    insert into flows.edge as e (tenant_id, source, destination, data, first_seen, last_seen)
    select $1, s.source, s.destination, s.data, s.first_seen, s.last_seen
    from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
         as s (source, destination, data, first_seen, last_seen)
    on conflict (tenant_id, source, destination, data) do update
    set first_seen = least(e.first_seen, excluded.first_seen), last_seen = greatest(e.last_seen, excluded.last_seen)
"""


async def asked(tx: TenantTx, since: datetime) -> list[Asked]:
    """Return what was asked since a moment, gathered."""
    return [
        Asked(
            environment=row["environment"],
            workload=row["workload"],
            model=row["model"],
            target=row["target"],
            region=row["region"],
            operation=row["operation"],
            found=tuple((each.partition(" ")[0], each.partition(" ")[2]) for each in row["found"] or ()),
            first=row["first"],
            last=row["last"],
        )
        for row in await tx.fetch(_ASKED, tx.tenant, since)
    ]


async def taken(tx: TenantTx, since: datetime, unless: str) -> list[Taken]:
    """Return what was handed out since a moment, gathered; `unless`: to this actor, who is the product itself."""
    return [
        Taken(
            action=row["action"],
            actor=row["actor"],
            first=row["first"],
            last=row["last"],
            sums=row["sums"],
            purpose=row["purpose"],
        )
        for row in await reading.gathered(tx, list(EXPORTS), since, unless)
    ]


async def see(tx: TenantTx, edges: Sequence[Edge]) -> None:
    """Keep what was seen; what is known already is only seen again."""
    await tx.execute(
        _SEE,
        tx.tenant,
        [each.source for each in edges],
        [each.destination for each in edges],
        [each.data for each in edges],
        [each.first_seen for each in edges],
        [each.last_seen for each in edges],
    )


async def edges(tx: TenantTx) -> list[Edge]:
    """Return every edge of the tenant, in order."""
    rows = await tx.fetch(
        """SELECT source, destination, data, first_seen, last_seen FROM flows.edge WHERE tenant_id = $1
           ORDER BY source, destination, data LIMIT $2""",
        tx.tenant,
        MOST_EDGES,
    )
    return [
        Edge(
            source=row["source"],
            destination=row["destination"],
            data=row["data"],
            first_seen=row["first_seen"],
            last_seen=row["last_seen"],
        )
        for row in rows
    ]


async def last_seen(tx: TenantTx) -> datetime | None:
    """Return when an edge was seen last."""
    found: datetime | None = await tx.fetchval("SELECT max(last_seen) FROM flows.edge WHERE tenant_id = $1", tx.tenant)
    return found


async def untold(tx: TenantTx) -> set[tuple[str, str, str]]:
    """Return the edges that the log was not told of."""
    rows = await tx.fetch(
        "SELECT source, destination, data FROM flows.edge WHERE tenant_id = $1 AND told_at IS NULL", tx.tenant
    )
    return {(row["source"], row["destination"], row["data"]) for row in rows}


async def tell(tx: TenantTx, edge: Edge, at: datetime) -> bool:
    """Say that the log was told of an edge; False where it had been."""
    done = await tx.execute(
        """UPDATE flows.edge SET told_at = $5
           WHERE tenant_id = $1 AND source = $2 AND destination = $3 AND data = $4 AND told_at IS NULL""",
        tx.tenant,
        edge.source,
        edge.destination,
        edge.data,
        at,
    )
    return done == "UPDATE 1"


async def files(tx: TenantTx) -> list[Applied]:
    """Return the tenant's files in their order."""
    rows = await tx.fetch(
        """SELECT number, name, digest, body, author, credential, at, reason, approved_by
           FROM flows.declaration WHERE tenant_id = $1 ORDER BY number""",
        tx.tenant,
    )
    return [_file(row) for row in rows]


async def insert(tx: TenantTx, file: Applied, request: UUID | None) -> None:
    """Add a file; two with one number are a `Conflict`."""
    await tx.execute(
        """INSERT INTO flows.declaration
               (tenant_id, number, name, digest, body, author, credential, at, reason, approved_by, request_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        tx.tenant,
        file.number,
        file.name,
        file.digest,
        file.text,
        file.author,
        file.credential,
        file.at,
        file.reason,
        file.approved_by,
        request,
    )


def _file(row: Record) -> Applied:
    return Applied(
        number=row["number"],
        name=row["name"],
        digest=row["digest"],
        text=row["body"],
        author=row["author"],
        credential=row["credential"],
        at=row["at"],
        reason=row["reason"],
        approved_by=row["approved_by"],
    )
