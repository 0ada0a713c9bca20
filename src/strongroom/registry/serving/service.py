"""Judges what serves again, writes down what it lacks, and tells the gateways what is stopped.

Always true here:
- what is stopped stands in the feed in the transaction of its entry in the log, and what goes on again likewise;
- an entry that opens an incident is written when something begins to lapse or is stopped, not at each look;
- a judgement that fails is one that cannot be told: it is taken for a yes as long as a list that cannot be read is;
- that is only where this process has once been told a yes, so that nothing serves after a start that cannot be told to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from strongroom.audit.model import plain
from strongroom.kernel.clock import Clock, rfc3339
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.policy import EVERY, Action, Ask, Gate, Kind, Resource
from strongroom.registry.admission import Admission
from strongroom.registry.admission.again import Again
from strongroom.registry.admission.answers import Around
from strongroom.registry.documents import STOPPED as STOPPED_KIND
from strongroom.registry.documents import StoppedDocument
from strongroom.registry.serving import tables
from strongroom.registry.serving.model import LAPSED, STOPPED, Lack, Place
from strongroom.registry.serving.settling import earliest, settle
from strongroom.store import StoreError, TenantTx, Unavailable, feed

BLIND_S: Final = 60.0
"""For how long a judgement may fail before that is written down: a database that is away for a moment is no incident."""

_JUDGE_S: Final = 60.0
_EACH_S: Final = 5.0
"""How long judging a tenant's deployments may take, and each of them besides: hundreds of pieces of evidence take seconds."""

_FACT: Final = 256


class Settled(NamedTuple):
    """A deployment of which something is said that was not said before; None: it lacks nothing any more."""

    place: Place
    lack: Lack | None


class _Seen(NamedTuple):
    found: dict[UUID, Again]
    before: dict[UUID, Lack]
    stopped: frozenset[str]


class Rejudging:
    """Judges again what serves."""

    def __init__(
        self,
        gate: Gate,
        admission: Admission,
        clock: Clock,
        who: Principal,
        *,
        untold: timedelta,
        runtime: Callable[[], Awaitable[str]],
    ) -> None:
        """Make it.

        Args:
            gate: permits and records each look and each change.
            admission: judges; it must know of evaluations and of others' evidence.
            clock: tells the time.
            who: in whose name.
            untold: for how long what cannot be told is taken for a yes.
            runtime: tells the digest of the installation, which stands beside each look.
        """
        self._gate: Final = gate
        self._admission: Final = admission
        self._clock: Final = clock
        self._who: Final = who
        self._untold: Final = untold
        self._runtime: Final = runtime
        self._known: Final[dict[tuple[TenantId, UUID], Lack]] = {}
        self._told: Final[dict[tuple[TenantId, UUID], str]] = {}
        self._blind: Final[dict[TenantId, float]] = {}

    async def look(self, tenant: TenantId, places: Sequence[Place]) -> list[Settled]:
        """Judge a tenant's deployments again, all that serve, and return those of which something else is true now.

        Raises:
            StoreError: when it cannot be written down; without the database the gateways answer nobody.
            Exception: what a judgement failed with, while that may be for a moment.
        """
        try:
            async with asyncio.timeout(_JUDGE_S + _EACH_S * len(places)):
                seen = await self._judged(tenant, places)
        except Exception as fault:
            if self._for_a_moment(tenant):
                raise
            said = f"It could not be judged again ({type(fault).__name__})."
            seen = await self._judged(tenant, places, instead=Again(untold=said))
        else:
            self._blind.pop(tenant, None)
        changed = await self._all_settled(tenant, places, seen)
        living = {place.deployment for place in places}
        for gone in seen.before.keys() - living:
            await self._forget(tenant, gone)
        return changed

    async def _all_settled(self, tenant: TenantId, places: Sequence[Place], seen: _Seen) -> list[Settled]:
        """Settle each place. One that cannot be written down keeps none of the others from being stopped; then it is raised."""
        changed: list[Settled] = []
        faults: list[Exception] = []
        for place in places:
            try:
                found = await self._settled(tenant, place, seen)
            except Unavailable:
                raise  # it is away for every one of them
            except Exception as fault:  # noqa: BLE001 - raised below
                faults.append(fault)
            else:
                changed += [] if found is None else [found]
        if faults:
            raise faults[0]
        return changed

    async def _judged(self, tenant: TenantId, places: Sequence[Place], *, instead: Again | None = None) -> _Seen:
        """Return what each place comes to (`instead`, where it cannot be judged), and what is known of it so far."""
        detail = {"judged": str(len(places)), "runtime": await self._runtime()}
        async with self._permitted(tenant, EVERY, detail) as tx:
            before = await tables.lacks(tx)
            stopped = frozenset(each for each, _ in await feed.living(tx, STOPPED_KIND))
            if instead is not None:
                return _Seen({place.deployment: instead for place in places}, before, stopped)
            around = await self._admission.around(tx, sorted({place.environment for place in places}))
            found = await self._each(tx, places, around)
        return _Seen(found, before, stopped)

    async def _each(self, tx: TenantTx, places: Sequence[Place], around: Around) -> dict[UUID, Again]:
        """Return what each place comes to. A release is judged once in each environment, however often it is deployed there."""
        said: dict[tuple[str, Environment], Again] = {}
        for place in places:
            if (place.digest, place.environment) not in said:
                said[place.digest, place.environment] = await self._one(tx, place, around)
        return {place.deployment: said[place.digest, place.environment] for place in places}

    async def _one(self, tx: TenantTx, place: Place, around: Around) -> Again:
        try:
            return await self._admission.again(tx, place.digest, place.environment, around)
        except StoreError:
            raise  # the transaction is over: it is everybody's
        except Exception as fault:  # noqa: BLE001 - one place's, which must not keep the others from being judged
            await tx.fetchval("SELECT 1")  # raises where the transaction is over
            return Again(untold=f"It could not be judged again ({type(fault).__name__}).")

    def _for_a_moment(self, tenant: TenantId) -> bool:
        now = self._clock.boottime()
        return now - self._blind.setdefault(tenant, now) < BLIND_S

    async def _settled(self, tenant: TenantId, place: Place, seen: _Seen) -> Settled | None:
        key, row = (tenant, place.deployment), seen.before.get(place.deployment)
        known = earliest(row, self._known.get(key))
        found = seen.found[place.deployment]
        if not found.untold:
            self._told[key] = place.digest
        untold = self._untold if self._told.get(key) == place.digest else timedelta()
        lack = settle(place.digest, known, found, self._clock.now(), untold)
        is_stopped = lack is not None and lack.state == "stopped"
        was_stopped = str(place.deployment) in seen.stopped
        if lack == row and is_stopped is was_stopped:
            return None
        was = None if known is None or known.digest != place.digest else known.state
        await self._write(tenant, place, lack, was, was_stopped=was_stopped)
        if lack is None:
            self._known.pop(key, None)
        else:
            self._known[key] = lack
        return Settled(place, lack)

    async def _write(
        self, tenant: TenantId, place: Place, lack: Lack | None, was: str | None, *, was_stopped: bool
    ) -> None:
        detail = {"deployment": place.called, "environment": str(place.environment)}
        if lack is None:
            detail["serving"] = "resumed"
        else:
            detail |= {"serving": lack.state, "because": _fact(lack.because), "since": rfc3339(lack.first_at)}
            if lack.until_at is not None:
                detail["until"] = rfc3339(lack.until_at)
            if lack.state != was:
                detail["signal"] = STOPPED if lack.state == "stopped" else LAPSED
        async with self._permitted(tenant, place.digest, detail) as tx:
            if lack is None:
                await tables.drop(tx, place.deployment)
            else:
                await tables.put(tx, place.deployment, lack)
            if lack is not None and lack.state == "stopped":
                body = msgspec.json.encode(StoppedDocument(release=place.digest))
                await feed.publish(tx, STOPPED_KIND, str(place.deployment), body)
            elif was_stopped:
                await feed.withdraw(tx, STOPPED_KIND, str(place.deployment))

    async def _forget(self, tenant: TenantId, gone: UUID) -> None:
        """Forget what a deployment lacked that was withdrawn, or whose release is revoked and so is told of elsewhere."""
        self._known.pop((tenant, gone), None)
        self._told.pop((tenant, gone), None)
        async with self._permitted(tenant, EVERY, {"withdrawn": str(gone)}) as tx:
            await tables.drop(tx, gone)
            await feed.withdraw(tx, STOPPED_KIND, str(gone))

    @asynccontextmanager
    async def _permitted(self, tenant: TenantId, named: str, detail: Mapping[str, str]) -> AsyncGenerator[TenantTx]:
        resource = Resource(kind=Kind.RELEASE, id=named, tenant=tenant)
        async with self._gate.permit(self._who, Action.MODEL_ATTEST, resource, Ask(detail=detail)) as tx:
            yield tx


def _fact(text: str) -> str:
    """Return a text as a fact of an entry."""
    said = plain(text)
    return said if len(said) <= _FACT else f"{said[: _FACT - 1]}…"
