"""The SQL of lineage: reading what other tables say of releases and deployments, and the runs and edges of this one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

import msgspec

from strongroom.registry.lineage.model import Edge, Node
from strongroom.store import Record, TenantTx

MOST = 10_000


async def runs(tx: TenantTx) -> list[Node]:
    """Return the tenant's runs, the newest first."""
    rows = await tx.fetch(
        """SELECT id, environment, name, said_by, observed, state, started_at, ended_at, facts::text AS facts
           FROM registry.lineage_run WHERE tenant_id = $1 ORDER BY observed DESC, started_at DESC LIMIT $2""",
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


async def claims(tx: TenantTx) -> int:
    """Return how many edges are somebody's word."""
    return int(
        await tx.fetchval("SELECT count(*) FROM registry.lineage_edge WHERE tenant_id = $1 AND NOT observed", tx.tenant)
    )


async def edges(tx: TenantTx) -> list[Edge]:
    """Return the edges that somebody wrote down: what was seen before what is claimed, so that no claims crowd it out."""
    rows = await tx.fetch(
        """SELECT source, target, said_by, reason, observed, at FROM registry.lineage_edge
           WHERE tenant_id = $1 ORDER BY observed DESC, at DESC LIMIT $2""",
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


async def files(tx: TenantTx) -> list[Node]:
    """Return the training files that workloads have uploaded, deleted ones too; by their ids, as names are nobody's alone."""
    rows = await tx.fetch(
        """SELECT id, environment, name, sha256, kept_sha256, created_at, deleted_at, created_by FROM registry.training_file
           WHERE tenant_id = $1 ORDER BY created_at DESC LIMIT $2""",
        tx.tenant,
        MOST,
    )
    return [
        Node(
            id=f"file:file-{row['id'].hex}",
            name=f"file-{row['id'].hex}",
            at=row["created_at"],
            until=row["deleted_at"],
            by=row["created_by"],
            facts={
                "called": row["name"],
                "environment": row["environment"],
                "sha256": row["sha256"],
                "kept sha256": row["kept_sha256"],
            },
        )
        for row in rows
    ]


async def deployments(tx: TenantTx) -> tuple[list[Node], list[Edge]]:
    """Return what the tenant has deployed, withdrawn ones too, and which release each served from when to when, by whose hand."""
    rows = await tx.fetch(
        """SELECT id, environment, name, coalesce(own_digest, release_digest) AS digest, created_at, deleted_at
           FROM registry.deployment
           WHERE tenant_id = $1 AND num_nonnulls(own_digest, release_digest) = 1
           ORDER BY created_at DESC LIMIT $2""",
        tx.tenant,
        MOST,
    )
    turns = defaultdict[UUID, list[Record]](list)
    latest = await tx.fetch(
        """SELECT deployment_id, before_digest, digest, said_by, reason, at FROM registry.deployment_served
           WHERE tenant_id = $1 ORDER BY at DESC, id DESC LIMIT $2""",
        tx.tenant,
        MOST,
    )
    for row in reversed(latest):  # of more than there is room for, what serves now is not left out
        turns[row["deployment_id"]].append(row)
    nodes = [
        Node(
            id=f"deployment:{row['id']}",
            name=f"{row['environment']}/{row['name']}",
            at=row["created_at"],
            until=row["deleted_at"],
            by=_by(turns[row["id"]]),
            facts={"environment": row["environment"], **_withdrawn(turns[row["id"]])},
        )
        for row in rows
    ]
    return nodes, [edge for row in rows for edge in _served(row, turns[row["id"]])]


def _by(turns: list[Record]) -> str:
    return turns[0]["said_by"] if turns and turns[0]["before_digest"] is None else ""


def _withdrawn(turns: list[Record]) -> dict[str, str]:
    return {"withdrawn by": turns[-1]["said_by"]} if turns and turns[-1]["digest"] is None else {}


def _served(row: Record, turns: list[Record]) -> Iterator[Edge]:
    """Yield what a deployment served, one after the other; what was deployed before this was written down is told from its row."""
    target = f"deployment:{row['id']}"
    digest, at, by, reason = row["digest"], row["created_at"], "", ""
    if turns and turns[0]["before_digest"] is not None:
        digest = turns[0]["before_digest"]
    for turn in turns:
        if turn["before_digest"] is not None and turn["digest"] is not None:
            source = f"release:{digest}"
            yield Edge(source=source, target=target, observed=True, at=at, by=by, reason=reason, until=turn["at"])
        if turn["digest"] is not None:
            digest, at, by, reason = turn["digest"], turn["at"], turn["said_by"], turn["reason"]
    yield Edge(source=f"release:{digest}", target=target, observed=True, at=at, by=by, reason=reason)
