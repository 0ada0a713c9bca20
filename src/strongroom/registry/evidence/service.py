"""What can be done with others' evidence: take it in, list it, and verify it again."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import msgspec

from strongroom.kernel.clock import Clock, rfc3339
from strongroom.kernel.ids import PLATFORM, TenantId, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import EVERY, Action, Ask, Gate, Kind, Resource
from strongroom.registry.admission import manifest as manifests
from strongroom.registry.admission import tables as admission_tables
from strongroom.registry.admission.demanded import policy
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.model import EvidenceKind, Found
from strongroom.registry.evidence import publishers, reading, seals, tables
from strongroom.registry.evidence.model import (
    MOST_KEPT,
    MOST_SIGNATURES,
    About,
    BadEvidence,
    Facts,
    Form,
    Sha256,
    Taken,
)
from strongroom.registry.evidence.reader import EvidenceReader
from strongroom.registry.evidence.superseding import superseded
from strongroom.rules.approval import ApprovalRule
from strongroom.signatures.keys import PublicKey
from strongroom.store import Conflict, OperatorTx, TenantTx
from strongroom.vault import KeysDestroyed, Scope, SealBroken, Use, Vault, VaultUnavailable

_Read: TypeAlias = Callable[[bytes, datetime], tuple[Facts, str]]
"""Returns what a document says and the id of the key that signed it; raises `BadEvidence`."""
_BEFORE: Final = "This very document was taken in before."
_FULL: Final = (
    f"There are {MOST_KEPT} pieces about it already, which is as many as are kept, and none has been superseded by a newer one of "
    "its kind and key."
)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A piece, as it is listed."""

    id: UUID
    about: About
    subject: str
    form: str
    tool: str
    made_at: datetime
    signer: str
    by: str
    taken_at: datetime
    parts: int | None = None
    findings: int | None = None
    document: Sha256


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A piece with its document, and whether it holds today.

    Attributes:
        piece: as it is listed.
        holds: whether seal, document and signature are what they were, and its key counts.
        because: why, in plain words.
        facts: what was read of it.
        envelope: the document as it came; empty where it does not open.
    """

    piece: Told
    holds: bool
    because: str
    facts: Facts
    envelope: str


class EvidenceService:
    """Takes in, lists and verifies."""

    def __init__(self, gate: Gate, keys: RegistryKeys, vault: Vault, reader: EvidenceReader, clock: Clock) -> None:
        self._gate = gate
        self._keys = keys
        self._vault = vault
        self.reader: Final = reader
        self._clock = clock
        self._reading = asyncio.Lock()  # a schema is held against a large document for seconds: one at a time

    async def add(
        self, who: Principal, about: About, subject: str, envelope: bytes, tenant: TenantId | None, ask: Ask
    ) -> Told:
        """Take in a piece.

        Args:
            who: the caller.
            about: what it is about.
            subject: the digest of that.
            envelope: the document, in a DSSE envelope.
            tenant: whose own release it is about; None: the installation's.
            ask: the request.

        Raises:
            Refused: INVALID, with why, for what is no evidence about that, or that no key that counts has signed; CONFLICT
                for what is there already, or is one too many; hidden for a release that there is not.
        """
        noted = _noted(ask, about, subject)
        async with self._place(who, Action.EVIDENCE_ADD, subject, tenant, noted) as tx:
            found = await self._demand_subject(tx, about, subject, tenant)
            read_by = await self._read_by(tx, about, subject, found, of_publisher=publishers.is_bundle(envelope))
        now = self._clock.now()
        read = await self._read(read_by, envelope, now)
        if isinstance(read, BadEvidence):
            async with self._place(who, Action.EVIDENCE_ADD, subject, tenant, noted):
                raise Refused(invalid(str(read), param="envelope"))  # recorded as refused
        facts, signer = read
        taken = Taken(
            id=new_uuid(), about=about, subject=subject, owner="" if tenant is None else str(tenant),
            document=_digest(envelope), signer=signer, by=str(who), at=now, facts=facts,
        )  # fmt: skip
        try:
            sealed = (await self._vault.keys(_scope(tenant))).seal(envelope, str(taken.id))
            gone = await self._goes_for(who, taken, tenant, noted)
            async with self._place(who, Action.EVIDENCE_ADD, subject, tenant, _noted(ask, about, subject, taken)) as tx:
                await self._demand_subject(tx, about, subject, tenant)
                there = await self._about(tx, subject)
                if any(_says(each) == _says(taken) for each in there):
                    raise _conflict(_BEFORE)  # in another envelope: nothing of that is signed, and room is bounded
                if facts.form is Form.OMS and sum(each.facts.form is Form.OMS for each in there) >= MOST_SIGNATURES:
                    raise _conflict(
                        f"There are {MOST_SIGNATURES} signatures of it already, which is as many as are kept."
                    )
                if gone is None and await tables.count(tx, subject) >= MOST_KEPT:
                    raise _conflict(_FULL)
                await tables.insert(tx, taken, seals.sealed(taken, self._keys), sealed)
            if (
                gone is not None
            ):  # after it: what is newest is never removed, and where this ends in between there is one too many
                await self._remove(who, gone, tenant, noted)
        except Conflict:
            raise _conflict(_BEFORE) from None
        except (VaultUnavailable, KeysDestroyed) as error:
            raise _unavailable(error) from None
        return told(taken)

    async def _goes_for(self, who: Principal, taken: Taken, tenant: TenantId | None, noted: Ask) -> Taken | None:
        """Return the oldest piece that decides nothing beside newer ones and `taken`, where there is room for no more."""
        async with self._place(who, Action.EVIDENCE_READ, taken.subject, tenant, noted) as tx:
            if await tables.count(tx, taken.subject) < MOST_KEPT:
                return None
            known = [each for each in await self._about(tx, taken.subject) if each.about is taken.about]
        return next((each for each in superseded([*known, taken]) if each.id != taken.id), None)

    async def _remove(self, who: Principal, gone: Taken, tenant: TenantId | None, noted: Ask) -> None:
        """Remove a piece that decides nothing any more; its entry in the log says what it was."""
        detail = {
            "removed": str(gone.id), "form": str(gone.facts.form), "signer": gone.signer, "document": gone.document,
            "made": rfc3339(gone.facts.made),
        }  # fmt: skip
        ask = replace(noted, detail={**noted.detail, **detail})
        async with self._place(who, Action.EVIDENCE_ADD, gone.subject, tenant, ask) as tx:
            await tables.remove(tx, gone.id)

    async def _read(self, read: _Read, document: bytes, now: datetime) -> tuple[Facts, str] | BadEvidence:
        async with self._reading:
            try:
                return await asyncio.to_thread(read, document, now)
            except BadEvidence as error:
                return error

    async def _read_by(
        self, tx: OperatorTx | TenantTx, about: About, subject: str, found: Found | None, *, of_publisher: bool
    ) -> _Read:
        """Return what reads a document about something, by who counts under today's rules."""
        if not of_publisher:
            trusted = (await self._trusted(tx))[about].values()
            return lambda document, now: reading.read(document, subject, trusted, now)
        manifest = None if found is None else await self._manifest(tx, found)
        if found is None or manifest is None:
            raise Refused(invalid("A publisher's signature is of a release, and of its files.", param="about"))
        demands = [each for rule in await self._rules(tx) for each in rule.publishers]
        return lambda document, now: publishers.taken_in(document, now, demands, found.subject, manifest)

    async def _manifest(self, tx: OperatorTx | TenantTx, found: Found) -> manifests.Manifest | None:
        for each in await admission_tables.of_release(tx, found.subject.digest, found.owner):
            if each.kind is EvidenceKind.MANIFEST and _digest(each.statement) == found.subject.digest:
                with contextlib.suppress(manifests.BadManifest):
                    return manifests.read(each.statement)
        return None

    async def list(
        self, who: Principal, tenant: TenantId | None, subject: str | None, ask: Ask
    ) -> tuple[list[Told], str, str]:
        """Return what there is, newest first (about one digest, or all), and the digests of installation and image."""
        async with self._place(who, Action.EVIDENCE_READ, subject or EVERY, tenant, ask) as tx:
            found = await self._about(tx, subject)
        return [told(each) for each in found], await self.reader.runtime(), self.reader.image

    async def _about(self, tx: OperatorTx | TenantTx, subject: str | None) -> tuple[Taken, ...]:
        """Return what there is, newest first, whose seal holds: about one digest, or all."""
        if subject is None:
            rows = await tables.newest(tx)
        elif isinstance(tx, TenantTx):
            rows = await tables.own_seals(tx, tx.tenant, subject)
        else:
            rows = await tables.seals(tx, [subject])
        return tuple(each for each in map(self.reader.read, rows) if each is not None)

    async def verify(self, who: Principal, piece: UUID, tenant: TenantId | None, ask: Ask) -> Verified:
        """Return a piece and its document, verified anew from the envelope on.

        Raises:
            Refused: hidden when there is none.
        """
        async with self._place(who, Action.EVIDENCE_READ, str(piece), tenant, ask) as tx:
            row = await tables.piece(tx, piece)
            taken = None if row is None else self.reader.read(row[0])
            if row is None or taken is None or taken.id != piece:
                raise Refused(hidden(f"no evidence {piece}"))
            of_publisher, found = taken.facts.form is Form.OMS, None
            if of_publisher:
                found = await self._demand_subject(tx, taken.about, taken.subject, tenant)
            trusted = await self._trusted(tx)
            read_by = await self._read_by(tx, taken.about, taken.subject, found, of_publisher=of_publisher)
        try:
            envelope = await self._vault.open(_scope(tenant), row[1], str(piece))
        except (VaultUnavailable, KeysDestroyed) as error:
            raise _unavailable(error) from None
        except SealBroken:
            return _verified(taken, "Its document does not open: it was changed, or moved here from elsewhere.", b"")
        async with self._reading:
            known = of_publisher or taken.signer in trusted[taken.about]
            because = await asyncio.to_thread(self._again, taken, envelope, read_by, known)
        return _verified(taken, because, envelope)

    def _again(self, taken: Taken, envelope: bytes, read_by: _Read, known: bool) -> str:
        if _digest(envelope) != taken.document:
            return "Its document is another than the one that was taken in."
        if not known:
            return "Its key is not named any more by the rules about approvals."
        try:
            facts, signer = read_by(envelope, self._clock.now())
        except BadEvidence as error:
            return str(error)
        if facts.form is Form.OMS:  # says no time of its own, where no log does
            facts = msgspec.structs.replace(facts, made=taken.facts.made)
        return (
            ""
            if (facts, signer) == (taken.facts, taken.signer)
            else "Other things are read of it today: take it in anew."
        )

    async def _trusted(self, tx: OperatorTx | TenantTx) -> dict[About, dict[str, PublicKey]]:
        """Return the keys that count by the rules about approvals, wherever they are demanded, by what they speak about."""
        trusted: dict[About, dict[str, PublicKey]] = {each: {} for each in About}
        for rule in await self._rules(tx):
            for demand in rule.evidence:
                trusted[About(demand.about)].update(demand.signers)
        return trusted

    async def _rules(self, tx: OperatorTx | TenantTx) -> Sequence[ApprovalRule]:
        found = await policy(tx, self._keys)
        if found.trouble:
            raise Refused(invalid(f"Whose signatures count cannot be told: {found.trouble}.", param="envelope"))
        return () if found.document is None else found.document.rules

    async def _demand_subject(
        self, tx: OperatorTx | TenantTx, about: About, subject: str, tenant: TenantId | None
    ) -> Found | None:
        """Return the release that something is about; None: it is about the installation or its image."""
        if about is not About.RELEASE:
            if tenant is not None:
                raise Refused(invalid(f"The {about} is the installation's: leave the tenant out.", param="tenant"))
            return None
        found = await admission_tables.subject_of(tx, subject, tenant)
        if found is None or found.owner != tenant:
            raise Refused(hidden(f"no release {subject}"))
        return found

    @asynccontextmanager
    async def _place(
        self, who: Principal, action: Action, named: str, tenant: TenantId | None, ask: Ask
    ) -> AsyncGenerator[OperatorTx | TenantTx]:
        resource = Resource(kind=Kind.RELEASE, id=named, tenant=tenant)
        if tenant is not None:
            async with self._gate.permit(who, action, resource, ask) as tx:
                yield tx
        else:
            async with self._gate.permit_platform(who, action, resource, ask) as platform:
                yield platform


def _says(taken: Taken) -> tuple[object, ...]:
    """Return what makes a piece another than one that says the same: who said what, of what."""
    return taken.about, taken.subject, taken.owner, taken.signer, taken.facts


def told(taken: Taken) -> Told:
    """Return a piece as it is listed."""
    facts = taken.facts
    return Told(
        id=taken.id, about=taken.about, subject=taken.subject, form=str(facts.form), tool=facts.tool,
        made_at=facts.made, signer=taken.signer, by=taken.by, taken_at=taken.at, parts=facts.bill,
        findings=len(facts.findings) if facts.scan or facts.words else None, document=taken.document,
    )  # fmt: skip


def _verified(taken: Taken, trouble: str, envelope: bytes) -> Verified:
    return Verified(
        piece=told(taken), holds=not trouble, because=trouble or "It holds: by its signature, and a key that counts.",
        facts=taken.facts, envelope=envelope.decode(errors="replace"),
    )  # fmt: skip


def _scope(tenant: TenantId | None) -> Scope:
    return Scope(PLATFORM if tenant is None else tenant, Use.EVIDENCE)


def _digest(envelope: bytes) -> str:
    return f"sha256:{hashlib.sha256(envelope).hexdigest()}"


def _noted(ask: Ask, about: About, subject: str, taken: Taken | None = None) -> Ask:
    detail = {"about": str(about), "subject": subject}
    if taken is not None:
        detail |= {"form": str(taken.facts.form), "signer": taken.signer, "document": taken.document}
    return replace(ask, detail={**ask.detail, **detail})


def _conflict(tell: str) -> Refused:
    return Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))


def _unavailable(error: Exception) -> Refused:
    tell = "The vault does not answer. Try again shortly."
    return Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=f"the vault: {error}", tell=tell))
