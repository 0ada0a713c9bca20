"""What a job makes, and what is written down of it beside: its release, what that comes from, and its run in the lineage.

Every function that takes a transaction is called inside a permit: the run and the job's own row change as one.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Final

from strongroom.registry.admission.model import Risk
from strongroom.registry.content.quarantine import Part
from strongroom.registry.lineage import RunState, end_run, record_output, record_run
from strongroom.registry.model import Format, Operation
from strongroom.registry.releases import NewRelease
from strongroom.store import TenantTx
from strongroom.training.model import Job, Plan, Status
from strongroom.training.pool import Made

FILE: Final = "model.onnx"
_SPENT: Final = ("epsilon", "delta", "noise", "steps")
_ENDS: Final = {
    Status.SUCCEEDED: RunState.COMPLETED,
    Status.FAILED: RunState.FAILED,
    Status.CANCELLED: RunState.ABORTED,
}


def release_of(job: Job, made: Made) -> NewRelease:
    """Return the release that a job makes."""
    return NewRelease(
        name=job.name,
        version=job.version,
        source=f"trained by {job.called} of {job.created_by}, {job.asked.model}",
        risk=Risk.STANDARD,
        kind=Operation.INFER,
        format=Format.ONNX,
        files=[Part(path=FILE, size=len(made.model))],
    )


def provenance_of(job: Job, plan: Plan, made: Made, read: dict[str, str]) -> dict[str, str]:
    """Return what is signed with the release's verdict: what made it, and of what (`read`)."""
    return {
        "job": job.called,
        "trainer": str(job.asked.model),
        "workload": job.created_by,
        "environment": str(job.environment),
        "seed": str(plan.seed),
        "model_sha256": hashlib.sha256(made.model).hexdigest(),
        **read,
        **{name: str(made.figures[name]) for name in _SPENT if name in made.figures},
    }


async def begun(tx: TenantTx, job: Job, plan: Plan, at: datetime) -> None:
    """Write down that a job's run has begun: with what, by whom, as what."""
    facts: dict[str, str | int | float] = {
        "trainer": str(plan.trainer),
        "label": plan.label,
        "seed": plan.seed,
        "credential": job.token_id,
        "input sha256": job.file_sha256,
    }
    given = {"epochs": plan.epochs, "batch": plan.batch, "rate": plan.rate}
    facts |= {name: value for name, value in given.items() if value is not None}
    if plan.private is not None:
        facts |= {"epsilon allowed": plan.private.epsilon, "delta": plan.private.delta, "clip": plan.private.clip}
    await record_run(
        tx,
        job.id,
        job.environment,
        job.called,
        by=_by(job),
        at=at,
        datasets=[] if job.dataset is None else [job.dataset],
        files=[] if job.file is None else [f"file-{job.file.hex}"],
        facts=facts,
    )


async def ended(
    tx: TenantTx, job: Job, status: Status, at: datetime, digest: str, figures: dict[str, Any] | None
) -> None:
    """Write down what a job's run came to; of one that never began there is none."""
    facts = {name: value for name, value in (figures or {}).items() if isinstance(value, str | int | float)}
    if await end_run(tx, job.id, _ENDS[status], at, facts) and digest:
        await record_output(tx, job.id, digest, by=_by(job), at=at)


def _by(job: Job) -> str:
    return f"training/{job.created_by}"
