"""One request's record, as the pipeline holds it: opened once, closed once, whatever happens in between.

Always true here:
- for a tenant whose records are `strict`, `durable` has returned before the first byte of an answer leaves, and `close`
  before the last; when either cannot, the caller is told 503 instead;
- for one whose records are `bounded`, neither waits;
- a record is closed once: what is said later is not heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from strongroom.gateway.metrics import Metrics
from strongroom.gateway.spool import Closed, Opened, Spool, SpoolBroken
from strongroom.kernel.clock import Clock
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.rules.limits import FREE, Price

_UNAVAILABLE: Final = 503

ClosedAs: TypeAlias = Literal["completed", "refused", "failed", "cancelled"]
"""What became of a request. `interrupted` is said by who finds an opening without a closing."""


class Recording:
    """The record of one request."""

    __slots__ = (
        "_clock",
        "_kept",
        "_metrics",
        "_opened",
        "_price",
        "_spool",
        "_started",
        "_strict",
        "closed",
        "first_byte_us",
        "found",
    )

    def __init__(
        self,
        spool: Spool,
        clock: Clock,
        opened: Opened | None,
        metrics: Metrics,
        *,
        strict: bool,
        started: float,
        price: Price = FREE,
    ) -> None:
        """Take down that a request was received. Nothing is written before `open`.

        Args:
            spool: where to.
            clock: for durations.
            opened: who asks what; None: somebody of whose requests no records are kept.
            metrics: what counts it.
            strict: whether the tenant's records must be durable.
            price: what the model costs by the tenant's rules.
            started: CLOCK_BOOTTIME, seconds, at which the request was received.
        """
        self._spool: Final = spool
        self._clock: Final = clock
        self._opened: Final = opened
        self._metrics: Final = metrics
        self._price: Final = price
        self._strict: Final = strict and opened is not None
        self._started: Final = started
        self._kept: bool | None = None  # None: not opened
        self.closed = False
        """Whether what became of the request is written."""
        self.first_byte_us: int | None = None
        self.found: Mapping[tuple[str, str], int] = {}
        """What the guard has met so far: how often, by direction and type."""

    @property
    def strict(self) -> bool:
        """Whether nothing may leave before a record of it is durable."""
        return self._strict

    def open(self) -> Refusal | None:
        """Write the opening record; return the no of a strict tenant whose records cannot be made durable now."""
        if self._strict and self._spool.trouble:
            return _unrecorded(self._spool.trouble)
        if self._opened is None:
            return None
        self._kept = self._spool.open(self._opened)
        return None

    async def durable(self) -> Refusal | None:
        """Wait until what was written is durable, where that is promised; return the no when it cannot be."""
        if not self._strict:
            return None
        try:
            await self._spool.durable()
        except SpoolBroken as broken:
            return _unrecorded(str(broken))
        return None

    async def beforehand(self) -> Refusal | None:
        """Open the record and wait until it is durable, where that is promised; elsewhere its closing says all."""
        return (self.open() or await self.durable()) if self._strict else None

    def first_byte(self) -> None:
        """Note that the answer begins to leave now."""
        if self.first_byte_us is None:
            self.first_byte_us = self._elapsed()

    async def close(
        self,
        outcome: ClosedAs,
        phase: str,
        status: int,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        target: str = "",
        refusal: str = "",
    ) -> Refusal | None:
        """Write what became of the request and, where that is promised, wait until it is durable.

        Returns:
            The no of a strict tenant whose record cannot be made durable now.
        """
        if outcome == "completed" and self._strict and self._spool.broken:
            return _unrecorded(self._spool.broken)  # not closed yet: what the caller is told instead became of it
        self.end(
            outcome,
            phase,
            status,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            target=target,
            refusal=refusal,
        )
        no = await self.durable() if self._strict else None
        if no is not None and outcome == "completed":
            self._take_back(phase, no)
        return no

    def _take_back(self, phase: str, no: Refusal) -> None:
        """Say after all that the caller was not answered: what was written as its end is not on the disk yet either."""
        if self._opened is not None:
            closed = Closed(
                self._opened.id,
                "failed",
                phase,
                _UNAVAILABLE,
                self._elapsed(),
                refusal=no.word,
                opened=self._opened,
                findings=told(self.found) if self.found else "",
            )
            self._spool.close(closed)

    def end(
        self,
        outcome: ClosedAs,
        phase: str,
        status: int,
        *,
        input_tokens: int = 0,
        output_tokens: int = 0,
        target: str = "",
        refusal: str = "",
    ) -> None:
        """Write what became of the request, and wait for nothing: nobody is left to be answered."""
        opened, kept = self._opened, self._kept
        if self.closed or opened is None:
            return
        self.closed = True
        closed = Closed(
            opened.id,
            outcome,
            phase,
            status,
            self._elapsed(),
            input_tokens,
            output_tokens,
            # What was refused before a model was asked costs nothing; what broke off costs what was used.
            self._price.of(input_tokens, output_tokens) if phase == "relayed" and self._price is not FREE else 0,
            self.first_byte_us,
            target,
            refusal,
            None if kept else opened,
            told(self.found) if self.found else "",
        )
        self._metrics.request(opened, closed)
        if kept:
            self._spool.close(closed)
        else:
            self._spool.close_unopened(closed, opened, counted=kept is not None)

    def _elapsed(self) -> int:
        return int((self._clock.boottime() - self._started) * 1e6)


def told(found: Mapping[tuple[str, str], int]) -> str:
    """Return what was met as it stands in a record: `{"input":{"email":2}}`. Types in order, numbers, and no content."""
    ways: dict[str, dict[str, int]] = {}
    for (direction, kind), number in sorted(found.items()):
        ways.setdefault(direction, {})[kind] = number
    return msgspec.json.encode(ways).decode()


def _unrecorded(why: str) -> Refusal:
    return Refusal(
        kind=RefusalKind.UNAVAILABLE,
        reason=f"the record cannot be made durable: {why}",
        tell="The service cannot record this request at the moment, as it must. Try again shortly.",
        code="records_unavailable",
    )
