"""The supervisor's judges, and the loop that asks of everything that serves, over and over, whether it still may.

The loop:

1. follows the feed, so that it knows what is deployed as the gateways do;
2. every `RECHECK_S`, and at once when something is deployed, moved or revoked, or the rules about approvals change, judges each
   tenant's deployments again, all of them, by `registry/serving/`;
3. ends the workers of what serves nobody any more, and asks again whether those may start that might not.

A worker of a release that people brought is ended and started by `serving.py`, which follows the same feed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from strongroom.app.deployed import Deployed
from strongroom.app.environment import environment_now
from strongroom.app.installer import remembered
from strongroom.app.layout import Layout
from strongroom.app.seed import INSTALLER
from strongroom.app.settings import Settings
from strongroom.app.startgate import StartGate
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Action, Ask, Engine, Gate, Kind, Resource
from strongroom.registry import DEPLOYMENT, REVOKED, STOPPED
from strongroom.registry.admission import Admission, RegistryKeys
from strongroom.registry.admission.model import OwnKeys
from strongroom.registry.evaluations import Counting
from strongroom.registry.evidence.reader import EvidenceReader
from strongroom.registry.serving.service import Rejudging
from strongroom.registry.serving.starting import demand_start
from strongroom.rules.approval import APPROVAL
from strongroom.rules.documents import PREFIX
from strongroom.runtime.keeper import MayStart
from strongroom.runtime.spec import Kind as WorkerKind
from strongroom.runtime.spec import WorkerSpec
from strongroom.runtime.supervise import WorkerHost
from strongroom.store import Database, Dsn
from strongroom.store.feed import FeedEntry
from strongroom.store.follower import Follower
from strongroom.store.roles import CONTROL, OPERATOR, Passwords
from strongroom.vault import Keyring, Purpose

RECHECK_S: Final = 300.0
"""How often everything that serves is judged again, when nothing was heard that could change it."""

_FIRST_READ_S: Final = 10.0
_RETRY_S: Final = 5.0
_SETTLE_S: Final = 0.05
_CONNECTIONS: Final = 3
_WAKING: Final = frozenset({DEPLOYMENT, REVOKED, PREFIX + APPROVAL.name})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judges:
    """What judging takes, in the supervisor.

    Attributes:
        gate: permits and records.
        admission: judges, knowing of evaluations and of others' evidence.
        evidence: reads others' evidence, and tells what the installation is.
        believed_s: for how long what cannot be told is taken for the last yes.
        tell: says what happens, to whoever watches the supervisor.
    """

    gate: Gate
    admission: Admission
    evidence: EvidenceReader
    believed_s: float
    tell: Callable[[str], None]

    def rejudging(self) -> Rejudging:
        """Return what judges again what serves."""
        return Rejudging(
            self.gate, self.admission, SystemClock(), INSTALLER,
            untold=timedelta(seconds=self.believed_s), runtime=self.evidence.runtime,
        )  # fmt: skip


@asynccontextmanager
async def judges(
    places: Layout, settings: Settings, database: tuple[Dsn, Passwords], keyring: Keyring, tell: Callable[[str], None]
) -> AsyncGenerator[Judges]:
    """Yield what judges, for as long as the supervisor runs.

    Raises:
        Unavailable: when the database cannot be reached.
    """
    clock, keys = SystemClock(), RegistryKeys(keyring.derive(Purpose.REGISTRY))
    own = OwnKeys(demanded=settings.own_keys, trusted=frozenset(settings.approvals.keys))
    admin, passwords = database
    connected = await Database.connect(
        passwords.login(CONTROL, admin), passwords.login(OPERATOR, admin), size=_CONNECTIONS
    )
    gate = Gate(connected, Engine.load(), clock)
    evidence = EvidenceReader(keys, partial(environment_now, settings.evidence.lock), settings.evidence.image or "")
    memory = remembered(places, settings)
    admission = Admission(gate, keys, clock, memory, own, Counting(keys, clock), evidence, settings.evaluations)
    try:
        yield Judges(
            gate=gate, admission=admission, evidence=evidence,
            believed_s=settings.workers.untold_minutes * 60.0, tell=tell,
        )  # fmt: skip
    finally:
        await connected.close()


class Judging:
    """Judges again what serves, and keeps the workers of releases that came along to what comes of it. One event loop."""

    def __init__(self, judges: Judges, *, recheck_s: float = RECHECK_S) -> None:
        self._judges: Final = judges
        self._again: Final = judges.rejudging()
        self._recheck_s: Final = recheck_s
        self._deployed: Final = Deployed()
        self._wake: Final = asyncio.Event()
        self._host: WorkerHost | None = None
        self._came: Final[dict[str, object]] = {}
        """Workers that came along, each with who was to be served by it when it was asked last whether it may start."""
        self._asking: Final = asyncio.Lock()
        self._looked_at = 0.0
        self._turned: Final = asyncio.Condition()
        self.turns = 0

    def keep(self, host: WorkerHost) -> None:
        """Keep these workers to what is judged, from now on."""
        self._host = host

    def gate_of(self, spec: WorkerSpec) -> MayStart | None:
        """Return what a worker that came along asks before each start; None for one that serves no release."""
        if spec.kind is WorkerKind.NAMES:
            return None
        self._came[spec.name] = None
        return StartGate(partial(self._ask, spec), SystemClock(), self._judges.believed_s, self._judges.tell)

    def apply(self, entries: list[FeedEntry], full: bool) -> None:
        """Take in what the feed delivered."""
        changed = self._deployed.apply(entries, full)
        if changed & _WAKING:
            self._wake.set()
        if self._host is not None and changed & {*_WAKING, STOPPED}:
            for name in self._host.end(self._serves_nobody):
                self._judges.tell(f"ended {name}: every deployment of its release there is stopped")
            self._host.ask_again(self._stands_otherwise)

    def look_again(self) -> None:
        """Judge everything again at once."""
        self._wake.set()

    async def turned(self, after: int) -> None:
        """Wait until everything was judged once more since turn number `after`; for whoever must know, such as a test."""
        async with self._turned:
            await self._turned.wait_for(lambda: self.turns > after)

    async def run(self) -> None:
        """Judge until cancelled."""
        pause = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            await asyncio.sleep(_SETTLE_S)  # a deployment of several environments is several changes
            self._wake.clear()
            pause = self._recheck_s if await self._turn() else _RETRY_S
            async with self._turned:
                self.turns += 1
                self._turned.notify_all()

    async def _turn(self) -> bool:
        """Judge everything once; return whether all could be."""
        whole = True
        try:
            await self._look_at_the_installation()
        except Exception as fault:  # noqa: BLE001 - then it cannot be told, and what serves is judged all the same
            whole = False
            self._judges.tell(f"what the installation is could not be looked at ({type(fault).__name__}); again soon")
        for tenant, places in self._deployed.places().items():
            try:
                for place, lack in await self._again.look(tenant, places):
                    said = "It lacks nothing any more." if lack is None else lack.said
                    self._judges.tell(f"deployment {place.called} of tenant {tenant}: {said}")
            except Exception as fault:  # noqa: BLE001 - one tenant's; what cannot be judged is bounded where it is judged
                whole = False
                self._judges.tell(
                    f"deployments of tenant {tenant} could not be judged ({type(fault).__name__}); again soon"
                )
        return whole

    async def _look_at_the_installation(self) -> None:
        """Look anew at what the installation is: what is demanded of it is demanded of the files that are there now."""
        now_s, last_s = asyncio.get_running_loop().time(), self._looked_at
        if last_s and now_s - last_s < self._recheck_s:
            return  # it takes a second of CPU
        self._looked_at = now_s
        before = await self._judges.evidence.runtime()
        if not last_s:
            return  # that was the first look
        now = await self._judges.evidence.look_again()
        if before and now != before:
            self._judges.tell(
                f"the installation's files have changed while it runs ({before[:19]}… is {now[:19] or 'unreadable'}…): "
                "what serves is judged by what they are now; start Strongroom anew to run them"
            )

    def _stands_otherwise(self, spec: WorkerSpec) -> bool:
        """Whether somebody else is to be served by a worker than when it was asked whether it may start."""
        return spec.name in self._came and self._came[spec.name] != self._whom(spec)

    def _whom(self, spec: WorkerSpec) -> object:
        digest = f"sha256:{spec.digest}"
        return self._deployed.tenants(spec.environment, digest), self._deployed.is_over(spec.environment, digest)

    def _serves_nobody(self, spec: WorkerSpec) -> bool:
        return spec.name in self._came and self._deployed.is_over(spec.environment, f"sha256:{spec.digest}")

    async def _ask(self, spec: WorkerSpec, lenient: bool) -> str:
        """Ask whether a worker that came along may start.

        Raises:
            Refused: when it may not.
        """
        digest, self._came[spec.name] = f"sha256:{spec.digest}", self._whom(spec)
        if self._deployed.is_over(spec.environment, digest):  # recorded where that was found
            why = f"Every deployment of {spec.model} in {spec.environment} is stopped, or it is revoked."
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=why, tell=why))
        detail = {
            "environment": str(spec.environment), "worker": spec.name, "runtime": await self._judges.evidence.runtime(),
        }  # fmt: skip
        resource = Resource(kind=Kind.RELEASE, id=digest)
        tenants = self._deployed.tenants(spec.environment, digest)
        # One at a time: there is one connection for this, and who waits for others at a start has been told nothing yet.
        async with (
            self._asking,
            self._judges.gate.permit_platform(INSTALLER, Action.MODEL_LOAD, resource, Ask(detail=detail)) as tx,
        ):
            return await demand_start(tx, self._judges.admission, digest, spec.environment, tenants, lenient=lenient)


@asynccontextmanager
async def judging(found: Judges, login: Dsn) -> AsyncGenerator[Judging]:
    """Judge again what serves, for as long as the supervisor runs; what is deployed is known from the start."""
    loop = Judging(found)
    follower = Follower(login, SystemClock(), loop.apply)
    follower.start()
    await follower.ensure(_FIRST_READ_S)
    task = asyncio.create_task(loop.run(), name="judging again")
    try:
        yield loop
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await follower.close()
