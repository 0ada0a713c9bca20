"""Does a revocation bite? Every process is asked, before and after, until the last of them has refused.

1. Each process answers on its private socket for one key: whether it would take it at that very moment, by the lease and
   the directory that it decides requests by. No secret is needed: what is asked is whether the key's id counts.
2. All are asked in turn, each by itself, from before the revocation until each has refused and kept refusing; none is asked
   before the gate has permitted the revocation, or anybody with a credential could have them asked about any key.
3. What is told is the latest moment at which any of them would still have taken it, by the clock of the machine that they
   share.

What is not shown: that a process which does not answer takes nothing. Its lease says so; the proof says that it is not one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from strongroom.app.metrics import SUFFIX
from strongroom.identity import Directory
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, parse_key_id
from strongroom.wire import ClientError, Handler, Pool, Reply, Request, UnixTarget

State: TypeAlias = Literal["accepted", "refused", "unavailable"]
"""`unavailable`: without a valid lease, so a request would be answered 503."""

LATEST_S: Final = 5.0
"""For how long a process is asked that has not refused yet: the lease, and what a busy machine adds."""

_PAUSE_S: Final = 0.005
_ANSWER_S: Final = 1.0
_IN_A_ROW: Final = 10
_MOST_BYTES: Final = 4096
_MOST_PROCESSES: Final = 1024
_PREFIX: Final = "/keys/"
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


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a process said of a key: `at` is CLOCK_BOOTTIME in the moment of its decision."""

    state: State
    at: float


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """What one process did with the key.

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


class Prover:
    """Watches every process while a key is revoked."""

    def __init__(self, directory: Path | None, own: Directory, clock: Clock) -> None:
        """Ask the processes whose sockets lie in `directory`, and this one, which decides by `own`."""
        self._directory: Final = directory
        self._own: Final = own
        self._clock: Final = clock

    @asynccontextmanager
    async def watching(self, key_id: KeyId) -> AsyncGenerator[Watch]:
        """Yield a watch over the key: begin it inside, once that is permitted, revoke, then ask it for the proof."""
        names = await asyncio.to_thread(self._names)
        pools = {name: Pool(UnixTarget(self._path(name)), max_connections=1) for name in names}
        askers = {"control": self._ask_own(key_id)} | {name: _asker(pool, key_id) for name, pool in pools.items()}
        watch = Watch(self._clock, askers)
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


def _asker(pool: Pool, key_id: KeyId) -> _Ask:
    async def ask() -> Seen | None:
        try:
            async with pool.request("GET", f"{_PREFIX}{key_id}", timeout_s=_ANSWER_S) as response:
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
    """A key that is being watched in every process. Nobody is asked before it has begun."""

    def __init__(self, clock: Clock, askers: Mapping[str, _Ask]) -> None:
        self._clock: Final = clock
        self._askers: Final = askers
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

    async def proof(self, committed_at: datetime) -> RevocationProof:
        """Return the proof, once every process has refused and kept refusing, or it has taken too long.

        Args:
            committed_at: now, right after the revocation was committed.
        """
        self._committed = committed = self._clock.boottime()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LATEST_S):
                while not all(line.settled for line in self._lines.values()):
                    self._moved.clear()
                    await self._moved.wait()
        await self.stop()
        latest = max((line.accepted_at for line in self._lines.values() if line.accepted_at is not None), default=None)
        after_s = None if latest is None else latest - committed
        return RevocationProof(
            proven=len(self._lines) > 1 and all(line.settled for line in self._lines.values()),
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
