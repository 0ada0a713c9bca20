"""Bringing a release: begun, sent in chunks, finished, looked at, and admitted or refused.

1. `begin`: may this caller bring it, is the name free, is there room beside all that was promised to others;
2. `take`: one chunk, at the place where its file ends; asked of policy and disk each time, recorded at begin and end;
3. `finish`: what arrived is what the sender read, and from here on it is scanned, in the background;
4. admitted: the scanner called every file clean, over the digests that were taken on the way in; then the files get their
   names in the store, and the release its row, its verdict and its signature, in one transaction with the entry in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.kernel.locks import Locks
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry.admission.manifest import Manifest
from strongroom.registry.admission.service import Admission, resource_id
from strongroom.registry.admission.tables import subject_named
from strongroom.registry.content import PART, Broken, Owner
from strongroom.registry.content.quarantine import Misplaced, Quarantine, Stage, Upload
from strongroom.registry.lineage import Claims
from strongroom.registry.releases import tables
from strongroom.registry.releases.admitting import JOB, Admitting, claimed, noted, permitted, taken
from strongroom.registry.releases.model import Misfit, NewRelease, Progress, check
from strongroom.registry.releases.room import Bounds, Room, told
from strongroom.registry.scan import CannotScan
from strongroom.store import OperatorTx, StoreError, TenantTx
from strongroom.vault import KeysDestroyed, VaultUnavailable

__all__ = ["OCTETS", "Bounds", "Releases"]

OCTETS: Final = "application/octet-stream"
_log: Final = logging.getLogger(__name__)


class Releases:
    """Brings releases in. One event loop, and one process that writes."""

    def __init__(
        self,
        gate: Gate,
        admission: Admission,
        quarantine: Quarantine,
        clock: Clock,
        bounds: Bounds | None = None,
        claims: Claims | None = None,
    ) -> None:
        """Take what is needed; without `claims`, nobody says of a release what it was trained on."""
        self._claims = claims
        self._gate = gate
        self._admitting = Admitting(gate, admission, quarantine, clock)
        self._quarantine = quarantine
        self._store = quarantine.store
        self._clock = clock
        self._room = Room(quarantine, bounds or Bounds())
        self._begins: Final = Locks[tuple[Owner, str, str, str]]()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def admitting(self) -> Admitting:
        """What looks at files: shared with whoever looks again."""
        return self._admitting

    async def begin(self, who: Principal, new: NewRelease, tenant: TenantId | None, ask: Ask) -> Progress:
        """Begin to bring a release, or go on with what the same caller began with the same files.

        Raises:
            Refused: INVALID for what can be no release, CONFLICT for a name and version that are taken, TOO_LARGE beyond
                what a tenant may store, UNAVAILABLE while there is no room or no key.
        """
        _fits(new)
        owner = tenant or who.tenant
        fresh = Upload(
            id=new_uuid(),
            tenant=owner,
            author=who.name,
            name=new.name,
            version=new.version,
            source=new.source.strip() or f"brought by {who.name}",
            risk=new.risk,
            kind=new.kind,
            format=new.format,
            files=tuple(new.files),
            begun_at=self._clock.now(),
        )
        # The same sent twice at once is begun once: the second goes on with what the first has begun.
        named = (owner, who.name, new.name, new.version)
        async with self._begins.of(named):
            return await self._begun(who, owner, new, fresh, ask)

    async def _begun(self, who: Principal, owner: Owner, new: NewRelease, fresh: Upload, ask: Ask) -> Progress:
        await self._room.measured(owner)
        with ExitStack() as counted:
            async with permitted(self._gate, who, owner, new.name, new.version, ask) as tx:
                await self._refuse_taken(tx, owner, new.name, new.version)
                claims = await claimed(self._gate, self._claims, who, tx, new)
                fresh = msgspec.structs.replace(fresh, claims=claims)
                known = self._of(owner, who.name, fresh)
                if known is None:  # nothing is awaited between the look and the promise: two cannot have the same room
                    self._room.refuse_full(fresh)
                    counted.enter_context(self._quarantine.promised(fresh))
            if known is None:
                with told():
                    await self._quarantine.begin(fresh)
        return await self._progress(known or fresh)

    async def take(
        self, who: Principal, upload: UUID, index: int, offset: int, data: bytes, written: str = OCTETS
    ) -> int:
        """Take one chunk of a file, whose media type is `written`; return where the file goes on.

        Raises:
            Refused: hidden for an upload that is not the caller's, CONFLICT for a chunk that begins elsewhere, INVALID for
                what can be no chunk, UNAVAILABLE while the disk has no room.
        """
        found = self._mine(who, upload)
        self._gate.demand(who, _verb(found.owner), _about(found), "This credential may not bring this release.")
        if written != OCTETS:
            raise Refused(invalid(f"A chunk is {OCTETS}.", param="content-type"))
        if found.stage in {Stage.SCANNING, Stage.ADMITTED} and 0 <= index < len(found.files):
            return found.files[index].size  # it has arrived, by the hand of whoever sent the same at once
        self._room.refuse_no_disk(len(data))
        try:
            with told():
                return await self._quarantine.take(found.id, index, offset, data)
        except Misplaced as misplaced:
            tell = f"This file goes on at byte {misplaced.at}."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, param="offset")) from None
        except ValueError as error:
            raise Refused(invalid(f"Not taken: {error}.")) from None

    async def finish(self, who: Principal, upload: UUID, digests: list[str], ask: Ask) -> Progress:
        """Say that everything was sent, and what it was; it is scanned from here on.

        Args:
            who: the uploader.
            upload: its id.
            digests: SHA-256 of each file in hex, as its sender read it, in the order in which they were named.
            ask: the request.

        Raises:
            Refused: CONFLICT while something is missing, or when other bytes arrived than were read.
        """
        found = self._mine(who, upload)
        self._gate.demand(who, _verb(found.owner), _about(found), "This credential may not bring this release.")
        if found.stage in {Stage.SCANNING, Stage.ADMITTED}:
            return await self._progress(found)
        if found.stage is Stage.FAILED:
            found = msgspec.structs.replace(found, stage=Stage.RECEIVING, said="")
        with told():
            manifest = await self._quarantine.whole(found.id)
        if manifest is None:
            tell = "Not everything has arrived: send what is missing."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, code="incomplete"))
        sums = manifest.digests
        if [sums[part.path] for part in found.files] != digests:
            self._quarantine.drop(found.id)
            tell = "A file changed while it was sent: what arrived is not what was read. Send it again."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, code="changed"))
        found = msgspec.structs.replace(found, stage=Stage.SCANNING)
        self._quarantine.keep(found)
        task = asyncio.create_task(self._admit(who, found, manifest, ask), name=f"release {found.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await self._progress(found)

    async def deliver(
        self, who: Principal, new: NewRelease, content: Mapping[str, bytes], provenance: Mapping[str, str], ask: Ask
    ) -> Upload:
        """Bring what this installation made itself, through the same quarantine; return what became of it.

        Nobody can go on with it from outside: its bytes are all here, and its upload is found by no caller.

        Args:
            who: the job that made it, of a tenant.
            new: what it is to be.
            content: each file's bytes.
            provenance: what made it (`job`, for one), and of what; signed with the verdict.
            ask: the request.

        Raises:
            Refused: as `begin`.
        """
        _fits(new)
        owner = who.tenant
        upload = Upload(
            id=new_uuid(),
            tenant=owner,
            author=who.name,
            name=new.name,
            version=new.version,
            source=new.source,
            risk=new.risk,
            kind=new.kind,
            format=new.format,
            files=tuple(new.files),
            begun_at=self._clock.now(),
            provenance=dict(provenance),
        )
        await self._room.measured(owner)
        with ExitStack() as counted:
            async with permitted(self._gate, who, owner, new.name, new.version, ask, job=provenance[JOB]) as tx:
                await self._refuse_taken(tx, owner, new.name, new.version)
                self._room.refuse_full(upload)
                counted.enter_context(self._quarantine.promised(upload))
            with told():
                await self._quarantine.begin(upload)
                try:
                    for index, part in enumerate(new.files):
                        data = content[part.path]
                        for at in range(0, len(data), PART):
                            await self._quarantine.take(upload.id, index, at, data[at : at + PART])
                    manifest = await self._quarantine.whole(upload.id)
                    if manifest is None:
                        raise ValueError("the files are not as long as was said")
                    upload = msgspec.structs.replace(upload, stage=Stage.SCANNING)
                    self._quarantine.keep(upload)
                    await self._admit(who, upload, manifest, ask)
                    found = self._quarantine.find(upload.id)
                finally:
                    self._quarantine.drop(upload.id)
        return found or upload

    async def progress(self, who: Principal, upload: UUID) -> Progress:
        """Return how far an upload is.

        Raises:
            Refused: hidden for one that is not the caller's.
        """
        return await self._progress(self._mine(who, upload))

    async def uploads(self, who: Principal, ask: Ask) -> list[Progress]:
        """Return the uploads of the caller's tenant, or those that an operator has begun and the installation's, newest first."""
        resource = Resource(kind=Kind.RELEASE, tenant=who.tenant)
        if who.tenant is None:
            async with self._gate.permit_platform(who, Action.MODEL_LIST, resource, ask):
                pass
        else:
            async with self._gate.permit(who, Action.MODEL_LIST, resource, ask):
                pass
        every = [each for each in self._quarantine.all() if not each.provenance]
        found = [
            each
            for each in every
            if each.owner == who.tenant or (who.tenant is None and each.author == who.name)  # a name is one in a tenant
        ]
        return [await self._progress(each) for each in sorted(found, key=lambda each: each.begun_at, reverse=True)]

    async def drop(self, who: Principal, upload: UUID, ask: Ask) -> None:
        """Give an upload up; what had arrived is removed."""
        found = self._mine(who, upload)
        if found.stage is Stage.SCANNING:
            tell = "It is being scanned; wait for what comes of it."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
        async with permitted(self._gate, who, found.owner, found.name, found.version, noted(ask, upload="given up")):
            self._quarantine.drop(found.id)

    def resume(self) -> None:
        """Take up, at a start, what was being scanned when the last one ended: its sender is asked to finish again."""
        for each in list(self._quarantine.all()):
            if each.provenance:
                self._quarantine.drop(each.id)  # its job ended with the last start
            elif each.stage is Stage.SCANNING:
                self._quarantine.keep(msgspec.structs.replace(each, stage=Stage.RECEIVING))
            elif not each.holds:
                self._quarantine.empty(each.id)  # it ended, and the process before its files were removed

    async def settled(self) -> None:
        """Wait until everything that is being scanned has come to its end."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self) -> None:
        """Know nothing of uploads but what is written down, as a new process."""
        self._quarantine.forget()

    async def close(self) -> None:
        """Leave what is being scanned to the next start."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _admit(self, who: Principal, upload: Upload, manifest: Manifest, ask: Ask) -> None:
        """Have an upload looked at, and write down what came of it."""
        try:
            ended = await self._admitting.judged(who, upload, manifest, ask)
        except Refused as refused:
            ended = msgspec.structs.replace(upload, stage=Stage.REFUSED, said=refused.refusal.tell)
        except (CannotScan, StoreError, VaultUnavailable, KeysDestroyed, Broken, OSError) as error:
            _log.warning("release %s@%s: %s", upload.name, upload.version, type(error).__name__)
            said = f"It could not be looked at ({type(error).__name__}); finish it again, or ask the operator."
            ended = msgspec.structs.replace(upload, stage=Stage.FAILED, said=said)
        self._admitting.scanned.pop(upload.id, None)
        self._quarantine.keep(ended)
        if ended.stage is not Stage.FAILED:
            self._quarantine.empty(upload.id)

    def _mine(self, who: Principal, upload: UUID) -> Upload:
        found = self._quarantine.find(upload)
        if (
            found is None
            or found.provenance
            or found.author != who.name
            or (who.tenant is not None and found.owner != who.tenant)
        ):
            raise Refused(hidden("an upload that is not there, or another's"))
        return found

    def _of(self, owner: Owner, author: str, new: Upload) -> Upload | None:
        """Return what an author has begun under this name: the same goes on, another takes its place."""
        for each in list(self._quarantine.all()):
            if each.provenance or (each.owner, each.author, each.name, each.version) != (
                owner,
                author,
                new.name,
                new.version,
            ):
                continue
            if each.stage is Stage.SCANNING:
                return each
            asked = (new.files, new.kind, new.format, new.risk, new.claims)
            given = (each.files, each.kind, each.format, each.risk, each.claims)
            if each.stage is Stage.RECEIVING and given == asked:
                return each
            self._quarantine.drop(each.id)
        return None

    async def _refuse_taken(self, tx: OperatorTx | TenantTx, owner: Owner, name: str, version: str) -> None:
        mine = await tables.taken(tx, owner, name=name, version=version)
        if any(not each.deleted for each in mine):
            raise Refused(taken(name, version))
        if owner is not None and await subject_named(tx, name, version, None) is not None:
            raise Refused(taken(name, version))  # the installation's: everybody may know of it

    async def _progress(self, upload: Upload) -> Progress:
        if upload.stage is Stage.RECEIVING:
            with told():
                received = await self._quarantine.received(upload.id)
        else:
            received = tuple(each.size for each in upload.files)
        return Progress(
            id=upload.id,
            name=upload.name,
            version=upload.version,
            tenant=upload.tenant,
            author=upload.author,
            stage=upload.stage,
            files=upload.files,
            received=received,
            part_bytes=PART,
            begun_at=upload.begun_at,
            said=upload.said,
            findings=upload.findings,
            digest=upload.digest,
            scanned=self._admitting.scanned.get(upload.id, 0),
        )


def _fits(new: NewRelease) -> None:
    try:
        check(new)
    except Misfit as misfit:
        raise Refused(invalid(str(misfit), param=misfit.param)) from None


def _verb(owner: Owner) -> Action:
    return Action.MODEL_ADMIT if owner is None else Action.MODEL_ADD


def _about(upload: Upload) -> Resource:
    return Resource(kind=Kind.RELEASE, id=resource_id(upload.name, upload.version), tenant=upload.owner)
