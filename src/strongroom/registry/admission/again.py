"""What is judged of a release that serves already: by the same judgement, and what becomes of it. Pure.

1. what a deployment was let in by and does not hold any more (manifest, verdict, signature, approvals, promotion, revocation)
   ends it at once;
2. an evaluation, a cool-off or evidence of others that lapsed, or cannot be told, is told of, or ends it after the grace of the rule that says so;
3. a list or a document of rules that cannot be read is neither a yes nor a no: it is taken for a yes for a bounded while,
   which whoever asks has to count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from strongroom.kernel.principal import Environment
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.judge import judge, lapsing, verdict, weigh
from strongroom.registry.admission.model import Reason
from strongroom.rules.approval import Stopping


class Lapse(NamedTuple):
    """What a deployment lacks that it may lack for a while.

    Attributes:
        rule: whose grace it counts by; empty: nobody's, it is only told of.
        because: what is lacking, in sentences.
        hours: how long it may be; None: it is only told of.
    """

    rule: str
    because: str
    hours: int | None


class Again(NamedTuple):
    """What a release that serves comes to.

    Attributes:
        barred: why it must not go on, in sentences; empty: nothing.
        untold: what cannot be told; empty: everything can.
        lapses: what it lacks that it may lack for a while.
    """

    barred: str = ""
    untold: str = ""
    lapses: tuple[Lapse, ...] = ()


def again(case: Case, environment: Environment, tenant: str | None) -> Again:
    """Return what a release that serves in `environment` for `tenant`, by id, comes to by what is demanded now."""
    serving = replace(case, serving=True)
    unmet = [each for each in judge(serving, environment, tenant).reasons if not each.met]
    untold = [each for each in unmet if each.untold]
    lapses = (
        Lapse(_named(stop), said, None if stop is None else stop.grace_hours)
        for stop, reasons in _lapses(serving, environment, tenant)
        if (said := _sentences(reasons))
    )
    return Again(_sentences(each for each in unmet if not each.untold), _sentences(untold), tuple(lapses))


def _lapses(
    case: Case, environment: Environment, tenant: str | None
) -> Iterator[tuple[Stopping | None, Sequence[Reason]]]:
    """Yield what is lacking beside approvals, by the rule that stops for it; None: what no rule stops for."""
    scan = verdict(case)
    if scan is None or case.policy.trouble:
        return  # it is said already, and what else is demanded cannot be told
    weighed = weigh(case, scan, environment, tenant)
    stopped: set[str] = set()
    for stop in weighed.demands.stopping:
        only = msgspec.structs.replace(
            weighed.demands,
            evaluations=stop.evaluations, cool_off_hours=stop.cool_off_hours, evidence=stop.evidence,
            publishers=stop.publishers,
        )  # fmt: skip
        found = [each for each in lapsing(case, weighed._replace(demands=only), environment) if not each.met]
        stopped.update(each.because for each in found)
        yield stop, found
    told = [each for each in lapsing(case, weighed, environment) if not each.met and each.because not in stopped]
    yield None, told


def _named(stop: Stopping | None) -> str:
    return "" if stop is None else stop.name or f"a rule of {stop.grace_hours} hours"


def _sentences(reasons: Iterator[Reason] | Sequence[Reason]) -> str:
    return " ".join(dict.fromkeys(each.because for each in reasons))
