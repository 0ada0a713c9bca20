"""A line as it is said by a process, as it is kept, and as people read it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from enum import StrEnum, unique
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from strongroom.app.vault_section import Section

SAID_BYTES: Final = 4096
"""The longest line that a process says: a pipe takes as much at once, or nothing (PIPE_BUF)."""
TEXT: Final = 2048
"""The longest text that is kept of a line, in characters. It ends well before where a process may have cut it."""

_CONTROLS: Final = {point: f"\\x{point:02x}" for point in (*range(32), *range(127, 160))} | {10: "\\n", 9: "\\t"}
_WORD: Final = 8


@unique
class Level(StrEnum):
    """How much a line matters."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def weight(self) -> int:
        """A number that is greater for what matters more."""
        return list(Level).index(self)


class LogsSection(Section, frozen=True, kw_only=True):
    """How much of the processes' logs is kept."""

    mib: Annotated[
        int,
        Meta(ge=1, le=102_400, description="MiB of log that are kept of each process; the oldest go first."),
    ] = 64
    days: Annotated[int, Meta(ge=1, le=3660, description="Days after which a part of a log is removed.")] = 30


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one process's log: bytes in all, bytes of a part, days, and lines that may wait."""

    total: int = 64 * 2**20
    part: int = 8 * 2**20
    days: int = 30
    waiting: int = 4096

    @classmethod
    def of(cls, section: LogsSection) -> Bounds:
        """Return what the settings ask for."""
        total = section.mib * 2**20
        return cls(total=total, part=min(8 * 2**20, total // 2), days=section.days)


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="said"):
    """A line on its way from a process of our own to the sink."""

    at: float
    level: Level
    source: str
    text: str
    where: str = ""
    cut: bool = False
    lost: int = 0


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line as it is kept.

    Attributes:
        at: when it was said, UTC.
        process: who said it, by the supervisor's own knowledge.
        level: how much it matters.
        source: which part of the program said it; `output` for what no part of ours formed.
        text: what was said, masked.
        where: places in the program, of a fault.
        masked: how many of each type of personal data and secrets were masked.
        cut: whether something was cut off its end.
        lost: lines of this process that were lost before it.
    """

    at: datetime
    process: str
    level: Level
    source: str
    text: str
    where: str = ""
    masked: dict[str, int] = {}
    cut: bool = False
    lost: int = 0


def level_of(number: int) -> Level:
    """Return the level of one of Python's numbers."""
    if number >= logging.ERROR:
        return Level.ERROR
    if number >= logging.WARNING:
        return Level.WARNING
    return Level.INFO if number >= logging.INFO else Level.DEBUG


def moment(at: float) -> datetime:
    """Return the moment of a number of seconds since 1970."""
    return datetime.fromtimestamp(at, UTC)


def human(line: Line) -> str:
    """Return a line for people: one line, whatever its text holds."""
    at = line.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    parts = [at, line.process, line.level.upper().ljust(_WORD - 1), f"{line.source}:", printable(line.text)]
    if line.where:
        parts.append(f"at {printable(line.where)}")
    if line.cut:
        parts.append("[cut]")
    return " ".join(parts)


def printable(text: str) -> str:
    """Return `text` without control characters: a log is read on terminals."""
    return text.translate(_CONTROLS)
