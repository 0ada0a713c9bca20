"""From a case, as the judgement takes it, to what is said of a release: pure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from strongroom.kernel.principal import Environment
from strongroom.registry import dsse, oms
from strongroom.registry.admission import manifest as manifests
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.judge import holding, judge
from strongroom.registry.admission.model import EvidenceKind
from strongroom.registry.admission.statements import EVERY_TENANT, Scanned, read_scan
from strongroom.registry.bills.model import ApprovalFact, ChannelFact, Described, ScanFact
from strongroom.registry.channels.client import Untrusted
from strongroom.registry.evaluations.model import Evaluated
from strongroom.registry.model import Release
from strongroom.registry.oms.service import verify_statement


def described(case: Case, release: Release, evaluations: tuple[Evaluated, ...], tenant: str | None) -> Described:
    """Return what is known of a release, of which `tenant`, by id, may know.

    Args:
        case: the evidence, and whose signatures count.
        release: as the catalogue lists it.
        evaluations: those of the tenant.
        tenant: whom it is made for; None: anybody.
    """
    manifest = _manifest(case)
    digests = {} if manifest is None else manifest.digests
    scan = next(_scans(case, digests), None)
    return Described(
        digest=case.subject.digest,
        name=case.subject.name,
        version=case.subject.version,
        kind=release.kind,
        format=release.format,
        bytes=release.bytes,
        source=release.source,
        author=None if scan is None else scan.author,
        risk=None if scan is None else scan.risk,
        own=release.tenant is not None,
        files=() if manifest is None else manifest.files,
        scan=None
        if scan is None
        else ScanFact(
            passed=scan.passed, ruleset=scan.ruleset, current=scan.ruleset == case.ruleset, signer=scan.signer
        ),
        signers=tuple(dict.fromkeys(_signers(case, digests))),
        approvals=tuple(_approvals(case, tenant)),
        channels=tuple(_channels(case)),
        evaluations=evaluations,
        standing=tuple(judge(case, each, tenant) for each in Environment),
        at=case.now,
    )


def _manifest(case: Case) -> manifests.Manifest | None:
    for each in case.of(EvidenceKind.MANIFEST):
        with contextlib.suppress(manifests.BadManifest):
            found = manifests.read(each.statement)
            if found.digest == case.subject.digest:
                return found
    return None


def _scans(case: Case, files: dict[str, str]) -> Iterator[Scanned]:
    for each in case.of(EvidenceKind.SCAN):
        with contextlib.suppress(dsse.BadEnvelope):
            found = read_scan(each.statement, case.keys.scanners())
            if found.subject == case.subject and found.files == files:
                yield found


def _signers(case: Case, files: dict[str, str]) -> Iterator[str]:
    for each in case.of(EvidenceKind.SIGNATURE):
        with contextlib.suppress(oms.BadSignature):
            found = verify_statement(each.statement, case.keys.signers())
            signer = found.signer.removeprefix("key ")
            about_it = found.signed.name == case.subject.called and found.signed.files == files
            if about_it and case.revoked_signer(signer) is None:
                yield signer


def _approvals(case: Case, tenant: str | None) -> Iterator[ApprovalFact]:
    for found, key in holding(case):
        terms = found.terms
        if terms.tenant in {EVERY_TENANT, tenant}:  # one for another tenant is not this one's to know
            yield ApprovalFact(
                approver=terms.approver,
                environment=terms.environment,
                expires=terms.expires,
                for_one_tenant=terms.tenant != EVERY_TENANT,
                signer=key.id,
            )


def _channels(case: Case) -> Iterator[ChannelFact]:
    for environment, content in case.channels.items():
        promoted = None if isinstance(content, Untrusted) else content.of_digest(case.subject.digest)
        if promoted is not None and promoted.called == case.subject.called:
            yield ChannelFact(environment=environment, current=promoted.current, by=promoted.by, at=promoted.at)
