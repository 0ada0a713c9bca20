"""What may be used up: the kind `limits`.

Always true here:
- every rule that fits counts, and the strictest wins: a request passes all of its bounds or none;
- a bound is on a counter that is named by what it counts, so two rules that count the same share one counter, and the
  lower of the two amounts holds;
- counters of workloads are named by the workload and never by its key: a new key has no new budget;
- where no operator speaks of a measure at a scope, the product's own bound holds there (`DEFAULTS`): nothing is unlimited
  by being new. A cap for life has no default: what a workload may ask in its life nobody can guess for it, and a service
  that ends by surprise teaches people to turn limits off.

Query budgets are what stops copying a model by asking it (ATLAS AML.T0024.002; rounding and labels alone do not); the
others bound denial of service and of wallet (T0029, T0034).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum, unique
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from strongroom.rules.kind import Kind, Said
from strongroom.rules.model import DocumentError, Rule

MAX_AMOUNT: Final = 100_000_000
"""The most that a rate can be: a day's worth of it, in millionths, still fits 64 bits."""

MAX_TOTAL: Final = 1_000_000_000_000_000

Amount: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]
Total: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_TOTAL)]


@unique
class Measure(StrEnum):
    """What is counted. The values are the fields of a rule, the names in the database and in what is shown."""

    REQUESTS = "requests_per_s"  # requests a second, with a burst
    CONCURRENCY = "concurrency"  # requests at the same moment
    TOKENS = "tokens_per_min"  # tokens a minute, in and out
    TOKENS_DAY = "tokens_per_day"  # in a day, UTC
    COST_DAY = "cost_per_day"  # millionths of the currency unit that prices are in, in a day, UTC
    QUERIES = "lifetime_queries"  # asked of one model, ever


@unique
class Per(StrEnum):
    """What has a counter of its own."""

    TENANT = "tenant"
    ENVIRONMENT = "environment"
    WORKLOAD = "workload"
    KEY = "key"
    MODEL = "model"  # a deployment, by the name that callers ask for


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a model costs, in millionths of a currency unit."""

    input_per_million: Amount = 0  # for a million tokens read
    output_per_million: Amount = 0  # for a million tokens written
    per_request: Amount = 0

    def of(self, input_tokens: int, output_tokens: int) -> int:
        """Return what a request costs, rounded up."""
        tokens = input_tokens * self.input_per_million + output_tokens * self.output_per_million
        return self.per_request - (-tokens // 1_000_000)

    def meet(self, other: Price) -> Price:
        """Return the dearer of the two, part by part."""
        return Price(
            input_per_million=max(self.input_per_million, other.input_per_million),
            output_per_million=max(self.output_per_million, other.output_per_million),
            per_request=max(self.per_request, other.per_request),
        )


FREE: Final = Price()


class LimitsRule(Rule, frozen=True, kw_only=True):
    """One rule of a limits document. It counts what fits its selectors, for each `per` apart.

    Attributes:
        per: what has a counter of its own.
        requests_per_s: in the long run.
        burst: how many may come at once; none given: those of one second.
        concurrency: how many may be under way.
        tokens_per_min: read and written; as many may come at once.
        tokens_per_day: read and written.
        cost_per_day: in millionths of a currency unit, by `price`.
        lifetime_queries: of one model, ever; counted for each model apart whatever `per` says.
        price: what the models it selects cost; where several rules speak, the dearest counts.
    """

    per: Per = Per.WORKLOAD
    requests_per_s: Amount | None = None
    burst: Amount | None = None
    concurrency: Amount | None = None
    tokens_per_min: Amount | None = None
    tokens_per_day: Total | None = None
    cost_per_day: Total | None = None
    lifetime_queries: Total | None = None
    price: Price | None = None

    def amount(self, measure: Measure) -> int | None:
        """Return what this rule says of `measure`."""
        amount: int | None = getattr(self, measure.value)
        return amount


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """An upper bound on one counter.

    Attributes:
        measure: what is counted.
        per: what has a counter of its own.
        among: the selectors that say what is counted, beyond what `per` says already, in one text.
        amount: how much.
        burst: how much at once; of rates only.
    """

    measure: Measure
    per: Per
    among: str
    amount: int
    burst: int

    @property
    def counter(self) -> tuple[Measure, Per, str]:
        """Return what two bounds share that count the same."""
        return self.measure, self.per, self.among

    def meet(self, other: Bound) -> Bound:
        """Return the stricter of two bounds on the same counter, part by part."""
        return msgspec.structs.replace(self, amount=min(self.amount, other.amount), burst=min(self.burst, other.burst))

    @property
    def words(self) -> str:
        """Say it in plain words."""
        said = _WORDS[self.measure].format(self.amount, self.burst)
        each = {Measure.QUERIES: "workload and model"} if self.per is Per.WORKLOAD else {}
        return f"{said} for each {each.get(self.measure, self.per.value)}{f' ({self.among})' if self.among else ''}"


_WORDS: Final = {
    Measure.REQUESTS: "{:,} requests a second, {:,} at once,",
    Measure.CONCURRENCY: "{:,} requests under way",
    Measure.TOKENS: "{:,} tokens a minute",
    Measure.TOKENS_DAY: "{:,} tokens a day",
    Measure.COST_DAY: "{:,} millionths a day",
    Measure.QUERIES: "{:,} queries ever",
}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one caller and one model: every bound that its requests must pass, and what they cost."""

    bounds: tuple[Bound, ...] = ()
    price: Price = FREE


def _default(measure: Measure, per: Per, amount: int, burst: int = 0) -> Bound:
    return Bound(measure=measure, per=per, among="", amount=amount, burst=burst or amount)


DEFAULTS: Final = (
    # A program asks this often only in a loop that has gone wrong, or to copy a model; a test suite's burst passes.
    _default(Measure.REQUESTS, Per.WORKLOAD, 100, 1_000),
    _default(Measure.REQUESTS, Per.TENANT, 400, 2_000),
    # Half of the connections that a gateway keeps to one upstream: nobody takes them all.
    _default(Measure.CONCURRENCY, Per.WORKLOAD, 128),
    _default(Measure.CONCURRENCY, Per.TENANT, 256),
    # A thousand requests of the usual size (some 1,000 tokens read and written) a minute, and a day of it at a third.
    _default(Measure.TOKENS, Per.WORKLOAD, 2_000_000),
    _default(Measure.TOKENS_DAY, Per.TENANT, 1_000_000_000),
)
"""What holds where no operator's rule that fits speaks of the same measure at the same scope."""

OF_LOOKUPS: Final = frozenset({Measure.REQUESTS, Measure.CONCURRENCY})
"""What a request uses that asks no model."""

_CLOSED: Final = _default(Measure.REQUESTS, Per.TENANT, 0)


class LimitsKind(Kind[LimitsRule, Limits]):
    """The kind `limits`: all rules that fit hold together."""

    name = "limits"
    meaning = "What may be used up: requests, tokens, money, and queries of one model ever."
    rule = LimitsRule

    def ceiling(self, rules: Sequence[LimitsRule]) -> Limits:
        """Return what the rules say, and the defaults where none speaks."""
        said = self.own(rules)
        spoken = {(bound.measure, bound.per) for bound in said.bounds}
        added = (bound for bound in DEFAULTS if (bound.measure, bound.per) not in spoken)
        return Limits(bounds=_strictest([*said.bounds, *added]), price=said.price)

    def own(self, rules: Sequence[LimitsRule]) -> Limits:
        """Return what the rules say."""
        price = FREE
        for rule in rules:
            price = price if rule.price is None else price.meet(rule.price)
        return Limits(bounds=_strictest(bound for rule in rules for bound in bounds_of(rule)), price=price)

    def meet(self, one: Limits, other: Limits) -> Limits:
        """Return the bounds of both, the stricter where they count the same."""
        return Limits(bounds=_strictest([*one.bounds, *other.bounds]), price=one.price.meet(other.price))

    def explain(self, rules: Sequence[tuple[str, LimitsRule]], terms: Limits) -> Sequence[Said]:
        """Name for each measure and scope the rules that bound it, and the strictest bound."""
        fields = [
            self._said(measure, per, rules, [b for b in terms.bounds if (b.measure, b.per) == (measure, per)])
            for measure in Measure
            for per in Per
        ]
        by = tuple(told for told, rule in rules if rule.price is not None)
        value = msgspec.to_builtins(terms.price)
        return [*fields, Said(field="price", value=value, means=_priced(terms.price), by=by)]

    def say(self, rule: LimitsRule) -> Sequence[str]:
        """Return what one rule says, in plain words."""
        said = [f"At most {bound.words}." for bound in bounds_of(rule)]
        return said if rule.price is None else [*said, f"A price: {_priced(rule.price)}."]

    @property
    def unreadable(self) -> Limits:
        """Nothing: what a document that cannot be read forbids is not known."""
        return Limits(bounds=(_CLOSED,))

    def check_rule(self, rule: LimitsRule, place: str) -> None:
        """Refuse a rule that says nothing, and one that could be walked around."""
        _check(rule, place)

    def _said(
        self, measure: Measure, per: Per, rules: Sequence[tuple[str, LimitsRule]], bounds: Sequence[Bound]
    ) -> Said:
        strictest = min(bounds, key=lambda bound: bound.amount, default=None)
        return Said(
            field=f"{measure}.{per}",
            value=None if strictest is None else strictest.amount,
            means="no bound" if strictest is None else strictest.words,
            by=tuple(told for told, rule in rules if rule.per is per and rule.amount(measure) is not None),
        )


def of_lookups(limits: Limits) -> Limits:
    """Return those of `limits` that a request passes which asks no model: of requests, and not of each model apart.

    `limits` are those that hold where no model is named, so rules that select models have no part in them.
    """
    bounds = [bound for bound in limits.bounds if bound.measure in OF_LOOKUPS and bound.per is not Per.MODEL]
    return Limits(bounds=tuple(bounds))


def bounds_of(rule: LimitsRule) -> list[Bound]:
    """Return the bounds that one rule sets."""
    found: list[Bound] = []
    for measure in Measure:
        amount = rule.amount(measure)
        if amount is not None:
            # A bucket that holds nothing would let nothing through.
            burst = max(1, amount if rule.burst is None else rule.burst) if measure is Measure.REQUESTS else amount
            among = _among(rule, measure)
            found.append(Bound(measure=measure, per=rule.per, among=among, amount=amount, burst=burst))
    return found


_SAID_BY: Final[dict[Per, frozenset[str]]] = {
    # A workload has one name, role and environment, a key one workload: what follows from the counter is not said again.
    Per.TENANT: frozenset(),
    Per.ENVIRONMENT: frozenset({"environments"}),
    Per.WORKLOAD: frozenset({"environments", "roles", "workloads"}),
    Per.KEY: frozenset({"environments", "roles", "workloads", "keys"}),
    Per.MODEL: frozenset({"environments", "models"}),
}
_SELECTORS: Final = ("environments", "roles", "models", "workloads", "keys")


def _among(rule: LimitsRule, measure: Measure) -> str:
    said = _SAID_BY[rule.per] | _SAID_BY[Per.MODEL if measure is Measure.QUERIES else rule.per]
    parts = [
        f"{name}={','.join(sorted(str(one) for one in getattr(rule, name)))}"
        for name in _SELECTORS
        if name not in said and getattr(rule, name)
    ]
    return " ".join(parts)


def _strictest(bounds: Iterable[Bound]) -> tuple[Bound, ...]:
    found: dict[tuple[Measure, Per, str], Bound] = {}
    for bound in bounds:
        other = found.get(bound.counter)
        found[bound.counter] = bound if other is None else bound.meet(other)
    return tuple(found[counter] for counter in sorted(found))


def _check(rule: LimitsRule, place: str) -> None:
    if rule.price is None and all(rule.amount(measure) is None for measure in Measure):
        raise DocumentError("A rule of limits bounds something or sets a price", place)
    if rule.burst is not None and rule.requests_per_s is None:
        raise DocumentError("`burst` goes with `requests_per_s`", f"{place}.burst")
    if rule.lifetime_queries is not None and rule.per is Per.KEY:
        raise DocumentError(
            "A cap for life is not kept per key: a new key would have a new life", f"{place}.lifetime_queries"
        )


def _priced(price: Price) -> str:
    if price == FREE:
        return "no price is known: cost is not counted"
    return (
        f"{price.input_per_million:,} millionths for a million tokens read, {price.output_per_million:,} for a million "
        f"written, {price.per_request:,} for each request"
    )


LIMITS: Final = LimitsKind()
