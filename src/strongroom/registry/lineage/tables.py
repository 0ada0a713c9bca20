"""The SQL of lineage: reading what other tables say of releases and deployments, and the runs and edges of this one."""

from __future__ import annotations

from uuid import UUID

import msgspec

from strongroom.registry.lineage.model import Edge, Node
from strongroom.store import TenantTx

MOST = 10_000


async def runs(tx: TenantTx) -> list[Node]:
    """Return the tenant's runs, the newest first."""
    rows = await tx.fetch(
        """SELECT id, environment, name, said_by, observed, state, started_at, ended_at, facts::text AS facts
           FROM registry.lineage_run WHERE tenant_id = $1 ORDER BY started_at DESC LIMIT $2""",
        tx.tenant,
        MOST,
    )
    return [
        Node(
            id=f"run:{row['id']}",
            name=row["name"],
            at=row["started_at"],
            until=row["ended_at"],
            by=row["said_by"],
            facts={
                **{
                    name: str(value)
                    for name, value in msgspec.json.decode(row["facts"], type=dict[str, object]).items()
                },
                "environment": row["environment"],
                "state": row["state"],
                "known": "observed" if row["observed"] else "claimed",
            },
        )
        for row in rows
    ]


async def run_of(tx: TenantTx, run: UUID) -> tuple[bool, str] | None:
    """Return whether a run was observed, and who says that it was; None: there is none."""
    row = await tx.fetchrow(
        "SELECT observed, said_by FROM registry.lineage_run WHERE tenant_id = $1 AND id = $2", tx.tenant, run
    )
    return None if row is None else (row["observed"], row["said_by"])


async def edges(tx: TenantTx) -> list[Edge]:
    """Return the edges that somebody wrote down."""
    rows = await tx.fetch(
        """SELECT source, target, said_by, reason, observed, at FROM registry.lineage_edge
           WHERE tenant_id = $1 ORDER BY at LIMIT $2""",
        tx.tenant,
        MOST,
    )
    return [
        Edge(
            source=row["source"],
            target=row["target"],
            observed=row["observed"],
            at=row["at"],
            by=row["said_by"],
            reason=row["reason"],
        )
        for row in rows
    ]


async def releases(tx: TenantTx) -> list[Node]:
    """Return the releases of the tenant's own and the installation's, with who brought each and whose approvals stand there."""
    rows = await tx.fetch(
        """SELECT digest, name, version, source, author, admitted_at, deleted_at, true AS own FROM registry.own_release
           WHERE tenant_id = $1
           UNION ALL
           SELECT digest, name, version, source, author, admitted_at, deleted_at, false FROM registry.release
           ORDER BY own DESC, name, version LIMIT $2""",
        tx.tenant,
        MOST,
    )
    said = await tx.fetch(
        """SELECT e.digest, string_agg(DISTINCT a.name, ', ' ORDER BY a.name) AS names FROM (
               SELECT release_digest AS digest, account_id FROM registry.evidence WHERE kind = 'approval'
               UNION ALL
               SELECT release_digest, account_id FROM registry.own_evidence WHERE tenant_id = $1 AND kind = 'approval'
           ) e JOIN identity.account a ON a.id = e.account_id GROUP BY e.digest""",
        tx.tenant,
    )
    approved = {row["digest"]: row["names"] for row in said}
    found = dict[str, Node]()
    for row in rows:
        facts = {"source": row["source"], "whose": "the tenant's own" if row["own"] else "the installation's"}
        if names := approved.get(row["digest"]):
            facts["approved by"] = names
        node = Node(
            id=f"release:{row['digest']}",
            name=f"{row['name']}@{row['version']}",
            at=row["admitted_at"],
            until=row["deleted_at"],
            by=row["author"] or "",
            facts=facts,
        )
        found.setdefault(node.id, node)
    return list(found.values())


async def deployments(tx: TenantTx) -> tuple[list[Node], list[Edge]]:
    """Return what the tenant has deployed, withdrawn ones too, and which release each serves, or served last."""
    rows = await tx.fetch(
        """SELECT id, environment, name, coalesce(own_digest, release_digest) AS digest, created_at, deleted_at
           FROM registry.deployment
           WHERE tenant_id = $1 AND num_nonnulls(own_digest, release_digest) = 1
           ORDER BY created_at DESC LIMIT $2""",
        tx.tenant,
        MOST,
    )
    nodes = [
        Node(
            id=f"deployment:{row['id']}",
            name=f"{row['environment']}/{row['name']}",
            at=row["created_at"],
            until=row["deleted_at"],
            facts={"environment": row["environment"]},
        )
        for row in rows
    ]
    ways = [
        Edge(source=f"release:{row['digest']}", target=f"deployment:{row['id']}", observed=True, at=row["created_at"])
        for row in rows
    ]
    return nodes, ways
