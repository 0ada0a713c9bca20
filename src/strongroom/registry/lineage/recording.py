"""Writing down what a trainer did: for whoever is inside a permit of its own, so that the run and its entry are one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum, unique
from uuid import UUID

import msgspec

from strongroom.kernel.ids import new_uuid
from strongroom.kernel.principal import Environment
from strongroom.store import TenantTx


@unique
class RunState(StrEnum):
    """How far a run is."""

    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"


async def record_run(
    tx: TenantTx,
    run: UUID,
    environment: Environment,
    name: str,
    *,
    by: str,
    at: datetime,
    datasets: Iterable[str] = (),
    files: Iterable[str] = (),
    base: str | None = None,
    facts: Mapping[str, str | int | float] | None = None,
    observed: bool = True,
) -> None:
    """Write down that a training run has begun.

    Args:
        tx: of the tenant whose run it is.
        run: the run's id.
        environment: where it runs.
        name: what it is called, as a job's id.
        by: who started it.
        at: when.
        datasets: the digests of what it reads: ask `Datasets.demand` of each first.
        files: the ids of the training files that it reads, as `file-…`.
        base: the digest of the release that it goes on from.
        facts: what else is to be known of it, as `epsilon` and `delta`.
        observed: whether this installation runs it; False: somebody says so.
    """
    await tx.execute(
        """INSERT INTO registry.lineage_run (tenant_id, id, environment, name, said_by, observed, state, started_at, facts)
           VALUES ($1, $2, $3, $4, $5, $6, 'started', $7, $8::text::jsonb)""",
        tx.tenant,
        run,
        str(environment),
        name,
        by,
        observed,
        at,
        msgspec.json.encode(facts or {}).decode(),
    )
    for source in (*(f"dataset:{each}" for each in datasets), *(f"file:{each}" for each in files)):
        await link(tx, source, f"run:{run}", by=by, at=at, observed=observed)
    if base is not None:
        await link(tx, f"release:{base}", f"run:{run}", by=by, at=at, observed=observed)


async def end_run(
    tx: TenantTx, run: UUID, state: RunState, at: datetime, facts: Mapping[str, str | int | float] | None = None
) -> bool:
    """Write down that a run has ended, and what else is known of it now; return whether it was running."""
    status = await tx.execute(
        """UPDATE registry.lineage_run SET state = $3, ended_at = $4, facts = facts || $5::text::jsonb
           WHERE tenant_id = $1 AND id = $2 AND state = 'started'""",
        tx.tenant,
        run,
        str(state),
        at,
        msgspec.json.encode(facts or {}).decode(),
    )
    return status != "UPDATE 0"


async def record_output(tx: TenantTx, run: UUID, release: str, *, by: str, at: datetime, observed: bool = True) -> None:
    """Write down that a release, by its digest, came out of a run."""
    await link(tx, f"run:{run}", f"release:{release}", by=by, at=at, observed=observed)


async def link(
    tx: TenantTx, source: str, target: str, *, by: str, at: datetime, observed: bool, reason: str = ""
) -> None:
    """Write down that one thing went into another. The same said twice by one is said once."""
    await tx.execute(
        """INSERT INTO registry.lineage_edge (tenant_id, id, source, target, said_by, reason, observed, at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (tenant_id, source, target, said_by, observed) DO NOTHING""",
        tx.tenant,
        new_uuid(),
        source,
        target,
        by,
        reason,
        observed,
        at,
    )
