"""Does a revocation bite? Every process is asked, before and after, until the last of them has refused.

1. Each process answers on its private socket for one key: whether it would take it at that very moment, by the lease and
   the directory that it decides requests by. No secret is needed: what is asked is whether the key's id counts.
2. All are asked in turn, each by itself, from before the revocation until each has refused and kept refusing; none is asked
   before the gate has permitted the revocation, or anybody with a credential could have them asked about any key.
3. Of a release that is revoked the same is asked of the gateways, and of each whether anything listens still where its workers did.
4. What is told is the latest moment at which any of them would still have taken it, by the clock of the machine that they
   share.

What is not shown: that a process which does not answer takes nothing. Its lease says so; the proof says that it is not one.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from strongroom.app.metrics import SUFFIX
from strongroom.gateway.upstreams import worker_socket
from strongroom.identity import Directory
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, TenantId, parse_key_id
from strongroom.kernel.principal import Environment
from strongroom.wire import ClientError, Handler, Pool, Reply, Request, UnixTarget

State: TypeAlias = Literal["accepted", "refused", "unavailable"]
"""`unavailable`: without a valid lease, so a request would be answered 503."""

LATEST_S: Final = 5.0
"""For how long a process is asked that has not refused yet: the lease, and what a busy machine adds."""

RELEASE_LATEST_S: Final = 20.0
"""The same of a release: its workers have five seconds to finish what they answer."""

_PAUSE_S: Final = 0.005
_ANSWER_S: Final = 1.0
_IN_A_ROW: Final = 10
_MOST_BYTES: Final = 4096
_MOST_PROCESSES: Final = 1024
_MOST_WATCHED: Final = 64
_PREFIX: Final = "/keys/"
_RELEASES: Final = "/releases/"
_WORKERS: Final = "/workers"
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_TYPE: Final = [(b"content-type", b"application/json")]


class Deciding(Protocol):
    """What a process decides by."""

    @property
    def directory(self) -> Directory:
        """The credentials that it knows."""
        ...

    def valid(self) -> bool:
        """Whether its lease holds now."""
        ...

    async def ensure(self) -> bool:
        """Whether it holds after one bounded read, as for a request."""
        ...


class Serving(Deciding, Protocol):
    """What a gateway decides by, of releases too."""

    def revoked(self, digest: str) -> bool:
        """Whether it refuses what asks for a release, because that is revoked."""
        ...

    def placed(self, digest: str) -> Collection[tuple[Environment, str, TenantId | None]]:
        """Where it knows workers of a release to be: environment, digest, and the tenant whose own it is."""
        ...


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a process said of a key, or of a release: `at` is CLOCK_BOOTTIME in the moment of its decision."""

    state: State
    at: float


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """What one process did with the key, or with requests for the release.

    Attributes:
        name: the process.
        state: `refused` when it refused last and kept refusing; `accepted` when it did not stop in time; `silent` when it
            did not answer in time, or stopped answering.
        accepted_ms: the latest moment at which it would have taken the key, in milliseconds after the revocation was
            committed (negative: before); None: it never would have since it was first asked.
        asked: how often it was asked.
    """

    name: str
    state: Literal["accepted", "refused", "silent"]
    accepted_ms: float | None
    asked: int


class RevocationProof(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a revocation.

    Attributes:
        proven: every process refused the key in the end, and there was at least one.
        committed_at: when the revocation was known to be committed.
        accepted_until: the latest moment at which any process would still have taken the key; None: none would have.
        accepted_ms: the same, in milliseconds after `committed_at` (negative: before).
        processes: what each did.
    """

    proven: bool
    committed_at: datetime
    accepted_until: datetime | None
    accepted_ms: float | None
    processes: tuple[Process, ...]


def answering(figures: Handler, deciding: Deciding, clock: Clock) -> Handler:
    """Return what answers on a process's private socket: of a key at `/keys/ID`, else `figures`."""

    async def answer(request: Request, reply: Reply) -> None:
        key_id = parse_key_id(request.path.removeprefix(_PREFIX)) if request.path.startswith(_PREFIX) else None
        if key_id is None:
            return await figures(request, reply)
        held = deciding.valid() or await deciding.ensure()
        state: State = "unavailable"
        if held:
            state = "accepted" if deciding.directory.counts(key_id) else "refused"
        return await reply.send(200, _TYPE, msgspec.json.encode(Seen(state=state, at=clock.boottime())))

    return answer


def answering_releases(others: Handler, serving: Serving, workers: Path, clock: Clock) -> Handler:
    """Return what answers of a release at `/releases/HEX`, and of its workers at `/releases/HEX/workers`; else `others`."""
    known: OrderedDict[str, set[tuple[Environment, str, TenantId | None]]] = OrderedDict()

    def places(digest: str) -> list[Path]:
        """Return where its workers were seen to be: a deployment that goes back at the revocation leaves its worker there."""
        found = known.setdefault(digest, set())
        found.update(serving.placed(digest))
        known.move_to_end(digest)
        if len(known) > _MOST_WATCHED:
            known.popitem(last=False)
        return [worker_socket(workers, *each) for each in found]

    async def answer(request: Request, reply: Reply) -> None:
        asked = request.path.removeprefix(_RELEASES)
        found = asked.removesuffix(_WORKERS)
        if not request.path.startswith(_RELEASES) or not _HEX.fullmatch(found):
            return await others(request, reply)
        digest = f"sha256:{found}"
        if asked != found:
            at = clock.boottime()
            state: State = "accepted" if any([await _listens(each) for each in places(digest)]) else "refused"
            return await reply.send(200, _TYPE, msgspec.json.encode(Seen(state=state, at=at)))
        state = "unavailable"
        if serving.valid() or await serving.ensure():
            state = "refused" if serving.revoked(digest) else "accepted"
        return await reply.send(200, _TYPE, msgspec.json.encode(Seen(state=state, at=clock.boottime())))

    return answer


async def _listens(path: Path) -> bool:
    """Whether a worker takes a connection."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            _, writer = await asyncio.open_unix_connection(path)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


class Prover:
    """Watches every process while a key, or a release, is revoked."""

    def __init__(self, directory: Path | None, own: Directory, clock: Clock) -> None:
        """Ask the processes whose sockets lie in `directory`, and this one, which decides by `own`."""
        self._directory: Final = directory
        self._own: Final = own
        self._clock: Final = clock

    @asynccontextmanager
    async def watching(self, key_id: KeyId) -> AsyncGenerator[Watch]:
        """Yield a watch over the key: begin it inside, once that is permitted, revoke, then ask it for the proof."""
        async with self._watching({"": f"{_PREFIX}{key_id}"}, self._ask_own(key_id)) as watch:
            yield watch

    @asynccontextmanager
    async def watching_release(self, digest: str) -> AsyncGenerator[Watch]:
        """Yield a watch over a release at the gateways, and over its workers as they see them; as `watching`."""
        path = f"{_RELEASES}{digest.removeprefix('sha256:')}"
        async with self._watching({"": path, " workers": f"{path}{_WORKERS}"}, None) as watch:
            yield watch

    @asynccontextmanager
    async def _watching(self, paths: Mapping[str, str], own: _Ask | None) -> AsyncGenerator[Watch]:
        names = await asyncio.to_thread(self._names)
        pools = {name: Pool(UnixTarget(self._path(name)), max_connections=len(paths)) for name in names}
        askers = {} if own is None else {"control": own}
        for name, pool in pools.items():
            askers |= {f"{name}{what}": _asker(pool, path) for what, path in paths.items()}
        watch = Watch(self._clock, askers, alone=0 if own is None else 1)
        try:
            yield watch
        finally:
            await watch.stop()
            await asyncio.gather(*(pool.close() for pool in pools.values()))

    def _ask_own(self, key_id: KeyId) -> _Ask:
        async def ask() -> Seen:
            return Seen(state="accepted" if self._own.counts(key_id) else "refused", at=self._clock.boottime())

        return ask

    def _names(self) -> list[str]:
        if self._directory is None:
            return []
        found = sorted(path.name for path in self._directory.iterdir())[:_MOST_PROCESSES]
        return [name.removesuffix(SUFFIX) for name in found if name.endswith(SUFFIX)]

    def _path(self, name: str) -> Path:
        return (self._directory or Path()) / f"{name}{SUFFIX}"


_Ask: TypeAlias = Callable[[], Awaitable[Seen | None]]


def _asker(pool: Pool, path: str) -> _Ask:
    async def ask() -> Seen | None:
        try:
            async with pool.request("GET", path, timeout_s=_ANSWER_S) as response:
                body = await response.read(_MOST_BYTES)
                return msgspec.json.decode(body, type=Seen) if response.status == HTTPStatus.OK else None
        except (ClientError, msgspec.MsgspecError):
            return None

    return ask


class _Line:
    """What one process has said so far."""

    def __init__(self) -> None:
        self.accepted_at: float | None = None
        self.last: Seen | None = None
        self.asked = 0
        self.in_a_row = 0  # of what was decided after the revocation
        self.first = asyncio.Event()

    def take(self, seen: Seen | None, committed: float | None) -> None:
        self.asked += 1
        self.last = seen
        self.first.set()
        if seen is not None and seen.state == "accepted":
            self.accepted_at = seen.at
        no = seen is not None and seen.state != "accepted" and committed is not None and seen.at >= committed
        self.in_a_row = self.in_a_row + 1 if no else 0

    @property
    def settled(self) -> bool:
        return self.in_a_row >= _IN_A_ROW


class Watch:
    """A key, or a release, that is being watched in every process. Nobody is asked before it has begun."""

    def __init__(self, clock: Clock, askers: Mapping[str, _Ask], *, alone: int = 1) -> None:
        """Take the clock, who is asked, and of how many lines alone nothing is proven: of the process that asks."""
        self._clock: Final = clock
        self._askers: Final = askers
        self._alone: Final = alone
        self._lines: Final[dict[str, _Line]] = {}
        self._tasks: Final[list[asyncio.Task[None]]] = []
        self._committed: float | None = None
        self._moved: Final = asyncio.Event()

    async def begin(self) -> None:
        """Begin to ask each process, over and over, and wait until each was asked once."""
        for name, ask in self._askers.items():
            line = self._lines[name] = _Line()
            self._tasks.append(asyncio.create_task(self._follow(line, ask), name=f"watch {name}"))
        await asyncio.gather(*(line.first.wait() for line in self._lines.values()))

    async def proof(self, committed_at: datetime, within_s: float | None = None) -> RevocationProof:
        """Return the proof, once every process has refused and kept refusing, or it has taken too long.

        Args:
            committed_at: now, right after the revocation was committed.
            within_s: what is too long; None: what it is for a key.
        """
        self._committed = committed = self._clock.boottime()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LATEST_S if within_s is None else within_s):
                while not all(line.settled for line in self._lines.values()):
                    self._moved.clear()
                    await self._moved.wait()
        await self.stop()
        latest = max((line.accepted_at for line in self._lines.values() if line.accepted_at is not None), default=None)
        after_s = None if latest is None else latest - committed
        return RevocationProof(
            proven=len(self._lines) > self._alone and all(line.settled for line in self._lines.values()),
            committed_at=committed_at,
            accepted_until=None if after_s is None else committed_at + timedelta(seconds=after_s),
            accepted_ms=_ms(after_s),
            processes=tuple(_told(name, line, committed) for name, line in self._lines.items()),
        )

    async def stop(self) -> None:
        """Ask no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, line: _Line, ask: _Ask) -> None:
        while True:
            line.take(await ask(), self._committed)
            self._moved.set()
            await asyncio.sleep(_PAUSE_S)


def _told(name: str, line: _Line, committed: float) -> Process:
    accepted_s = None if line.accepted_at is None else line.accepted_at - committed
    state: Literal["accepted", "refused", "silent"] = "refused" if line.settled else "accepted"
    if line.last is None:
        state = "silent"
    return Process(name=name, state=state, accepted_ms=_ms(accepted_s), asked=line.asked)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
