"""What every act on data sets needs: a source and a data set as they are proven, and their bytes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import EVERY, Ask, Kind, Resource
from strongroom.registry import dsse
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.signed import Approvals
from strongroom.registry.content import Broken, ContentStore, people
from strongroom.registry.content.versions import Versions, remove
from strongroom.registry.datasets import tables
from strongroom.registry.datasets.judge import Standing, judge
from strongroom.registry.datasets.model import Kept, Manifest, Shown, Source
from strongroom.registry.datasets.personal import DatasetRows, named_in
from strongroom.registry.datasets.statements import read_source, subject_of
from strongroom.store import TenantTx
from strongroom.vault import KeysDestroyed, Vault, VaultUnavailable

_MOST_REASON: Final = 1000


class Desk:
    """Looks data sets up, inside the transactions of whoever asks."""

    def __init__(
        self, keys: RegistryKeys, approvals: Approvals, store: ContentStore, vault: Vault, clock: Clock
    ) -> None:
        self._keys: Final = keys
        self.approvals: Final = approvals
        self._store: Final = store
        self._vault: Final = vault
        self._versions: Final = Versions(store)
        self.of_people: Final = DatasetRows(store)
        self._clock: Final = clock

    def _source(self, statement: bytes, tenant: TenantId) -> Source | None:
        try:
            found = read_source(statement, self._keys.scanners())
        except dsse.BadEnvelope:
            return None
        return found if found.tenant == str(tenant) else None

    async def _sourced(self, tx: TenantTx, name: str) -> Source:
        statement = await tables.source_named(tx, name)
        if statement is None:
            raise Refused(invalid(f"There is no source {name}: register it first (source add).", param="source"))
        found = self._source(statement, tx.tenant)
        if found is None or found.name != name:
            raise Refused(invalid(f"The source {name} is not what was registered.", param="source"))
        return found

    async def standings(self, tx: TenantTx) -> list[tuple[Kept, Standing]]:
        """Return every data set of the transaction's tenant, and what it comes to: for whoever is inside a permit already."""
        found = list[tuple[Kept, Standing]]()
        case: Case | None = None  # whose keys count and what is revoked is read and verified once, not for each
        for kept in await tables.datasets(tx):
            subject = subject_of(kept.digest, kept.name, kept.version)
            case = await self.approvals.case(tx, subject) if case is None else replace(case, subject=subject)
            found.append((kept, judge(kept, case, tx.tenant, await tables.approvals(tx, kept.digest))))
        return found

    async def _standing(self, tx: TenantTx, kept: Kept) -> Standing:
        case = await self.approvals.case(tx, subject_of(kept.digest, kept.name, kept.version))
        return judge(kept, case, tx.tenant, await tables.approvals(tx, kept.digest))

    async def _shown(self, tx: TenantTx, kept: Kept) -> Shown:
        standing = await self._standing(tx, kept)
        if standing.manifest is None:
            raise Refused(broken(kept, standing.refusal()))
        return Shown(
            digest=kept.digest, state=standing.state, usable=standing.usable, reasons=standing.reasons,
            manifest=standing.manifest, approved_by=standing.people, approvals_needed=standing.needs.people,
            verdict=None if standing.judged is None else standing.judged.verdict,
            source=None if standing.judged is None else standing.judged.source,
            added_at=kept.added_at, grants=await tables.grants(tx, kept.digest),
        )  # fmt: skip

    async def _named(self, tx: TenantTx, name: str, version: str) -> Kept:
        kept = await tables.named(tx, name, version)
        if kept is None:
            raise Refused(hidden(f"no data set {name}@{version}"))
        return kept

    async def digest_of(self, tx: TenantTx, name: str, version: str) -> str:
        """Return what a version is named by: for whoever is inside a permit already.

        Raises:
            Refused: hidden for one that there is not.
        """
        return (await self._named(tx, name, version)).digest

    async def _of_called(self, tx: TenantTx, called: str) -> Manifest:
        name, _, version = called.partition("@")
        kept = await tables.named(tx, name, version)
        manifest = None if kept is None else (await self._standing(tx, kept)).manifest
        if manifest is None:
            raise Refused(invalid(f"There is no data set {called}.", param="parent"))
        return manifest

    async def _refuse_erased(self, tx: TenantTx, parts: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Refuse a data set with rows of who was erased while it was looked at, and destroy what was kept of it meanwhile.

        Args:
            tx: that is to note whose the rows are, before it holds the data set.
            parts: digests of what was kept, each with whose rows are in it.
        """
        no: Refused | None = None
        for sha256, of in parts:
            try:
                await people.refuse_erased(tx, self._vault, of)
            except Refused as refused:
                no, place = refused, self._store.place(tx.tenant, sha256)
                if place not in {each.path for each in await self.of_people.files(tx)}:
                    await asyncio.to_thread(remove, place)
        if no is not None:
            raise no

    async def _opened(self, tenant: TenantId, called: str, sha256: str) -> bytes:
        """Return the bytes behind a digest as they are now, without rows of people who were erased, wherever these come from."""
        try:
            data = await self._versions.read(tenant, self._store.place(tenant, sha256), sha256)
            if not named_in(data):
                return data
            erased = frozenset(await self._vault.erased(tenant))
            return (await asyncio.to_thread(self.of_people.without, data, erased))[0]
        except (VaultUnavailable, KeysDestroyed) as error:
            raise Refused(unopened(error)) from None
        except (Broken, OSError) as error:
            tell = f"{called} is not what was stored: {error}."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None


def resource_of(tenant: TenantId, environment: Environment | None, *names: str) -> Resource:
    """Return what the log calls it: a resource's id takes letters, digits, dots, colons and dashes."""
    identifier = ":".join(re.sub(r"[^A-Za-z0-9.-]", "-", each) for each in names)[:128] or EVERY
    return Resource(kind=Kind.DATASET, id=identifier, tenant=tenant, environment=environment)


def at_stage(ask: Ask, stage: str) -> Ask:
    """Return `ask` with how far a data set is, for the log."""
    return replace(ask, detail={**ask.detail, "stage": stage})


def refuse_silence(reason: str) -> None:
    """Refuse an act without a reason."""
    if not reason.strip() or len(reason) > _MOST_REASON:
        raise Refused(invalid("Say why, in up to 1,000 characters.", param="reason"))


def taken(name: str, version: str) -> Refusal:
    """Return what is said of a version that is there."""
    tell = f"There is a data set {name}@{version} already; a version never changes."
    return Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, param="version")


def broken(kept: Kept, because: str) -> Refusal:
    """Return what is said of a row that is not what it was."""
    tell = f"{kept.name}@{kept.version} is not what it was: {because}"
    return Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)


def unopened(error: Exception) -> Refusal:
    """Return what is said while there is no key."""
    tell = "Data sets cannot be sealed or opened now: the vault, or where they rest, does not answer. The operator knows more: doctor."
    return Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=tell)
