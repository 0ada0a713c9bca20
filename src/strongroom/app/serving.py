"""Workers of releases that people brought: started because they are deployed, ended because they are not or may not be.

For each release, environment and (of a tenant's own) tenant that the feed says is deployed:

1. ask the gate; judge anew, from signed statements, whether the release may serve there, for a tenant that deployed it;
2. open each file of its manifest with the owner's keys, and copy it, while it is hashed, into sealed memory;
3. start a sandboxed worker on that memory; it verifies seals, digests and manifest itself before it loads;
4. attest, once it is ready: the worker says which release it serves, and that stands in the tenant's log;
5. every `RECHECK_S`, and when told to `look_again`: judge again, hash the memory again, ask the worker again. What does not
   hold is ended, with the reason in the log; what makes Strongroom itself stumble is ended too, and the next is looked at;
6. what lapses while it serves, and what cannot be told, is `judging.py`'s to count and to stop: a worker of a release whose
   every deployment is stopped ends here, and starts when one is not any more.

Always true here: nothing is loaded by a path; what cannot be asked (database, vault) or told is a no for a start. A worker that
runs while the database is away goes on: what would end it cannot be told, and the gateways answer nobody without their lease.
One that ends by itself asks before it starts again, and is believed for a bounded while (`startgate.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from strongroom.app.deployed import Deployed
from strongroom.app.loading import Running, Waiting, Wanted, format_of, sealed_files, verified
from strongroom.app.seed import INSTALLER
from strongroom.app.settings import Settings
from strongroom.app.startgate import StartGate
from strongroom.app.uids import FIRST_BROUGHT, GATEWAY, MOST_BROUGHT, uid
from strongroom.gateway.upstreams import worker_socket
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry import DEPLOYMENT, REVOKED, STOPPED, tables
from strongroom.registry.admission import Admission
from strongroom.registry.admission.answers import Admitted
from strongroom.registry.content import Broken, NoMemory
from strongroom.registry.model import Format
from strongroom.registry.releases import Shelf
from strongroom.registry.releases.model import SERVED_FILES
from strongroom.registry.tables import Deployable
from strongroom.runtime import weights
from strongroom.runtime.blobs import WrongDigestError
from strongroom.runtime.digests import Artefact, Digest
from strongroom.runtime.spec import MIB, UnfitFormatError, WorkerSpec
from strongroom.runtime.spec import Kind as WorkerKind
from strongroom.runtime.supervise import WorkerHost, WorkerState
from strongroom.store import StoreError, TenantTx
from strongroom.store.feed import FeedEntry
from strongroom.vault import VaultUnavailable
from strongroom.wire import ClientError, Pool, UnixTarget

RECHECK_S: Final = 300.0
"""How often what runs is asked again whether it is what was admitted, and still may serve."""

_RETRY_S: Final = 5.0
_FAULT_S: Final = 30.0  # a load copies the whole release: what makes it stumble is not tried at once again
_SETTLE_S: Final = 0.05  # a deployment of several environments is several changes
_READY_S: Final = 120.0
_ASK_S: Final = 10.0
_ANSWER: Final = 1 << 16

MayServe: TypeAlias = Callable[[TenantTx, str, Environment], Awaitable[str | None]]
"""Returns why a digest may not serve in an environment, for the transaction's tenant; None: nothing speaks against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What serving takes.

    Attributes:
        gate: permits and records each load and each attestation.
        admission: judges.
        shelf: finds and opens stored files.
        host: runs workers.
        settings: bounds of workers.
        sockets: where they listen.
        tell: says what happens, to whoever watches the supervisor.
        runtime: tells the digest of the installation, which each load and attestation is recorded with.
        may_serve: what besides admission may speak against a release: revocation, a frozen channel.
    """

    gate: Gate
    admission: Admission
    shelf: Shelf
    host: WorkerHost
    settings: Settings
    sockets: Path
    tell: Callable[[str], None]
    runtime: Callable[[], Awaitable[str]]
    may_serve: MayServe | None = None


class Serving:
    """Keeps one worker for each deployed release that somebody brought. One event loop."""

    def __init__(self, parts: Parts, *, recheck_s: float = RECHECK_S) -> None:
        self._parts: Final = parts
        self._recheck_s: Final = recheck_s
        self._deployed: Final = Deployed()
        self._wake: Final = asyncio.Event()
        self._fresh = self._again = False
        self._running: Final[dict[Wanted, Running]] = {}
        self._waiting: Final[dict[Wanted, Waiting]] = {}
        self._turned: Final = asyncio.Condition()

    def apply(self, entries: list[FeedEntry], full: bool) -> None:
        """Take in what the feed delivered."""
        changed = self._deployed.apply(entries, full) & {DEPLOYMENT, STOPPED, REVOKED}
        self._fresh = self._fresh or bool(changed)
        self._again = self._again or REVOKED in changed
        if self._fresh:
            self._wake.set()

    def look_again(self) -> None:
        """Ask of everything, at once, whether it may serve: something was revoked or frozen, or is so no more."""
        self._again = self._fresh = True
        self._wake.set()

    def wanted(self) -> dict[Wanted, list[TenantId]]:
        """Return what is to be served, and which tenants have deployed it and are not stopped."""
        return self._deployed.wanted()

    def states(self) -> dict[Wanted, str]:
        """Return what each deployed release is doing: `attested`, a worker's state before that, or why it is not served."""
        states = self._parts.host.states()
        found = {
            place: "attested" if each.attested else str(states.get(each.spec.name, "starting"))
            for place, each in self._running.items()
        }
        stopped = dict.fromkeys(self._deployed.stopped(), "stopped")
        return stopped | found | {place: each.why for place, each in self._waiting.items()}

    async def until(self, done: Callable[[dict[Wanted, str]], bool], within_s: float) -> bool:
        """Wait until `done` says so of the states; for whoever must know, such as a test."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s), self._turned:
                await self._turned.wait_for(lambda: done(self.states()))
        return done(self.states())

    async def run(self) -> None:
        """Serve until cancelled; what runs then is the host's to stop."""
        loop = asyncio.get_running_loop()
        recheck = loop.time() + self._recheck_s
        while True:
            pause = min([recheck, *(each.until for each in self._waiting.values())]) - loop.time()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, pause)):
                    await self._wake.wait()
            self._wake.clear()
            if self._fresh:
                await asyncio.sleep(_SETTLE_S)
                self._waiting.clear()  # something was said since: every no is asked for anew
            due = self._again or loop.time() >= recheck
            self._fresh = self._again = False
            try:
                await self._turn(again=due)
            except Exception as fault:  # noqa: BLE001 - whatever it was, workers that nobody looks after are worse
                self._parts.tell(
                    f"brought releases: a fault of Strongroom's own ({type(fault).__name__}); looking again"
                )
                await asyncio.sleep(_RETRY_S)
                self._fresh = True
                self._again = self._again or due  # what was to be asked again still is
                self._wake.set()
            else:
                if due:
                    recheck = loop.time() + self._recheck_s
            async with self._turned:
                self._turned.notify_all()

    async def _turn(self, *, again: bool) -> None:
        wanted, now = self.wanted(), asyncio.get_running_loop().time()
        for place in [each for each in self._running if each not in wanted]:
            await self._stop(place)
            why = (
                "every deployment of it is stopped"
                if place in self._deployed.stopped()
                else "it is not deployed any more"
            )
            self._parts.tell(f"{place.digest[:19]} does not serve in {place.environment}: {why}; its worker has ended")
        for place in [each for each in self._waiting if each not in wanted or self._waiting[each].until <= now]:
            del self._waiting[place]
        for place, tenants in wanted.items():
            if place in self._waiting:
                continue
            known = self._running.get(place)
            if known is None:
                await self._tried(place, tenants, self._load)
            elif again or (not known.attested and self._parts.host.states().get(known.spec.name) is WorkerState.READY):
                await self._tried(place, tenants, self._attest)

    async def _tried(
        self, place: Wanted, tenants: Iterable[TenantId], act: Callable[[Wanted, TenantId], Awaitable[None]]
    ) -> None:
        """Act for the first of the tenants for whom it may be done; what may be done for none is not served."""
        why, retry_s = "", self._recheck_s
        for tenant in tenants:
            try:
                await act(place, tenant)
            except Refused as refused:
                why = refused.refusal.tell
            except (StoreError, VaultUnavailable) as error:
                if place in self._running:
                    return  # it cannot be asked now whether it may go on; the gateways' own lease bounds that
                why, retry_s = f"It cannot be asked for now ({type(error).__name__}).", _RETRY_S
            except Exception as fault:  # noqa: BLE001 - one place's, which must not keep the others from being looked at
                why, retry_s = f"A fault of Strongroom's own ({type(fault).__name__}) while it was looked at.", _FAULT_S
                break
            else:
                return
        if place in self._running:
            await self._stop(place)
        self._waiting[place] = Waiting(why, asyncio.get_running_loop().time() + retry_s)
        self._parts.tell(f"{place.digest[:19]} does not serve in {place.environment}: {why}")

    # -- the load gate --------------------------------------------------------------------------------------------

    async def _load(self, place: Wanted, tenant: TenantId) -> None:
        slot = self._free()
        async with self._permitted(Action.MODEL_LOAD, place, tenant) as tx:
            admitted, shape, untold = await self._admitted(tx, place)
            if untold:
                raise _no(untold)
        try:
            stored = await self._parts.shelf.files(admitted.owner, admitted.manifest, brought=True)
            sealed = await asyncio.to_thread(sealed_files, stored)
        except NoMemory as error:
            raise await self._refused(place, tenant, f"It does not fit: {error.strerror}.", signal="") from None
        except (Broken, OSError) as error:
            raise await self._refused(place, tenant, f"A stored file is not what was admitted: {error}") from None
        try:
            spec = self._spec(place, admitted, shape, slot)
            gate = self._gate_of(place)
            gate.asked_already()
            self._parts.host.add(spec, sealed, gate)
        except (UnfitFormatError, ValueError, OSError) as error:
            for descriptor in sealed.values():
                os.close(descriptor)
            raise await self._refused(place, tenant, f"No worker can be made of it: {error}") from None
        self._running[place] = Running(spec, slot, sealed, asyncio.create_task(self._once_ready(spec.name)))
        self._parts.tell(f"{admitted.subject.called} is loaded for {place.environment}: {place.digest[:19]}")

    async def _once_ready(self, name: str) -> None:
        if await self._parts.host.is_ready(name, _READY_S):
            self._wake.set()

    async def _attest(self, place: Wanted, tenant: TenantId) -> None:
        known = self._running[place]
        async with self._permitted(Action.MODEL_ATTEST, place, tenant) as tx:
            await self._admitted(tx, place)
            try:
                await asyncio.to_thread(verified, known)
                said = await self._said(known)
            except (WrongDigestError, weights.UnsealedWeightsError) as error:
                raise _no(f"What the worker maps is not the release: {error}") from None
            if said is not None and said != place.digest.removeprefix("sha256:"):
                raise _no("The worker says that it serves another release.")
        known.attested = said is not None

    async def _admitted(self, tx: TenantTx, place: Wanted) -> tuple[Admitted, Deployable, str]:
        """Return the release, when it may serve there for the transaction's tenant, and what cannot be told of it.

        Raises:
            Refused: with every reason against it.
        """
        admitted, said = await self._parts.admission.going_on(tx, place.digest, place.environment)
        shape = await tables.deployable(tx, place.digest)
        if shape is None or admitted.owner != place.tenant:
            raise _no("It is not the release that was deployed.")
        if (barred := shape.format.barred_from(place.environment)) is not None:
            raise _no(barred)
        if self._parts.may_serve is not None:
            why = await self._parts.may_serve(tx, place.digest, place.environment)
            if why is not None:
                raise _no(why)
        return admitted, shape, said.untold

    def _gate_of(self, place: Wanted) -> StartGate:
        """Return what a worker asks before it starts again after a crash."""
        believed_s = self._parts.settings.workers.untold_minutes * 60.0
        return StartGate(partial(self._may_start, place), SystemClock(), believed_s, self._parts.tell)

    async def _may_start(self, place: Wanted, lenient: bool) -> str:
        """Ask for the first of the tenants for whom it may be started.

        Raises:
            Refused: when it may be for none.
        """
        why = "Every deployment of it is stopped, or withdrawn."
        for tenant in self.wanted().get(place, ()):
            try:
                async with self._permitted(Action.MODEL_LOAD, place, tenant) as tx:
                    untold = (await self._admitted(tx, place))[2]
                    if untold and not lenient:
                        raise _no(untold)
            except Refused as refused:
                why = refused.refusal.tell
            else:
                return untold
        raise _no(why)

    async def _said(self, known: Running) -> str | None:
        """Return which release a worker says it serves; None while it does not answer, as when it is being started again."""
        pool = Pool(UnixTarget(known.spec.socket_path), max_connections=1)
        try:
            async with pool.request("GET", "/v1/identity", timeout_s=_ASK_S) as response:
                return str(msgspec.json.decode(await response.read(_ANSWER))["digest"])
        except ClientError:
            return None
        except (msgspec.MsgspecError, ValueError, KeyError, TypeError, RecursionError):
            return ""  # whatever it wrote, it did not say which release it serves
        finally:
            await pool.close()

    async def _stop(self, place: Wanted) -> None:
        known = self._running.pop(place)
        known.coming.cancel()
        await self._parts.host.remove(known.spec.name)

    async def _refused(self, place: Wanted, tenant: TenantId, why: str, *, signal: str = "release-tampered") -> Refused:
        """Record a no that was found outside a transaction, and return it."""
        try:
            async with self._permitted(Action.MODEL_LOAD, place, tenant):
                raise _no(why, signal=signal)
        except Refused as refused:
            return refused

    @asynccontextmanager
    async def _permitted(self, action: Action, place: Wanted, tenant: TenantId) -> AsyncGenerator[TenantTx]:
        resource = Resource(kind=Kind.RELEASE, id=place.digest, tenant=tenant)
        runtime = await self._parts.runtime()
        ask = Ask(detail={"environment": str(place.environment), "worker": place.mark, "runtime": runtime})
        async with self._parts.gate.permit(INSTALLER, action, resource, ask) as tx:
            yield tx

    def _free(self) -> int:
        taken = {each.slot for each in self._running.values()}
        for slot in range(MOST_BROUGHT):
            if slot not in taken:
                return slot
        raise _no(f"This machine serves {MOST_BROUGHT} brought releases at most.")

    def _spec(self, place: Wanted, admitted: Admitted, shape: Deployable, slot: int) -> WorkerSpec:
        files = admitted.manifest.files
        if len(files) > SERVED_FILES:
            raise ValueError(f"it has {len(files)} files, a worker takes {SERVED_FILES}")
        settings = self._parts.settings
        if (
            shape.format is Format.ONNX
            and (size := sum(each.size for each in files)) > settings.workers.memory_mib * MIB
        ):
            # Unlike a GGUF's, its tensors are copied into memory of the worker's own.
            raise ValueError(
                f"it takes more than {size >> 20} MiB of a worker's memory, which is bound to "
                f"{settings.workers.memory_mib} MiB: raise workers.memory_mib"
            )
        artefacts = tuple(
            Artefact(
                name=each.path,
                digest=Digest(each.sha256),
                path=Path(),
                format=format_of(each.path, shape.format.value),
                size=each.size,
                blake3=each.blake3,
            )
            for each in files
        )
        return WorkerSpec(
            name=f"{admitted.subject.name[:40].rstrip('.-')}-{place.mark}.{place.environment}",
            model=admitted.subject.name,
            kind=WorkerKind(str(shape.kind)),
            artefacts=artefacts,
            environment=place.environment,
            socket_path=worker_socket(self._parts.sockets, place.environment, place.digest, place.tenant),
            uid=uid(settings, FIRST_BROUGHT + slot),
            client_uid=uid(settings, GATEWAY),
            memory_bytes=settings.workers.memory_mib * MIB,
            slots=settings.workers.slots,
            context_tokens=settings.workers.context_tokens,
            threads=settings.workers.threads,
        )


def _no(why: str, *, signal: str = "") -> Refused:
    return Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=why, tell=why, signal=signal))
