"""The judgement itself: pure, and the same for deploying and for explaining.

1. the manifest is the one that the release is named by;
2. the verdict is clean, of today's rules, over exactly the manifest's files, and says whose release it is;
3. the signature is over the same files, by this installation, under the release's name and version;
4. enough people have approved it here, none of them its author, and it has what else the installation demands, evidence
   of others and its publisher's signature among it;
5. neither it nor who signed it is revoked, and that can be told;
6. it is the release of its name that the environment's channel has promoted last, and nothing is frozen there.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from strongroom.kernel.principal import Environment
from strongroom.registry import dsse, oms
from strongroom.registry.admission import manifest as manifests
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.demanded import further, missing_groups, unreadable
from strongroom.registry.admission.model import (
    Evidence,
    EvidenceKind,
    Reason,
    Standing,
    Word,
)
from strongroom.registry.admission.outside import reasons as outside_reasons
from strongroom.registry.admission.ownkeys import read_receipt
from strongroom.registry.admission.published import reasons as published
from strongroom.registry.admission.statements import EVERY_TENANT, Approved, Scanned, Terms, read_approval, read_scan
from strongroom.registry.channels.client import Untrusted
from strongroom.registry.oms.service import verify_statement
from strongroom.rules.approval import MOST_DAYS, Demands
from strongroom.signatures.keys import PublicKey


def judge(case: Case, environment: Environment, tenant: str | None) -> Standing:
    """Return whether the release may be deployed in `environment` for `tenant`, by id; None: for any that there may be."""
    reasons: list[Reason] = []
    manifest = _manifest(case, reasons)
    files = manifest.digests if manifest is not None else None
    scan = _scan(case, files, reasons)
    _signature(case, files, reasons)
    _approvals(case, scan, environment, tenant, reasons)
    _revocation(case, reasons)
    _channel(case, scan, environment, tenant, reasons)
    return Standing(
        environment=environment,
        tenant=tenant,
        may_serve=all(reason.met for reason in reasons),
        reasons=tuple(reasons),
    )


def verdict(case: Case) -> Scanned | None:
    """Return the verdict of the scan that counts, if one does."""
    manifest = _manifest(case, [])
    return _scan(case, None if manifest is None else manifest.digests, [])


def tenants_in(case: Case) -> list[str]:
    """Return the tenants, by id, for which alone somebody has approved the release."""
    found: set[str] = set()
    for each in case.of(EvidenceKind.APPROVAL):
        assert each.account is not None  # noqa: S101 - the table demands it of an approval
        try:
            found.add(_read(case, each.statement, each.account)[0].terms.tenant)
        except _NotCounted:
            continue
    return sorted(found - {EVERY_TENANT})


def holding(case: Case) -> Iterator[tuple[Approved, PublicKey]]:
    """Yield the approvals of the release whose signatures hold, newest first, whether they count now or not."""
    for each in case.of(EvidenceKind.APPROVAL):
        assert each.account is not None  # noqa: S101 - the table demands it of an approval
        with contextlib.suppress(_NotCounted):
            found, key = _read(case, each.statement, each.account)
            if found.subject == case.subject:
                yield found, key


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
        elif case.revoked_signer(found.signer) is not None:
            left.append("Whose verdict it is was revoked.")
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
        if case.revoked_signer(found.signer.removeprefix("key ")) is not None:
            left.append("Who signed it was revoked.")
            continue
        said = f"It is signed, as {case.subject.called}, over the same files."
        reasons.append(Reason(demand="signature", met=True, because=said))
        return
    reasons.append(Reason(demand="signature", met=False, because=left[0] if left else "It was never signed."))


class Weighed(NamedTuple):
    """Who has approved a release somewhere, and what is demanded of it there.

    Attributes:
        demands: what is demanded.
        wanted: how many must approve.
        people: who has, and when first.
        left: why others do not count.
    """

    demands: Demands
    wanted: int
    people: dict[str, datetime]
    left: set[str]


def weigh(case: Case, scan: Scanned, environment: Environment, tenant: str | None) -> Weighed:
    """Return who has approved; where what is demanded can be told."""
    demands = case.demands(environment, scan.risk)
    wanted = demands.people(environment, scan.risk.value)
    if demands.own_keys:
        case = replace(case, rule=msgspec.structs.replace(case.rule, demanded=True))
    given = case.of(EvidenceKind.APPROVAL)
    people, left = counted(case, scan.author, environment, tenant, given, days=demands.approval_days)
    return Weighed(demands, wanted, people, left)


def _approvals(
    case: Case, scan: Scanned | None, environment: Environment, tenant: str | None, reasons: list[Reason]
) -> None:
    if scan is None:
        said = "Who made it, and how many must approve it, stands in the verdict, and there is none that counts."
        reasons.append(Reason(demand="approval", met=False, because=said))
        return
    if case.policy.trouble:
        reasons.append(unreadable(case.policy))
        return
    weighed = weigh(case, scan, environment, tenant)
    demands, wanted, people, left = weighed
    groups = missing_groups(demands, people)
    named = f" ({', '.join(sorted(people))})" if people else ""
    whom = "" if tenant is None else " for this tenant"
    if len(people) < wanted:
        said = f"{len(people)} of {wanted} approvals that {environment} demands of a {scan.risk} release{whom}{named}."
    else:
        said = f"{len(people)} approved it{whom}{named}; {environment} demands {wanted} of a {scan.risk} release."
    if groups:
        said = f"{said} Missing: {'; '.join(groups)}."
    met = len(people) >= wanted and not groups
    if left and not met:
        said = f"{said} Not counted: {'; '.join(sorted(left))}."
    untold = not met and isinstance(case.revocations, Untrusted)  # then nobody's counts, whoever has approved
    reasons.append(Reason(demand="approval", met=met, because=said, untold=untold))
    if not case.serving:  # of what serves, that lapses: `again` says what becomes of it
        reasons.extend(lapsing(case, weighed, environment))


def lapsing(case: Case, weighed: Weighed, environment: Environment) -> Iterator[Reason]:
    """Yield what is demanded beside approvals: evaluations, the cool-off, evidence of others, publishers' signatures."""
    demands = weighed.demands

    def revoked(key: str) -> bool:
        return case.revoked_signer(key) is not None

    passed = case.passed | _at_promotion(case, environment)
    yield from further(demands, weighed.wanted, weighed.people, passed, case.now)
    yield from outside_reasons(demands.evidence, case.outside, case.now, revoked)
    yield from published(demands.publishers, case.subject, _manifest(case, []), case.outside, case.now, revoked)


def _at_promotion(case: Case, environment: Environment) -> frozenset[str]:
    """Return the suites that the release had passed when it was promoted, as the channel says under its signature."""
    found = case.channels.get(environment)
    promoted = None if found is None or isinstance(found, Untrusted) else found.of_digest(case.subject.digest)
    return frozenset() if promoted is None else frozenset(promoted.evaluated)


class Counted(NamedTuple):
    """Who has approved, and when first by what counts now; and why others do not count."""

    people: dict[str, datetime]
    left: set[str]


def counted(
    case: Case,
    author: str,
    environment: Environment,
    tenant: str | None,
    given: Iterable[Evidence],
    *,
    days: int = MOST_DAYS,
) -> Counted:
    """Return who has approved, distinct in person and in key, and why others do not count.

    Args:
        case: what is judged, who may approve and whose signatures count.
        author: who made it, and so does not approve it.
        environment: where it is to be deployed.
        tenant: for whom, by id; None: for any.
        given: the approvals.
        days: how long one counts at most.
    """
    people: dict[UUID, str] = {}
    since: dict[UUID, datetime] = {}
    keys: set[bytes] = set()
    left: set[str] = set()
    for each in given:
        assert each.account is not None  # noqa: S101 - the table demands it of an approval
        try:
            found, key = _read(case, each.statement, each.account)
        except _NotCounted as error:
            left.add(str(error))
            continue
        terms = found.terms
        if found.subject != case.subject:
            left.add("one of another release")
        elif terms.environment is not environment:
            continue
        elif terms.tenant not in {EVERY_TENANT, tenant}:
            left.add("one for another tenant")
        elif found.at + timedelta(days=days) <= case.now:
            left.add(f"one of {terms.approver} that is older than {days} days")
        elif (why := _discounted(case, each.account, terms, key, author)) is not None:
            left.add(why)
        elif each.account not in people and key.spki not in keys:
            people[each.account], since[each.account] = terms.approver, found.at
            keys.add(key.spki)
        elif each.account in people:
            since[each.account] = min(since[each.account], found.at)
    return Counted({name: since[account] for account, name in people.items()}, left)


def words(case: Case, author: str) -> list[Word]:
    """Return every approval that was given, newest first, each with whether it counts and why not."""
    found: list[Word] = []
    for each in case.of(EvidenceKind.APPROVAL):
        assert each.account is not None  # noqa: S101 - the table demands it of an approval
        try:
            said, key = _read(case, each.statement, each.account)
        except _NotCounted as error:
            found.append(Word(at=each.made_at, because=str(error)))
            continue
        other = None if said.subject == case.subject else "one of another release"
        because = other or _discounted(case, each.account, said.terms, key, author) or ""
        found.append(
            Word(
                approver=said.terms.approver,
                environment=said.terms.environment,
                tenant=None if said.terms.tenant == EVERY_TENANT else said.terms.tenant,
                reason=said.terms.reason,
                at=each.made_at,
                expires=said.terms.expires,
                own_key=key.id not in {derived.id for derived in case.keys.approvers(each.account)},
                counts=not because,
                because=because,
            )
        )
    return found


class _NotCounted(ValueError):  # noqa: N818 - said to a person
    """Why an approval does not count, whatever it says."""


def _read(case: Case, statement: bytes, account: UUID) -> tuple[Approved, PublicKey]:
    """Return an approval and the key that signed it: the approver's own, or (where that is enough) a derived one.

    Raises:
        _NotCounted: when neither did, or that is not enough.
    """
    try:
        found = read_approval(statement, case.keys.approvers(account))
    except dsse.BadEnvelope:
        return _read_own(case, statement, account)
    if case.rule.demanded:
        raise _NotCounted("one by a key that the installation holds, where the approver's own is demanded")
    return found


def _read_own(case: Case, statement: bytes, account: UUID) -> tuple[Approved, PublicKey]:
    try:
        receipt = read_receipt(statement, case.keys.registrars())
        held = {each.public.id: each for each in case.own.get(account, ())} if receipt.account == account else {}
        approval, key = read_approval(receipt.statement, [each.public for each in held.values()])
    except dsse.BadEnvelope:
        raise _NotCounted("one that is not signed by its approver") from None
    certificate = held[key.id]
    if approval.terms.approver != certificate.name:
        raise _NotCounted("one that is not signed by its approver")
    if not certificate.registered <= receipt.received < certificate.expires:
        raise _NotCounted(f"one of {certificate.name}, by a key that had ended")
    if case.rule.trusted and key.id not in case.rule.trusted:
        raise _NotCounted(f"one of {certificate.name}, by a key that the settings do not name")
    return msgspec.structs.replace(approval, at=receipt.received), key


def _revocation(case: Case, reasons: list[Reason]) -> None:
    if isinstance(case.revocations, Untrusted):
        said = f"What is revoked cannot be told: {case.revocations}."
        reasons.append(Reason(demand="revocation", met=False, because=said, untold=True))
        return
    revoked = case.revocations.revocation_of(case.subject.digest)
    said = "It is not revoked." if revoked is None else revoked.said
    reasons.append(Reason(demand="revocation", met=revoked is None, because=said))


def _channel(
    case: Case, scan: Scanned | None, environment: Environment, tenant: str | None, reasons: list[Reason]
) -> None:
    found = case.channels.get(environment, Untrusted("nobody has looked at it"))
    if isinstance(found, Untrusted):
        said = f"The channel of {environment} cannot be used: {found}."
        reasons.append(Reason(demand="channel", met=False, because=said, untold=True))
        return
    frozen = None if case.serving else found.freeze_on(case.subject.name, tenant)
    promoted = found.of_digest(case.subject.digest)
    if not case.promotes:
        barred = scan is not None and case.policy.of(environment, scan.risk).promoted_only
        said = f"It is its tenant's own, and nothing is frozen in {environment}." if frozen is None else frozen.said
        if barred:
            said = f"It is its tenant's own, and only what is promoted may be deployed in {environment}."
        reasons.append(Reason(demand="channel", met=frozen is None and not barred, because=said))
        return
    if promoted is None or (promoted.name, promoted.version) != (case.subject.name, case.subject.version):
        said = f"It is not promoted to {environment}."
    elif not promoted.current and not case.serving:
        later = found.current(promoted.name)
        said = f"It was promoted to {environment} once; {'another' if later is None else later.called} is now."
    elif frozen is not None:
        said = frozen.said
    else:
        said = f"It is promoted to {environment}, by {promoted.by}."
        reasons.append(Reason(demand="channel", met=True, because=said))
        return
    reasons.append(Reason(demand="channel", met=False, because=said))


def _discounted(case: Case, account: UUID, terms: Terms, key: PublicKey, author: str) -> str | None:
    """Return why an approval that is about this release does not count, if so."""
    if terms.expires <= case.now:
        return f"one of {terms.approver} that has ended"
    if account not in case.approvers:
        return f"one of {terms.approver}, who is no approver any more"
    if terms.approver == author:
        return f"one of {author}, who made it"
    if isinstance(case.revocations, Untrusted):
        return f"one of {terms.approver}, since what is revoked cannot be told"
    if case.revoked_signer(key.id) is not None:
        return f"one of {terms.approver}, by a key that was revoked"
    return None
