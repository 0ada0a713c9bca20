"""Looking at what was brought: scanned, and admitted into store and catalogue in one transaction, or turned down."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.locks import Locks
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry.admission.manifest import Manifest
from strongroom.registry.admission.model import Subject
from strongroom.registry.admission.service import Admission, resource_id
from strongroom.registry.content import Broken, Owner, Stored
from strongroom.registry.content.quarantine import Quarantine, Stage, Upload
from strongroom.registry.lineage.claims import Claims, say
from strongroom.registry.model import Release
from strongroom.registry.releases import tables
from strongroom.registry.releases.model import Misfit, NewRelease, shape_of
from strongroom.registry.scan import Level, Report, Verdict
from strongroom.registry.scan.lying import Source
from strongroom.registry.scan.service import scan_sources
from strongroom.store import Conflict, OperatorTx, TenantTx

_FINDINGS = 50

JOB = "job"
"""In what a release is said to come from: the job that made it."""


class Admitting:
    """Looks at uploads, one at a time."""

    def __init__(self, gate: Gate, admission: Admission, quarantine: Quarantine, clock: Clock) -> None:
        self._gate = gate
        self._admission = admission
        self._quarantine = quarantine
        self._store = quarantine.store
        self._clock = clock
        self._looking = asyncio.Semaphore(1)  # a scan holds one file in memory
        self._still: Final = Locks[Owner]()
        self.scanned: dict[UUID, int] = {}

    def still(self, owner: Owner) -> asyncio.Lock:
        """Return what is held while files get or lose their names in an owner's store."""
        return self._still.of(owner)

    async def look(
        self, named: str, files: Mapping[str, Stored], sizes: Mapping[str, int], upload: UUID | None = None
    ) -> Report:
        """Scan files, one release at a time.

        Raises:
            CannotScan: when the scanner cannot be started.
        """

        def moved(name: str, done: int, total: int) -> None:
            del name, total
            if upload is not None:
                self.scanned[upload] = done

        sources = {path: Source(sizes[path], partial(_opened, each)) for path, each in files.items()}
        async with self._looking:
            return await asyncio.to_thread(scan_sources, sources, clock=self._clock, named=named, progress=moved)

    async def judged(self, who: Principal, upload: Upload, manifest: Manifest, ask: Ask) -> Upload:
        """Return what an upload became: admitted, refused, or not looked at to its end.

        Raises:
            Refused: CONFLICT when its name, or its files, are another release's.
            CannotScan: when the scanner cannot be started.
            OSError: when its files cannot be read, or do not fit into memory.
        """
        subject = Subject(digest=manifest.digest, name=upload.name, version=upload.version)
        held = await self._quarantine.held(upload.id)
        report = await self.look(subject.called, held, {each.path: each.size for each in upload.files}, upload.id)
        if report.verdict is not Verdict.CLEAN:
            return await self._turned_down(who, upload, report, ask)
        try:
            kind, written = shape_of(upload, report.files)
        except Misfit as misfit:
            return await self._turned_down(who, upload, report, ask, str(misfit))
        if {each.path: each.sha256 for each in report.files} != manifest.digests:
            return await self._turned_down(who, upload, report, ask, "It changed while it was looked at.")
        proof = self._admission.seal(subject, manifest.encoded(), report, upload.author, upload.risk, upload.provenance)
        release = Release(
            digest=subject.digest,
            name=upload.name,
            version=upload.version,
            kind=kind,
            format=written,
            bytes=upload.size,
            source=upload.source,
            admitted_at=self._clock.now(),
            tenant=upload.owner,
            author=upload.author,
        )
        owner = upload.owner
        async with self.still(owner):
            for each in held.values():
                anew = not await self._sound(owner, each.sha256)
                await asyncio.to_thread(self._store.keep, owner, each.sha256, each.path, anew=anew)
            facts = noted(ask, digest=subject.digest, verdict=str(report.verdict))
            try:
                async with _receiving(self._gate, who, upload, facts) as tx:
                    if not await self._is_there(tx, owner, subject):
                        await tables.insert(tx, release)
                    if not await self._admission.proven(tx, subject, owner):
                        await self._admission.keep(tx, subject, proof)
                    if upload.claims and isinstance(tx, TenantTx):
                        await say(tx, upload.claims, subject.digest, by=str(who), at=self._clock.now())
            except Conflict:
                raise Refused(taken(upload.name, upload.version)) from None
        said = "Scanned, clean and signed. It may be deployed once it is approved."
        return msgspec.structs.replace(upload, stage=Stage.ADMITTED, said=said, digest=subject.digest)

    async def _sound(self, owner: Owner, sha256: str) -> bool:
        """Whether what the store has under a digest, if anything, are its bytes; what was spoilt is written anew."""
        try:
            if not await asyncio.to_thread(self._store.has, owner, sha256):
                return True
            found = await self._store.find(owner, sha256)
            return (await asyncio.to_thread(found.sums))[0] == sha256
        except (Broken, OSError):
            return False

    async def _is_there(self, tx: OperatorTx | TenantTx, owner: Owner, subject: Subject) -> bool:
        """Whether the very release is there already: sent twice, it is one.

        Raises:
            Refused: CONFLICT when its name and version are another's, or its files have another name.
        """
        found = await tables.taken(tx, owner, digest=subject.digest, name=subject.name, version=subject.version)
        there = False
        for each in found:
            same = (each.name, each.version) == (subject.name, subject.version)
            if each.digest != subject.digest:
                raise Refused(taken(subject.name, subject.version))
            if not same and not each.deleted:
                tell = f"These very files are the release {each.name}@{each.version} already."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
            there = there or not each.deleted
        return there

    async def _turned_down(self, who: Principal, upload: Upload, report: Report, ask: Ask, said: str = "") -> Upload:
        """Record that a release was not admitted, and return what its sender is told."""
        every = [*report.findings, *(finding for file in report.files for finding in file.findings)]
        findings = tuple(each for each in every if each.level is not Level.NOTE)[:_FINDINGS]
        if report.verdict is Verdict.UNDETERMINED and not said:
            said = f"It could not be looked at to its end: {findings[0].message if findings else 'no reason was given'}"
            return msgspec.structs.replace(upload, stage=Stage.FAILED, said=said, findings=findings)
        tell = said or f"The scanner refused it: {findings[0].message if findings else 'no reason was given'}"
        facts = noted(ask, verdict=str(report.verdict), rules=",".join(sorted({each.rule for each in findings}))[:200])
        refusal = Refusal(kind=RefusalKind.FORBIDDEN, reason="a release was not admitted", tell=tell)
        try:
            async with _receiving(self._gate, who, upload, facts):
                raise Refused(refusal)
        except Refused:
            return msgspec.structs.replace(upload, stage=Stage.REFUSED, said=tell, findings=findings)


@asynccontextmanager
async def permitted(
    gate: Gate, who: Principal, owner: Owner, name: str, version: str, ask: Ask, *, job: str = ""
) -> AsyncGenerator[OperatorTx | TenantTx]:
    """Yield the transaction in which a release is brought, or delivered by the `job` that made it, once policy has said yes."""
    resource = Resource(kind=Kind.RELEASE, id=resource_id(name, version), tenant=owner)
    if owner is None:
        async with gate.permit_platform(who, Action.MODEL_ADMIT, resource, ask) as platform:
            yield platform
    else:
        verb = Action.MODEL_ADD
        if job:
            verb = Action.TRAINING_DELIVER
            resource = Resource(kind=Kind.JOB, id=job, tenant=owner, environment=who.environment)
            ask = noted(ask, release=f"{name}@{version}")
        async with gate.permit(who, verb, resource, ask) as tx:
            yield tx


async def claimed(
    gate: Gate, claims: Claims | None, who: Principal, tx: OperatorTx | TenantTx, new: NewRelease
) -> tuple[str, ...]:
    """Return what is said that a release was trained on, inside the permit of its bringing.

    Raises:
        Refused: INVALID for what there is not, or of the installation's release; FORBIDDEN for who may not say so.
    """
    if not new.trained_on and new.run is None:
        return ()
    if not isinstance(tx, TenantTx) or claims is None:
        tell = "Data sets and runs are a tenant's: bring the release for that tenant, or leave this out."
        raise Refused(invalid(tell, param="trained_on"))
    about = Resource(kind=Kind.DATASET, id=resource_id(new.name, new.version), tenant=tx.tenant)
    gate.demand(who, Action.LINEAGE_LINK, about, "This credential may not say what a release was trained on.")
    return await claims.checked(tx, new.trained_on, new.run)


def _receiving(
    gate: Gate, who: Principal, upload: Upload, ask: Ask
) -> AbstractAsyncContextManager[OperatorTx | TenantTx]:
    return permitted(gate, who, upload.owner, upload.name, upload.version, ask, job=upload.provenance.get(JOB, ""))


def taken(name: str, version: str) -> Refusal:
    """Return the refusal for a name and version that mean other bytes."""
    tell = f"{name}@{version} is another release already, or was one: a name and version mean the same bytes for good."
    return Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, param="version")


def noted(ask: Ask, **facts: str) -> Ask:
    """Return `ask` with facts for the audit entry."""
    return replace(ask, detail={**ask.detail, **facts})


@contextmanager
def _opened(stored: Stored) -> Generator[int]:
    """Yield a descriptor of a stored file in memory; what is broken is a file that cannot be read, to the scanner."""
    try:
        descriptor = stored.in_memory()
    except Broken as error:
        raise OSError(0, str(error)) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)
