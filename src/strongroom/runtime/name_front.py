"""The front of a worker for names: what waits is read in small batches, in turn between tenants, off the event loop.

Always true here:
- a batch takes a window of each tenant that waits before it takes a second of any, so a long text of one delays another by
  one batch;
- who leaves ends the work on its texts with the batch that is being read;
- what waits is bounded, for all and for each; beyond that a request is refused at once, not later.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from strongroom.privacy.naming import Read, spans_of
from strongroom.runtime.errors import JSON, invalid
from strongroom.runtime.front import caller_of
from strongroom.runtime.lender import QueueFullError, even_if_cancelled
from strongroom.runtime.namer import Namer, Window, fitting
from strongroom.wire import Handler, Reply, Request

PATH: Final = "/v1/names"
MAX_TEXTS: Final = 4096
MAX_CHARACTERS: Final = 1 << 18
"""Of all texts of one request together."""
_WAITING: Final = 8192
_WAITING_EACH: Final = 4096


class NamesRequest(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/names."""

    texts: Annotated[list[str], Meta(min_length=1, max_length=MAX_TEXTS)]


class _Job:
    """One request's texts on their way through batches."""

    __slots__ = ("done", "ended", "read", "waiting")

    def __init__(self, cut: Sequence[Sequence[Window]]) -> None:
        self.waiting = deque((number, window) for number, each in enumerate(cut) for window in each)
        self.read: list[list[Read]] = [[] for _ in cut]
        self.done = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Batcher:
    """Reads what waits. One event loop."""

    def __init__(self, namer: Namer) -> None:
        self._namer = namer
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="names")
        self._jobs: OrderedDict[Hashable, deque[_Job]] = OrderedDict()
        self._waiting = 0
        self._working: asyncio.Task[None] | None = None
        self.batches = 0
        """Runs of the model since the start."""

    async def read(self, tenant: Hashable, texts: Sequence[str]) -> list[list[Read]]:
        """Return the classified tokens of each text.

        Raises:
            QueueFullError: too much waits already.
        """
        loop = asyncio.get_running_loop()
        if self._waiting >= _WAITING:
            raise QueueFullError
        cut = await even_if_cancelled(loop.run_in_executor(self._thread, self._cut, texts))
        job = _Job(cut)
        if not job.waiting:
            return job.read
        mine = self._jobs.get(tenant, ())
        if (
            self._waiting + len(job.waiting) > _WAITING
            or sum(len(each.waiting) for each in mine) + len(job.waiting) > _WAITING_EACH
        ):
            raise QueueFullError
        self._jobs.setdefault(tenant, deque()).append(job)
        self._waiting += len(job.waiting)
        if self._working is None or self._working.done():
            self._working = asyncio.ensure_future(self._work())
        try:
            await job.ended
        finally:
            self._leave(tenant, job)
        return job.read

    def _cut(self, texts: Sequence[str]) -> list[list[Window]]:
        return [self._namer.cut(text) for text in texts]

    def _leave(self, tenant: Hashable, job: _Job) -> None:
        self._waiting -= len(job.waiting)
        job.waiting.clear()
        self._tidy(tenant)

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
        while run := self._next():
            work = loop.run_in_executor(self._thread, self._namer.run, [window for _, _, window in run])
            try:
                read = await work
            except Exception as error:  # noqa: BLE001 - whatever the engine says ends those that were being read, nobody else
                for job, _, _ in run:
                    if not job.ended.done():
                        job.ended.set_exception(error)
                continue
            self.batches += 1
            for (job, number, _), tokens in zip(run, read, strict=True):
                job.read[number] += tokens
                job.done -= 1
                if not job.waiting and not job.done and not job.ended.done():
                    job.ended.set_result(None)

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
