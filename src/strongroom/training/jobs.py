"""Jobs: begun by a workload, run one at a time by a credential of their own, and ended in one transaction with it.

1. `create`: what is asked for can be done, the file is the caller's, and the job's credential is made;
2. `_run`: by that credential alone, asked of the door each time, so that a workload that has ended trains no further: the
   file is read (recorded as `dataset.read`), the pool trains, and what it made is delivered (`training.deliver`);
3. `_end`: what became of it, and the end of its credential, in one transaction.

A job that ran when the process ended is found by the next look at its tenant's jobs, and told as failed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

from strongroom.identity import issuing
from strongroom.identity import tables as identity_tables
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, TenantId, new_uuid
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.policy.model import EVERY
from strongroom.registry.admission.model import Risk
from strongroom.registry.content import Broken
from strongroom.registry.content.quarantine import Part, Stage
from strongroom.registry.model import Format, Operation
from strongroom.registry.releases import NewRelease, Releases
from strongroom.store import StoreError, TenantTx
from strongroom.training import tables
from strongroom.training.files import TrainingFiles
from strongroom.training.model import BadAsk, Event, Job, Level, NewJob, Plan, Status, plan_of
from strongroom.training.places import Place, place_of
from strongroom.training.pool import Failed, Made, Pool
from strongroom.vault import KeysDestroyed, PurposeKeys, VaultUnavailable

MOST_LIVING: Final = 5
TOKEN_S: Final = 2 * 3600.0
FILE: Final = "model.onnx"
_HERE: Final = "127.0.0.1"
_INTERRUPTED: Final = "The process that ran it ended before it did: create the job again, its file is there."
_log: Final = logging.getLogger(__name__)

Admit: TypeAlias = Callable[[str, str, Ask], Awaitable[Principal]]
"""Returns whom a credential stands for now, used from an address, or refuses."""
Refresh: TypeAlias = Callable[[float], Awaitable[bool]]
"""Waits until what was committed before is known here."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A job on its way."""

    job: Job
    plan: Plan
    tenant: TenantId
    token: str

    @property
    def place(self) -> Place:
        """Where it trains."""
        return Place(self.tenant, self.job.environment)

    @property
    def about(self) -> Resource:
        """The job, as a matter for the policy."""
        return self.place.about(self.job.called)


class TrainingJobs:
    """Runs jobs. One event loop, and one process."""

    def __init__(
        self,
        gate: Gate,
        keys: PurposeKeys,
        files: TrainingFiles,
        releases: Releases,
        pool: Pool,
        clock: Clock,
        *,
        admit: Admit,
        refresh: Refresh,
    ) -> None:
        self._gate: Final = gate
        self._keys: Final = keys
        self._files: Final = files
        self._releases: Final = releases
        self._pool: Final = pool
        self._clock: Final = clock
        self._admit: Final = admit
        self._refresh: Final = refresh
        self._alive: Final[set[UUID]] = set()
        self._tasks: Final[dict[UUID, asyncio.Task[None]]] = {}

    async def create(self, who: Principal, new: NewJob, which: UUID, ask: Ask) -> Job:
        """Begin a job that trains with the file `which`.

        Raises:
            Refused: INVALID for what cannot be done, hidden for a file that is not the caller's, LIMITED while as many run as may.
        """
        place = await place_of(self._gate, who, ask)
        identity, now = new_uuid(), self._clock.now()
        facts = replace(ask, detail={**ask.detail, "trainer": str(new.model), "file": f"file-{which.hex}"})
        self._alive.add(identity)
        try:
            async with self._gate.permit(who, Action.TRAINING_RUN, place.about(f"ftjob-{identity.hex}"), facts) as tx:
                try:
                    plan = plan_of(new)
                except BadAsk as bad:
                    raise Refused(invalid(str(bad), param=bad.param)) from None
                file = await tables.file(tx, place.environment, which)
                if file is None:
                    raise Refused(hidden(f"no training file {which} in {place.environment}"))
                await self._settle(tx)
                if len(await tables.living(tx)) >= MOST_LIVING:
                    tell = f"A tenant has {MOST_LIVING} jobs at most that wait or run: wait for one, or cancel it."
                    raise Refused(Refusal(kind=RefusalKind.LIMITED, reason=tell, tell=tell))
                holder = None if who.workload is None else await identity_tables.workload_by_id(tx, who.workload)
                if holder is None:
                    raise Refused(hidden("the workload that asks has just ended"))
                key, secret = await issuing.issue(
                    tx,
                    self._keys,
                    holder,
                    now=now,
                    expires_at=now + timedelta(seconds=TOKEN_S),
                    label=f"job ftjob-{identity.hex}",
                    purpose="one training job; it ends with it",
                )
                job = Job(
                    id=identity,
                    environment=place.environment,
                    workload=holder.id,
                    created_by=who.name,
                    created_at=now,
                    file=file.id,
                    file_name=file.name,
                    file_sha256=file.sha256,
                    asked=new,
                    name=new.suffix,
                    version=identity.hex[-12:],
                    token_id=key.id,
                    status=Status.QUEUED,
                )
                await tables.insert_job(tx, job)
                await tables.say(
                    tx, identity, [self._event(f"Created: {new.model}, with {file.name} ({file.rows} rows).")]
                )
        except BaseException:
            self._alive.discard(identity)
            raise
        run = _Run(job, plan, place.tenant, secret.text)
        task = asyncio.create_task(self._run(run, ask), name=f"{job.called}@{place.tenant}")
        self._tasks[identity] = task
        task.add_done_callback(lambda _: self._gone(identity))
        return job

    async def every(
        self, who: Principal, ask: Ask, *, tenant: TenantId | None = None, after: UUID | None = None, most: int = 20
    ) -> list[Job]:
        """Return jobs, the newest first: of the caller's environment, or of all of `tenant`, for who administers it."""
        async with self._looking(who, tenant, ask) as (tx, environment):
            return await tables.jobs(tx, environment, after=after, most=most)

    async def show(self, who: Principal, which: UUID, ask: Ask, *, tenant: TenantId | None = None) -> Job:
        """Return a job; errors as `events`."""
        async with self._looking(who, tenant, ask, which) as (tx, environment):
            return await self._found(tx, environment, which)

    async def events(
        self,
        who: Principal,
        which: UUID,
        ask: Ask,
        *,
        tenant: TenantId | None = None,
        after: UUID | None = None,
        most: int = 20,
    ) -> list[Event]:
        """Return what a job said, the newest first.

        Raises:
            Refused: hidden for one that is not there, or another's.
        """
        async with self._looking(who, tenant, ask, which) as (tx, environment):
            await self._found(tx, environment, which)
            return await tables.events(tx, which, after=after, most=most)

    async def cancel(self, who: Principal, which: UUID, ask: Ask, *, tenant: TenantId | None = None) -> Job:
        """End a job that waits or runs; its credential ends with it, and what it had made is gone.

        Raises:
            Refused: hidden for one that is not there, INVALID when it has ended, or delivers what it made.
        """
        verb, about, environment = await self._verb(who, tenant, Action.TRAINING_END, ask, which)
        async with self._gate.permit(who, verb, about, replace(ask, detail={**ask.detail, "ended": "cancelled"})) as tx:
            await self._settle(tx)
            found = await self._found(tx, environment, which)
            if not found.status.lives or found.status is Status.DELIVERING:
                raise Refused(invalid("It has ended, or delivers what it made: there is nothing to cancel."))
            await self._ended(tx, found, Status.CANCELLED, message=f"Cancelled by {who.name}.")
            found = await self._found(tx, environment, which)
        task = self._tasks.get(which)
        if task is not None:
            task.cancel()
        return found

    async def idle(self) -> None:
        """Wait until every job that was begun here has ended."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def close(self) -> None:
        """Leave what runs: it is told as failed at the next look."""
        tasks = list(self._tasks.values())
        for task in tasks:
            if (
                not task.cancelling()
            ):  # one that is ending already waits for its process, and is not to be torn from that
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def end_tenant(self, tenant: TenantId) -> None:
        """Stop what runs for a tenant that is gone; its credentials count for nobody already."""
        for task in self._tasks.values():
            if task.get_name().endswith(f"@{tenant}"):
                task.cancel()

    def _gone(self, which: UUID) -> None:
        self._tasks.pop(which, None)
        self._alive.discard(which)

    async def _run(self, run: _Run, ask: Ask) -> None:
        who: Principal | None = None
        try:
            async with self._pool.slot:
                who, made, facts = await self._trained(run, ask)
                await self._delivered(run, who, made, facts, ask)
        except Refused as refused:
            await self._fail(run, who, "refused", refused.refusal.tell, ask)
        except Failed as failed:
            await self._fail(run, who, failed.code, str(failed), ask)
        except (StoreError, VaultUnavailable, KeysDestroyed, Broken, OSError) as error:
            _log.warning("training %s: %s", run.job.called, type(error).__name__)
            said = f"It could not go on ({type(error).__name__}): create it again, or ask the operator."
            await self._fail(run, who, "unavailable", said, ask)

    async def _trained(self, run: _Run, ask: Ask) -> tuple[Principal, Made, dict[str, str]]:
        """Read the file by the job's own credential, and train."""
        await self._refresh(1.0)
        who = await self._admit(run.token, _HERE, ask)
        about = replace(run.about, kind=Kind.DATASET, id=f"file-{run.job.file.hex}")
        facts = replace(ask, detail={**ask.detail, "job": run.job.called})
        async with self._gate.permit(who, Action.DATASET_READ, about, facts) as tx:
            file = await tables.file(tx, run.job.environment, run.job.file)
            if file is None or not await tables.begin(tx, run.job.id, self._clock.now()):
                raise Failed("gone", "Its file was deleted, or it was cancelled, before it began.")
            await tables.say(tx, run.job.id, [self._event("Running, in a process of its own.")])
        made = await self._pool.train(run.plan, await self._files.content(run.tenant, file))
        kept = {"dataset": f"sha256:{file.sha256}", "dataset_kept": f"sha256:{file.kept_sha256}"}
        return who, made, kept

    async def _delivered(self, run: _Run, who: Principal, made: Made, kept: dict[str, str], ask: Ask) -> None:
        """Put what was made into quarantine, if the credential still counts, and say what became of it."""
        who = await self._admit(run.token, _HERE, ask)
        async with self._gate.permit(
            who, Action.TRAINING_RUN, run.about, _with(ask, delivers=str(len(made.model)))
        ) as tx:
            if not await tables.deliver(tx, run.job.id):
                raise Failed("cancelled", "It was cancelled.")
        release = NewRelease(
            name=run.job.name,
            version=run.job.version,
            source=f"trained by {run.job.called} of {run.job.created_by}, {run.job.asked.model}",
            risk=Risk.STANDARD,
            kind=Operation.INFER,
            format=Format.ONNX,
            files=[Part(path=FILE, size=len(made.model))],
        )
        provenance: dict[str, str] = {
            "job": run.job.called,
            "trainer": str(run.job.asked.model),
            "workload": run.job.created_by,
            "environment": str(run.job.environment),
            "seed": str(run.plan.seed),
            "model_sha256": hashlib.sha256(made.model).hexdigest(),
            **kept,
            **{
                name: str(made.figures[name]) for name in ("epsilon", "delta", "noise", "steps") if name in made.figures
            },
        }
        ended = await self._releases.deliver(
            who, release, {FILE: made.model}, provenance, _with(ask, job=run.job.called)
        )
        if ended.stage is not Stage.ADMITTED:
            raise Failed("not_admitted", f"What it made was not admitted. {ended.said}")
        said = f"Made {run.job.name}@{run.job.version}: scanned and signed. It may be deployed once it is approved."
        await self._end(run, who, Status.SUCCEEDED, ask, message=said, digest=ended.digest, figures=made.figures)

    async def _fail(self, run: _Run, who: Principal | None, code: str, message: str, ask: Ask) -> None:
        """Say why a job failed; where even that cannot be written, the next look at the tenant's jobs says it."""
        try:
            await self._end(run, who or self._named(run), Status.FAILED, ask, code=code, message=message)
        except (Refused, StoreError) as error:
            _log.warning("training %s: its end is not written: %s", run.job.called, type(error).__name__)

    def _named(self, run: _Run) -> Principal:
        """Return the job as it stands in the log, when its credential counts for nobody any more."""
        job = run.job
        return Principal(
            role=Role.TRAINING,
            name=job.created_by,
            credential=KeyId(job.token_id),
            tenant=run.tenant,
            environment=job.environment,
        )

    async def _end(
        self,
        run: _Run,
        who: Principal,
        status: Status,
        ask: Ask,
        *,
        code: str = "",
        message: str = "",
        digest: str = "",
        figures: dict[str, Any] | None = None,
    ) -> None:
        """Say what became of a job, and end its credential, in one transaction."""
        said = {"ended": str(status), "digest": digest, "code": code}
        facts = _with(ask, **{name: value for name, value in said.items() if value})
        async with self._gate.permit(who, Action.TRAINING_RUN, run.about, facts) as tx:
            await self._ended(tx, run.job, status, code=code, message=message, digest=digest, figures=figures)
        await self._refresh(1.0)

    async def _ended(
        self,
        tx: TenantTx,
        job: Job,
        status: Status,
        *,
        code: str = "",
        message: str = "",
        digest: str = "",
        figures: dict[str, Any] | None = None,
    ) -> None:
        now = self._clock.now()
        if await tables.end(tx, job.id, status, now, code=code, message=message, digest=digest, figures=figures):
            await tables.say(tx, job.id, [self._event(message[:1000], "error" if status is Status.FAILED else "info")])
        ended = await identity_tables.revoke_keys(tx, now, f"its job has ended: {status}", key_id=KeyId(job.token_id))
        await issuing.end(tx, ended)

    async def _settle(self, tx: TenantTx) -> None:
        """Say of jobs that nobody runs any more that they failed."""
        for each in await tables.living(tx):
            if each.id not in self._alive:
                await self._ended(tx, each, Status.FAILED, code="interrupted", message=_INTERRUPTED)

    @asynccontextmanager
    async def _looking(
        self, who: Principal, tenant: TenantId | None, ask: Ask, which: UUID | None = None
    ) -> AsyncGenerator[tuple[TenantTx, Environment | None]]:
        verb, about, environment = await self._verb(who, tenant, Action.TRAINING_READ, ask, which)
        async with self._gate.permit(who, verb, about, ask) as tx:
            await self._settle(tx)
            yield tx, environment

    async def _verb(
        self, who: Principal, tenant: TenantId | None, verb: Action, ask: Ask, which: UUID | None
    ) -> tuple[Action, Resource, Environment | None]:
        """Return what to ask the policy, and in which environment to look (None: in all of them)."""
        name = EVERY if which is None else f"ftjob-{which.hex}"
        if tenant is not None:
            return verb, Resource(kind=Kind.JOB, id=name, tenant=tenant), None
        place = await place_of(self._gate, who, ask)
        return Action.TRAINING_RUN, place.about(name), place.environment

    async def _found(self, tx: TenantTx, environment: Environment | None, which: UUID) -> Job:
        found = await tables.job(tx, environment, which)
        if found is None:
            raise Refused(hidden(f"no training job {which} here"))
        return found

    def _event(self, message: str, level: Level = "info") -> Event:
        return Event(id=new_uuid(), at=self._clock.now(), level=level, message=message)


def _with(ask: Ask, **facts: str) -> Ask:
    return replace(ask, detail={**ask.detail, **facts})
