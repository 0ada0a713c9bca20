"""What can be done with sources and data sets. Each method asks the gate first and does its work inside the answer.

A data set is received in memory, looked at outside of any transaction, and written down with its verdict in one: what arrived and
was never looked at is nowhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.signed import MAX_DAYS, Approvals
from strongroom.registry.admission.statements import Terms
from strongroom.registry.content import ContentStore, people
from strongroom.registry.content.versions import remove
from strongroom.registry.datasets import files, tables
from strongroom.registry.datasets.derived import derived_from
from strongroom.registry.datasets.desk import at_stage, refuse_silence, resource_of, taken, unopened
from strongroom.registry.datasets.giving import Giving
from strongroom.registry.datasets.model import (
    MAX_BYTES,
    MOST,
    BadDataset,
    Contract,
    Kept,
    Listed,
    Manifest,
    NewDataset,
    Shown,
    Source,
    Tier,
)
from strongroom.registry.datasets.personal import People, file_of
from strongroom.registry.datasets.statements import judged, registered, subject_of
from strongroom.registry.datasets.validate import Outcome, validated
from strongroom.registry.prompts.tables import approver
from strongroom.store import Conflict, TenantTx
from strongroom.vault import KeysDestroyed, Scope, Use, Vault, VaultUnavailable

_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}")


class Datasets(Giving):
    """The sources and data sets of tenants. One event loop, and one process that writes."""

    def __init__(
        self, gate: Gate, keys: RegistryKeys, approvals: Approvals, store: ContentStore, vault: Vault, clock: Clock
    ) -> None:
        super().__init__(gate, keys, approvals, store, vault, clock)
        self._arrivals: Final = files.Arrivals(clock)
        self._looking: Final = asyncio.Semaphore(1)

    # -- sources --------------------------------------------------------------------------------------------------

    async def add_source(
        self, who: Principal, tenant: TenantId, name: Name, owner: str, contact: str, licence: str, risk: Tier, ask: Ask
    ) -> Source:
        """Register where data comes from.

        Raises:
            Refused: INVALID when its owner is no approver of this installation, CONFLICT for a name that is taken.
        """
        source = Source(
            tenant=str(tenant), name=name, owner=owner, contact=contact, licence=licence, risk=risk, by=who.name,
            at=self._clock.now(),
        )  # fmt: skip
        try:
            async with self._gate.permit(who, Action.SOURCE_ADD, resource_of(tenant, None, "source", name), ask) as tx:
                if await approver(tx, owner) is None:
                    tell = (
                        "The owner is an approver's account: without the owner's yes, no data of high risk is admitted."
                    )
                    raise Refused(invalid(tell, param="owner"))
                if (await tables.count(tx))[1] >= MOST:
                    raise Refused(invalid(f"A tenant has at most {MOST} sources.", param="name"))
                await tables.insert_source(tx, source, registered(source, self._keys.scanner()))
        except Conflict:
            tell = f"There is a source {name} already; a source never changes."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None
        return source

    async def sources(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Source]:
        """Return a tenant's sources; one whose row was edited is left out."""
        async with self._gate.permit(who, Action.SOURCE_LIST, Resource(kind=Kind.DATASET, tenant=tenant), ask) as tx:
            kept = await tables.sources(tx)
        return [found for each in kept if (found := self._source(each, tenant)) is not None]

    # -- bringing data in -----------------------------------------------------------------------------------------

    async def begin(self, who: Principal, tenant: TenantId, new: NewDataset, ask: Ask) -> UUID:
        """Begin to bring a data set.

        Raises:
            Refused: INVALID for what can be none or a source that there is not, CONFLICT for a version that is taken.
        """
        if _VERSION.fullmatch(new.version) is None:
            raise Refused(invalid("A version is up to 64 letters, digits, dots, pluses and dashes.", param="version"))
        if not 1 <= new.size <= MAX_BYTES:
            raise Refused(invalid(f"A data set has 1 to {MAX_BYTES} bytes.", param="size"))
        what = resource_of(tenant, new.environment, new.name, new.version)
        async with self._gate.permit(who, Action.DATASET_ADD, what, at_stage(ask, "received")) as tx:
            await self._sourced(tx, new.source)
            if await tables.named(tx, new.name, new.version) is not None:
                raise Refused(taken(new.name, new.version))
            if (await tables.count(tx))[0] >= MOST:
                raise Refused(invalid(f"A tenant has at most {MOST} data sets.", param="name"))
            if new.parent:
                await self._of_called(tx, new.parent)
            arriving = self._arrivals.begin(tenant, who.name, new.size, new)
            if arriving is None:
                tell = f"{files.OPEN_EACH} data sets are on their way already: finish one, or wait ten minutes."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
        return arriving.id

    def take(self, who: Principal, tenant: TenantId, upload: UUID, offset: int, data: bytes) -> int:
        """Take a chunk of at most 1 MiB; return where it goes on.

        Raises:
            Refused: hidden for an upload that is not the caller's, CONFLICT for a chunk that begins elsewhere.
        """
        arriving, new = self._mine(who, tenant, upload)
        what = resource_of(tenant, new.environment, new.name, new.version)
        self._gate.demand(who, Action.DATASET_ADD, what, "This credential may not bring this data set.")
        try:
            return self._arrivals.take(arriving, offset, data)
        except ValueError as error:
            tell = f"Not taken: {error}."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, param="offset")) from None

    async def finish(self, who: Principal, tenant: TenantId, upload: UUID, sha256: str, ask: Ask) -> Shown:
        """Say that everything was sent, and what it was: it is looked at, sealed, and admitted, kept for approval or quarantined.

        Raises:
            Refused: CONFLICT when other bytes arrived, INVALID when they cannot be read as rows.
        """
        arriving, new = self._mine(who, tenant, upload)
        if hashlib.sha256(arriving.data).hexdigest() != sha256:
            self._arrivals.end(arriving)
            tell = "What arrived is not what was read: send it again."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
        try:
            async with self._looking:
                named = await self._people(tenant, new.contract)
                outcome = await asyncio.to_thread(validated, bytes(arriving.data), new.format, new.contract, named)
            parts = (outcome.rows, outcome.rejects)
            with self.of_people.doubt.about(*(files.place(self._store, tenant, each) for each in parts)):
                kept = [await files.keep(self._store, tenant, each) for each in parts]
                return await self._admit(who, tenant, new, (sha256, *kept), outcome, ask)
        except BadDataset as error:
            what = resource_of(tenant, new.environment, new.name, new.version)
            async with self._gate.permit(who, Action.DATASET_ADD, what, at_stage(ask, "looked-at")):
                raise Refused(invalid(f"It is no data set: {error}.", param="data")) from None
        except (VaultUnavailable, KeysDestroyed, OSError) as error:
            raise Refused(unopened(error)) from None
        finally:
            self._arrivals.end(arriving)

    async def _admit(
        self, who: Principal, tenant: TenantId, new: NewDataset, sums: tuple[str, ...], outcome: Outcome, ask: Ask
    ) -> Shown:
        what = resource_of(tenant, new.environment, new.name, new.version)
        stage = at_stage(ask, "validated" if outcome.verdict.passed else "quarantined")
        try:
            async with self._gate.permit(who, Action.DATASET_ADD, what, stage) as tx:
                source, derived = await self._sourced(tx, new.source), None
                if new.parent:
                    parent = await self._of_called(tx, new.parent)
                    derived = derived_from(parent, new.transformation, sums[0])
                manifest = Manifest(
                    tenant=str(tenant), environment=new.environment, name=new.name, version=new.version, author=who.name,
                    source=source.name, sent=sums[0], rows=sums[1], rejects=sums[2], taken=outcome.taken,
                    rejected=outcome.rejected, size=len(outcome.rows), label=new.contract.label, derived=derived,
                    subject=msgspec.UNSET if new.contract.subject is None else new.contract.subject,
                )  # fmt: skip
                kept = Kept(
                    digest=manifest.digest, name=new.name, version=new.version, environment=new.environment,
                    manifest=manifest.encoded(), verdict=b"", added_at=self._clock.now(),
                )  # fmt: skip
                signed = judged(
                    subject_of(kept.digest, kept.name, kept.version), outcome.verdict, source, self._keys.scanner()
                )
                kept = Kept(
                    digest=kept.digest, name=kept.name, version=kept.version, environment=kept.environment,
                    manifest=kept.manifest, verdict=signed, added_at=kept.added_at,
                )  # fmt: skip
                await self._refuse_erased(tx, ((sums[1], outcome.people), (sums[2], outcome.rejected_people)))
                await tables.insert(tx, kept)
                await people.note(tx, file_of(kept.digest), "rows", outcome.people, kept.added_at)
                await people.note(tx, file_of(kept.digest), "rejects", outcome.rejected_people, kept.added_at)
                return await self._shown(tx, kept)
        except Conflict:
            raise Refused(taken(new.name, new.version)) from None

    # -- looking, deciding ----------------------------------------------------------------------------------------

    async def every(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Listed]:
        """Return a tenant's data sets, and how far each is."""
        async with self._gate.permit(who, Action.DATASET_LIST, Resource(kind=Kind.DATASET, tenant=tenant), ask) as tx:
            found = list[Listed]()
            for kept, standing in await self.standings(tx):
                manifest, said = standing.manifest, standing.judged
                found.append(
                    Listed(
                        name=kept.name, version=kept.version, environment=kept.environment, digest=kept.digest,
                        state=standing.state, added_at=kept.added_at,
                        source="" if said is None else said.source.name,
                        risk=Tier.HIGH if said is None else said.source.risk,
                        author="" if manifest is None else manifest.author,
                        rows=0 if manifest is None else manifest.taken,
                        rejected=0 if manifest is None else manifest.rejected,
                    )
                )  # fmt: skip
            return found

    async def show(self, who: Principal, tenant: TenantId, name: str, version: str, ask: Ask) -> Shown:
        """Return a data set without its rows, and why it may or may not be used.

        Raises:
            Refused: hidden for one that there is not.
        """
        async with self._gate.permit(who, Action.DATASET_LIST, resource_of(tenant, None, name, version), ask) as tx:
            return await self._shown(tx, await self._named(tx, name, version))

    async def approve(
        self,
        who: Principal,
        tenant: TenantId,
        name: str,
        version: str,
        *,
        days: int,
        reason: str,
        ask: Ask,
        statement: bytes | None = None,
    ) -> Shown:
        """Approve a data set: one person's word, signed by that person's key (`statement`), or by one that is derived.

        Raises:
            Refused: hidden for one that there is not, FORBIDDEN for who brought it, INVALID for one that is quarantined or
                not what it was.
        """
        if not 1 <= days <= MAX_DAYS:
            raise Refused(invalid(f"An approval lasts 1 to {MAX_DAYS} days.", param="days"))
        refuse_silence(reason)
        async with self._gate.permit(who, Action.DATASET_APPROVE, resource_of(tenant, None, name, version), ask) as tx:
            kept = await self._named(tx, name, version)
            account = await approver(tx, who.name)
            if account is None:
                raise Refused(hidden("an approval by nobody's account"))
            before = await self._standing(tx, kept)
            if not all(each.met for each in before.reasons if each.demand != "approval"):
                raise Refused(invalid(f"It cannot be approved. {before.refusal()}", param="version"))
            if before.manifest is None or who.name == before.manifest.author:
                tell = "Who brought a data set does not approve it."
                raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
            now = self._clock.now()
            terms = Terms(
                approver=who.name, environment=kept.environment, tenant=str(tenant), expires=now + timedelta(days=days),
                reason=reason, version=version,
            )  # fmt: skip
            case = await self.approvals.case(tx, subject_of(kept.digest, kept.name, kept.version))
            made = self.approvals.statement(case, account, terms, statement, "dataset approve")
            await tables.insert_approval(tx, kept.digest, account, made, now)
            return await self._shown(tx, kept)

    async def withdraw(
        self,
        who: Principal,
        tenant: TenantId,
        name: str,
        version: str,
        reason: str,
        ask: Ask,
        *,
        destroy: bool = False,
    ) -> Shown:
        """End a data set: nothing trains on it from now on, and nothing brings it back.

        Args:
            who: the caller.
            tenant: whose.
            name: the data set's.
            version: of that name.
            reason: why.
            ask: what goes into the audit entry.
            destroy: whether its rows and its reject file are destroyed too, also of one that was withdrawn before.

        Raises:
            Refused: hidden for one that there is not, CONFLICT when it has ended, or is to be destroyed and somebody in it is held.
        """
        refuse_silence(reason)
        asked = replace(ask, detail={**ask.detail, **({"part": "destroyed"} if destroy else {})})
        what = resource_of(tenant, None, name, version)
        async with self._gate.permit(who, Action.DATASET_WITHDRAW, what, asked) as tx:
            kept = await self._named(tx, name, version)
            fresh = await tables.withdraw(tx, kept.digest, who.name, reason, self._clock.now())
            if not fresh and not destroy:
                tell = "It was withdrawn before."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
            if destroy:
                await self._destroy(tx, kept)
            return await self._shown(tx, await self._named(tx, name, version))

    async def grant(
        self,
        who: Principal,
        tenant: TenantId,
        name: str,
        version: str,
        workload: Name,
        ask: Ask,
        *,
        revoke: bool = False,
    ) -> Shown:
        """Let a training workload of the same environment read a data set, or not any more.

        Raises:
            Refused: hidden for a data set that there is not, INVALID for a workload that could not read it.
        """
        action = Action.DATASET_REVOKE if revoke else Action.DATASET_GRANT
        async with self._gate.permit(who, action, resource_of(tenant, None, name, version), ask) as tx:
            kept = await self._named(tx, name, version)
            reader = await tables.reader(tx, kept.environment, workload)
            if reader is None or reader.role != Role.TRAINING:
                tell = f"There is no training workload {workload} in {kept.environment}."
                raise Refused(invalid(tell, param="workload"))
            if not revoke:
                await tables.grant(tx, kept.digest, reader.id, who.name, self._clock.now())
            elif not await tables.revoke(tx, kept.digest, reader.id, self._clock.now()):
                raise Refused(invalid(f"{workload} has no grant for it.", param="workload"))
            return await self._shown(tx, kept)

    # -- the end ----------------------------------------------------------------------------------------------------

    async def end_tenant(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """Remove every data set of a tenant, as its end does."""
        resource = Resource(kind=Kind.TENANT, id=str(tenant), tenant=tenant)
        async with self._gate.permit(who, Action.TENANT_DELETE, resource, ask) as tx:
            await tables.withdraw_all(tx, who.name, self._clock.now())
            await people.forget(tx, None)
        await asyncio.to_thread(self._store.end, tenant)

    async def _destroy(self, tx: TenantTx, kept: Kept) -> None:
        """Destroy a data set's files, but for those that another one has too."""
        if await tables.is_held(tx):
            tell = (
                "A hold keeps the data of this tenant's people, and so this: it is withdrawn without being destroyed."
            )
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
        every = await self.of_people.files(tx)
        others = {each.path for each in every if each.file != file_of(kept.digest)}
        await people.forget(tx, file_of(kept.digest))
        for each in every:
            if each.file == file_of(kept.digest) and each.path not in others:
                await asyncio.to_thread(remove, each.path)

    # -- what all of them need ------------------------------------------------------------------------------------

    async def _people(self, tenant: TenantId, contract: Contract) -> People | None:
        if contract.subject is None:
            return None
        keys = await self._vault.keys(Scope(tenant, Use.SUBJECT_NAME))
        return People(contract.subject, partial(people.pseudonym_of, keys), frozenset(await self._vault.erased(tenant)))

    def _mine(self, who: Principal, tenant: TenantId, upload: UUID) -> tuple[files.Arriving, NewDataset]:
        found = self._arrivals.find(upload)
        if (
            found is None
            or (found.author, found.tenant) != (who.name, tenant)
            or not isinstance(found.about, NewDataset)
        ):
            raise Refused(hidden("an upload that is not there, or another's"))
        return found, found.about
