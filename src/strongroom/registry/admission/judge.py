"""The judgement itself: pure, and the same for deploying and for explaining.

1. the manifest is the one that the release is named by;
2. the verdict is clean, of today's rules, over exactly the manifest's files, and says whose release it is;
3. the signature is over the same files, by this installation, under the release's name and version;
4. enough people have approved it here, none of them its author.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from strongroom.kernel.principal import Environment
from strongroom.registry import dsse, oms
from strongroom.registry.admission import manifest as manifests
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.model import APPROVALS, Evidence, EvidenceKind, Reason, Standing, Subject
from strongroom.registry.admission.statements import EVERY_TENANT, Scanned, read_approval, read_scan
from strongroom.registry.oms.service import verify_statement


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a judgement takes.

    Attributes:
        subject: the release, as the catalogue names it.
        evidence: what there is about it, newest first.
        approvers: accounts that may approve now.
        keys: whose signatures count.
        ruleset: of today's scanner.
        now: the time.
    """

    subject: Subject
    evidence: tuple[Evidence, ...]
    approvers: frozenset[UUID]
    keys: RegistryKeys
    ruleset: str
    now: datetime

    def of(self, kind: EvidenceKind) -> Iterator[Evidence]:
        """Yield the evidence of one kind."""
        return (each for each in self.evidence if each.kind is kind)


def judge(case: Case, environment: Environment, tenant: str | None) -> Standing:
    """Return whether the release may be deployed in `environment` for `tenant`, by id; None: for any that there may be."""
    reasons: list[Reason] = []
    manifest = _manifest(case, reasons)
    files = manifest.digests if manifest is not None else None
    scan = _scan(case, files, reasons)
    _signature(case, files, reasons)
    _approvals(case, scan, environment, tenant, reasons)
    return Standing(
        environment=environment,
        tenant=tenant,
        may_serve=all(reason.met for reason in reasons),
        reasons=tuple(reasons),
    )


def _manifest(case: Case, reasons: list[Reason]) -> manifests.Manifest | None:
    for each in case.of(EvidenceKind.MANIFEST):
        if f"sha256:{hashlib.sha256(each.statement).hexdigest()}" == case.subject.digest:
            try:
                found = manifests.read(each.statement)
            except manifests.BadManifest:
                continue
            said = f"Its manifest is the one that it is named by (files: {len(found.files)})."
            reasons.append(Reason(demand="manifest", met=True, because=said))
            return found
    said = "There is no manifest with the digest that it is named by."
    reasons.append(Reason(demand="manifest", met=False, because=said))
    return None


def _scan(case: Case, files: dict[str, str] | None, reasons: list[Reason]) -> Scanned | None:
    left: list[str] = []
    for each in case.of(EvidenceKind.SCAN):
        try:
            found = read_scan(each.statement, case.keys.scanners())
        except dsse.BadEnvelope:
            left.append("There is a verdict that this installation's scanner did not sign.")
            continue
        if found.subject != case.subject or files is None or found.files != files:
            left.append("The verdict is about other files, or another release.")
        elif not found.passed:
            left.append("The scanner refused it.")
        elif found.ruleset != case.ruleset:
            left.append("It was scanned by other rules than today's: it must be scanned again.")
        else:
            reasons.append(Reason(demand="scan", met=True, because="It was scanned by today's rules, and is clean."))
            return found
    reasons.append(Reason(demand="scan", met=False, because=left[0] if left else "It was never scanned."))
    return None


def _signature(case: Case, files: dict[str, str] | None, reasons: list[Reason]) -> None:
    left: list[str] = []
    for each in case.of(EvidenceKind.SIGNATURE):
        try:
            found = verify_statement(each.statement, case.keys.signers())
        except oms.BadSignature:
            left.append("There is a signature that does not hold.")
            continue
        if found.signed.name != case.subject.called or files is None or found.signed.files != files:
            left.append("The signature is over other files, or another release.")
            continue
        said = f"It is signed, as {case.subject.called}, over the same files."
        reasons.append(Reason(demand="signature", met=True, because=said))
        return
    reasons.append(Reason(demand="signature", met=False, because=left[0] if left else "It was never signed."))


def _approvals(
    case: Case, scan: Scanned | None, environment: Environment, tenant: str | None, reasons: list[Reason]
) -> None:
    if scan is None:
        said = "Who made it, and how many must approve it, stands in the verdict, and there is none that counts."
        reasons.append(Reason(demand="approval", met=False, because=said))
        return
    wanted = APPROVALS[scan.risk][environment]
    people, left = counted(case, scan.author, environment, tenant, case.of(EvidenceKind.APPROVAL))
    named = f" ({', '.join(sorted(people))})" if people else ""
    whom = "" if tenant is None else " for this tenant"
    if len(people) < wanted:
        said = f"{len(people)} of {wanted} approvals that {environment} demands of a {scan.risk} release{whom}{named}."
    else:
        said = f"{len(people)} approved it{whom}{named}; {environment} demands {wanted} of a {scan.risk} release."
    if left and len(people) < wanted:
        said = f"{said} Not counted: {'; '.join(sorted(left))}."
    reasons.append(Reason(demand="approval", met=len(people) >= wanted, because=said))


def counted(
    case: Case, author: str, environment: Environment, tenant: str | None, given: Iterable[Evidence]
) -> tuple[set[str], set[str]]:
    """Return who has approved, distinct in person and in key, and why others do not count.

    Args:
        case: what is judged, who may approve and whose signatures count.
        author: who made it, and so does not approve it.
        environment: where it is to be deployed.
        tenant: for whom, by id; None: for any.
        given: the approvals.
    """
    people: dict[UUID, str] = {}
    keys: set[bytes] = set()
    left: set[str] = set()
    for each in given:
        assert each.account is not None  # noqa: S101 - the table demands it of an approval
        try:
            found, key = read_approval(each.statement, case.keys.approvers(each.account))
        except dsse.BadEnvelope:
            left.add("one that is not signed by its approver")
            continue
        terms = found.terms
        if found.subject != case.subject:
            left.add("one of another release")
        elif terms.environment is not environment:
            continue
        elif terms.tenant not in {EVERY_TENANT, tenant}:
            left.add("one for another tenant")
        elif terms.expires <= case.now:
            left.add(f"one of {terms.approver} that has ended")
        elif each.account not in case.approvers:
            left.add(f"one of {terms.approver}, who is no approver any more")
        elif terms.approver == author:
            left.add(f"one of {author}, who made it")
        elif each.account not in people and key.spki not in keys:
            people[each.account] = terms.approver
            keys.add(key.spki)
    return set(people.values()), left
