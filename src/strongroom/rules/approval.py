"""What is demanded before a release serves: the kind `approval`, for each environment and class of risk.

Always true here:
- it is the installation's word alone (level `default`), and all rules that fit hold together: the strictest of each thing;
- nothing it says falls below the product's floor (`FLOOR`), and its author's approval never counts: there is no field for
  that;
- where no rule speaks of how many approve, the product's own numbers hold (`DEFAULTS`);
- a document that cannot be read, or whose seal does not hold, admits nothing.

Whose statements count, and which, is the registry's to tell; this says how many and what else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from strongroom.kernel.principal import Environment
from strongroom.rules.evidence import EvidenceDemand, check_demands
from strongroom.rules.kind import Document, Kind, Said
from strongroom.rules.model import DocumentError, Level, NamePattern, Rule
from strongroom.rules.publishers import PublisherDemand, check_publishers

RiskClass: TypeAlias = Literal["standard", "high"]

FLOOR: Final[Mapping[Environment, int]] = {Environment.DEV: 1, Environment.TEST: 1, Environment.PROD: 2}
"""How many people other than its author approve at the very least."""

DEFAULTS: Final[Mapping[RiskClass, Mapping[Environment, int]]] = {
    "standard": {Environment.DEV: 1, Environment.TEST: 1, Environment.PROD: 2},
    "high": {Environment.DEV: 1, Environment.TEST: 2, Environment.PROD: 3},
}
"""How many people approve where no rule says it."""

MOST_DAYS: Final = 400
MOST_HOURS: Final = 30 * 24
GRACE_HOURS: Final = 24
"""How long what serves may lack what a rule stops for, where the rule does not say."""

_MOST_PEOPLE: Final = 10
_MOST_DEFAULT: Final = max(each for of in DEFAULTS.values() for each in of.values())

SuiteName: TypeAlias = Annotated[
    str, Meta(pattern=r"^(?:[a-z0-9][a-z0-9.-]{0,62}|sha256:[0-9a-f]{64})$(?!\n)", max_length=71)
]

_People: TypeAlias = Annotated[int, Meta(ge=1, le=_MOST_PEOPLE)]


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, order=True):
    """People of whom some must be among those who approve: the data's owners, or security.

    Attributes:
        name: what it is called where it is missing.
        accounts: who belongs to it, by account.
        approvals: how many of them.
    """

    name: NamePattern
    accounts: Annotated[tuple[NamePattern, ...], Meta(min_length=1, max_length=100)]
    approvals: _People = 1


class Stopping(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one rule ends what serves for, once it has lacked it for `grace_hours`. Fields as in `ApprovalRule`."""

    name: str = ""
    evaluations: tuple[SuiteName, ...] = ()
    cool_off_hours: int = 0
    evidence: tuple[EvidenceDemand, ...] = ()
    publishers: tuple[PublisherDemand, ...] = ()
    grace_hours: int = GRACE_HOURS

    @property
    def words(self) -> str:
        """Say it in plain words."""
        whose = f" that {self.name} demands" if self.name else ""
        if not self.grace_hours:
            return f"what serves is stopped as soon as it lacks evaluations, cool-off, evidence or signatures{whose}"
        return f"what serves is stopped once it has lacked evaluations, cool-off, evidence or signatures{whose} for {self.grace_hours} hours"


class ApprovalRule(Rule, frozen=True, kw_only=True):
    """One rule about releases in some environments and of some risk; neither given: in all, of each.

    Attributes:
        risks: `standard`, `high`.
        approvers: how many people other than the author approve.
        groups: of whom some must be among them.
        evaluations: suites that the release has passed: by name (the product's `leaks` and `refusals` among them), or by the
            digest of a suite's bytes, which nobody else's suite has.
        cool_off_hours: how long after the last approval that was needed it may first be promoted, or deployed.
        approval_days: how long an approval counts at most, whatever it says itself.
        own_keys: whether approvals must be signed by approvers' own keys.
        promoted_only: whether only what a channel has promoted is deployed, and so no release of a tenant's own.
        evidence: what others must have found and signed of the release, of the installation, or of its image.
        publishers: who must have signed the release itself, over its files and under which name.
        while_serving: what becomes of what serves when it lacks an evaluation, the cool-off, evidence or a publisher's signature
            that this rule demands:
            it is told of (`tell`, where nothing is said), or stopped.
        grace_hours: how long it may lack that before it is stopped; 24 unless said.
    """

    risks: tuple[RiskClass, ...] = ()
    approvers: _People | None = None
    groups: Annotated[tuple[Group, ...], Meta(max_length=10)] = ()
    evaluations: Annotated[tuple[SuiteName, ...], Meta(max_length=20)] = ()
    cool_off_hours: Annotated[int, Meta(ge=1, le=MOST_HOURS)] | None = None
    approval_days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] | None = None
    own_keys: bool = False
    promoted_only: bool = False
    evidence: Annotated[tuple[EvidenceDemand, ...], Meta(max_length=10)] = ()
    publishers: Annotated[tuple[PublisherDemand, ...], Meta(max_length=20)] = ()
    while_serving: Literal["tell", "stop"] | None = None
    grace_hours: Annotated[int, Meta(ge=0, le=MOST_HOURS)] | None = None


class Demands(msgspec.Struct, frozen=True, kw_only=True):
    """What is demanded of a release somewhere, of one risk; fields as in `ApprovalRule`.

    Attributes:
        approvers: None: no rule says it.
        stopping: what ends what serves.
        closed: nothing is admitted: what is demanded cannot be told.
    """

    approvers: int | None = None
    groups: tuple[Group, ...] = ()
    evaluations: tuple[str, ...] = ()
    cool_off_hours: int = 0
    approval_days: int = MOST_DAYS
    own_keys: bool = False
    promoted_only: bool = False
    evidence: tuple[EvidenceDemand, ...] = ()
    publishers: tuple[PublisherDemand, ...] = ()
    stopping: tuple[Stopping, ...] = ()
    closed: bool = False

    def meet(self, other: Demands) -> Demands:
        """Return what both demand."""
        return Demands(
            approvers=_more(self.approvers, other.approvers),
            groups=_both(self.groups, other.groups),
            evaluations=tuple(sorted({*self.evaluations, *other.evaluations})),
            cool_off_hours=max(self.cool_off_hours, other.cool_off_hours),
            approval_days=min(self.approval_days, other.approval_days),
            own_keys=self.own_keys or other.own_keys,
            promoted_only=self.promoted_only or other.promoted_only,
            evidence=tuple(sorted({*self.evidence, *other.evidence}, key=msgspec.json.encode)),
            publishers=tuple(sorted({*self.publishers, *other.publishers}, key=msgspec.json.encode)),
            stopping=tuple(sorted({*self.stopping, *other.stopping}, key=msgspec.json.encode)),
            closed=self.closed or other.closed,
        )

    def people(self, environment: Environment, risk: RiskClass) -> int:
        """Return how many must approve: what is said, or the default, and never less than the floor."""
        said = DEFAULTS[risk][environment] if self.approvers is None else self.approvers
        return max(FLOOR[environment], said)

    @property
    def words(self) -> list[str]:
        """Say it in plain words."""
        said = [] if self.approvers is None else [f"{self.approvers} people other than its author approve"]
        said += [f"{each.approvals} of them of {each.name} ({', '.join(each.accounts)})" for each in self.groups]
        said += [f"it has passed the suite {each}" for each in self.evaluations]
        if self.cool_off_hours:
            said.append(f"{self.cool_off_hours} hours pass between the last approval needed and its first promotion")
        if self.approval_days < MOST_DAYS:
            said.append(f"an approval counts for {self.approval_days} days at most")
        if self.own_keys:
            said.append("approvals are signed by approvers' own keys")
        if self.promoted_only:
            said.append("only what is promoted is deployed, and no release of a tenant's own")
        said += [*(each.words for each in self.evidence), *(each.words for each in self.publishers)]
        said += [each.words for each in self.stopping]
        return ["nothing is admitted: the document cannot be read"] if self.closed else said


CLOSED: Final = Demands(closed=True)


class Approving(msgspec.Struct, frozen=True, kw_only=True):
    """What is demanded of each class of risk."""

    standard: Demands = Demands()
    high: Demands = Demands()

    def of(self, risk: RiskClass) -> Demands:
        """Return what is demanded of one."""
        return self.high if risk == "high" else self.standard


class ApprovalKind(Kind[ApprovalRule, Approving]):
    """The kind `approval`: all rules that fit hold together."""

    name = "approval"
    meaning = "What is demanded before a release serves: approvals, evaluations, a cool-off, evidence of others, publishers' signatures."
    rule = ApprovalRule
    levels = frozenset({Level.DEFAULT})

    def ceiling(self, rules: Sequence[ApprovalRule]) -> Approving:
        """Return what the rules demand together."""
        return Approving(standard=_merged(rules, "standard"), high=_merged(rules, "high"))

    def own(self, rules: Sequence[ApprovalRule]) -> Approving:
        """Return what the rules demand together."""
        return self.ceiling(rules)

    def meet(self, one: Approving, other: Approving) -> Approving:
        """Return what both demand."""
        return Approving(standard=one.standard.meet(other.standard), high=one.high.meet(other.high))

    @property
    def unreadable(self) -> Approving:
        """Nothing is admitted."""
        return Approving(standard=CLOSED, high=CLOSED)

    def explain(self, rules: Sequence[tuple[str, ApprovalRule]], terms: Approving) -> Sequence[Said]:
        """Say for each class of risk what is demanded, and by which rules."""
        return [
            Said(
                field=risk,
                value=msgspec.to_builtins(terms.of(risk)),
                means="; ".join(terms.of(risk).words) or "what the product demands by itself",
                by=tuple(told for told, rule in rules if not rule.risks or risk in rule.risks),
            )
            for risk in DEFAULTS
        ]

    def say(self, rule: ApprovalRule) -> Sequence[str]:
        """Return what one rule demands, in plain words."""
        return _said(rule).words

    def check_rule(self, rule: ApprovalRule, place: str) -> None:
        """Refuse what falls below the floor, speaks of callers, demands nothing, or could never be met."""
        if rule.roles or rule.models or rule.workloads or rule.keys:
            raise DocumentError("A rule about approvals is for environments and risks, and for no callers", place)
        if _said(rule) == Demands():
            raise DocumentError("A rule about approvals demands something", place)
        for environment in rule.environments or tuple(Environment):
            if rule.approvers is not None and rule.approvers < FLOOR[environment]:
                tell = f"At least {FLOOR[environment]} people approve in {environment}: no document can demand fewer"
                raise DocumentError(tell, f"{place}.approvers")
        check_demands(rule.evidence, place)
        check_publishers(rule.publishers, place)
        _check_serving(rule, place)
        names = [each.name for each in rule.groups]
        for index, each in enumerate(rule.groups):
            here = f"{place}.groups[{index}]"
            if names.index(each.name) != index:
                raise DocumentError("Another group of this rule has this name", f"{here}.name")
            if each.approvals > len(set(each.accounts)):
                raise DocumentError("It demands more approvals than it has accounts", f"{here}.approvals")


APPROVAL: Final = ApprovalKind()


def demanded(document: Document[ApprovalRule] | None, environment: Environment, risk: RiskClass) -> Demands:
    """Return what a document demands somewhere of releases of a risk; None: there is no document."""
    rules = () if document is None else document.rules
    return _merged([each for each in rules if not each.environments or environment in each.environments], risk)


def _merged(rules: Iterable[ApprovalRule], risk: RiskClass) -> Demands:
    found = Demands()
    people: int | None = None
    for rule in rules:
        if rule.risks and risk not in rule.risks:
            continue
        if rule.approvers is not None:
            people = max(people or 0, rule.approvers)
        found = found.meet(_said(rule))
    return msgspec.structs.replace(found, approvers=people)


def _check_serving(rule: ApprovalRule, place: str) -> None:
    lapsing = rule.evaluations or rule.cool_off_hours or rule.evidence or rule.publishers
    if rule.while_serving == "stop" and not lapsing:
        tell = (
            "It stops what serves for nothing: say `evaluations`, `cool_off_hours`, `evidence` or `publishers`; approvals stop by "
            "themselves"
        )
        raise DocumentError(tell, f"{place}.while_serving")
    if rule.grace_hours is not None and rule.while_serving != "stop":
        raise DocumentError('It gives time before nothing: say `while_serving = "stop"`', f"{place}.grace_hours")


def _stopping(rule: ApprovalRule) -> tuple[Stopping, ...]:
    if rule.while_serving != "stop":
        return ()
    return (
        Stopping(
            name=rule.name,
            evaluations=tuple(sorted(set(rule.evaluations))),
            cool_off_hours=rule.cool_off_hours or 0,
            evidence=tuple(sorted(set(rule.evidence), key=msgspec.json.encode)),
            publishers=tuple(sorted(set(rule.publishers), key=msgspec.json.encode)),
            grace_hours=GRACE_HOURS if rule.grace_hours is None else rule.grace_hours,
        ),
    )


def _said(rule: ApprovalRule) -> Demands:
    return Demands(
        approvers=rule.approvers,
        groups=tuple(sorted(rule.groups)),
        evaluations=tuple(sorted(set(rule.evaluations))),
        cool_off_hours=rule.cool_off_hours or 0,
        approval_days=rule.approval_days or MOST_DAYS,
        own_keys=rule.own_keys,
        promoted_only=rule.promoted_only,
        evidence=tuple(sorted(set(rule.evidence), key=msgspec.json.encode)),
        publishers=tuple(sorted(set(rule.publishers), key=msgspec.json.encode)),
        stopping=_stopping(rule),
    )


def _more(one: int | None, other: int | None) -> int | None:
    """Return the greater number; the default, which the least that is said may undercut, counts as its greatest."""
    if one is None and other is None:
        return None
    return max(_MOST_DEFAULT if one is None else one, _MOST_DEFAULT if other is None else other)


def _both(one: Iterable[Group], other: Iterable[Group]) -> tuple[Group, ...]:
    return tuple(sorted({*one, *other}))
