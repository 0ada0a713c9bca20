"""The front of a worker for names: what waits is read in small batches, in turn between tenants, off the event loop.

Always true here:
- texts are cut into tokens a piece at a time, a piece of each tenant that waits before a second of any, and between two batches about
  `_GO` characters; a batch takes a window of each tenant before it takes a second of any. So a long text of one delays
  another by one of each;
- who leaves ends the work on its texts with the pieces that are being cut and the batch that is being read;
- what waits is bounded, for all and for each: the characters that are to be cut before anything is done about them (a request beyond
  that is refused at once), and then the windows that they come to. Who has nothing waiting is taken however much others have.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from strongroom.privacy.naming import Read, spans_of
from strongroom.runtime.errors import JSON, invalid
from strongroom.runtime.front import caller_of
from strongroom.runtime.lender import QueueFullError
from strongroom.runtime.namer import Namer, Tokens, Window, fitting, pieces
from strongroom.wire import Handler, Reply, Request

PATH: Final = "/v1/names"
MAX_TEXTS: Final = 4096
MAX_CHARACTERS: Final = 1 << 18
"""Of all texts of one request together."""
_UNCUT: Final = 16 * MAX_CHARACTERS
"""Characters of all tenants that wait to be cut, and of each: more than is read within anybody's patience."""
_UNCUT_EACH: Final = 4 * MAX_CHARACTERS
_GO: Final = 1 << 14
"""Characters that are cut between two batches."""
_A_PIECE: Final = 64
"""What a piece counts beside its characters, so that many empty texts are not for nothing."""
_WAITING: Final = 8192
_WAITING_EACH: Final = 4096


class NamesRequest(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/names."""

    texts: Annotated[list[str], Meta(min_length=1, max_length=MAX_TEXTS)]


class _Piece(NamedTuple):
    """A piece of one of a request's texts, and whether it is the text's last."""

    number: int
    at: int
    piece: str
    last: bool


class _Job:
    """One request's texts on their way through cutting and batches."""

    __slots__ = ("cut", "done", "ended", "left", "read", "size", "uncut", "waiting", "windows")

    def __init__(self, texts: Sequence[str]) -> None:
        self.size = sum(map(_size, texts))  # what it counts while it waits to be cut
        self.uncut = deque(
            _Piece(number, at, piece, at + len(piece) == len(text))
            for number, text in enumerate(texts)
            for at, piece in pieces(text)
        )
        self.left = 0  # pieces that are being cut
        self.cut: list[list[Tokens]] = [[] for _ in texts]  # of texts that are cut in part; the thread's
        self.windows: list[tuple[int, Window]] = []  # of texts that are cut, until all are
        self.waiting: deque[tuple[int, Window]] = deque()
        self.read: list[list[Read]] = [[] for _ in texts]
        self.done = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()


def _size(text: str) -> int:
    return len(text) + _A_PIECE


class Batcher:
    """Reads what waits. One event loop."""

    def __init__(self, namer: Namer) -> None:
        self._namer = namer
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="names")
        self._uncut: OrderedDict[Hashable, deque[_Job]] = OrderedDict()
        self._jobs: OrderedDict[Hashable, deque[_Job]] = OrderedDict()
        self._characters = 0
        self._waiting = 0
        self._working: asyncio.Task[None] | None = None
        self.batches = 0
        """Runs of the model since the start."""

    async def read(self, tenant: Hashable, texts: Sequence[str]) -> list[list[Read]]:
        """Return the classified tokens of each text.

        Raises:
            QueueFullError: too much waits already.
        """
        if not texts:
            return []
        size = sum(map(_size, texts))
        mine = sum(each.size for each in self._uncut.get(tenant, ()))
        full = self._waiting >= _WAITING or self._characters + size > _UNCUT
        if mine + size > _UNCUT_EACH or (full and (mine or tenant in self._jobs)):
            raise QueueFullError
        job = _Job(texts)
        self._uncut.setdefault(tenant, deque()).append(job)
        self._characters += job.size
        if self._working is None or self._working.done():
            self._working = asyncio.ensure_future(self._work())
        try:
            await job.ended
        finally:
            self._leave(tenant, job)
        return job.read

    def _leave(self, tenant: Hashable, job: _Job) -> None:
        self._no_longer_uncut(tenant, job)
        self._waiting -= len(job.waiting)
        job.waiting.clear()
        self._tidy(tenant)

    def _no_longer_uncut(self, tenant: Hashable, job: _Job) -> None:
        jobs = self._uncut.get(tenant)
        if jobs is None or job not in jobs:
            return
        jobs.remove(job)
        self._characters -= job.size
        if not jobs:
            del self._uncut[tenant]

    def _tidy(self, tenant: Hashable) -> None:
        jobs = self._jobs.get(tenant)
        if jobs is None:
            return
        while jobs and not jobs[0].waiting:
            jobs.popleft()
        if not jobs:
            del self._jobs[tenant]

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._uncut or self._jobs:
            if go := self._next_pieces():
                cut = await loop.run_in_executor(self._thread, self._cut, [(job, piece) for _, job, piece in go])
                for (tenant, job, piece), windows in zip(go, cut, strict=True):
                    self._take(tenant, job, piece, windows)
            if run := self._next():
                await self._run(run)

    async def _run(self, run: list[tuple[_Job, int, Window]]) -> None:
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._thread, self._namer.run, [window for _, _, window in run])
        try:
            read = await work
        except Exception as error:  # noqa: BLE001 - whatever the engine says ends those that were being read, nobody else
            for job, _, _ in run:
                if not job.ended.done():
                    job.ended.set_exception(error)
            return
        self.batches += 1
        for (job, number, _), tokens in zip(run, read, strict=True):
            job.read[number] += tokens
            job.done -= 1
            if not job.waiting and not job.done and not job.ended.done():
                job.ended.set_result(None)

    def _next_pieces(self) -> list[tuple[Hashable, _Job, _Piece]]:
        """Take what is cut next: in turn between tenants, as much as is cut between two batches."""
        go: list[tuple[Hashable, _Job, _Piece]] = []
        room = _GO
        while self._uncut and room > 0:
            tenant = next(iter(self._uncut))
            job = self._uncut[tenant][0]
            piece = job.uncut.popleft()
            job.left += 1
            room -= _size(piece.piece)
            go.append((tenant, job, piece))
            self._uncut.move_to_end(tenant)
            if not job.uncut:
                self._no_longer_uncut(tenant, job)
        return go

    def _cut(self, go: Sequence[tuple[_Job, _Piece]]) -> list[list[Window] | Exception]:
        """Cut pieces, in the thread; return the windows over the texts that end with them, or why one cannot be cut."""
        cut: list[list[Window] | Exception] = []
        for job, piece in go:
            windows: list[Window] | Exception = []
            if not job.ended.done():  # nobody waits for it any longer
                try:
                    windows = self._cut_one(job, piece)
                except Exception as error:  # noqa: BLE001 - as with a batch: it ends the one that it was cut for
                    windows = error
            cut.append(windows)
        return cut

    def _cut_one(self, job: _Job, piece: _Piece) -> list[Window]:
        job.cut[piece.number].append(self._namer.tokens(piece.piece, piece.at))
        if not piece.last:
            return []
        windows = self._namer.lay(job.cut[piece.number])
        job.cut[piece.number] = []
        return windows

    def _take(self, tenant: Hashable, job: _Job, piece: _Piece, windows: list[Window] | Exception) -> None:
        """Take what a piece came to; with the last of a job's, its windows wait to be read."""
        job.left -= 1
        if job.ended.done():
            return
        if isinstance(windows, Exception):
            job.ended.set_exception(windows)
            self._no_longer_uncut(tenant, job)
            return
        job.windows += [(piece.number, window) for window in windows]
        if job.left or job.uncut:
            return
        size = len(job.windows)
        mine = sum(len(each.waiting) for each in self._jobs.get(tenant, ()))
        if not size:
            job.ended.set_result(None)
        elif mine + size > _WAITING_EACH or (mine and self._waiting + size > _WAITING):
            job.ended.set_exception(QueueFullError())
        else:
            job.waiting.extend(job.windows)
            job.windows.clear()
            self._jobs.setdefault(tenant, deque()).append(job)
            self._waiting += size

    def _next(self) -> list[tuple[_Job, int, Window]]:
        """Take what is read next: in turn between tenants, as much as goes into one run."""
        run: list[tuple[_Job, int, Window]] = []
        while self._jobs:
            tenant = next(iter(self._jobs))
            self._tidy(tenant)
            if tenant not in self._jobs:
                continue
            job = self._jobs[tenant][0]
            number, window = job.waiting[0]
            if run and fitting([*(each[2] for each in run), window]) <= len(run):
                break
            job.waiting.popleft()
            self._waiting -= 1
            job.done += 1
            run.append((job, number, window))
            self._jobs.move_to_end(tenant)
            self._tidy(tenant)
        return run


class NameFront:
    """Answers the endpoint for names."""

    def __init__(self, namer: Namer) -> None:
        self.batcher = Batcher(namer)

    @property
    def routes(self) -> dict[str, Handler]:
        """Which handler answers which path."""
        return {PATH: self._names}

    async def _names(self, request: Request, reply: Reply) -> None:
        caller = caller_of(request)
        texts = _asked(request.body)
        read = await self.batcher.read(caller.tenant, texts)
        spans: list[Any] = [
            [(span.start, span.end, span.kind, round(span.confidence, 3)) for span in spans_of(text, tokens)]
            for text, tokens in zip(texts, read, strict=True)
        ]
        await reply.send(200, JSON, msgspec.json.encode({"spans": spans}))


def _asked(body: bytes) -> list[str]:
    try:
        texts = msgspec.json.decode(body, type=NamesRequest).texts
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise invalid("The body is an object with the array `texts`.") from None
    if sum(map(len, texts)) > MAX_CHARACTERS:
        raise invalid(f"The texts have at most {MAX_CHARACTERS} characters together.", param="texts")
    return texts
