"""Whether a data set may be used: from its manifest, its signed verdict and signed approvals alone.

What its row says of itself counts for nothing but its end.

1. the manifest is the one that it is named by, and is of this tenant;
2. the verdict is this installation's, about this very manifest, and says that it passed;
3. its source's tier says how many must have approved it, none of them who brought it; of a high one, its owner is among them;
4. nobody withdrew it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from strongroom.kernel.ids import TenantId
from strongroom.registry import dsse
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.judge import counted
from strongroom.registry.admission.model import Evidence, Reason
from strongroom.registry.datasets.model import BadDataset, Kept, Manifest, State, Tier, read_manifest
from strongroom.registry.datasets.statements import Judged, read_judged

APPROVALS: Final = {Tier.LOW: 0, Tier.STANDARD: 1, Tier.HIGH: 2}


class Needs(NamedTuple):
    """How many approvals a data set needs, and whose must be among them; None: anybody's."""

    people: int
    owner: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a data set comes to."""

    state: State
    reasons: tuple[Reason, ...]
    manifest: Manifest | None
    judged: Judged | None
    people: tuple[str, ...]
    needs: Needs

    @property
    def usable(self) -> bool:
        """Whether it may be used in its environment."""
        return all(each.met for each in self.reasons)

    def refusal(self) -> str:
        """Return in one sentence what is not met."""
        return " ".join(each.because for each in self.reasons if not each.met)


def needs(judged: Judged, author: str) -> Needs:
    """Return whose yes a data set needs. Who registers a source at low risk does not bring data from it by themselves."""
    source = judged.source
    if source.risk is Tier.HIGH:
        return Needs(APPROVALS[Tier.HIGH], source.owner)
    return Needs(max(APPROVALS[source.risk], int(source.by == author)), None)


def judge(kept: Kept, case: Case, tenant: TenantId, given: tuple[Evidence, ...]) -> Standing:
    """Return what a data set comes to.

    Args:
        kept: as it is stored.
        case: whose signatures count, who may approve, and the time.
        tenant: whose it must be.
        given: its approvals.
    """
    reasons = list[Reason]()
    manifest = _manifest(kept, tenant, reasons)
    judged = _verdict(kept, case, reasons)
    people, wanted = set[str](), Needs(APPROVALS[Tier.HIGH], None)
    if manifest is not None and judged is not None:
        wanted = needs(judged, manifest.author)
        approved, left = counted(case, manifest.author, kept.environment, str(tenant), given)
        people = set(approved)
        reasons.append(_approval(people, left, wanted, judged))
    if kept.withdrawn_at is not None:
        because = f"{kept.withdrawn_by} withdrew it: {kept.withdrawn_for}."
        reasons.append(Reason(demand="standing", met=False, because=because))
    return Standing(_state(kept, reasons, people), tuple(reasons), manifest, judged, tuple(sorted(people)), wanted)


def _manifest(kept: Kept, tenant: TenantId, reasons: list[Reason]) -> Manifest | None:
    try:
        found = read_manifest(kept.manifest, kept.digest)
        named = (found.tenant, found.name, found.version, found.environment)
        if named != (str(tenant), kept.name, kept.version, kept.environment):
            raise BadDataset("its row names another")
    except BadDataset as error:
        reasons.append(Reason(demand="manifest", met=False, because=f"It is not what it was: {error}."))
        return None
    said = f"Its manifest is the one that it is named by (rows: {found.taken})."
    reasons.append(Reason(demand="manifest", met=True, because=said))
    return found


def _verdict(kept: Kept, case: Case, reasons: list[Reason]) -> Judged | None:
    try:
        found = read_judged(kept.verdict, case.subject, case.keys.scanners())
    except dsse.BadEnvelope as error:
        because = f"There is no verdict that this installation signed: {error}."
        reasons.append(Reason(demand="checks", met=False, because=because))
        return None
    if found.verdict.passed:
        reasons.append(Reason(demand="checks", met=True, because="It passed every check."))
    else:
        said = "; ".join(each.says for each in found.verdict.reasons)
        reasons.append(Reason(demand="checks", met=False, because=f"It is quarantined: {said}."))
    return found


def _approval(people: set[str], left: set[str], wanted: Needs, judged: Judged) -> Reason:
    named = f" ({', '.join(sorted(people))})" if people else ""
    met = len(people) >= wanted.people and (wanted.owner is None or wanted.owner in people)
    said = f"{len(people)} of {wanted.people} approvals that data of a {judged.source.risk} risk needs{named}."
    if not met and wanted.owner is not None and wanted.owner not in people:
        said = f"{said} The data's owner, {wanted.owner}, is to be among them."
    if not met and left:
        said = f"{said} Not counted: {'; '.join(sorted(left))}."
    return Reason(demand="approval", met=met, because=said)


def _state(kept: Kept, reasons: list[Reason], people: set[str]) -> State:
    if kept.withdrawn_at is not None:
        return State.WITHDRAWN
    missing = {each.demand for each in reasons if not each.met}
    if missing & {"manifest", "checks"}:
        return State.QUARANTINED
    if missing:
        return State.APPROVED if people else State.VALIDATED
    return State.ADMITTED
