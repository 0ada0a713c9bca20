"""Whether a release may be deployed: what is sound serves, and each thing that is not keeps it from that, by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from strongroom.kernel.principal import Environment
from strongroom.registry import dsse
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.demanded import Policy, believed, product_suites, seal, told
from strongroom.registry.admission.judge import counted, holding, judge, tenants_in, words
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.manifest import Manifest
from strongroom.registry.admission.model import Evidence, EvidenceKind, OwnKeys, Risk, Subject
from strongroom.registry.admission.ownkeys import CLAIM, Certificate, Receipt, check_claim, claim, received
from strongroom.registry.admission.statements import EVERY_TENANT, Terms, approved, scanned
from strongroom.registry.admission.testing import _report, content, manifest_of
from strongroom.registry.channels.client import Untrusted
from strongroom.registry.channels.model import Content, Freeze, FreezeKind, Promoted, Revoked, RevokedKind
from strongroom.registry.oms.service import sign_files
from strongroom.registry.scan import Report, Verdict
from strongroom.rules.approval import APPROVAL, MOST_DAYS, ApprovalRule, Group
from strongroom.rules.kind import Document, digest, encode
from strongroom.rules.model import Level, Version
from strongroom.signatures.keys import SecretKey
from strongroom.vault import Purpose, PurposeKeys

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PROD, DEV = Environment.PROD, Environment.DEV
ANN, BEN, CAT = UUID(int=1), UUID(int=2), UUID(int=3)
NAMES = {ANN: "ann", BEN: "ben", CAT: "cat"}
ACME, GLOBEX = str(UUID(int=7)), str(UUID(int=8))


def keys_of(root: int) -> RegistryKeys:
    return RegistryKeys(PurposeKeys(1, {Purpose.REGISTRY: {1: bytes([root]) * 32}}))


KEYS, STRANGERS = keys_of(1), keys_of(2)
MANIFEST = manifest_of("m")
SUBJECT = Subject(digest=MANIFEST.digest, name="m", version="1")
REPORT = _report(content("m"))
RULESET = REPORT.ruleset


def piece(kind: EvidenceKind, statement: bytes, account: UUID | None = None) -> Evidence:
    return Evidence(kind=kind, statement=statement, account=account, made_at=NOW)


def manifest(of: Manifest = MANIFEST) -> Evidence:
    return piece(EvidenceKind.MANIFEST, of.encoded())


def scan(
    *, report: Report = REPORT, subject: Subject = SUBJECT, author: str = "olga", risk: Risk = Risk.STANDARD,
    keys: RegistryKeys = KEYS,
) -> Evidence:  # fmt: skip
    return piece(EvidenceKind.SCAN, scanned(report, subject, author, risk, keys.scanner()))


def signature(*, of: Manifest = MANIFEST, called: str = SUBJECT.called, keys: RegistryKeys = KEYS) -> Evidence:
    return piece(EvidenceKind.SIGNATURE, sign_files(called, of.digests, keys.signer())[0])


def terms(account: UUID, **more: Any) -> Terms:
    said: dict[str, Any] = {
        "approver": NAMES[account],
        "environment": PROD,
        "tenant": EVERY_TENANT,
        "expires": NOW + 30 * DAY,
    }
    return Terms(**{**said, "reason": "because", "version": "1", **more})


def approval(
    account: UUID, *, subject: Subject = SUBJECT, key: SecretKey | None = None, at: datetime = NOW - DAY, **more: Any
) -> Evidence:
    made = approved(subject, terms(account, **more), at, key or KEYS.approver(account))
    return piece(EvidenceKind.APPROVAL, made, account)


def promoted(**more: Any) -> Promoted:
    said: dict[str, Any] = {
        "name": "m",
        "version": "1",
        "digest": SUBJECT.digest,
        "size": 1,
        "current": True,
        "by": "olga",
    }
    return Promoted(**{**said, "at": NOW, "reason": "because", **more})


def revoked(kind: RevokedKind, of: str) -> Revoked:
    return Revoked(kind=kind, of=of, by="olga", at=NOW, reason="poisoned")


HONEST = (manifest(), scan(), signature(), approval(ANN), approval(BEN))


def case(*evidence: Evidence, **more: Any) -> Case:
    said: dict[str, Any] = {
        "subject": SUBJECT, "evidence": evidence or HONEST, "approvers": frozenset({ANN, BEN, CAT}), "keys": KEYS,
        "ruleset": RULESET, "now": NOW, "channels": {PROD: Content(promoted=(promoted(),))},
    }  # fmt: skip
    return Case(**{**said, **more})


def with_approvals(*given: Evidence, **more: Any) -> Case:
    return case(manifest(), scan(), signature(), *given, **more)


def without(kind: EvidenceKind, *instead: Evidence) -> Case:
    return case(*(each for each in HONEST if each.kind is not kind), *instead)


def test_what_is_sound_may_serve_and_everything_is_told_as_met() -> None:
    standing = judge(case(), PROD, None)
    assert standing.may_serve, standing.refusal()
    assert [each.demand for each in standing.reasons] == [
        "manifest", "scan", "signature", "approval", "revocation", "channel",
    ]  # fmt: skip


OTHER = Subject(digest=SUBJECT.digest, name="m", version="2")
ELSE = manifest_of("else")
REFUSED = msgspec.structs.replace(REPORT, verdict=Verdict.REFUSED)
SCANNERS, SIGNERS = KEYS.scanners()[0].id, KEYS.signer().hint
SHARED = SecretKey.of_seed(b"shared-by-two-people-of-one-desk")


def signed_by(signer: str) -> Case:
    return case(revocations=Content(revoked=(revoked(RevokedKind.SIGNER, signer),)))


ATTACKS: dict[str, tuple[Callable[[], Case], str]] = {
    "no manifest": (lambda: without(EvidenceKind.MANIFEST), "no manifest with the digest"),
    "another manifest": (lambda: without(EvidenceKind.MANIFEST, manifest(ELSE)), "no manifest with the digest"),
    "no scan": (lambda: without(EvidenceKind.SCAN), "never scanned"),
    "a stranger's scan": (lambda: without(EvidenceKind.SCAN, scan(keys=STRANGERS)), "did not sign"),
    "scan of another version": (lambda: without(EvidenceKind.SCAN, scan(subject=OTHER)), "another release"),
    "scan of other files": (
        lambda: without(EvidenceKind.SCAN, scan(report=_report(content("else")))),
        "about other files",
    ),
    "refused by the scanner": (lambda: without(EvidenceKind.SCAN, scan(report=REFUSED)), "The scanner refused it"),
    "scanned by other rules": (lambda: case(ruleset="sha256:newer"), "other rules than today's"),
    "the scanner was revoked": (lambda: signed_by(SCANNERS), "Whose verdict it is was revoked"),
    "no signature": (lambda: without(EvidenceKind.SIGNATURE), "never signed"),
    "a stranger's signature": (
        lambda: without(EvidenceKind.SIGNATURE, signature(keys=STRANGERS)),
        "signature that does not hold",
    ),
    "signature of another name": (lambda: without(EvidenceKind.SIGNATURE, signature(called="m@2")), "other files"),
    "signature of other files": (lambda: without(EvidenceKind.SIGNATURE, signature(of=ELSE)), "other files"),
    "the signer was revoked": (lambda: signed_by(SIGNERS), "Who signed it was revoked"),
    "revoked": (
        lambda: case(revocations=Content(revoked=(revoked(RevokedKind.DIGEST, SUBJECT.digest),))),
        "It was revoked by olga",
    ),
    "what is revoked is not known": (lambda: case(revocations=Untrusted("it went back")), "cannot be told"),
    "one approval of two": (lambda: with_approvals(approval(ANN)), "1 of 2 approvals"),
    "one person twice": (lambda: with_approvals(approval(ANN), approval(ANN, reason="again")), "1 of 2 approvals"),
    "of another release": (lambda: with_approvals(approval(ANN), approval(BEN, version="2")), "of another release"),
    "of another environment": (lambda: with_approvals(approval(ANN), approval(BEN, environment=DEV)), "1 of 2"),
    "for another tenant": (lambda: with_approvals(approval(ANN), approval(BEN, tenant=GLOBEX)), "for another tenant"),
    "that has ended": (lambda: with_approvals(approval(ANN), approval(BEN, expires=NOW)), "ben that has ended"),
    "older than may be": (
        lambda: with_approvals(approval(ANN), approval(BEN, at=NOW - MOST_DAYS * DAY, expires=NOW + DAY)),
        f"older than {MOST_DAYS} days",
    ),
    "its author's": (
        lambda: case(manifest(), scan(author="ben"), signature(), approval(ANN), approval(BEN)),
        "ben, who made it",
    ),
    "no approver any more": (lambda: case(approvers=frozenset({ANN})), "ben, who is no approver any more"),
    "by another's key": (
        lambda: with_approvals(approval(ANN), approval(BEN, key=KEYS.approver(CAT))),
        "not signed by its approver",
    ),
    "by a key that was revoked": (lambda: signed_by(KEYS.approver(BEN).public.id), "by a key that was revoked"),
    "what is demanded is not known": (lambda: case(policy=Policy(trouble="edited")), "demanded cannot be told"),
    "a risk that takes more": (
        lambda: case(manifest(), scan(risk=Risk.HIGH), signature(), approval(ANN), approval(BEN)),
        "of 3 approvals",
    ),
    "by no key of their own": (lambda: case(rule=OwnKeys(demanded=True)), "where the approver's own is demanded"),
    "not promoted": (lambda: case(channels={PROD: Content()}), "not promoted to prod"),
    "promoted as another": (lambda: case(channels={PROD: Content(promoted=(promoted(version="2"),))}), "not promoted"),
    "promoted elsewhere": (lambda: case(channels={DEV: Content(promoted=(promoted(),))}), "nobody has looked at it"),
    "promoted once": (
        lambda: case(
            channels={
                PROD: Content(
                    promoted=(promoted(current=False), promoted(version="2", digest="sha256:" + "0" * 64))
                )
            }
        ),
        "once; m@2 is now",
    ),
    "a channel that is not believed": (lambda: case(channels={PROD: Untrusted("it went back")}), "it went back"),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_thing_that_is_not_sound_keeps_it_from_serving(attack: str) -> None:
    made, said = ATTACKS[attack]
    standing = judge(made(), PROD, None)
    assert not standing.may_serve
    assert said in standing.refusal()


@pytest.mark.parametrize(
    ("kind", "of", "frozen"),
    [
        (FreezeKind.ENVIRONMENT, "", True),
        (FreezeKind.NAME, "m", True),
        (FreezeKind.NAME, "n", False),
        (FreezeKind.TENANT, ACME, True),
        (FreezeKind.TENANT, GLOBEX, False),
    ],
)
@pytest.mark.parametrize("promotes", [True, False])
def test_what_is_frozen_is_not_deployed_and_what_serves_goes_on(
    kind: FreezeKind, of: str, frozen: bool, promotes: bool
) -> None:
    held = Content(promoted=(promoted(),), frozen=(Freeze(kind=kind, of=of, by="olga", at=NOW, reason="a fault"),))
    assert judge(case(channels={PROD: held}, promotes=promotes), PROD, ACME).may_serve is not frozen
    assert judge(case(channels={PROD: held}, promotes=promotes, serving=True), PROD, ACME).may_serve


def test_what_serves_goes_on_when_another_is_promoted_and_what_was_never_promoted_does_not() -> None:
    older = {PROD: Content(promoted=(promoted(current=False),))}
    assert not judge(case(channels=older), PROD, None).may_serve
    assert judge(case(channels=older, serving=True), PROD, None).may_serve
    assert not judge(case(channels={PROD: Content()}, serving=True), PROD, None).may_serve


def test_an_approval_for_one_tenant_counts_for_it_alone() -> None:
    given = with_approvals(approval(ANN), approval(BEN, tenant=ACME))
    assert judge(given, PROD, ACME).may_serve
    assert not judge(given, PROD, GLOBEX).may_serve
    assert not judge(given, PROD, None).may_serve
    assert tenants_in(given) == [ACME]
    assert tenants_in(with_approvals(approval(ANN), approval(BEN, tenant=ACME, key=STRANGERS.approver(BEN)))) == []


def ruled(**more: Any) -> Policy:
    rule = ApprovalRule(**more)
    return Policy(Document(rules=(rule,)))


def test_what_the_installation_demands_besides_is_demanded() -> None:
    """Each by itself: groups, days, own keys, suites, time after the last approval needed, and promotion of a tenant's own."""
    group = ruled(groups=(Group(name="safety", accounts=("cat",), approvals=1),))
    assert "Missing: 0 of 1 approvals by safety" in judge(case(policy=group), PROD, None).refusal()
    assert judge(with_approvals(approval(ANN), approval(CAT), policy=group), PROD, None).may_serve
    young = ruled(approval_days=2)
    late = with_approvals(approval(ANN), approval(BEN, at=NOW - 2 * DAY), policy=young)
    assert "ben that is older than 2 days" in judge(late, PROD, None).refusal()
    assert judge(case(policy=young), PROD, None).may_serve
    assert "own is demanded" in judge(case(policy=ruled(own_keys=True)), PROD, None).refusal()
    suite = ruled(evaluations=("safety@1",))
    assert "The evaluation safety@1 is missing" in judge(case(policy=suite), PROD, None).refusal()
    assert judge(case(policy=suite, passed=frozenset({"safety@1"})), PROD, None).may_serve
    assert judge(case(policy=suite, serving=True), PROD, None).may_serve
    then = {PROD: Content(promoted=(promoted(evaluated=("safety@1",)),))}
    assert judge(case(policy=suite, channels=then), PROD, None).may_serve, "it had passed when it was promoted"
    cool = ruled(cool_off_hours=48)
    assert "Cool-off until 2026-06-02T00:00:00" in judge(case(policy=cool), PROD, None).refusal()
    begun = with_approvals(approval(ANN), approval(BEN, at=NOW - 2 * DAY), approval(CAT, at=NOW - 2 * DAY), policy=cool)
    assert judge(begun, PROD, None).may_serve, "two had approved two days ago, whoever came later"
    renewed = with_approvals(
        approval(ANN), approval(BEN), approval(ANN, at=NOW - 2 * DAY), approval(BEN, at=NOW - 2 * DAY), policy=cool
    )
    assert judge(renewed, PROD, None).may_serve, "who approves again has approved since the first time"
    own = ruled(promoted_only=True)
    assert "only what is promoted" in judge(case(policy=own, promotes=False), PROD, ACME).refusal()
    assert judge(case(channels={PROD: Content()}, promotes=False), PROD, ACME).may_serve


# ---- approvers' own keys -----------------------------------------------------------------------------------------------

OWN = {account: SecretKey.of_seed(bytes([account.int]) * 32) for account in (ANN, BEN)}


def certificate(account: UUID, *, key: SecretKey | None = None, **more: Any) -> Certificate:
    said: dict[str, Any] = {
        "account": account, "name": NAMES[account], "key": (key or OWN[account]).public.spki, "registered": NOW - 9 * DAY,
        "expires": NOW + 9 * DAY,
    }  # fmt: skip
    return Certificate(**{**said, **more})


def own_approval(
    account: UUID, *, key: SecretKey | None = None, at: datetime = NOW - DAY, whose: UUID | None = None,
    keys: RegistryKeys = KEYS, **more: Any,
) -> Evidence:  # fmt: skip
    made = approved(SUBJECT, terms(account, **more), NOW - 300 * DAY, key or OWN[account])
    receipt = Receipt(account=whose or account, received=at, statement=made)
    return piece(EvidenceKind.APPROVAL, received(receipt, keys.registrar()), account)


def with_own(*given: Evidence, **more: Any) -> Case:
    registered = {ANN: [certificate(ANN)], BEN: [certificate(BEN)]}
    return with_approvals(*given, **{"own": registered, "rule": OwnKeys(demanded=True), **more})


OWN_ATTACKS: dict[str, tuple[Callable[[], Case], str]] = {
    "a receipt that nobody here made": (
        lambda: with_own(own_approval(ANN), own_approval(BEN, keys=STRANGERS)),
        "not signed by its approver",
    ),
    "a receipt of another's": (lambda: with_own(own_approval(ANN), own_approval(BEN, whose=ANN)), "not signed by its"),
    "another's key": (lambda: with_own(own_approval(ANN), own_approval(BEN, key=OWN[ANN])), "not signed by its"),
    "another's name": (lambda: with_own(own_approval(ANN), own_approval(BEN, approver="cat")), "not signed by its"),
    "before it was registered": (lambda: with_own(own_approval(ANN), own_approval(BEN, at=NOW - 10 * DAY)), "had ended"),
    "after it ended": (
        lambda: with_own(
            own_approval(ANN), own_approval(BEN), own={ANN: [certificate(ANN)], BEN: [certificate(BEN, expires=NOW - DAY)]}
        ),
        "by a key that had ended",
    ),
    "a key that the settings do not name": (
        lambda: with_own(
            own_approval(ANN),
            own_approval(BEN),
            rule=OwnKeys(demanded=True, trusted=frozenset({OWN[ANN].public.id})),
        ),
        "that the settings do not name",
    ),
    "one key of two people": (
        lambda: with_own(
            own_approval(ANN, key=SHARED),
            own_approval(BEN, key=SHARED),
            own={ANN: [certificate(ANN, key=SHARED)], BEN: [certificate(BEN, key=SHARED)]},
        ),
        "1 of 2 approvals",
    ),
    "a claim of when that its receipt does not bear": (
        lambda: with_own(own_approval(ANN), own_approval(BEN), policy=ruled(cool_off_hours=48)),
        "Cool-off until",
    ),
}  # fmt: skip


@pytest.mark.parametrize("attack", OWN_ATTACKS)
def test_an_approval_by_ones_own_key_is_held_to_whose_it_is_and_when_it_came(attack: str) -> None:
    named = frozenset(each.public.id for each in OWN.values())
    for rule in (OwnKeys(demanded=True), OwnKeys(demanded=True, trusted=named), OwnKeys()):
        assert judge(with_own(own_approval(ANN), own_approval(BEN), rule=rule), PROD, None).may_serve
    made, said = OWN_ATTACKS[attack]
    standing = judge(made(), PROD, None)
    assert not standing.may_serve
    assert said in standing.refusal()


def test_words_say_of_each_approval_whether_it_counts_and_why_not() -> None:
    given = with_approvals(
        approval(ANN),
        approval(BEN, version="2"),
        approval(CAT, expires=NOW),
        approval(BEN, key=STRANGERS.approver(BEN)),
    )
    assert [(each.approver, each.counts, each.because) for each in words(given, "olga")] == [
        ("ann", True, ""),
        ("ben", False, "one of another release"),
        ("cat", False, "one of cat that has ended"),
        ("", False, "any that is not signed by its approver"),
    ]
    assert [each.terms.approver for each, _ in holding(given)] == ["ann", "cat"], "what holds is about this release"


def test_nobody_is_counted_while_what_is_revoked_cannot_be_told() -> None:
    """For prompts and data sets, which are counted and not judged: a derived key that was revoked would count again."""
    given = (approval(ANN), approval(BEN))
    assert set(counted(case(), "olga", PROD, None, given).people) == {"ann", "ben"}
    people, left = counted(case(revocations=Untrusted("it went back")), "olga", PROD, None, given)
    assert people == {}
    assert all("cannot be told" in each for each in left)


def test_what_is_demanded_counts_by_its_seal_over_just_this_version() -> None:
    """A row that somebody wrote or changed, or an older document under a newer number, closes everything."""
    document = Document(rules=(ApprovalRule(approvers=4),))
    body = encode(document)
    made = Version(
        kind=APPROVAL.name, level=Level.DEFAULT, version=3, document=msgspec.json.decode(body), digest=digest(body),
        author="olga", credential="", reason="", at=NOW, withdrawn=False,
    )  # fmt: skip
    sealed = seal(made, KEYS)
    assert believed(made, sealed, KEYS).document == document
    assert believed(made, seal(made, KEYS), KEYS).of(PROD, Risk.STANDARD).approvers == 4
    looser = encode(Document(rules=(ApprovalRule(approvers=3),)))
    assert APPROVAL.read(msgspec.json.decode(looser)).rules, "a document that would be taken, were it sealed"
    withdrawn = msgspec.structs.replace(made, withdrawn=True, document={}, digest=digest(b""))
    assert believed(withdrawn, seal(withdrawn, KEYS), KEYS) == Policy(), "withdrawn: the product's own demands"
    for changed, by in (
        (made, None),
        (made, b"{}"),
        (made, seal(made, STRANGERS)),
        (withdrawn, sealed),
        (msgspec.structs.replace(made, version=4), sealed),
        (msgspec.structs.replace(made, document=msgspec.json.decode(looser)), sealed),
        (msgspec.structs.replace(made, document=msgspec.json.decode(looser), digest=digest(looser)), sealed),
        (msgspec.structs.replace(made, at=NOW + DAY), sealed),
        (msgspec.structs.replace(made, document={"rules": 7}), sealed),
    ):
        found = believed(changed, by, KEYS)
        assert found.trouble
        assert not judge(case(policy=found), PROD, None).may_serve


def test_a_suite_of_somebodys_that_is_named_as_one_of_the_products_is_not_that_one() -> None:
    name, own = next(iter(product_suites().items()))

    @dataclass
    class Suite:
        suite: str
        suite_digest: str

    assert name in told([Suite(f"{name}@1", own)])
    assert name not in told([Suite(f"{name}@1", "sha256:mine")])
    assert told([Suite("ours@1", "sha256:mine")]) == {"ours", "sha256:mine"}
    assert not any(each.endswith(".py") for each in product_suites())


def test_a_cool_off_begins_with_the_last_approval_that_was_needed_and_not_with_the_first() -> None:
    cool = ruled(cool_off_hours=48)
    late = with_approvals(approval(ANN, at=NOW - 3 * DAY), approval(BEN, at=NOW - DAY), policy=cool)
    assert "Cool-off until 2026-06-02T00:00:00" in judge(late, PROD, None).refusal()
    assert judge(
        with_approvals(approval(ANN, at=NOW - 3 * DAY), approval(BEN, at=NOW - 2 * DAY), policy=cool), PROD, None
    ).may_serve


def test_a_cool_off_begins_when_each_group_has_approved_too_and_not_before_enough_have() -> None:
    both = ruled(cool_off_hours=48, groups=(Group(name="safety", accounts=("cat",), approvals=1),))
    given = (approval(ANN, at=NOW - 9 * DAY), approval(BEN, at=NOW - 9 * DAY), approval(CAT, at=NOW - DAY))
    assert "Cool-off until 2026-06-02T00:00:00" in judge(with_approvals(*given, policy=both), PROD, None).refusal()
    few = judge(with_approvals(approval(ANN), policy=ruled(cool_off_hours=48)), PROD, None)
    assert "begins when enough have approved" in few.refusal()


def test_what_is_held_and_revoked_is_so_by_its_kind() -> None:
    """A tenant that is called as a release is, or a signer as a digest, stops nothing else."""
    held = [
        Freeze(kind=kind, of=of, by="o", at=NOW, reason="r")
        for kind, of in ((FreezeKind.TENANT, "m"), (FreezeKind.NAME, ACME))
    ]
    assert Content(frozen=tuple(held)).freeze_on("m", ACME) is None
    gone = Content(revoked=(revoked(RevokedKind.SIGNER, SUBJECT.digest), revoked(RevokedKind.DIGEST, SCANNERS)))
    assert judge(case(revocations=gone), PROD, None).may_serve
    several = (promoted(name="n", digest=ELSE.digest), promoted())
    assert Content(promoted=several).current("m") == promoted()
    assert Content(promoted=several).of_digest(SUBJECT.digest) == promoted()
    assert judge(case(channels={PROD: Content(promoted=several)}), PROD, None).may_serve


def restated(statement: bytes, key: SecretKey, **change: Any) -> bytes:
    """Return a statement as another kind of one, signed by the key that signs the real ones."""
    payload = msgspec.json.decode(dsse.opened(statement)[0])
    return dsse.sign(msgspec.json.encode(payload | change), [key])


def test_a_statement_of_another_kind_by_the_right_key_is_neither_verdict_nor_approval() -> None:
    other = restated(scan().statement, KEYS.scanner(), predicateType="https://example.com/draft")
    assert "did not sign" in judge(without(EvidenceKind.SCAN, piece(EvidenceKind.SCAN, other)), PROD, None).refusal()
    word = restated(approval(BEN).statement, KEYS.approver(BEN), predicateType="https://example.com/draft")
    given = with_approvals(approval(ANN), piece(EvidenceKind.APPROVAL, word, BEN))
    assert "not signed by its approver" in judge(given, PROD, None).refusal()
    same = restated(approval(BEN).statement, KEYS.approver(BEN))
    assert judge(with_approvals(approval(ANN), piece(EvidenceKind.APPROVAL, same, BEN)), PROD, None).may_serve, (
        "the control"
    )


def test_an_envelope_is_small_signed_and_of_its_type() -> None:
    key = SecretKey.of_seed(b"e" * 32)
    good = dsse.sign(b"{}", [key], "application/x")
    assert dsse.verify(good, [key.public], "application/x")[0] == b"{}"
    with pytest.raises(dsse.BadEnvelope, match="another type"):
        dsse.verify(good, [key.public])
    with pytest.raises(dsse.BadEnvelope, match="nobody signed it"):
        dsse.opened(dsse.sign(b"{}", []))
    with pytest.raises(dsse.BadEnvelope, match="too large"):
        dsse.opened(b" " * dsse.MOST + good, "application/x")


def test_a_claim_of_a_key_is_of_this_key_for_this_account() -> None:
    key, other = SecretKey.of_seed(b"c" * 32), SecretKey.of_seed(b"d" * 32)
    check_claim(claim("ann", key), "ann", key.public)
    for wrong, account in ((claim("ben", key), "ann"), (claim("ann", other), "ann"), (approval(ANN).statement, "ann")):
        with pytest.raises(dsse.BadEnvelope):
            check_claim(wrong, account, key.public)
    mine = dsse.sign(dsse.opened(claim("ann", other), CLAIM)[0], [key], CLAIM)
    with pytest.raises(dsse.BadEnvelope, match="claims another key"):
        check_claim(mine, "ann", key.public)
