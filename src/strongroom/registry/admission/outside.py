"""Whether evidence of others is there, and what it says: pure, and the same for deploying and for explaining.

1. each demand is met by itself, by what keys that it names have signed and are not revoked;
2. of the scans of one tool, signed by one key, the newest by its own word counts; what they found is added up;
3. a vulnerability is excused by VEX when everybody's newest word of it is `not_affected`, for every part that it is in, and
   none of these words is too old;
4. or by an exception of the demand, until its day;
5. what cannot be told is not met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from strongroom.kernel.clock import rfc3339
from strongroom.registry.admission.model import Reason
from strongroom.registry.evidence.model import About, Finding, Outside, Taken, Word, short
from strongroom.rules.evidence import SEVERITIES, VEX_DAYS, EvidenceDemand

DEMAND: Final = "evidence"
_NAMED: Final = 5  # vulnerabilities in one sentence


def reasons(
    demands: Iterable[EvidenceDemand], outside: Outside | None, now: datetime, is_revoked: Callable[[str], bool]
) -> Iterator[Reason]:
    """Yield for each demand what is met of it and what is not.

    Args:
        demands: what evidence must say.
        outside: what there is; None: it cannot be told.
        now: the time.
        is_revoked: whether nothing of a key, by its id, counts any more.
    """
    for demand in demands:
        about = About(demand.about)
        if outside is None:
            yield _untold(f"Evidence about the {about} cannot be told here.")
            continue
        digest = outside.digests.get(about, "")
        if not digest:
            tell = "it is not set (`evidence.image`)" if about is About.IMAGE else "it could not be read"
            yield _untold(f"Which {about} this is cannot be told: {tell}.")
            continue
        if demand.digests:
            met = digest in demand.digests
            yield Reason(
                demand=DEMAND, met=met, because=f"The {about} {digest[:19]}… is {'' if met else 'not '}allowed."
            )
        signers = {key for key in demand.signers if not is_revoked(key)}
        taken = [
            each for each in outside.taken
            if each.about is about and each.subject == digest and each.signer in signers
        ]  # fmt: skip
        yield from _each(demand, taken, now)


def _each(demand: EvidenceDemand, taken: Sequence[Taken], now: datetime) -> Iterator[Reason]:
    if demand.bill:
        bills = [each for each in taken if each.facts.bill]
        newest = max(bills, key=lambda each: each.facts.made, default=None)
        if newest is None:
            yield _no(f"A bill of materials of the {demand.about} is missing, signed by a key that counts.")
        else:
            yield _yes(f"There is a bill of materials of the {demand.about} (parts: {newest.facts.bill}).")
    if demand.builders:
        yield _provenance(demand, taken)
    if demand.scanned_days is not None:
        yield from _scans(demand, demand.scanned_days, taken, now)


def _provenance(demand: EvidenceDemand, taken: Sequence[Taken]) -> Reason:
    left: list[str] = []
    for each in taken:
        found = each.facts.provenance
        if found is None:
            continue
        if found.builder not in demand.builders:
            left.append(f"it was built by {short(found.builder)}")
        elif demand.build_types and found.build_type not in demand.build_types:
            left.append(f"it was built as {short(found.build_type)}")
        elif demand.sources and not (found.sources and set(found.sources) <= set(demand.sources)):
            left.append(f"it was built from {short(', '.join(found.sources)) or 'nothing that is named'}")
        else:
            return _yes(f"The {demand.about} was built by {found.builder}.")
    said = f" Not taken: {'; '.join(sorted(set(left)))}." if left else ""
    return _no(f"Provenance of the {demand.about} by {' or '.join(demand.builders)} is missing.{said}")


def _scans(demand: EvidenceDemand, days: int, taken: Sequence[Taken], now: datetime) -> Iterator[Reason]:
    newest = _newest_scans(taken)
    if not newest:
        yield _no(f"A scan of the {demand.about} is missing, signed by a key that counts.")
        return
    fresh = [each for each in newest if each.facts.made + timedelta(days=days) > now]
    if not fresh:
        last = max(each.facts.made for each in newest)
        yield _no(f"The newest scan of the {demand.about} is of {rfc3339(last)}, more than {days} days ago.")
        return
    yield _yes(f"The {demand.about} was scanned at {rfc3339(max(each.facts.made for each in fresh))}.")
    if demand.severity is not None:
        yield _vulnerabilities(demand, fresh, taken, now)


def _newest_scans(taken: Sequence[Taken]) -> list[Taken]:
    found: dict[tuple[str, str, str], Taken] = {}
    for each in taken:
        place = (each.signer, each.facts.form, each.facts.tool)
        if each.facts.scan and (place not in found or found[place].facts.made < each.facts.made):
            found[place] = each
    return list(found.values())


def _vulnerabilities(demand: EvidenceDemand, scans: Sequence[Taken], taken: Sequence[Taken], now: datetime) -> Reason:
    least = SEVERITIES.index(demand.severity or "low")
    words, days = _words(taken), demand.vex_days or VEX_DAYS
    oldest = now - timedelta(days=days)
    excused: set[str] = set()
    left: dict[str, str] = {}
    for finding in _found(scans, taken):
        if SEVERITIES.index(finding.severity) < least or _in_grace(demand, finding, now):
            continue
        said = words.get(finding.id, ())
        is_excused = _not_affected(finding, [word for _, word in said])
        if is_excused and all(made > oldest for made, _ in said):
            excused.add(f"{finding.id} (not affected)")
            continue
        why = _excepted(demand, finding, now)
        if why is None and is_excused:
            why = f"what excuses it is more than {days} days old"
        if why is None:
            left[finding.id] = f"{finding.id} ({finding.severity})"
        elif why:
            left[finding.id] = f"{finding.id} ({finding.severity}; {why})"
        else:
            excused.add(f"{finding.id} (excepted)")
    if left:
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        return _no(f"Vulnerabilities of the {demand.about}: {', '.join(sorted(left.values())[:_NAMED])}{more}.")
    but = f" but for {', '.join(sorted(excused)[:_NAMED])}" if excused else ""
    return _yes(f"The {demand.about} has no vulnerability of severity {demand.severity} or worse{but}.")


def _found(scans: Sequence[Taken], taken: Sequence[Taken]) -> Iterator[Finding]:
    """Yield what the scans found, and what VEX says is exploitable though no scan found it."""
    for each in scans:
        yield from each.facts.findings
    known = {finding.id for each in scans for finding in each.facts.findings}
    for each in taken:
        if each.facts.words:
            yield from (finding for finding in each.facts.findings if finding.id not in known)


def _words(taken: Sequence[Taken]) -> dict[str, list[tuple[datetime, Word]]]:
    """Return of each vulnerability everybody's newest words, and when each was said."""
    newest: dict[tuple[str, str], tuple[datetime, list[Word]]] = {}
    for each in taken:
        for word in each.facts.words:
            place = (each.signer, word.id)
            at, held = newest.get(place, (each.facts.made, []))
            if at < each.facts.made:
                held = []
            if at <= each.facts.made:
                newest[place] = (each.facts.made, [*held, word])
    found: dict[str, list[tuple[datetime, Word]]] = {}
    for (_, name), (at, words) in newest.items():
        found.setdefault(name, []).extend((at, word) for word in words)
    return found


def _not_affected(finding: Finding, words: Sequence[Word]) -> bool:
    """Whether all that is said of it is that, and of every part that it was found in."""
    if not words or any(each.state != "not_affected" for each in words):
        return False
    if any(not each.parts for each in words):
        return True
    return bool(finding.parts) and set(finding.parts) <= {part for each in words for part in each.parts}


def _in_grace(demand: EvidenceDemand, finding: Finding, now: datetime) -> bool:
    if demand.grace_days is None or finding.published is None:
        return False
    if finding.published > now:  # it cannot be, so when it became known is not told
        return False
    return now - finding.published < timedelta(days=demand.grace_days)


def _excepted(demand: EvidenceDemand, finding: Finding, now: datetime) -> str | None:
    """Return "" when an exception holds, why not when one did, and None when there is none."""
    named = [each for each in demand.exceptions if each.vulnerability == finding.id]
    if not named:
        return None
    until = max(date.fromisoformat(each.expires) for each in named)
    return "" if now.astimezone(UTC).date() < until else f"its exception ended on {until}"


def _yes(because: str) -> Reason:
    return Reason(demand=DEMAND, met=True, because=because)


def _no(because: str) -> Reason:
    return Reason(demand=DEMAND, met=False, because=because)


def _untold(because: str) -> Reason:
    return Reason(demand=DEMAND, met=False, because=because, untold=True)
