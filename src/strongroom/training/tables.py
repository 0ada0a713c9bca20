"""The SQL of training files, jobs and events. Every statement binds `tenant_id` itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Environment
from strongroom.store import Record, TenantTx
from strongroom.training.model import LIVING, Event, Job, NewJob, Status, TrainingFile

_FILE: Final = (
    "id, environment, name, bytes, rows, columns, sha256, kept_sha256, replaced, created_at, created_by, subject_column"
)
_FILES: Final = """FROM registry.training_file
    WHERE tenant_id = $1 AND ($2::text IS NULL OR environment = $2) AND deleted_at IS NULL"""
_JOB: Final = """j.id, j.environment, j.workload_id, j.created_by, j.created_at, j.file_id, j.dataset_digest, j.asked,
    coalesce(f.name, d.name || '@' || d.version) AS file_name, coalesce(f.sha256, substr(d.digest, 8)) AS sha256,
    j.name, j.version, j.token_id, j.status, j.started_at, j.finished_at, j.code, j.message, j.digest, j.figures"""
_JOBS: Final = """FROM registry.training_job j
    LEFT JOIN registry.training_file f ON f.tenant_id = j.tenant_id AND f.id = j.file_id
    LEFT JOIN registry.dataset d ON d.tenant_id = j.tenant_id AND d.digest = j.dataset_digest WHERE j.tenant_id = $1"""
_ALIVE: Final = [str(each) for each in LIVING]


async def insert_file(tx: TenantTx, made: TrainingFile) -> None:
    """Add a file."""
    await tx.execute(
        """INSERT INTO registry.training_file (tenant_id, id, environment, name, bytes, rows, columns, sha256, kept_sha256,
                                               replaced, created_at, created_by, subject_column)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
        tx.tenant,
        made.id,
        str(made.environment),
        made.name,
        made.bytes,
        made.rows,
        msgspec.json.encode(made.columns).decode(),
        made.sha256,
        made.kept_sha256,
        msgspec.json.encode(made.replaced).decode(),
        made.created_at,
        made.created_by,
        made.subject,
    )


async def files(tx: TenantTx, environment: Environment | None) -> list[TrainingFile]:
    """Return the files that there are of one environment, or (None) of all, the newest first."""
    rows = await tx.fetch(
        f"SELECT {_FILE} {_FILES} ORDER BY created_at DESC, id DESC",
        tx.tenant,
        None if environment is None else str(environment),
    )
    return [_file(row) for row in rows]


async def file(tx: TenantTx, environment: Environment, which: UUID) -> TrainingFile | None:
    """Return a file of one environment; it is not deleted until this transaction ends."""
    row = await tx.fetchrow(
        f"SELECT {_FILE} {_FILES} AND id = $3 FOR UPDATE",
        tx.tenant,
        str(environment),
        which,
    )
    return None if row is None else _file(row)


async def taken(tx: TenantTx) -> tuple[int, int]:
    """Return how many files the tenant has, and how many bytes they were."""
    row = await tx.fetchrow(
        """SELECT count(*) AS files, coalesce(sum(bytes), 0) AS bytes FROM registry.training_file
           WHERE tenant_id = $1 AND deleted_at IS NULL""",
        tx.tenant,
    )
    return (0, 0) if row is None else (int(row["files"]), int(row["bytes"]))


async def delete_file(tx: TenantTx, which: UUID, at: datetime) -> None:
    """Say that a file is gone; what it was stays, for the jobs that were trained with it."""
    await tx.execute(
        "UPDATE registry.training_file SET deleted_at = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant, which, at
    )


async def delete_all(tx: TenantTx, at: datetime) -> None:
    """Say that every file of the tenant is gone."""
    await tx.execute(
        "UPDATE registry.training_file SET deleted_at = $2 WHERE tenant_id = $1 AND deleted_at IS NULL", tx.tenant, at
    )


async def used(tx: TenantTx, which: UUID) -> bool:
    """Whether a job that has not ended trains with a file."""
    found: bool = await tx.fetchval(
        "SELECT exists (SELECT FROM registry.training_job WHERE tenant_id = $1 AND file_id = $2 AND status = any($3))",
        tx.tenant,
        which,
        _ALIVE,
    )
    return found


async def trained(tx: TenantTx, which: UUID) -> list[str]:
    """Return the releases that were trained with a file, by name and version."""
    rows = await tx.fetch(
        """SELECT name || '@' || version AS called FROM registry.training_job
           WHERE tenant_id = $1 AND file_id = $2 AND digest <> '' ORDER BY called""",
        tx.tenant,
        which,
    )
    return [row["called"] for row in rows]


async def insert_job(tx: TenantTx, made: Job) -> None:
    """Add a job."""
    await tx.execute(
        """INSERT INTO registry.training_job (tenant_id, id, environment, workload_id, created_by, created_at, file_id, asked,
                                              name, version, token_id, status, dataset_digest)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
        tx.tenant,
        made.id,
        str(made.environment),
        made.workload,
        made.created_by,
        made.created_at,
        made.file,
        msgspec.json.encode(made.asked).decode(),
        made.name,
        made.version,
        made.token_id,
        str(made.status),
        made.dataset,
    )


async def jobs(tx: TenantTx, environment: Environment | None, *, after: UUID | None, most: int) -> list[Job]:
    """Return jobs, the newest first: of one environment, or (None) of all; those that were made before `after`."""
    rows = await tx.fetch(
        f"""SELECT {_JOB} {_JOBS} AND ($2::text IS NULL OR j.environment = $2) AND ($3::uuid IS NULL OR j.id < $3)
            ORDER BY j.id DESC LIMIT $4""",
        tx.tenant,
        None if environment is None else str(environment),
        after,
        most,
    )
    return [_job(row) for row in rows]


async def job(tx: TenantTx, environment: Environment | None, which: UUID) -> Job | None:
    """Return a job of one environment, or (None) of any; it does not change until this transaction ends."""
    row = await tx.fetchrow(
        f"SELECT {_JOB} {_JOBS} AND j.id = $2 AND ($3::text IS NULL OR j.environment = $3) FOR UPDATE OF j",
        tx.tenant,
        which,
        None if environment is None else str(environment),
    )
    return None if row is None else _job(row)


async def living(tx: TenantTx) -> list[Job]:
    """Return the jobs that have not ended."""
    rows = await tx.fetch(f"SELECT {_JOB} {_JOBS} AND j.status = any($2)", tx.tenant, _ALIVE)
    return [_job(row) for row in rows]


async def begin(tx: TenantTx, which: UUID, at: datetime) -> bool:
    """Say that a job runs; False when it no longer waits."""
    found = await tx.fetchval(
        """UPDATE registry.training_job SET status = 'running', started_at = $3
           WHERE tenant_id = $1 AND id = $2 AND status = 'queued' RETURNING true""",
        tx.tenant,
        which,
        at,
    )
    return bool(found)


async def deliver(tx: TenantTx, which: UUID) -> bool:
    """Say that what a job made is being delivered; False when it no longer runs."""
    found = await tx.fetchval(
        """UPDATE registry.training_job SET status = 'delivering'
           WHERE tenant_id = $1 AND id = $2 AND status = 'running' RETURNING true""",
        tx.tenant,
        which,
    )
    return bool(found)


async def end(
    tx: TenantTx,
    which: UUID,
    status: Status,
    at: datetime,
    *,
    code: str = "",
    message: str = "",
    digest: str = "",
    figures: dict[str, Any] | None = None,
) -> bool:
    """Say what became of a job; False when it had ended before."""
    found = await tx.fetchval(
        """UPDATE registry.training_job
           SET status = $3, finished_at = $4, code = $5, message = $6, digest = $7, figures = $8
           WHERE tenant_id = $1 AND id = $2 AND status = any($9) RETURNING true""",
        tx.tenant,
        which,
        str(status),
        at,
        code,
        message,
        digest,
        msgspec.json.encode(figures or {}).decode(),
        _ALIVE,
    )
    return bool(found)


async def say(tx: TenantTx, which: UUID, events: Iterable[Event]) -> None:
    """Add what a job said."""
    for each in events:
        await tx.execute(
            """INSERT INTO registry.training_event (tenant_id, job_id, id, at, level, message)
               VALUES ($1, $2, $3, $4, $5, $6)""",
            tx.tenant,
            which,
            each.id,
            each.at,
            each.level,
            each.message,
        )


async def events(tx: TenantTx, which: UUID, *, after: UUID | None, most: int) -> list[Event]:
    """Return what a job said, the newest first; what it said before `after`."""
    rows = await tx.fetch(
        """SELECT id, at, level, message FROM registry.training_event
           WHERE tenant_id = $1 AND job_id = $2 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4""",
        tx.tenant,
        which,
        after,
        most,
    )
    return [Event(id=row["id"], at=row["at"], level=row["level"], message=row["message"]) for row in rows]


def _file(row: Record) -> TrainingFile:
    return TrainingFile(
        id=row["id"],
        environment=Environment(row["environment"]),
        name=row["name"],
        bytes=row["bytes"],
        rows=row["rows"],
        columns=msgspec.json.decode(row["columns"], type=tuple[str, ...]),
        sha256=row["sha256"],
        kept_sha256=row["kept_sha256"],
        replaced=msgspec.json.decode(row["replaced"], type=dict[str, int]),
        created_at=row["created_at"],
        created_by=row["created_by"],
        subject=row["subject_column"],
    )


def _job(row: Record) -> Job:
    return Job(
        id=row["id"],
        environment=Environment(row["environment"]),
        workload=row["workload_id"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        file=row["file_id"],
        dataset=row["dataset_digest"],
        file_name=row["file_name"],
        file_sha256=row["sha256"],
        asked=msgspec.json.decode(row["asked"], type=NewJob),
        name=row["name"],
        version=row["version"],
        token_id=KeyId(row["token_id"]),
        status=Status(row["status"]),
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        code=row["code"],
        message=row["message"],
        digest=row["digest"],
        figures=msgspec.json.decode(row["figures"], type=dict[str, Any]),
    )
