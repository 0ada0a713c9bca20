"""Runs a plan over a file: reads, hands blocks to worker processes, writes in order, and moves the result into place."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from strongroom.app.redaction import blocks, parquet, transforms
from strongroom.app.redaction.plan import Format, Plan, Redactor
from strongroom.app.redaction.report import Report, report
from strongroom.privacy import Tier
from strongroom.privacy.actions import Counts
from strongroom.privacy.synthetic import Missing

Progress = Callable[[int], None]
Work = tuple[bytes, int, Counts]

_AHEAD: Final = 2  # blocks in flight for each worker: enough to keep it busy, few enough to bound the memory


class Trouble(Exception):  # noqa: N818 - said to a person
    """A run cannot go on; what was there stays as it was.

    Attributes:
        then: what to do.
    """

    def __init__(self, said: str, then: str = "") -> None:
        super().__init__(said)
        self.then = then


def redact(
    plan: Plan,
    form: Format,
    source: BinaryIO,
    target: BinaryIO | None,
    *,
    jobs: int = 1,
    progress: Progress = lambda _: None,
    kept: frozenset[str] = frozenset(),
) -> Report:
    """Rewrite `source` into `target`, or only count where there is no target.

    Raises:
        Trouble: the content is not what its form says, or something that is needed is not installed.
    """
    began = time.monotonic()
    try:
        if form is Format.PARQUET:
            counts, rows, unchecked = _parquet(plan, source, target, kept, progress)
        else:
            counts, rows = _blocks(plan, form, source, target, jobs, progress)
            unchecked = []
    except Missing as error:
        raise Trouble(str(error)) from None
    except blocks.TooLong as error:
        raise Trouble(f"The file holds {error}.", "Is it of the form that was named? See --format.") from None
    return report(form, plan.action, rows, counts, unchecked, time.monotonic() - began)


def _parquet(
    plan: Plan, source: BinaryIO, target: BinaryIO | None, kept: frozenset[str], progress: Progress
) -> tuple[Counts, int, list[str]]:
    redactor = Redactor(plan)
    with tempfile.TemporaryDirectory() as folder:
        # Parquet is read from its end: standard input is laid down first.
        given, made = Path(folder) / "in", Path(folder) / "out"
        with given.open("wb") as file:
            while data := source.read(blocks.BLOCK):
                file.write(data)
        try:
            rows, unchecked = parquet.rewrite(given, None if target is None else made, redactor, kept, progress)
        except parquet.NoParquet as error:
            raise Trouble(str(error)) from None
        except parquet.Unreadable as error:
            raise Trouble(
                f"The file cannot be redacted: {error}.", "Name columns that may pass unread with --keep."
            ) from None
        if target is not None:
            with made.open("rb") as file:
                while data := file.read(blocks.BLOCK):
                    target.write(data)
    return redactor.counts, rows, unchecked


def _blocks(
    plan: Plan, form: Format, source: BinaryIO, target: BinaryIO | None, jobs: int, progress: Progress
) -> tuple[Counts, int]:
    counts, rows, lines = Counts(), 0, 0
    redactor = Redactor(plan)  # here too: a plan that cannot be carried out says so before anything is read
    headed = set[str]()
    taken = _cut(plan, form, source, redactor, headed)
    with contextlib.ExitStack() as stack:
        for block, work in _worked(stack, plan, form, taken, jobs, redactor):
            try:
                data, done, found = work()
            except transforms.BadRecord as error:
                where = f"line {lines + error.record}" if form is not Format.JSON else "the document"
                raise Trouble(
                    f"The file cannot be read at {where}: {error}.", "Is it of the form that was named? See --format."
                ) from None
            if target is not None:
                target.write(data)
            counts.merge(found)
            rows, lines = rows + done, lines + block.count(b"\n")
            progress(len(block))
    counts.fields |= headed
    return counts, rows


def _cut(
    plan: Plan, form: Format, source: BinaryIO, redactor: Redactor, headed: set[str]
) -> Iterator[tuple[bytes, tuple[str, ...], str, bool]]:
    """Yield blocks with the names of their columns, the delimiter, and whether it is the first one."""
    match form:
        case Format.JSON:
            yield source.read(), (), "", True
        case Format.JSONL:
            yield from ((block, (), "", False) for block in blocks.lines(source))
        case Format.CSV:
            names: tuple[str, ...] = ()
            delimiter, first = ",", True
            for block in blocks.records(source):
                if first:
                    names, delimiter = transforms.heading(block, header=plan.header)
                    _is_heading(names, redactor)
                    headed |= {name for name in names if redactor.has(name)}
                yield block, names, delimiter, first
                first = False
        case _:
            yield from ((block, (), "", False) for block in blocks.text(source, lambda text: list(redactor.find(text))))


def _is_heading(names: Sequence[str], redactor: Redactor) -> None:
    """Stop at a first record that is none: names of columns are passed on as they are."""
    for place, name in enumerate(names, 1):
        if any(span.tier is Tier.PATTERN for span in redactor.find(name)):
            raise Trouble(
                f"The first record of the CSV file holds data in column {place}, where a column's name should be.",
                "No heading? Use --no-header.",
            )


def _worked(
    stack: contextlib.ExitStack,
    plan: Plan,
    form: Format,
    taken: Iterator[tuple[bytes, tuple[str, ...], str, bool]],
    jobs: int,
    redactor: Redactor,
) -> Iterator[tuple[bytes, Callable[[], Work]]]:
    """Yield each block with what waits for its result, in order; a single block needs no other process."""
    head = next(taken, None)
    if head is None:
        return
    second = next(taken, None)
    if second is None or jobs < 2:  # noqa: PLR2004 - the figure is the rule itself
        for each in _chain(head, second, taken):
            yield each[0], partial(_rewrite, redactor, form, *each)
        return
    pool = stack.enter_context(ProcessPoolExecutor(jobs, initializer=_begin, initargs=(plan,)))
    stack.callback(pool.shutdown, wait=False, cancel_futures=True)
    waiting: deque[tuple[bytes, Future[Work]]] = deque()
    for each in _chain(head, second, taken):
        waiting.append((each[0], pool.submit(_in_worker, form, *each)))
        if len(waiting) >= jobs * _AHEAD:
            block, future = waiting.popleft()
            yield block, future.result
    while waiting:
        block, future = waiting.popleft()
        yield block, future.result


def _chain(
    head: tuple[bytes, tuple[str, ...], str, bool],
    second: tuple[bytes, tuple[str, ...], str, bool] | None,
    rest: Iterator[tuple[bytes, tuple[str, ...], str, bool]],
) -> Iterator[tuple[bytes, tuple[str, ...], str, bool]]:
    yield head
    if second is not None:
        yield second
    yield from rest


_HERE: list[Redactor] = []  # a worker process's own


def _begin(plan: Plan) -> None:
    _HERE[:] = [Redactor(plan)]


def _in_worker(form: Format, block: bytes, names: tuple[str, ...], delimiter: str, first: bool) -> Work:
    return _rewrite(_HERE[0], form, block, names, delimiter, first)


def _rewrite(
    redactor: Redactor, form: Format, block: bytes, names: tuple[str, ...], delimiter: str, first: bool
) -> Work:
    redactor.counts = Counts()
    match form:
        case Format.JSON:
            data, count = transforms.document(redactor, block)
        case Format.JSONL:
            data, count = transforms.json_lines(redactor, block)
        case Format.CSV:
            data, count = transforms.comma_separated(redactor, block, names, delimiter, first=first)
        case _:
            data, count = transforms.text(redactor, block)
    return data, count, redactor.counts


@contextlib.contextmanager
def written_whole(path: Path) -> Generator[BinaryIO, None, None]:
    """Give a file beside `path` that becomes it when all went well, and disappears when not."""
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise Trouble(f"{path} cannot be written: {error.strerror}.") from None
    beside = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o600)  # what is left of it is still the owner's business
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
