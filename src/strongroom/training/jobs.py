"""Jobs: begun by a workload, run one at a time by a credential of their own, and ended in one transaction with it.

1. `create`: what is asked for can be done, what it trains with is the caller's to read, and the job's credential is made;
2. `_run`: by that credential alone, asked of the door each time, so that a workload that has ended trains no further: the
   file, or the data set, is read (recorded as `dataset.read`), the pool trains, and what it made is delivered (`training.deliver`);
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
from strongroom.registry.content import Broken
from strongroom.registry.content.quarantine import Stage
from strongroom.registry.releases import Releases
from strongroom.store import StoreError, TenantTx
from strongroom.training import tables
from strongroom.training.delivering import FILE, begun, ended, provenance_of, release_of
from strongroom.training.inputs import Inputs, about
from strongroom.training.model import BadAsk, Event, Job, Level, NewJob, Plan, Status, plan_of
from strongroom.training.places import Place, place_of
from strongroom.training.pool import Failed, Made, Pool
from strongroom.vault import KeysDestroyed, PurposeKeys, VaultUnavailable

MOST_LIVING: Final = 5
TOKEN_S: Final = 2 * 3600.0
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
        inputs: Inputs,
        releases: Releases,
        pool: Pool,
        clock: Clock,
        *,
        admit: Admit,
        refresh: Refresh,
    ) -> None:
        self._gate: Final = gate
        self._keys: Final = keys
        self._inputs: Final = inputs
        self._releases: Final = releases
        self._pool: Final = pool
        self._clock: Final = clock
        self._admit: Final = admit
        self._refresh: Final = refresh
        self._alive: Final[set[UUID]] = set()
        self._tasks: Final[dict[UUID, asyncio.Task[None]]] = {}

    async def create(self, who: Principal, new: NewJob, which: UUID | str, ask: Ask) -> Job:
        """Begin a job that trains with `which`: a file by its id, or a data set by NAME@VERSION.

        Raises:
            Refused: INVALID for what cannot be done, hidden for what is not the caller's, FORBIDDEN for a data set that is not
                admitted or granted for that, LIMITED while as many run as may.
        """
        place = await place_of(self._gate, who, ask)
        identity, now = new_uuid(), self._clock.now()
        facts = _with(ask, trainer=str(new.model), file=new.training_file)
        self._alive.add(identity)
        try:
            async with self._gate.permit(who, Action.TRAINING_RUN, place.about(f"ftjob-{identity.hex}"), facts) as tx:
                _planned(new)
                found = await self._inputs.found(tx, place.environment, which, who.workload)
                plan = _planned(new, found.label)
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
                    file=None if found.file is None else found.file.id,
                    dataset=None if found.dataset is None else found.dataset.digest,
                    file_name=found.name,
                    file_sha256=found.digest,
                    asked=new,
                    name=new.suffix,
                    version=identity.hex[-12:],
                    token_id=key.id,
                    status=Status.QUEUED,
                )
                await tables.insert_job(tx, job)
                said = f"Created: {new.model}, with {found.name} ({found.rows} rows)."
                await tables.say(tx, identity, [self._event(said)])
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
                who, made, facts, digest = await self._trained(run, ask)
                await self._delivered(run, who, made, facts, digest, ask)
        except Refused as refused:
            await self._fail(run, who, "refused", refused.refusal.tell, ask)
        except Failed as failed:
            await self._fail(run, who, failed.code, str(failed), ask)
        except (StoreError, VaultUnavailable, KeysDestroyed, Broken, OSError) as error:
            _log.warning("training %s: %s", run.job.called, type(error).__name__)
            said = f"It could not go on ({type(error).__name__}): create it again, or ask the operator."
            await self._fail(run, who, "unavailable", said, ask)

    async def _trained(self, run: _Run, ask: Ask) -> tuple[Principal, Made, dict[str, str], bytes]:
        """Read the file, or the data set, by the job's own credential, and train; besides: the digest of what was read."""
        await self._refresh(1.0)
        who = await self._admit(run.token, _HERE, ask)
        job, now = run.job, self._clock.now()
        async with self._gate.permit(
            who, Action.DATASET_READ, about(run.place, job.input), _with(ask, job=job.called)
        ) as tx:
            found = await self._inputs.found(tx, job.environment, job.input, job.workload)
            if not await tables.begin(tx, job.id, now):
                raise Failed("gone", "It was cancelled before it began.")
            await begun(tx, job, run.plan, now)
            await tables.say(tx, job.id, [self._event("Running, in a process of its own.")])
        data, read = await self._inputs.content(who, run.place, found)
        return who, await self._pool.train(run.plan, data), read, hashlib.sha256(data).digest()

    async def _delivered(
        self, run: _Run, who: Principal, made: Made, read: dict[str, str], digest: bytes, ask: Ask
    ) -> None:
        """Put what was made into quarantine, if the credential still counts, and say what became of it."""
        who = await self._admit(run.token, _HERE, ask)
        async with self._gate.permit(
            who, Action.TRAINING_RUN, run.about, _with(ask, delivers=str(len(made.model)))
        ) as tx:
            found = await self._inputs.found(
                tx, run.job.environment, run.job.input, run.job.workload
            )  # it may have ended
            data, _ = await self._inputs.content(who, run.place, found)
            if (
                hashlib.sha256(data).digest() != digest
            ):  # no certificate names what is made of rows that were erased by now
                raise Failed(
                    "changed", "What it trained with has lost rows since, or is masked otherwise: create it again."
                )
            if not await tables.deliver(tx, run.job.id):
                raise Failed("cancelled", "It was cancelled.")
        release, provenance = release_of(run.job, made), provenance_of(run.job, run.plan, made, read)
        came = await self._releases.deliver(
            who, release, {FILE: made.model}, provenance, _with(ask, job=run.job.called)
        )
        if came.stage is not Stage.ADMITTED:
            raise Failed("not_admitted", f"What it made was not admitted. {came.said}")
        said = f"Made {run.job.name}@{run.job.version}: scanned and signed. It may be deployed once it is approved."
        await self._end(run, who, Status.SUCCEEDED, ask, message=said, digest=came.digest, figures=made.figures)

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
            await ended(tx, job, status, now, digest, figures)
            await tables.say(tx, job.id, [self._event(message[:1000], "error" if status is Status.FAILED else "info")])
        keys = await identity_tables.revoke_keys(tx, now, f"its job has ended: {status}", key_id=KeyId(job.token_id))
        await issuing.end(tx, keys)

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


def _planned(new: NewJob, label: str | None = None) -> Plan:
    try:
        return plan_of(new, label)
    except BadAsk as bad:
        raise Refused(invalid(str(bad), param=bad.param)) from None


def _with(ask: Ask, **facts: str) -> Ask:
    return replace(ask, detail={**ask.detail, **facts})
