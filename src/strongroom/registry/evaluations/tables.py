"""The SQL of evaluations and labels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from strongroom.kernel.ids import new_uuid
from strongroom.kernel.principal import Environment
from strongroom.registry.evaluations.model import Answered, Label, Labelled
from strongroom.store import OperatorTx, TenantTx

_MOST = 500


async def insert(tx: TenantTx, release: str, environment: Environment, statement: bytes, at: datetime) -> None:
    """Add an evaluation."""
    await tx.execute(
        """INSERT INTO registry.evaluation (tenant_id, id, release_digest, environment, statement, made_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        tx.tenant,
        new_uuid(),
        release,
        str(environment),
        statement,
        at,
    )


async def of_tenant(tx: TenantTx, release: str | None = None) -> list[bytes]:
    """Return the statements of the transaction's tenant, of one release or of all, newest first."""
    rows = await tx.fetch(
        """SELECT statement FROM registry.evaluation
           WHERE tenant_id = $1 AND ($2::text IS NULL OR release_digest = $2)
           ORDER BY made_at DESC, id DESC LIMIT $3""",
        tx.tenant,
        release,
        _MOST,
    )
    return [row["statement"] for row in rows]


async def of_release(tx: OperatorTx, release: str) -> list[bytes]:
    """Return the statements about a release, whoever's deployment was evaluated, newest first."""
    rows = await tx.fetch(
        """SELECT statement FROM registry.evaluation
           WHERE release_digest = $1 ORDER BY made_at DESC, id DESC LIMIT $2""",
        release,
        _MOST,
    )
    return [row["statement"] for row in rows]


async def answered(tx: TenantTx, requests: Sequence[UUID]) -> dict[UUID, Answered]:
    """Return which of these requests the tenant's records have as completed."""
    rows = await tx.fetch(
        """SELECT id, deployment_id, release_digest, environment, at, subject,
                  CASE WHEN operation = 'infer' THEN input_tokens ELSE 1 END AS rows
           FROM gateway.record
           WHERE tenant_id = $1 AND id = any($2::uuid[]) AND outcome = 'completed'""",
        tx.tenant,
        list(requests),
    )
    return {
        row["id"]: Answered(
            row["id"],
            row["deployment_id"],
            row["release_digest"],
            row["environment"],
            row["at"],
            row["rows"],
            row["subject"],
        )
        for row in rows
    }


async def deployments(tx: TenantTx, environment: Environment) -> list[tuple[UUID, str]]:
    """Return id and name of every deployment there has been in an environment, ended ones too: labels come late."""
    rows = await tx.fetch(
        "SELECT id, name FROM registry.deployment WHERE tenant_id = $1 AND environment = $2",
        tx.tenant,
        str(environment),
    )
    return [(row["id"], row["name"]) for row in rows]


async def tell_labels(
    tx: TenantTx,
    environment: Environment,
    deployments: Sequence[UUID],
    labels: Sequence[tuple[UUID, Label]],
    workload: UUID,
    at: datetime,
) -> None:
    """Keep a workload's labels of requests that releases behind `deployments` answered, and nothing of any other.

    One statement, whichever of them there are: it looks for another tenant's request as for none. What an administrator
    told stays, what a workload told is replaced.
    """
    await tx.execute(
        """INSERT INTO registry.label
               (tenant_id, request_id, release_digest, environment, asked_at, label, predicted, score, told_at, subject,
                by_workload)
           SELECT r.tenant_id, r.id, r.release_digest, r.environment, r.at, t.label, t.predicted, t.score, $8, r.subject, $9
           FROM unnest($2::uuid[], $3::text[], $4::text[], $5::double precision[]) AS t (id, label, predicted, score)
           JOIN gateway.record r ON r.tenant_id = $1 AND r.id = t.id
           WHERE r.outcome = 'completed' AND r.release_digest IS NOT NULL AND r.environment = $6
                 AND r.deployment_id = any($7::uuid[])
           ORDER BY r.id
           ON CONFLICT (tenant_id, request_id) DO UPDATE
               SET label = excluded.label, predicted = excluded.predicted, score = excluded.score,
                   told_at = excluded.told_at, subject = excluded.subject, by_workload = excluded.by_workload
               WHERE label.by_workload IS NOT NULL""",
        tx.tenant,
        [each for each, _ in labels],
        [label.label for _, label in labels],
        [label.predicted for _, label in labels],
        [label.score for _, label in labels],
        str(environment),
        list(deployments),
        at,
        workload,
    )


async def insert_label(tx: TenantTx, request: Answered, label: Label, at: datetime) -> None:
    """Keep an administrator's label; another one for the same request takes its place, and it that of a workload's."""
    await tx.execute(
        """INSERT INTO registry.label
               (tenant_id, request_id, release_digest, environment, asked_at, label, predicted, score, told_at, subject)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
           ON CONFLICT (tenant_id, request_id) DO UPDATE
               SET label = excluded.label, predicted = excluded.predicted, score = excluded.score,
                   told_at = excluded.told_at, subject = excluded.subject, by_workload = NULL""",
        tx.tenant,
        request.id,
        request.release,
        request.environment,
        request.at,
        label.label,
        label.predicted,
        label.score,
        at,
        request.subject,
    )


async def labels(tx: TenantTx, release: str, environment: Environment, since: datetime, most: int) -> list[Labelled]:
    """Return the labels of a release in one environment, of requests since a moment, newest first."""
    rows = await tx.fetch(
        """SELECT to_char(asked_at AT TIME ZONE 'utc', 'YYYY-MM-DD') AS day, label, predicted, score
           FROM registry.label
           WHERE tenant_id = $1 AND release_digest = $2 AND environment = $3 AND asked_at >= $4
                 AND erased_at IS NULL
           ORDER BY asked_at DESC LIMIT $5""",
        tx.tenant,
        release,
        str(environment),
        since,
        most,
    )
    return [
        Labelled(day=row["day"], label=row["label"], predicted=row["predicted"], score=row["score"]) for row in rows
    ]


async def erase_labels(tx: TenantTx, at: datetime) -> None:
    """Erase what all of the tenant's labels say."""
    await tx.execute(
        """UPDATE registry.label SET label = '-', predicted = '-', score = NULL, subject = NULL, erased_at = $2
           WHERE tenant_id = $1 AND erased_at IS NULL""",
        tx.tenant,
        at,
    )
