"""Counting what is taken out, and refusing what is too much.

Always true here:
- it is counted by the database, in the transaction that hands it over, under a lock of who takes and of the tenant: many at
  once, in any number of processes, come to no more than one after the other, and a restart forgets nothing;
- what is refused was not taken: its transaction is undone, and the count with it. So many small takings are stopped at the
  very place at which one large one would be;
- a tenant's counters are moved by what is taken from that tenant, and by nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, LiteralString, TypeAlias

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy.taking import Surface
from strongroom.rules.documents import Rulebook
from strongroom.rules.exports import EXPORTS, TENANT, Bound, Exports, ExportsRule, Per, taker_of
from strongroom.rules.resolve import Held, Standing
from strongroom.store import TenantTx
from strongroom.store.tx import Tx, place

CODE: Final = "export_limit"
SIGNAL: Final = "export-limit"

TAKE: Final[LiteralString] = """
    SELECT json_agg(t)::text FROM limits.take($1, $2, $3, $4, $5)
         AS t (party, span, began, rows, bytes, times)
"""
"""Takes (taker, surface, now, rows, bytes); returns what it comes to, for `over`."""

_SPANS: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1)}

Declared: TypeAlias = Callable[[TenantTx, Surface, str], Awaitable[bool]]
"""Whether a tenant's files of flows declare that a store is taken from by a taker."""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has taken in one span, this time included. `party`: a taker, or `TENANT`."""

    party: str
    span: Literal["hour", "day"]
    began: datetime
    rows: int
    bytes: int
    times: int

    @property
    def ends(self) -> datetime:
        """When the span ends."""
        return self.began + _SPANS[self.span]

    def of(self, bound: Bound) -> int:
        """Return how much of what `bound` is on."""
        amount: int = getattr(self, bound.measure.what)
        return amount

    def is_of(self, bound: Bound) -> bool:
        """Whether `bound` is on this counter."""
        return self.span == bound.measure.span and (self.party == TENANT) is (bound.per is Per.TENANT)


def counts_of(text: str | None) -> list[Count]:
    """Return what `TAKE` said."""
    return msgspec.json.decode(text or "[]", type=list[Count])


def over(
    terms: Exports, surface: Surface, taker: str, counts: Sequence[Count], rows: int, octets: int, now: datetime
) -> Refusal | None:
    """Return the no to what was just counted, if it is too much; the one that lasts longest, where several are.

    Args:
        terms: what holds of the tenant.
        surface: from which store.
        taker: who.
        counts: the counters, with what is to be taken.
        rows: how much that is, which helps to say what to do next.
        octets: likewise, in bytes.
        now: to say when to try again.
    """
    this = {"rows": rows, "bytes": octets, "times": 1}
    above = [
        (this[bound.measure.what] > bound.amount, count.ends, bound, count.of(bound))
        for bound in terms.of(surface, taker)
        for count in counts
        if count.is_of(bound) and count.of(bound) > bound.amount
    ]
    if not above:
        return None
    never, ends, bound, come_to = max(above, key=lambda each: each[:2])
    return _refusal(bound, taker, come_to, this[bound.measure.what], None if never else ends, now)


def broken(terms: Exports, surface: Surface, count: Count) -> dict[str, int]:
    """Return the bounds that a counter stands above, by measure: what would have been stopped on the way there."""
    return {
        bound.measure.value: bound.amount
        for bound in terms.of(surface, count.party)
        if count.is_of(bound) and count.of(bound) > bound.amount
    }


def _refusal(bound: Bound, taker: str, come_to: int, this: int, ends: datetime | None, now: datetime) -> Refusal:
    whose = "The tenant" if bound.per is Per.TENANT else "You"
    what = "" if bound.measure.what == "times" else f" {bound.measure.what}"
    thing = {
        "rows": bound.surface.words,
        "bytes": f"bytes of {bound.surface.words}",
        "times": f"takings of {bound.surface.words}",
    }
    span = "hour" if bound.measure.span == "hour" else "day"
    wait = None if ends is None else max(1, math.ceil((ends - now).total_seconds()))
    then = "Ask for less at once" if wait is None else f"Try again in {_lasting(wait)}"
    return Refusal(
        kind=RefusalKind.LIMITED,
        reason=f"{taker} would take {come_to:,}{what} of {bound.surface} this {span}; {bound.amount:,} is the limit of the {bound.per}",
        tell=f"{whose} may take {bound.amount:,} {thing[bound.measure.what]} {'an hour' if span == 'hour' else 'a day'}; "
        f"{come_to - this:,} were taken, and this would be {this:,} more. {then}, or have the limit raised: `strongroom exports show`.",
        code=CODE,
        retry_after_s=wait,
        signal=SIGNAL,
    )


def _lasting(seconds: int) -> str:
    minutes = math.ceil(seconds / 60)
    if minutes <= 1:
        return "a minute"
    return f"{minutes} minutes" if minutes < 100 else f"{math.ceil(minutes / 60)} hours"  # noqa: PLR2004 - as people say it


def everything(standing: Standing[ExportsRule]) -> Exports:
    """Return what the documents in force come to; rules of this kind have no selectors of callers."""
    above, own = standing.above, standing.own
    ceiling = EXPORTS.ceiling(()) if above is None else _of(above, ceiling=True)
    return ceiling if own is None else EXPORTS.meet(ceiling, _of(own, ceiling=False))


def _of(held: Held[ExportsRule], *, ceiling: bool) -> Exports:
    if held.document is None:
        return EXPORTS.unreadable
    return (EXPORTS.ceiling if ceiling else EXPORTS.own)(held.document.rules)


class Taking:
    """Counts, compares, and refuses: for the gate. One event loop."""

    def __init__(self, book: Rulebook, clock: Clock, declared: Declared | None = None) -> None:
        """Take what knows the rules, dates the spans, and tells of declared flows; without that none counts as declared."""
        self._book: Final = book
        self._clock: Final = clock
        self._declared: Final = declared

    async def __call__(self, tx: Tx, who: Principal, surface: Surface, rows: int, octets: int) -> None:
        """Count what is about to be handed out.

        Raises:
            Refused: LIMITED when it is too much; FORBIDDEN when no flow is declared where one must be.
        """
        terms, taker, now = everything(self._book.standing(EXPORTS, place(tx))), taker_of(who), self._clock.now()
        if surface in terms.declared and isinstance(tx, TenantTx):
            await self._demand(tx, surface, taker)
        counts = counts_of(await tx.fetchval(TAKE, taker, surface.value, now, rows, octets))
        no = over(terms, surface, taker, counts, rows, octets, now)
        if no is not None:
            raise Refused(no)

    async def _demand(self, tx: TenantTx, surface: Surface, taker: str) -> None:
        if self._declared is None or not await self._declared(tx, surface, taker):
            tell = "No flow is declared from here to you: `strongroom flows declare`, then try again."
            reason = f"no flow from {surface} to {taker} is declared, and the rules block what is not"
            raise Refused(
                Refusal(
                    kind=RefusalKind.FORBIDDEN, reason=reason, tell=tell, code="undeclared_flow", signal="flow-blocked"
                )
            )
