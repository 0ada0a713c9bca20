"""What can be done with a release that is there: hash it again, scan it again, take it out, delete it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource, Surface
from strongroom.registry.admission import manifest as manifests
from strongroom.registry.admission.answers import Shown
from strongroom.registry.admission.manifest import Manifest
from strongroom.registry.admission.model import Found
from strongroom.registry.admission.service import Admission, resource_id
from strongroom.registry.admission.tables import subject_of
from strongroom.registry.content import PART, Broken, ContentStore, Owner, Plain, Stored
from strongroom.registry.releases import tables
from strongroom.registry.releases.chattemplates import TextOf, no_text, templates_of
from strongroom.registry.releases.model import Checked, Verified
from strongroom.registry.releases.service import Releases
from strongroom.registry.scan import CannotScan
from strongroom.store import OperatorTx, StoreError, TenantTx
from strongroom.vault import VaultUnavailable

PIECE: Final = 8 * PART
"""Bytes of one piece of an export."""

_log: Final = logging.getLogger(__name__)


class Shelf:
    """Finds the stored files of releases: brought ones in the sealed store, those that came along among the blobs."""

    def __init__(self, store: ContentStore, blobs: Path) -> None:
        self.store: Final = store
        self._blobs: Final = blobs / "sha256"

    async def files(self, owner: Owner, manifest: Manifest, *, brought: bool) -> dict[str, Stored | Broken]:
        """Return each file of a release by its path, or why it cannot be read.

        Raises:
            VaultUnavailable: when the keystore cannot be asked.
        """
        found: dict[str, Stored | Broken] = {}
        for each in manifest.files:
            try:
                if brought:
                    found[each.path] = await self.store.find(owner, each.sha256)
                else:
                    found[each.path] = Plain(self._blobs / each.sha256, each.sha256)
            except Broken as broken:
                found[each.path] = broken
        return found


class Keeping:
    """Looks after releases that are there."""

    def __init__(
        self,
        gate: Gate,
        admission: Admission,
        releases: Releases,
        shelf: Shelf,
        clock: Clock,
        text_of: TextOf = no_text,
    ) -> None:
        """Take what is needed; `text_of` reads a text of a GGUF file's metadata."""
        self._text_of = text_of
        self._gate = gate
        self._admission = admission
        self._releases = releases
        self.shelf: Final = shelf
        self._clock = clock
        self._hashing = asyncio.Semaphore(1)

    async def verify(self, who: Principal, name: str, version: str, tenant: TenantId | None, ask: Ask) -> Verified:
        """Hash every stored file of a release again, with both digests.

        Raises:
            Refused: hidden for a release that there is not.
        """
        async with self._permitted(who, Action.MODEL_VERIFY, name, version, tenant, ask) as (tx, found):
            manifest, brought = await self._manifest(tx, found)
        files = await self._files(found, manifest, brought=brought)
        async with self._hashing:
            checked = await asyncio.to_thread(_checked, manifest, files)
        if not all(each.sound for each in checked):
            await self._alarm(who, found, name, version, next(each for each in checked if not each.sound), ask)
        return Verified(digest=found.subject.digest, sound=all(each.sound for each in checked), files=tuple(checked))

    async def rescan(self, who: Principal, name: str, version: str, tenant: TenantId | None, ask: Ask) -> Shown:
        """Scan a release again by today's rules; the verdict is signed and counts from here on.

        Raises:
            Refused: hidden for a release that there is not, UNAVAILABLE when it cannot be looked at.
        """
        async with self._permitted(who, Action.MODEL_RESCAN, name, version, tenant, ask) as (tx, found):
            proved = await self._admission.proved(tx, found)
            brought = await self._brought(tx, found)
        files = await self._files(found, proved.manifest, brought=brought)
        stored: dict[str, Stored] = {}
        for path, each in files.items():
            if isinstance(each, Broken):
                tell = f"{path} cannot be read: {each}."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
            stored[path] = each
        try:
            sizes = {each.path: each.size for each in proved.manifest.files}
            report = await self._releases.admitting.look(found.subject.called, stored, sizes)
        except CannotScan as error:
            tell = "The scanner cannot be started on this machine now."
            raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=tell)) from None
        proof = self._admission.seal(
            found.subject, proved.manifest.encoded(), report, proved.author, proved.risk, proved.provenance
        )
        async with self._permitted(who, Action.MODEL_RESCAN, name, version, tenant, ask) as (tx, again):
            if again != found:
                raise Refused(invalid("It was replaced while it was scanned.", param="version"))
            await self._admission.keep(tx, found.subject, proof)
        return await self._admission.show(who, name, version, tenant, ask)

    async def keep_current(self, who: Principal) -> int:
        """Scan what was scanned by other rules than today's, as after an upgrade; return how many releases that were."""
        count = 0
        resource = Resource(kind=Kind.RELEASE)
        async with self._gate.permit_platform(who, Action.MODEL_LIST, resource, Ask()) as platform:
            due = [
                (owner, found)
                for owner in await tables.owners(platform)
                for digest in await tables.living(platform, owner)
                if (found := await subject_of(platform, digest, owner)) is not None
                and not await self._admission.proven(platform, found.subject, found.owner)
            ]
        for owner, found in due:
            try:
                await self.rescan(who, found.subject.name, found.subject.version, owner, Ask(detail={"by": "rules"}))
                count += 1
            except (Refused, StoreError, VaultUnavailable) as error:
                _log.warning("%s could not be scanned again: %s", found.subject.digest, type(error).__name__)
        return count

    async def piece(
        self, who: Principal, name: str, version: str, tenant: TenantId | None, path: str, offset: int, ask: Ask
    ) -> bytes:
        """Return up to 8 MiB of a file in the clear, from `offset` on.

        Of a tenant's own release this is done under an elevation for it alone, and each piece stands in the tenant's log.

        Raises:
            Refused: hidden for a file that there is not, CONFLICT for one that is not what was stored.
        """
        if offset < 0 or offset % PART:
            raise Refused(invalid(f"An offset is a multiple of {PART}.", param="offset"))
        async with self._permitted(who, Action.MODEL_EXPORT, name, version, tenant, ask) as (tx, found):
            manifest, brought = await self._manifest(tx, found)
            size = next((each.size for each in manifest.files if each.path == path), 0)
            octets = min(PIECE, max(0, size - offset))
            await self._gate.taken(tx, who, Surface.WEIGHTS, rows=1, octets=octets)
        files = await self._files(found, manifest, brought=brought)
        stored = files.get(path)
        if stored is None:
            raise Refused(invalid("There is no such file in it.", param="path"))
        try:
            if isinstance(stored, Broken):
                raise stored
            return await asyncio.to_thread(lambda: b"".join(islice(stored.chunks(offset // PART), PIECE // PART)))
        except (Broken, OSError) as error:
            tell = f"{path} is not what was stored: {error}."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None

    async def templates(
        self, who: Principal, name: str, version: str, tenant: TenantId | None, ask: Ask
    ) -> dict[str, str]:
        """Return the chat templates of a release by where each stands.

        A tenant's own are read by that tenant, and by who may approve it: by nobody else of the installation.

        Raises:
            Refused: hidden for a release that there is not.
        """
        async with self._admission.reading(who, name, version, tenant, ask) as tx:
            found = await self._admission.named(tx, name, version, tenant or who.tenant)
            if found.owner is not None and who.tenant is None:
                resource = Resource(kind=Kind.RELEASE, id=resource_id(name, version))
                self._gate.demand(who, Action.MODEL_APPROVE, resource, "This release is its tenant's own.")
            manifest, brought = await self._manifest(tx, found)
        files = await self._files(found, manifest, brought=brought)
        async with self._hashing:
            return await asyncio.to_thread(templates_of, files, self._text_of)

    async def delete(self, who: Principal, name: str, version: str, tenant: TenantId | None, ask: Ask) -> None:
        """Delete a release, and the files that nothing else of its owner has.

        Raises:
            Refused: hidden for a release that there is not, CONFLICT while it is deployed, or for one that came with the
                installation.
        """
        async with self._permitted(who, Action.MODEL_DELETE, name, version, tenant, ask) as (tx, found):
            if not await self._brought(tx, found):
                tell = "This release came with the installation."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
            if count := await tables.deployed(tx, found.subject.digest, found.owner):
                tell = (
                    f"It is deployed ({count} times): withdraw its deployments first (`strongroom deployment delete`)."
                )
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, code="deployed"))
            await tables.delete(tx, found.subject.digest, found.owner, self._clock.now())
        async with self._releases.admitting.still(found.owner):
            async with self._permitted_place(who, Action.MODEL_DELETE, name, version, found.owner, ask) as tx:
                texts = await tables.manifests(tx, found.owner)
            try:
                kept = {each.sha256 for text in texts for each in manifests.read(text).files}
            except manifests.BadManifest:
                _log.error("releases: a manifest cannot be read, so nothing is freed: what it needs is not known")
                return
            for sha256 in await asyncio.to_thread(self.shelf.store.names, found.owner):
                if sha256 not in kept:
                    await asyncio.to_thread(self.shelf.store.free, found.owner, sha256)

    async def end_tenant(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """Delete every release of a tenant's own, as its end does."""
        resource = Resource(kind=Kind.RELEASE, tenant=tenant)
        async with self._gate.permit(who, Action.MODEL_DELETE, resource, ask) as tx:
            for digest in await tables.living(tx, tenant):
                await tables.delete(tx, digest, tenant, self._clock.now())
        async with self._releases.admitting.still(tenant):
            await asyncio.to_thread(self.shelf.store.end, tenant)

    # -- what all of them need ------------------------------------------------------------------------------------

    async def _manifest(self, tx: OperatorTx | TenantTx, found: Found) -> tuple[Manifest, bool]:
        return (await self._admission.proved(tx, found)).manifest, await self._brought(tx, found)

    async def _brought(self, tx: OperatorTx | TenantTx, found: Found) -> bool:
        return found.owner is not None or await tables.author_of(tx, found.subject.digest) is not None

    async def _files(self, found: Found, manifest: Manifest, *, brought: bool) -> Mapping[str, Stored | Broken]:
        try:
            return await self.shelf.files(found.owner, manifest, brought=brought)
        except VaultUnavailable as error:
            tell = "Its files cannot be opened now: the vault does not answer. The operator knows more: doctor."
            raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=tell)) from None

    async def _alarm(self, who: Principal, found: Found, name: str, version: str, broken: Checked, ask: Ask) -> None:
        """Record that a stored file is not what it was: it is refused wherever it is loaded, and somebody should look."""
        tell = f"{broken.path} is not what was stored: {broken.because}"
        try:
            async with self._permitted_place(who, Action.MODEL_VERIFY, name, version, found.owner, ask):
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, signal="release-tampered"))
        except Refused:
            _log.error("release %s: %s", found.subject.digest, tell)

    @asynccontextmanager
    async def _permitted(
        self, who: Principal, action: Action, name: str, version: str, tenant: TenantId | None, ask: Ask
    ) -> AsyncGenerator[tuple[OperatorTx | TenantTx, Found]]:
        """Yield a transaction with the release: the caller's tenant's own, `tenant`'s own, or the installation's."""
        place = tenant or who.tenant
        async with self._permitted_place(who, action, name, version, place, ask) as tx:
            found = await self._admission.named(tx, name, version, place)
            if found.owner != place:
                # A tenant may look at the installation's; what else it asked for was asked of its own place.
                what = Resource(kind=Kind.RELEASE, id=resource_id(name, version))
                self._gate.demand(who, action, what, "This release is the installation's.")
                if action is not Action.MODEL_EXPORT and action is not Action.MODEL_VERIFY:
                    raise Refused(invalid("This release is the installation's: ask without a tenant.", param="tenant"))
            yield tx, found

    @asynccontextmanager
    async def _permitted_place(
        self, who: Principal, action: Action, name: str, version: str, place: Owner, ask: Ask
    ) -> AsyncGenerator[OperatorTx | TenantTx]:
        resource = Resource(kind=Kind.RELEASE, id=resource_id(name, version), tenant=place)
        if place is None:
            async with self._gate.permit_platform(who, action, resource, ask) as platform:
                yield platform
        else:
            async with self._gate.permit(who, action, resource, ask) as tx:
                yield tx


def _checked(manifest: Manifest, files: Mapping[str, Stored | Broken]) -> list[Checked]:
    found: list[Checked] = []
    for each in manifest.files:
        stored, because = files[each.path], ""
        try:
            if isinstance(stored, Broken):
                raise stored
            first, second, size = stored.sums()
            if (first, size) != (each.sha256, each.size) or each.blake3 not in {"", second}:
                because = "its bytes are not the ones that its manifest names"
        except Broken as broken:
            because = str(broken)
        except OSError as error:
            because = f"it cannot be read: {error.strerror}"
        found.append(Checked(path=each.path, size=each.size, sound=not because, because=because))
    return found


__all__ = ["PIECE", "Keeping", "Shelf"]
