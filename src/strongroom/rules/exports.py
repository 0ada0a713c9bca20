"""How much may be taken out of a tenant's stores in an hour and in a day: the kind `exports`.

Always true here:
- a bound is on what one account or workload takes from one store (`taker`), or on what all of a tenant take (`tenant`);
- of one document the most closely aimed rule speaks: one for a taker before one for everybody, one for a store before one for
  all of them; of two aimed alike the narrower. Of the ceiling and the tenant's own document the narrower holds;
- where no operator speaks of a store, the product's own bound holds there (`DEFAULTS`): nothing is unlimited by being new;
- a document that cannot be read lets nothing out.

Whom a rule is for is said by `takers`, as places are called in flows: `account:ROLE/NAME`, `workload:ENV/NAME`. The other
selectors are of requests to models, and refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum, unique
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from strongroom.kernel.principal import Principal
from strongroom.policy.taking import Surface
from strongroom.rules.kind import Kind, Said
from strongroom.rules.model import DocumentError, Rule

MAX_AMOUNT: Final = 1_000_000_000_000_000

Amount: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
Taker: TypeAlias = Annotated[
    str,
    Meta(pattern=r"^(?:account:[a-z-]{1,32}/[!-~]{1,100}|workload:(?:dev|test|prod)/[a-z0-9.-]{1,63})$(?!\n)"),
]

ANYBODY: Final = ""
"""Stands for every taker that no rule names."""

WATCHED: Final = frozenset(Surface) - {Surface.RESPONSES}
"""From where undeclared flows can be blocked: a gateway, which gives workloads their own kept answers, knows of no declarations."""

TENANT: Final = "tenant"
"""The counter of all that a tenant's takers take together."""


@unique
class Measure(StrEnum):
    """What is counted. The values are the fields of a rule."""

    ROWS_HOUR = "rows_per_hour"
    ROWS_DAY = "rows_per_day"
    BYTES_HOUR = "bytes_per_hour"
    BYTES_DAY = "bytes_per_day"
    TIMES_HOUR = "times_per_hour"
    TIMES_DAY = "times_per_day"

    @property
    def what(self) -> str:
        """What is counted: `rows`, `bytes` or `times`."""
        return self.partition("_")[0]

    @property
    def span(self) -> Literal["hour", "day"]:
        """In which span: from a full hour to the next, or a day, UTC."""
        return "hour" if self.endswith("hour") else "day"


@unique
class Per(StrEnum):
    """What has counters of its own."""

    TAKER = "taker"  # an account, or a workload in its environment
    TENANT = "tenant"


class ExportsRule(Rule, frozen=True, kw_only=True):
    """One rule of a document on exports.

    Attributes:
        surfaces: from which stores; none given: from each, counted apart.
        takers: for whom; none given: for everybody, each counted apart.
        per: what has counters of its own.
        rows_per_hour: records, entries, answers, pieces of files of 8 MiB; `rows_per_day` likewise.
        bytes_per_hour: as they are told; `bytes_per_day` likewise.
        times_per_hour: how often anything is taken, however little; `times_per_day` likewise.
        undeclared: `block`: nothing leaves to whom no file of flows declares it; of what the control process hands out (`WATCHED`).
    """

    surfaces: tuple[Surface, ...] = ()
    takers: Annotated[tuple[Taker, ...], Meta(max_length=100)] = ()
    per: Per = Per.TAKER
    rows_per_hour: Amount | None = None
    rows_per_day: Amount | None = None
    bytes_per_hour: Amount | None = None
    bytes_per_day: Amount | None = None
    times_per_hour: Amount | None = None
    times_per_day: Amount | None = None
    undeclared: Literal["block"] | None = None

    def amount(self, measure: Measure) -> int | None:
        """Return what this rule says of `measure`."""
        amount: int | None = getattr(self, measure.value)
        return amount

    @property
    def stores(self) -> Sequence[Surface]:
        """Return the stores that it speaks of."""
        return self.surfaces or tuple(Surface)


class Bound(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """At most `amount` of one thing. `taker`: for whom alone; `ANYBODY`: for all whom no other bound names."""

    surface: Surface
    per: Per
    measure: Measure
    taker: str
    amount: int

    @property
    def place(self) -> _Place:
        """Return what two bounds share that are on the same counters."""
        return self.surface, self.per, self.measure

    @property
    def words(self) -> str:
        """Say it in plain words."""
        thing = {"rows": "rows", "bytes": "bytes", "times": "takings"}[self.measure.what]
        return f"{self.amount:,} {thing} {'an hour' if self.measure.span == 'hour' else 'a day'}"


_Place: TypeAlias = tuple[Surface, Per, Measure]
_Table: TypeAlias = dict[_Place, dict[str, int]]


class Exports(msgspec.Struct, frozen=True, kw_only=True):
    """What holds: bounds in order, none that says what another says already; and from where only declared flows lead."""

    bounds: tuple[Bound, ...] = ()
    declared: tuple[Surface, ...] = ()

    def of(self, surface: Surface, taker: str) -> list[Bound]:
        """Return the bounds that `taker` must keep at `surface`."""
        held: dict[_Place, Bound] = {}
        for bound in self.bounds:  # in order, so the one for anybody comes before the one that is aimed
            if bound.surface is surface and bound.taker in {ANYBODY, taker}:
                held[bound.place] = bound
        return list(held.values())


def taker_of(who: Principal) -> str:
    """Return what counters and rules call a caller: by its name, so that no new key and no elevation begins anew."""
    if who.environment is not None and who.role.is_workload:
        return f"workload:{who.environment}/{who.name}"
    return f"account:{who}"


_GIB: Final = 2**30
_EACH: Final[dict[Surface, dict[Measure, int]]] = {
    # Thousands of pages of the console's an hour; a program that takes more copies the store.
    Surface.RECORDS: {Measure.ROWS_HOUR: 500_000, Measure.ROWS_DAY: 5_000_000},
    # An export begins at the beginning each time, so it must have room for a log of some years.
    Surface.AUDIT: {Measure.ROWS_HOUR: 5_000_000, Measure.ROWS_DAY: 50_000_000},
    # One person each: an office answers some dozens a day.
    Surface.SUBJECTS: {Measure.TIMES_HOUR: 200, Measure.TIMES_DAY: 1_000, Measure.BYTES_DAY: 8 * _GIB},
    # A tenant has 10,000 kept at most: a sweep over all of them in an hour is stopped at a fifth.
    Surface.RESPONSES: {Measure.ROWS_HOUR: 2_000, Measure.ROWS_DAY: 20_000},
    Surface.WEIGHTS: {Measure.BYTES_HOUR: 128 * _GIB, Measure.BYTES_DAY: 512 * _GIB},
    Surface.CAPTURES: {Measure.ROWS_HOUR: 1_000, Measure.ROWS_DAY: 5_000},
    # A set has 16 MiB at most.
    Surface.DATASETS: {Measure.TIMES_HOUR: 500, Measure.BYTES_HOUR: 4 * _GIB, Measure.BYTES_DAY: 16 * _GIB},
    Surface.PROMPTS: {Measure.TIMES_HOUR: 1_000, Measure.TIMES_DAY: 10_000},
}
_TOGETHER: Final = 4

DEFAULTS: Final = tuple(
    sorted(
        Bound(surface=surface, per=per, measure=measure, taker=ANYBODY, amount=amount * times)
        for surface, said in _EACH.items()
        for measure, amount in said.items()
        for per, times in ((Per.TAKER, 1), (Per.TENANT, _TOGETHER))
    )
)
"""What holds where no operator's rule for everybody speaks of the same: for one taker, and four times it for a tenant."""

_CLOSED: Final = Exports(
    bounds=tuple(
        sorted(
            Bound(surface=each, per=Per.TENANT, measure=Measure.TIMES_HOUR, taker=ANYBODY, amount=0) for each in Surface
        )
    ),
    declared=tuple(sorted(WATCHED)),
)


class ExportsKind(Kind[ExportsRule, Exports]):
    """The kind `exports`: a table of bounds; two meet in the lower of each."""

    name = "exports"
    meaning = "How much may be taken out: rows, bytes and how often, in an hour and in a day."
    rule = ExportsRule

    def ceiling(self, rules: Sequence[ExportsRule]) -> Exports:
        """Return what the rules say, and the defaults where none speaks."""
        said = _spoken(rules)
        for bound in DEFAULTS:
            said.setdefault(bound.place, {}).setdefault(ANYBODY, bound.amount)
        return _told(said, _declared(rules))

    def own(self, rules: Sequence[ExportsRule]) -> Exports:
        """Return what the rules say."""
        return _told(_spoken(rules), _declared(rules))

    def meet(self, one: Exports, other: Exports) -> Exports:
        """Return the lower of each bound, for each taker that either names."""
        first, second = _table(one.bounds), _table(other.bounds)
        met: _Table = {}
        for place in first.keys() | second.keys():
            left, right = first.get(place, {}), second.get(place, {})
            for taker in left.keys() | right.keys():
                said = [amount for side in (left, right) if (amount := side.get(taker, side.get(ANYBODY))) is not None]
                met.setdefault(place, {})[taker] = min(said)
        return _told(met, {*one.declared, *other.declared})

    def explain(self, rules: Sequence[tuple[str, ExportsRule]], terms: Exports) -> Sequence[Said]:
        """Name for each store, taker's and tenant's, what bounds it, and which rules said so."""
        fields = [self._said(surface, per, rules, terms) for surface in Surface for per in Per]
        blocked = [str(each) for each in terms.declared]
        means = (
            f"From {', '.join(blocked)}: only where a flow is declared." if blocked else "Undeclared flows are told."
        )
        by = tuple(told for told, rule in rules if rule.undeclared is not None)
        return [*fields, Said(field="undeclared", value=blocked, means=means, by=by)]

    def say(self, rule: ExportsRule) -> Sequence[str]:
        """Return what one rule says, in plain words."""
        whom = ", ".join(rule.takers) or ("each tenant" if rule.per is Per.TENANT else "each account and workload")
        where = ", ".join(rule.surfaces) or "each store"
        said = [f"At most {bound.words} from {where}, for {whom}." for bound in _bounds(rule, rule.stores[0])]
        return [*said, "Nothing leaves that no flow declares."] if rule.undeclared else said

    @property
    def unreadable(self) -> Exports:
        """Nothing leaves: what a document that cannot be read forbids is not known."""
        return _CLOSED

    def check_rule(self, rule: ExportsRule, place: str) -> None:
        """Refuse selectors that mean nothing here, and a rule that says nothing."""
        if rule.whom != "everybody":
            raise DocumentError("Whom it is for is said by `takers` and `surfaces`", place)
        if rule.takers and rule.per is Per.TENANT:
            raise DocumentError("What a tenant takes is not one taker's; leave out one of the two", f"{place}.takers")
        if rule.undeclared is not None and (rule.takers or rule.per is Per.TENANT):
            raise DocumentError(
                "Flows say themselves whom they lead to; leave out `takers` and `per`", f"{place}.undeclared"
            )
        if rule.undeclared is not None and rule.surfaces and not WATCHED.issuperset(rule.surfaces):
            tell = "Kept responses go to the workload that had them kept, declared or not; bound them, or leave `responses` out"
            raise DocumentError(tell, f"{place}.surfaces")
        if rule.undeclared is None and not any(rule.amount(each) is not None for each in Measure):
            raise DocumentError("It says nothing: give an amount, or undeclared", place)

    def _said(self, surface: Surface, per: Per, rules: Sequence[tuple[str, ExportsRule]], terms: Exports) -> Said:
        bounds = [each for each in terms.bounds if each.surface is surface and each.per is per]
        return Said(
            field=f"{surface}.{per}",
            value={f"{each.measure} {each.taker}".rstrip(): each.amount for each in bounds},
            means="; ".join(each.words + (f" for {each.taker}" if each.taker else "") for each in bounds) or "no bound",
            by=tuple(
                told for told, rule in rules if rule.per is per and surface in rule.stores and not _only_flows(rule)
            ),
        )


def _only_flows(rule: ExportsRule) -> bool:
    return all(rule.amount(each) is None for each in Measure)


def _bounds(rule: ExportsRule, surface: Surface) -> Iterator[Bound]:
    for measure in Measure:
        amount = rule.amount(measure)
        if amount is not None:
            for taker in rule.takers or (ANYBODY,):
                yield Bound(surface=surface, per=rule.per, measure=measure, taker=taker, amount=amount)


def _spoken(rules: Sequence[ExportsRule]) -> _Table:
    """Return what rules of one document come to: those for one store speak before those for all, and alike the narrower."""
    said: _Table = {}
    for surface in Surface:
        for aimed in (True, False):
            here: _Table = {}
            for rule in rules:
                if bool(rule.surfaces) is aimed and surface in rule.stores:
                    for bound in _bounds(rule, surface):
                        held = here.setdefault(bound.place, {})
                        held[bound.taker] = min(bound.amount, held.get(bound.taker, bound.amount))
            for place, amounts in here.items():
                for taker, amount in amounts.items():
                    said.setdefault(place, {}).setdefault(taker, amount)
    return said


def _declared(rules: Sequence[ExportsRule]) -> set[Surface]:
    return {surface for rule in rules if rule.undeclared is not None for surface in rule.stores} & WATCHED


def _table(bounds: Iterable[Bound]) -> _Table:
    said: _Table = {}
    for bound in bounds:
        said.setdefault(bound.place, {})[bound.taker] = bound.amount
    return said


def _told(table: _Table, declared: Iterable[Surface]) -> Exports:
    """Return a table as terms: in order, and without what is said of a taker that holds for anybody too."""
    bounds = [
        Bound(surface=surface, per=per, measure=measure, taker=taker, amount=amount)
        for (surface, per, measure), amounts in table.items()
        for taker, amount in amounts.items()
        if not taker or amount != amounts.get(ANYBODY)
    ]
    return Exports(bounds=tuple(sorted(bounds)), declared=tuple(sorted(set(declared))))


EXPORTS: Final = ExportsKind()
