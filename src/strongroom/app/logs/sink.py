"""The sink: a thread of the supervisor that masks what came and writes it down.

Always true here: whoever hands a line over is done at once; at most so many lines wait, and what came beyond them is counted and
told by the next line; a disk that takes nothing loses lines and ends nothing.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from strongroom.app.logs.files import Rotated
from strongroom.app.logs.model import TEXT, Bounds, Level, Line, Said, moment, printable
from strongroom.app.logs.saying import now_said, said_of
from strongroom.kernel.clock import Clock
from strongroom.privacy.strict import Strict

SUPERVISOR: Final = "supervisor"
OUTPUT: Final = "output"
_RAW: Final = 4 * TEXT  # characters of a line that are looked at; what is kept ends long before
_IDLE_S: Final = 1.0
_CLOSE_S: Final = 10.0
_END: Final = "\x00end"
_DATABASE: Final = (
    (" FATAL: ", Level.ERROR),
    (" PANIC: ", Level.ERROR),
    (" ERROR: ", Level.ERROR),
    (" WARNING: ", Level.WARNING),
)
_OURS: Final = b'{"type":"said",'


class Sink:
    """Takes lines from anywhere in the supervisor, and keeps them masked and bounded."""

    def __init__(self, directory: Path, clock: Clock, bounds: Bounds | None = None) -> None:
        self._directory: Final = directory
        self._clock: Final = clock
        self._bounds: Final = bounds or Bounds()
        self._waiting: Final[queue.Queue[tuple[str, bytes | Said]]] = queue.Queue(self._bounds.waiting)
        self._lock: Final = threading.Lock()
        self._lost: Final[Counter[str]] = Counter()
        self._files: Final[dict[str, Rotated]] = {}
        self._strict: Final[dict[str, Strict]] = {}
        self._thread: Final = threading.Thread(target=self._run, name="log sink", daemon=True)
        self._thread.start()

    def put(self, process: str, line: bytes) -> None:
        """Take a line that a process wrote."""
        self._take(process, line)

    def into(self, process: str) -> Callable[[bytes], None]:
        """Return what takes the lines of one process."""
        return lambda line: self._take(process, line)

    def say(self, text: str, level: Level = Level.INFO) -> None:
        """Take a line of the supervisor's own."""
        self._take(SUPERVISOR, now_said(level, SUPERVISOR, text))

    def handler(self) -> logging.Handler:
        """Return the handler for the supervisor's own records."""
        return _Direct(lambda said: self._take(SUPERVISOR, said))

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be written down."""
        return self._waiting.unfinished_tasks == 0

    def close(self) -> None:
        """Write down what waits, within some seconds, and end."""
        try:
            self._waiting.put((_END, b""), timeout=_CLOSE_S)
        except queue.Full:  # the disk hangs: what waits is lost with the process
            return
        self._thread.join(_CLOSE_S)

    def _take(self, process: str, line: bytes | Said) -> None:
        try:
            self._waiting.put_nowait((process, line))
        except queue.Full:
            self._lose(process)

    def _lose(self, process: str, lines: int = 1) -> None:
        with self._lock:
            self._lost[process] += lines

    def _run(self) -> None:
        while True:
            try:
                process, line = self._waiting.get(timeout=_IDLE_S)
            except queue.Empty:
                self._tell_losses()
                continue
            if process == _END:
                break
            try:
                self._write(self._line(process, line))
            except Exception:  # noqa: BLE001 - whatever a line is, the next one is written
                self._lose(process)
            finally:
                self._waiting.task_done()
        self._tell_losses()
        for file in self._files.values():
            file.close()

    def _line(self, process: str, line: bytes | Said) -> Line:
        said = line if isinstance(line, Said) else _read(line, self._clock)
        strict = self._strict.setdefault(process, Strict())
        text, masked = strict.clean(said.text[:_RAW], TEXT)
        # Frames name files and functions, which hold nothing; masked all the same, since who writes the line says what they are.
        where = strict.clean(said.where, TEXT)
        cut = said.cut or len(said.text) > TEXT or len(text) > TEXT
        return Line(
            at=moment(said.at), process=process, level=said.level, source=printable(strict.clean(said.source, 80).text),
            text=text[:TEXT], where=where.text, masked=dict(masked + where.masked), cut=cut, lost=self._losses(process) + said.lost,
        )  # fmt: skip

    def _losses(self, process: str) -> int:
        with self._lock:
            return self._lost.pop(process, 0)

    def _write(self, line: Line) -> None:
        file = self._files.get(line.process)
        if file is None:
            file = self._files[line.process] = Rotated(self._directory, line.process, self._bounds)
        try:
            file.append(msgspec.json.encode(line) + b"\n", self._clock.now())
        except OSError:
            self._lose(line.process, 1 + line.lost)

    def _tell_losses(self) -> None:
        for process in list(self._lost):
            lost = self._losses(process)
            if lost:
                self._write(
                    Line(
                        at=self._clock.now(), process=process, level=Level.WARNING, source="log",
                        text="more was said than could be written down", lost=lost,
                    )
                )  # fmt: skip


def listen(sink: Sink) -> None:
    """Hand the supervisor's own records, and warnings, to the sink."""
    root = logging.getLogger()
    root.handlers[:] = [sink.handler()]
    root.setLevel(logging.INFO)
    logging.raiseExceptions = False
    logging.captureWarnings(True)  # noqa: FBT003 - the standard library's signature


class _Direct(logging.Handler):
    """Hands the supervisor's own records to its sink."""

    def __init__(self, take: Callable[[Said], None]) -> None:
        super().__init__()
        self._take: Final = take

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over one record."""
        self._take(said_of(record))


def _read(line: bytes, clock: Clock) -> Said:
    """Return a line that came over a pipe: one of our own processes' is an object, any other is text."""
    if line.startswith(_OURS):
        try:
            return msgspec.json.decode(line, type=Said)
        except msgspec.MsgspecError:
            pass  # cut short, or made up: text like any other
    text = line.rstrip(b"\r\n").decode("utf-8", "replace")
    level = next((level for sign, level in _DATABASE if sign in text), Level.INFO)
    return Said(at=clock.now().timestamp(), level=level, source=OUTPUT, text=text)
