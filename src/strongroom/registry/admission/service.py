"""What can be done about a release's standing: prove it when it is admitted, approve it, explain it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from strongroom.identity import account_tables
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import EVERY, Action, Ask, Gate, Kind, Resource
from strongroom.registry import dsse
from strongroom.registry.admission import manifest as manifests
from strongroom.registry.admission import tables
from strongroom.registry.admission.again import Again, again
from strongroom.registry.admission.answers import Admitted, Around, Others, Proved, Shown
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.demanded import Passing, policy, seal, told
from strongroom.registry.admission.judge import judge
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.model import PROVEN, EvidenceKind, Found, OwnKeys, Proof, Risk, Standing, Subject
from strongroom.registry.admission.signed import MAX_DAYS, Approvals
from strongroom.registry.admission.statements import EVERY_TENANT, Terms, read_scan, scanned
from strongroom.registry.channels.client import Untrusted
from strongroom.registry.channels.memory import Memory
from strongroom.registry.channels.model import Channel, Content
from strongroom.registry.channels.reader import Reader
from strongroom.registry.oms.service import sign_files
from strongroom.registry.scan import Report
from strongroom.registry.scan.rules import ruleset_digest
from strongroom.registry.scan.service import scan_files
from strongroom.registry.serving import tables as serving_tables
from strongroom.rules.model import Version
from strongroom.store import OperatorTx, TenantTx


class Admission:
    """Proves, approves and judges releases."""

    def __init__(
        self,
        gate: Gate,
        keys: RegistryKeys,
        clock: Clock,
        memory: Memory | None = None,
        own: OwnKeys | None = None,
        evaluations: Passing | None = None,
        others: Others | None = None,
        suites: frozenset[str] = frozenset(),
    ) -> None:
        """Make it.

        Args:
            gate: gives transactions.
            keys: whose signatures count.
            clock: dates what is signed.
            memory: what this machine remembers of the channels; None: nothing but what this object sees.
            own: whose keys count under approvals; None: any.
            evaluations: tells what a release has passed; None: nothing.
            others: tells what others' evidence there is; None: it cannot be told.
            suites: what a release must have passed before it serves in prod, whatever rules say.
        """
        self.channels = Reader(keys, clock, memory or Memory())
        self.approvals: Final = Approvals(keys, clock, self.channels, own or OwnKeys())
        self._evaluations = evaluations
        self._others = others
        self._suites = suites
        self._gate = gate
        self._keys = keys
        self._clock = clock
        self._ruleset = ruleset_digest()

    def prove(self, subject: Subject, manifest: bytes, files: Mapping[str, Path], author: str, risk: Risk) -> Proof:
        """Scan a release's files and sign verdict and model. Takes as long as reading them.

        Args:
            subject: the release.
            manifest: its manifest.
            files: where each of its files lies, by its path in the manifest.
            author: the account that brings it.
            risk: how much may go wrong with it.

        Raises:
            CannotScan: when the scanner cannot be started.
        """
        return self.seal(subject, manifest, scan_files(files, clock=self._clock, named=subject.called), author, risk)

    def seal(
        self,
        subject: Subject,
        manifest: bytes,
        report: Report,
        author: str,
        risk: Risk,
        provenance: Mapping[str, str] | None = None,
    ) -> Proof:
        """Sign what a scan said of a release's files, what made it where that is known, and the release."""
        verdict = scanned(report, subject, author, risk, self._keys.scanner(), provenance)
        signature, _ = sign_files(subject.called, manifests.read(manifest).digests, self._keys.signer())
        return Proof(manifest=manifest, scan=verdict, signature=signature)

    async def proven(self, tx: OperatorTx | TenantTx, subject: Subject, owner: TenantId | None = None) -> bool:
        """Whether verdict and signature of a release count today, whoever approved it."""
        demands = judge(await self.case(tx, Found(subject, owner), ()), Environment.DEV, None)
        return not demands.lacks(PROVEN - {"revocation"})  # who brings it in again would not mend that

    async def keep(self, tx: OperatorTx | TenantTx, subject: Subject, proof: Proof) -> None:
        """Keep what a release comes with: one of the installation's, or one of the transaction's tenant."""
        now = self._clock.now()
        for kind, statement in (
            (EvidenceKind.MANIFEST, proof.manifest),
            (EvidenceKind.SCAN, proof.scan),
            (EvidenceKind.SIGNATURE, proof.signature),
        ):
            if isinstance(tx, TenantTx):
                await tables.insert_own(tx, subject.digest, kind, statement, None, now)
            else:
                await tables.insert(tx, subject.digest, kind, statement, None, now)

    async def approve(
        self,
        who: Principal,
        name: str,
        version: str,
        environment: Environment,
        *,
        tenant: TenantId | None,
        days: int,
        reason: str,
        ask: Ask,
        statement: bytes | None = None,
        digest: str | None = None,
    ) -> Standing:
        """Approve a release for an environment, until a day: one person's word, signed by that person's key.

        Args:
            who: the approver.
            name: of the release.
            version: of the release.
            environment: where it may be deployed.
            tenant: for which tenant; None: for all.
            days: how long.
            reason: why, in the approver's words.
            ask: the request.
            statement: the approval, signed by the approver's own key; None: the installation signs, by a key that it derives.
            digest: what the approver has looked at; None: whatever the name and version stand for.

        Raises:
            Refused: hidden for a release that there is not, FORBIDDEN for its author, INVALID for one whose files or
                verdict do not count, or for words and days that cannot be; CONFLICT when `digest` is another's.
        """
        if not 1 <= days <= MAX_DAYS:
            raise Refused(invalid(f"An approval lasts 1 to {MAX_DAYS} days.", param="days"))
        if not reason.strip() or len(reason) > 1000:  # noqa: PLR2004 - a paragraph
            raise Refused(invalid("Say why, in up to 1,000 characters.", param="reason"))
        resource = Resource(kind=Kind.RELEASE, id=resource_id(name, version))
        async with self._gate.permit_platform(who, Action.MODEL_APPROVE, resource, ask) as tx:
            found = await self.named(tx, name, version, tenant)
            subject = found.subject
            if digest is not None and digest != subject.digest:
                tell = f"{subject.called} is another release by now than the one that you looked at: look again."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
            account = await account_tables.account_named(tx, who.name)
            if account is None:
                raise Refused(hidden("an approval by nobody's account"))
            case = await self.case(tx, found)
            before = judge(case, environment, None if tenant is None else str(tenant))
            if lacking := before.lacks(PROVEN):
                raise Refused(invalid(f"It cannot be approved. {lacking}", param="version"))
            self._refuse_author(case, who.name)
            now = self._clock.now()
            terms = Terms(
                approver=account.name,
                environment=environment,
                tenant=EVERY_TENANT if tenant is None else str(tenant),
                expires=now + timedelta(days=days),
                reason=reason,
                version=version,
            )
            made = self.approvals.statement(case, account.id, terms, statement, "model approve")
            if found.owner is None:
                await tables.insert(tx, subject.digest, EvidenceKind.APPROVAL, made, account.id, now)
                return judge(await self.case(tx, found), environment, None if tenant is None else str(tenant))
        resource = Resource(kind=Kind.RELEASE, id=resource_id(name, version), tenant=found.owner)
        async with self._gate.permit(who, Action.MODEL_APPROVE, resource, ask) as own:  # in the tenant's log as well
            await tables.insert_own(own, subject.digest, EvidenceKind.APPROVAL, made, account.id, now)
            return judge(await self.case(own, found), environment, str(tenant))

    async def show(self, who: Principal, name: str, version: str, tenant: TenantId | None, ask: Ask) -> Shown:
        """Return a release's files, and why it may or may not be deployed where.

        Raises:
            Refused: hidden for a release that there is not.
        """
        whose = tenant or who.tenant
        async with self.reading(who, name, version, tenant, ask) as tx:
            found = await self.named(tx, name, version, whose)
            subject, case = found.subject, await self.case(tx, found)
            standing = tuple(judge(case, each, None if whose is None else str(whose)) for each in Environment)
            manifest = manifest_of(case)
            return Shown(
                digest=subject.digest,
                name=subject.name,
                version=subject.version,
                files=() if manifest is None else manifest.files,
                standing=standing,
                tenant=found.owner,
                serving=await serving_tables.of_release(tx, subject.digest),
            )

    async def demand(self, tx: TenantTx, digest: str, environment: Environment) -> None:
        """Refuse a release that may not be deployed in `environment` for the transaction's tenant.

        Raises:
            Refused: FORBIDDEN, with every reason that is not met.
        """
        await self.admitted(tx, digest, environment)

    async def admitted(self, tx: TenantTx, digest: str, environment: Environment) -> Admitted:
        """Return a release that may be deployed in `environment` for the transaction's tenant, with its files.

        Raises:
            Refused: FORBIDDEN, with every reason that is not met.
        """
        case, found = await self._case_of(tx, digest, environment)
        standing, manifest = judge(case, environment, str(tx.tenant)), manifest_of(case)
        if not standing.may_serve or manifest is None:
            raise Refused(_barred(found.subject, f"may not be deployed in {environment}", standing.refusal()))
        return Admitted(found.subject, found.owner, manifest)

    async def going_on(self, tx: TenantTx, digest: str, environment: Environment) -> tuple[Admitted, Again]:
        """Return a release that is deployed in `environment` for the transaction's tenant, and what it comes to now.

        It was promoted once, and a freeze does not stop it.

        Raises:
            Refused: FORBIDDEN for what is barred there.
        """
        case, found = await self._case_of(tx, digest, environment)
        said, manifest = again(case, environment, str(tx.tenant)), manifest_of(case)
        if said.barred or manifest is None:
            raise Refused(_barred(found.subject, f"may not serve in {environment}", said.barred))
        return Admitted(found.subject, found.owner, manifest), said

    async def again(self, tx: TenantTx, digest: str, environment: Environment, around: Around) -> Again:
        """Return what a deployment of a release in `environment`, of the transaction's tenant, comes to now."""
        found = await tables.subject_of(tx, digest, tx.tenant)
        if found is None:
            return Again(barred="No release with this digest was admitted.")
        return again(await self.case(tx, found, [environment], around), environment, str(tx.tenant))

    async def _case_of(self, tx: TenantTx, digest: str, environment: Environment) -> tuple[Case, Found]:
        found = await tables.subject_of(tx, digest, tx.tenant)
        if found is None:
            raise Refused(invalid("No release with this digest was admitted.", param="release"))
        return await self.case(tx, found, [environment]), found

    async def proved(self, tx: OperatorTx | TenantTx, found: Found) -> Proved:
        """Return the manifest of a release, and who brought it and at what risk, as its newest signed verdict says.

        Raises:
            Refused: INVALID when there is no manifest, or no verdict that this installation signed.
        """
        case = await self.case(tx, found)
        manifest = manifest_of(case)
        for each in case.of(EvidenceKind.SCAN):
            with contextlib.suppress(dsse.BadEnvelope):
                said = read_scan(each.statement, self._keys.scanners())
                if manifest is not None and said.subject == found.subject:
                    return Proved(manifest, said.author, said.risk, said.provenance)
        raise Refused(invalid("Its manifest or its verdict is missing: bring it again.", param="version"))

    def _refuse_author(self, case: Case, name: str) -> None:
        for each in case.of(EvidenceKind.SCAN):
            author = ""
            with contextlib.suppress(dsse.BadEnvelope):  # a row that somebody put there says nothing
                author = read_scan(each.statement, self._keys.scanners()).author
            if author == name:
                tell = "Who made a release does not approve it."
                raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))

    async def named(self, tx: OperatorTx | TenantTx, name: str, version: str, tenant: TenantId | None = None) -> Found:
        """Return a release by its name and version: one of the tenant's own first.

        Raises:
            Refused: hidden for a release that there is not.
        """
        found = await tables.subject_named(tx, name, version, tenant)
        if found is None:
            raise Refused(hidden(f"no release {name}@{version}"))
        return found

    async def case(
        self,
        tx: OperatorTx | TenantTx,
        found: Found,
        environments: Collection[Environment] = tuple(Environment),
        around: Around | None = None,
    ) -> Case:
        """Return everything that a judgement about a release takes, for `environments`; `around` where it is known already."""
        known = around or await self.around(tx, environments)
        return Case(
            found.subject,
            await tables.of_release(tx, found.subject.digest, found.owner),
            known.approvers,
            self._keys,
            self._ruleset,
            self._clock.now(),
            known.channels,
            known.revocations,
            known.own,
            self.approvals.rule,
            known.policy,
            await self.passed(tx, found.subject.digest),
            None if self._others is None else await self._others.outside(tx, found),
            promotes=found.owner is None,
            suites=self._suites,
        )

    async def around(
        self, tx: OperatorTx | TenantTx, environments: Collection[Environment] = tuple(Environment)
    ) -> Around:
        """Return what every release is judged by, once for many."""
        return Around(
            await tables.approvers(tx),
            {each: await self._opened(tx, Channel.of(each)) for each in environments},
            await self._opened(tx, Channel.REVOCATIONS),
            await tables.own_keys(tx, self._keys),
            await policy(tx, self._keys),
        )

    async def passed(self, tx: OperatorTx | TenantTx, digest: str) -> frozenset[str]:
        """Return the suites that a release has passed, by name and by digest; in a tenant's transaction, there."""
        if self._evaluations is None:
            return frozenset()
        return told(await self._evaluations.passing(tx, digest))

    def seal_policy(self, version: Version) -> bytes:
        """Return the seal of a document about what is demanded, which is put in force."""
        return seal(version, self._keys)

    async def _opened(self, tx: OperatorTx | TenantTx, channel: Channel) -> Content | Untrusted:
        try:
            return (await self.channels.open(tx, channel)).content
        except Untrusted as error:
            return error

    @asynccontextmanager
    async def reading(
        self, who: Principal, name: str, version: str, tenant: TenantId | None, ask: Ask
    ) -> AsyncGenerator[OperatorTx | TenantTx]:
        """Give the transaction in which `who` reads a release: the tenant's, or the caller's tenant's, or the platform's."""
        if tenant is not None:  # a tenant's own is read in its own transaction: it stands in its log
            place = Resource(kind=Kind.RELEASE, id=resource_id(name, version), tenant=tenant)
            async with self._gate.permit(who, Action.MODEL_LIST, place, ask) as tx:
                yield tx
            return
        resource = Resource(kind=Kind.RELEASE, id=resource_id(name, version))
        if who.tenant is not None:
            async with self._gate.permit(who, Action.MODEL_LIST, resource, ask) as tx:
                yield tx
        else:
            async with self._gate.permit_platform(who, Action.MODEL_LIST, resource, ask) as platform:
                yield platform


def _barred(subject: Subject, what: str, why: str) -> Refusal:
    tell = f"{subject.called} {what}. {why}"
    return Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell)


def manifest_of(case: Case) -> manifests.Manifest | None:
    """Return the manifest that a release is named by, if it is there."""
    for each in case.of(EvidenceKind.MANIFEST):
        with contextlib.suppress(manifests.BadManifest):
            found = manifests.read(each.statement)
            if found.digest == case.subject.digest:
                return found
    return None


def resource_id(name: str, version: str) -> str:
    """Return what the log calls a release, or (no name) all: an id takes letters, digits, dots, colons and dashes."""
    if not name:
        return EVERY
    return ":".join(re.sub(r"[^A-Za-z0-9.-]", "-", each) for each in (name, version))[:128]
