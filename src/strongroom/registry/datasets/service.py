"""What can be done with sources and data sets. Each method asks the gate first and does its work inside the answer.

A data set is received in memory, looked at outside of any transaction, and written down with its verdict in one: what arrived and
was never looked at is nowhere.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import EVERY, Action, Ask, Gate, Kind, Resource
from strongroom.registry import dsse
from strongroom.registry.admission import tables as admission_tables
from strongroom.registry.admission.judge import Case
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.statements import Terms, approved
from strongroom.registry.content import Broken, ContentStore
from strongroom.registry.datasets import files, tables
from strongroom.registry.datasets.derived import derived_from
from strongroom.registry.datasets.judge import Standing, judge
from strongroom.registry.datasets.model import (
    MAX_BYTES,
    MOST,
    BadDataset,
    Contract,
    Format,
    Kept,
    Listed,
    Manifest,
    Shown,
    Source,
    Tier,
)
from strongroom.registry.datasets.statements import judged, read_source, registered, subject_of
from strongroom.registry.datasets.validate import Outcome, validated
from strongroom.registry.prompts.tables import approver
from strongroom.store import Conflict, TenantTx
from strongroom.vault import KeysDestroyed, VaultUnavailable

MAX_DAYS: Final = 400
_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}")
_MOST_REASON: Final = 1000
_HEX: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDataset:
    """A data set to be. `parent`: NAME@VERSION of what it was made from, with `transformation`, the record of how."""

    environment: Environment
    name: Name
    version: str
    source: str
    format: Format
    size: int
    contract: Contract
    parent: str = ""
    transformation: bytes = b""


class Datasets:
    """The sources and data sets of tenants. One event loop, and one process that writes."""

    def __init__(self, gate: Gate, keys: RegistryKeys, store: ContentStore, clock: Clock) -> None:
        self._gate: Final = gate
        self._keys: Final = keys
        self._store: Final = store
        self._clock: Final = clock
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
            async with self._gate.permit(who, Action.SOURCE_ADD, _resource(tenant, None, "source", name), ask) as tx:
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
        what = _resource(tenant, new.environment, new.name, new.version)
        async with self._gate.permit(who, Action.DATASET_ADD, what, _stage(ask, "received")) as tx:
            await self._sourced(tx, new.source)
            if await tables.named(tx, new.name, new.version) is not None:
                raise Refused(_taken(new))
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
        what = _resource(tenant, new.environment, new.name, new.version)
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
        if files.hashlib.sha256(arriving.data).hexdigest() != sha256:
            self._arrivals.end(arriving)
            tell = "What arrived is not what was read: send it again."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
        try:
            async with self._looking:
                outcome = await asyncio.to_thread(validated, bytes(arriving.data), new.format, new.contract)
            kept = [await files.keep(self._store, tenant, each) for each in (outcome.rows, outcome.rejects)]
            return await self._admit(who, tenant, new, (sha256, *kept), outcome, ask)
        except BadDataset as error:
            what = _resource(tenant, new.environment, new.name, new.version)
            async with self._gate.permit(who, Action.DATASET_ADD, what, _stage(ask, "looked-at")):
                raise Refused(invalid(f"It is no data set: {error}.", param="data")) from None
        except (VaultUnavailable, KeysDestroyed) as error:
            raise Refused(_unopened(error)) from None
        finally:
            self._arrivals.end(arriving)

    async def _admit(
        self, who: Principal, tenant: TenantId, new: NewDataset, sums: tuple[str, ...], outcome: Outcome, ask: Ask
    ) -> Shown:
        what = _resource(tenant, new.environment, new.name, new.version)
        stage = _stage(ask, "validated" if outcome.verdict.passed else "quarantined")
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
                )  # fmt: skip
                kept = Kept(
                    digest=manifest.digest, name=new.name, version=new.version, environment=new.environment,
                    manifest=manifest.encoded(), verdict=b"", added_at=self._clock.now(),
                )  # fmt: skip
                signed = judged(subject_of(kept), outcome.verdict, source, self._keys.scanner())
                kept = Kept(
                    digest=kept.digest, name=kept.name, version=kept.version, environment=kept.environment,
                    manifest=kept.manifest, verdict=signed, added_at=kept.added_at,
                )  # fmt: skip
                await tables.insert(tx, kept)
                return await self._shown(tx, kept)
        except Conflict:
            raise Refused(_taken(new)) from None

    # -- looking, deciding ----------------------------------------------------------------------------------------

    async def every(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Listed]:
        """Return a tenant's data sets, and how far each is."""
        async with self._gate.permit(who, Action.DATASET_LIST, Resource(kind=Kind.DATASET, tenant=tenant), ask) as tx:
            found = list[Listed]()
            for kept in await tables.datasets(tx):
                standing = await self._standing(tx, kept)
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
        async with self._gate.permit(who, Action.DATASET_LIST, _resource(tenant, None, name, version), ask) as tx:
            return await self._shown(tx, await self._named(tx, name, version))

    async def approve(
        self, who: Principal, tenant: TenantId, name: str, version: str, *, days: int, reason: str, ask: Ask
    ) -> Shown:
        """Approve a data set: one person's word, signed by that person's key.

        Raises:
            Refused: hidden for one that there is not, FORBIDDEN for who brought it, INVALID for one that is quarantined or
                not what it was.
        """
        if not 1 <= days <= MAX_DAYS:
            raise Refused(invalid(f"An approval lasts 1 to {MAX_DAYS} days.", param="days"))
        _refuse_silence(reason)
        async with self._gate.permit(who, Action.DATASET_APPROVE, _resource(tenant, None, name, version), ask) as tx:
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
            statement = approved(subject_of(kept), terms, now, self._keys.approver(account))
            await tables.insert_approval(tx, kept.digest, account, statement, now)
            return await self._shown(tx, kept)

    async def withdraw(self, who: Principal, tenant: TenantId, name: str, version: str, reason: str, ask: Ask) -> Shown:
        """End a data set: nothing trains on it from now on, and nothing brings it back.

        Raises:
            Refused: hidden for one that there is not, CONFLICT when it has ended.
        """
        _refuse_silence(reason)
        async with self._gate.permit(who, Action.DATASET_WITHDRAW, _resource(tenant, None, name, version), ask) as tx:
            kept = await self._named(tx, name, version)
            if not await tables.withdraw(tx, kept.digest, who.name, reason, self._clock.now()):
                tell = "It was withdrawn before."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
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
        async with self._gate.permit(who, action, _resource(tenant, None, name, version), ask) as tx:
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

    # -- reading --------------------------------------------------------------------------------------------------

    async def export(
        self, who: Principal, tenant: TenantId, name: str, version: str, ask: Ask, *, rejects: bool = False
    ) -> bytes:
        """Return a data set's rows, or its reject file, in the clear; each time it stands in the tenant's log.

        Raises:
            Refused: hidden for one that there is not, CONFLICT for one that is not what was stored.
        """
        asked = replace(ask, detail={**ask.detail, "part": "rejects" if rejects else "rows"})
        async with self._gate.permit(who, Action.DATASET_EXPORT, _resource(tenant, None, name, version), asked) as tx:
            kept = await self._named(tx, name, version)
            manifest = (await self._standing(tx, kept)).manifest
            if manifest is None:
                raise Refused(_broken(kept, "its manifest is another"))
        return await self._content(tenant, kept, manifest.rejects if rejects else manifest.rows)

    async def read(self, who: Principal, tenant: TenantId, name: str, version: str, ask: Ask) -> bytes:
        """Return an admitted data set's rows to a training workload that has a grant; each time it stands in the log.

        Raises:
            Refused: hidden for one that there is not, FORBIDDEN without a grant or while it is not admitted.
        """
        what = _resource(tenant, who.environment, name, version)
        async with self._gate.permit(who, Action.DATASET_READ, what, ask) as tx:
            kept = await self._named(tx, name, version)
            manifest = await self.demand(tx, kept.digest, who.environment, who.workload)
        return await self._content(tenant, kept, manifest.rows)

    async def demand(
        self, tx: TenantTx, digest: str, environment: Environment | None, workload: UUID | None = None
    ) -> Manifest:
        """Return the manifest of a data set that may be used for training now: for whoever is inside a permit already.

        Args:
            tx: in the tenant whose it must be.
            digest: the data set.
            environment: where it is to be used.
            workload: who is to read it; None: whoever asks has looked for itself.

        Raises:
            Refused: INVALID for one that the tenant does not have, FORBIDDEN with every reason that is not met.
        """
        kept = await tables.of_digest(tx, digest)
        if kept is None:
            raise Refused(invalid("There is no such data set.", param="dataset"))
        standing = await self._standing(tx, kept)
        if not standing.usable or standing.manifest is None:
            tell = f"{kept.name}@{kept.version} may not be used. {standing.refusal()}"
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
        if kept.environment is not environment:
            tell = f"{kept.name}@{kept.version} is {kept.environment}'s, and is used nowhere else."
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
        if workload is not None and not await tables.may_read(tx, digest, workload):
            tell = f"This workload has no grant for {kept.name}@{kept.version}."
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
        return standing.manifest

    async def rows(self, tenant: TenantId, manifest: Manifest) -> bytes:
        """Return the rows of a data set whose manifest `demand` returned, as JSON lines.

        Raises:
            Refused: CONFLICT when they are not what was stored, UNAVAILABLE without a key.
        """
        return await self._opened(tenant, f"{manifest.name}@{manifest.version}", manifest.rows)

    async def end_tenant(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """Remove every data set of a tenant, as its end does."""
        resource = Resource(kind=Kind.TENANT, id=str(tenant), tenant=tenant)
        async with self._gate.permit(who, Action.TENANT_DELETE, resource, ask) as tx:
            await tables.withdraw_all(tx, who.name, self._clock.now())
        await asyncio.to_thread(self._store.end, tenant)

    # -- what all of them need ------------------------------------------------------------------------------------

    def _mine(self, who: Principal, tenant: TenantId, upload: UUID) -> tuple[files.Arriving, NewDataset]:
        found = self._arrivals.find(upload)
        if (
            found is None
            or (found.author, found.tenant) != (who.name, tenant)
            or not isinstance(found.about, NewDataset)
        ):
            raise Refused(hidden("an upload that is not there, or another's"))
        return found, found.about

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
        return [(kept, await self._standing(tx, kept)) for kept in await tables.datasets(tx)]

    async def _standing(self, tx: TenantTx, kept: Kept) -> Standing:
        people = await admission_tables.approvers(tx)
        case = Case(subject_of(kept), (), people, self._keys, "", self._clock.now())
        return judge(kept, case, tx.tenant, await tables.approvals(tx, kept.digest))

    async def _shown(self, tx: TenantTx, kept: Kept) -> Shown:
        standing = await self._standing(tx, kept)
        if standing.manifest is None:
            raise Refused(_broken(kept, standing.refusal()))
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

    async def _of_called(self, tx: TenantTx, called: str) -> Manifest:
        name, _, version = called.partition("@")
        kept = await tables.named(tx, name, version)
        manifest = None if kept is None else (await self._standing(tx, kept)).manifest
        if manifest is None:
            raise Refused(invalid(f"There is no data set {called}.", param="parent"))
        return manifest

    async def _content(self, tenant: TenantId, kept: Kept, sha256: str) -> bytes:
        return await self._opened(tenant, f"{kept.name}@{kept.version}", sha256)

    async def _opened(self, tenant: TenantId, called: str, sha256: str) -> bytes:
        try:
            return await files.opened(self._store, tenant, sha256)
        except (VaultUnavailable, KeysDestroyed) as error:
            raise Refused(_unopened(error)) from None
        except (Broken, OSError) as error:
            tell = f"{called} is not what was stored: {error}."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None


def _resource(tenant: TenantId, environment: Environment | None, *names: str) -> Resource:
    """Return what the log calls it: a resource's id takes letters, digits, dots, colons and dashes."""
    identifier = ":".join(re.sub(r"[^A-Za-z0-9.-]", "-", each) for each in names)[:128] or EVERY
    return Resource(kind=Kind.DATASET, id=identifier, tenant=tenant, environment=environment)


def _stage(ask: Ask, stage: str) -> Ask:
    return replace(ask, detail={**ask.detail, "stage": stage})


def _refuse_silence(reason: str) -> None:
    if not reason.strip() or len(reason) > _MOST_REASON:
        raise Refused(invalid("Say why, in up to 1,000 characters.", param="reason"))


def _taken(new: NewDataset) -> Refusal:
    tell = f"There is a data set {new.name}@{new.version} already; a version never changes."
    return Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, param="version")


def _broken(kept: Kept, because: str) -> Refusal:
    tell = f"{kept.name}@{kept.version} is not what it was: {because}"
    return Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)


def _unopened(error: Exception) -> Refusal:
    tell = "Data sets cannot be sealed or opened now: the vault does not answer. The operator knows more: doctor."
    return Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=tell)
