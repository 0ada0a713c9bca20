"""Doing what people ask: writing out what is kept of them, erasing it, and certifying what that came to."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from strongroom.audit import reading
from strongroom.audit.reading import Sealed, Wanted
from strongroom.audit.sealing import tables as sealing
from strongroom.audit.tlog import NoteKey, Receipt
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import PLATFORM, TenantId, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refused, hidden
from strongroom.policy import Action, Ask, Gate, Surface, octets_of
from strongroom.registry.content import people
from strongroom.store import StoreError, TenantTx, Unfit
from strongroom.subjects import doubts, tables
from strongroom.subjects.certificate import (
    BACKUPS,
    BACKUPS_OF_A_TENANT,
    NOT_COVERED,
    OF_A_TENANT,
    Certificate,
    Export,
    Keys,
    Left,
    PlaceErased,
    Residual,
    Verdict,
    digest_of,
    text_of,
    verdict_of,
)
from strongroom.subjects.holder import FilesHolder, Holder
from strongroom.subjects.model import CLOCK, Request, RequestKind
from strongroom.subjects.registry import KEPT_FOR
from strongroom.subjects.service import Subjects, conflict, found, noting, resource
from strongroom.subjects.telling import told
from strongroom.valuelists.personal import lists_with
from strongroom.vault import KeysDestroyed, Keystore, Use, Vault, VaultUnavailable

_log = logging.getLogger(__name__)
_SAME_S: Final = 1.0
"""A mark that is so much older than its certificate is of the same erasure: keys go after rows."""
RECORDS: Final = "gateway.record"
"""The largest table, which is searched day by day."""

OWN: Final = ("subjects.hold", "subjects.request")
"""What is not searched: these hold the pseudonym, so that it can be shown what was erased, and why it was not before."""


class Work:
    """Exports, erases and certifies."""

    def __init__(
        self,
        gate: Gate,
        requests: Subjects,
        vault: Vault,
        keystore: Keystore,
        holders: Sequence[Holder],
        clock: Clock,
    ) -> None:
        self._gate: Final = gate
        self._requests: Final = requests
        self._vault: Final = vault
        self._keystore: Final = keystore
        self._holders: Final = tuple(holders)
        self._clock: Final = clock
        self._looked_through: Final = set[TenantId]()

    async def export(self, who: Principal, tenant: TenantId, name: str, request: UUID, ask: Ask) -> str:
        """Return what is kept of a person, as text whose digest is in the tenant's log.

        Raises:
            Refused: CONFLICT where it must be confirmed first or has ended, UNAVAILABLE without the vault.
        """
        now = self._clock.now()
        async with self._gate.permit(who, Action.SUBJECT_EXPORT, resource(tenant, request), ask) as tx:
            asked = await self._may(tx, request, RequestKind.EXPORT, now)
            with told():
                places = {each.name: list(await each.export(tx, asked[1], self._vault)) for each in self._holders}
            counts = {each.name: await each.count(tx, asked[1]) for each in self._holders}
            things, octets = sum(map(len, places.values())), octets_of(places)
            await self._gate.taken(tx, who, Surface.SUBJECTS, rows=things, octets=octets)
        document = Export(
            tenant=tenant,
            tenant_name=name,
            subject=asked[1],
            request=request,
            ticket=asked[0].ticket,
            exported_at=now,
            places=places,
            for_how_long={name: KEPT_FOR[name] for name in places},
            not_covered=NOT_COVERED[:2],
            left_out={name: more for name, count in counts.items() if (more := count - len(places[name])) > 0},
        )
        text = text_of(document)
        await self._certify(who, tenant, request, ask, text, Verdict.EXPORTED, keep=False)
        return text

    async def erase(
        self, who: Principal, tenant: TenantId, tenant_name: str, request: UUID, person: str | None, ask: Ask
    ) -> str:
        """Erase what is kept of a person, search for what is left, and return the certificate.

        Args:
            who: the caller.
            tenant: whose.
            tenant_name: for the certificate.
            request: the person's.
            person: the name that they are looked up by, to search for that too; it is kept nowhere.
            ask: what goes into the audit entries.

        Raises:
            Refused: CONFLICT where it is held, must be confirmed first or has ended, UNAVAILABLE without the vault: what was
                not erased then is erased when it is asked for again.
        """
        now = self._clock.now()
        try:
            async with self._gate.permit(who, Action.SUBJECT_ERASE, resource(tenant, request), ask) as tx:
                asked, subject = await self._may(tx, request, RequestKind.ERASE, now)
                if person is not None and await self._requests.pseudonym(tenant, person) != subject:
                    raise conflict("The request is about somebody else than that name.")
                held = await tables.held_by(tx, subject)
                if held is not None:
                    raise conflict(
                        f"It is held and not erased: {held}. Release it first, or refuse the request with that reason."
                    )
                await tables.begin(tx, request)
                with told():
                    stays = await self._stays(tx, subject, person, (await found(tx, request, now)).certificate)
                    done = [
                        (each, await each.count(tx, subject), await each.erase(tx, subject, now))
                        for each in self._holders
                    ]
        except Unfit:  # a hold that was set meanwhile: the database asked by itself
            raise conflict("It is held and not erased: `strongroom subject holds`.") from None
        with told():  # after the rows: a hold must not leave rows whose key is gone
            uses = await self._keystore.destroy_subject(tenant, subject)
            kind = (await self._keystore.condition()).kind
        self._vault.forget(tenant, subject)
        destroyed_at = self._clock.now()
        await self.settle(who, ask, tenant)
        needles = {"pseudonym": subject, **({"name": person} if person is not None and person != subject else {})}
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant, request), ask) as tx:
            await people.settled(tx)  # rows that were on their way stand there now, or never will
            left = [await each.count(tx, subject) for each in self._holders]
        residual = await self._search(who, tenant, request, needles, ask)
        places = tuple(
            PlaceErased(name=each.name, tables=each.tables, found=there, erased=gone, left=rest, method=each.method)
            for (each, there, gone), rest in zip(done, left, strict=True)
        )
        certificate = Certificate(
            verdict=verdict_of(places, residual),
            tenant=tenant,
            tenant_name=tenant_name,
            scope="subject",
            subject=subject,
            request=request,
            ticket=asked.ticket,
            requested_by=asked.requested_by,
            requested_at=asked.requested_at,
            confirmed_by=asked.confirmed_by,
            erased_at=now,
            places=places,
            keys=Keys(scope="subject", destroyed=tuple(uses), at=destroyed_at, keystore=kind),
            residual=residual,
            not_covered=(*NOT_COVERED, *stays),
            backups=BACKUPS,
        )
        text = text_of(certificate)
        await self._certify(who, tenant, request, ask, text, certificate.verdict, keep=True)
        return text

    async def offboarded(self, who: Principal, tenant: TenantId, tenant_name: str, ask: Ask) -> str:
        """Certify that a tenant whose keys were just destroyed can be read by nobody, and return the certificate."""
        now, request = self._clock.now(), new_uuid()
        async with self._gate.permit(
            who, Action.SUBJECT_REQUEST, resource(tenant, request), noting(ask, kind="offboard")
        ) as tx:
            await tables.insert(
                tx, request=request, kind=RequestKind.OFFBOARD, subject=None, ticket="", by=str(who),
                credential=who.credential, at=now, due_at=now + CLOCK, note=None,
            )  # fmt: skip
            rows = await tables.rows_of(tx)
        with told():
            condition = await self._keystore.condition()
            opens = [use.value for use in Use if await self._opens(tenant, use)]
        gone = any(each.tenant == tenant and each.destroyed for each in condition.holdings)
        method = {"kept responses": "sealed under keys that are destroyed: unreadable, and removed when they end"}
        places = tuple(
            PlaceErased(
                name=name, tables=(), found=count, erased=count if name in method else 0,
                left=0, method=method.get(name, "not sealed: see what is not covered"),
            )
            for name, count in rows
        )  # fmt: skip
        certificate = Certificate(
            verdict=Verdict.ERASED if gone and not opens else Verdict.INCOMPLETE,
            tenant=tenant, tenant_name=tenant_name, scope="tenant", subject=None, request=request, ticket="",
            requested_by=str(who), requested_at=now, confirmed_by=None, erased_at=now, places=places,
            keys=Keys(scope="tenant", destroyed=tuple(use.value for use in Use), at=now, keystore=condition.kind),
            residual=Residual(
                for_=("keys that still open",), searched=("the keystore",), not_searched=(),
                found=tuple(Left(table=f"keystore: {use}", rows=1) for use in opens),
            ),
            not_covered=OF_A_TENANT, backups=BACKUPS_OF_A_TENANT,
        )  # fmt: skip
        text = text_of(certificate)
        await self._certify(who, tenant, request, ask, text, certificate.verdict, keep=True)
        return text

    async def certificate(self, who: Principal, tenant: TenantId, request: UUID, ask: Ask) -> str:
        """Return the newest certificate of a request.

        Raises:
            Refused: hidden when there is none.
        """
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant, request), ask) as tx:
            text = (await found(tx, request, self._clock.now())).certificate
        if text is None:
            raise Refused(hidden("nothing was certified of this request; an export is kept nowhere"))
        return text

    async def proof(self, who: Principal, tenant: TenantId, request: UUID, ask: Ask) -> tuple[Sealed, Receipt, NoteKey]:
        """Return the entry that commits to a request's newest document, with its receipt.

        Raises:
            Refused: hidden when there is none, or its head is not signed yet: that takes a second.
        """
        wanted = Wanted(action=Action.SUBJECT_CERTIFY.value, resource=str(resource(tenant, request)), outcome="allowed")
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant, request), ask) as tx:
            entries = await reading.search(tx, wanted, 1)
            proven = await reading.receipt(tx, entries[0][0].id) if entries else None
            vkey = (await sealing.pulse(tx)).vkey
        if proven is None or not vkey:
            raise Refused(hidden("nothing was certified, or its head is not signed yet"))
        return *proven, NoteKey.parse(vkey).named(proven[1].checkpoint.origin)

    async def replay(self, who: Principal, ask: Ask, *, files: bool = False) -> int:
        """Erase again what a restored backup brought back, or what came late; return how many things that were.

        Who was erased is told by the marks that lie with the keys, and by what the database has certified: an older copy of
        either does not bring anybody back, only older copies of both do. With `files` these are looked through once, as
        they may be older than the rows that say whose they hold.

        Raises:
            Refused, StoreError, VaultUnavailable, KeysDestroyed: the first of what kept a tenant from being looked at; the others were.
        """
        total, failed = 0, list[Exception]()
        for holding in (await self._keystore.condition()).holdings:
            if holding.destroyed or holding.tenant == PLATFORM:  # the installation's own keys are of nobody's data
                continue
            try:
                total += await self._replayed(who, holding.tenant, ask, files=files)
            except (Refused, StoreError, VaultUnavailable, KeysDestroyed) as error:
                name = type(error).__name__
                _log.warning("subjects: whether the erased of %s came back is not known: %s", holding.tenant, name)
                failed.append(error)
        if failed:
            raise failed[0]
        return total

    async def settle(self, who: Principal, ask: Ask, only: TenantId | None = None) -> int:
        """Destroy files whose rows never came, or went before them, as of a process that was killed; return how many."""
        return await doubts.destroyed(self._gate, self._holders, who, ask, only)

    async def _replayed(self, who: Principal, tenant: TenantId, ask: Ask, *, files: bool) -> int:
        marks = await self._marked(who, tenant, ask)
        if not marks:
            return 0
        if files:
            await self._look_through(who, tenant, marks, ask)
        came_back = dict[str, datetime]()
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant), ask) as tx:
            for subject, at in marks.items():
                before = datetime.fromtimestamp(at, UTC)
                if any([await each.count(tx, subject, before) for each in self._holders]):
                    came_back[subject] = before
        return sum([await self._again(who, tenant, subject, before, ask) for subject, before in came_back.items()])

    async def _look_through(self, who: Principal, tenant: TenantId, marks: Mapping[str, float], ask: Ask) -> None:
        """Have rows of the erased that stand in files counted among what came back: once, for content is restored while nothing runs."""
        if tenant in self._looked_through:
            return
        at = {subject: datetime.fromtimestamp(each, UTC) for subject, each in marks.items()}
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant), ask) as tx:
            held = [(each, await each.files(tx)) for each in self._holders if isinstance(each, FilesHolder)]
        for holder, of in held:
            if found := await holder.whose(tenant, of, at.keys()):
                async with self._gate.permit(who, Action.SUBJECT_REPLAY, resource(tenant), ask) as tx:
                    await holder.link(tx, found, at)
        self._looked_through.add(tenant)

    async def _marked(self, who: Principal, tenant: TenantId, ask: Ask) -> dict[str, float]:
        """Return when each subject was erased last; a mark that is missing is made again, and the keys that came back go."""
        marks = dict(await self._keystore.erased(tenant))
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant), ask) as tx:
            certified = await tables.erased(tx)
        for subject, at in certified.items():
            if marks.get(subject, 0.0) < at.timestamp() - _SAME_S:
                _log.warning("subjects: an erasure was not marked with the keys, and is done again: tenant %s", tenant)
                await self._keystore.destroy_subject(tenant, subject, at.timestamp())
                self._vault.forget(tenant, subject)
                marks[subject] = at.timestamp()
        return marks

    async def _again(self, who: Principal, tenant: TenantId, subject: str, before: datetime, ask: Ask) -> int:
        try:
            async with self._gate.permit(who, Action.SUBJECT_REPLAY, resource(tenant), ask) as tx:
                return sum([await each.erase(tx, subject, before) for each in self._holders])
        except Unfit:
            _log.warning("subjects: what was erased came back, and is held there: %s of tenant %s", subject, tenant)
        except Refused as refused:  # a file that cannot be read: everybody else is erased all the same
            _log.warning("subjects: what was erased came back, and stays: %s", refused.refusal.reason)
        return 0

    async def _may(self, tx: TenantTx, request: UUID, kind: RequestKind, now: datetime) -> tuple[Request, str]:
        asked = (await found(tx, request, now)).request
        if asked.kind is not kind or asked.subject is None:
            raise conflict(f"This request is for {asked.kind}, not for {kind}.")
        self._requests.demand_confirmed(asked)
        return asked, asked.subject

    async def _stays(self, tx: TenantTx, subject: str, person: str | None, before: str | None) -> list[str]:
        """Say by name what was made of a person's data and stays: now, and when it was tried before."""
        said = list[str]() if before is None else list(msgspec.json.decode(before, type=Certificate).not_covered)
        for each in self._holders:
            if isinstance(each, FilesHolder):
                said += await each.leaves(tx, subject)
        if person is not None:
            said += [
                f"The list of values {name}, on which this name stands as a keyed hash: remove the list, and make it anew without it."
                for name in await lists_with(tx, self._vault, person)
            ]
        return [each for each in dict.fromkeys(said) if each not in NOT_COVERED]

    async def _search(
        self, who: Principal, tenant: TenantId, request: UUID, needles: dict[str, str], ask: Ask
    ) -> Residual:
        """Search every table that can be; one that takes too long is one that was not searched."""
        searched, unsearched, hits = list[str](), list[str](), list[Left]()
        texts = [needle.lower() for needle in needles.values()]
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant, request), ask) as tx:
            files = [(each, await each.files(tx)) for each in self._holders if isinstance(each, FilesHolder)]
            days = await tables.days(tx)
            for place, can in await tables.searchable(tx):
                if place in OWN:
                    continue
                rows = (
                    [await tables.left(tx, place, texts, day) for day in (days if place == RECORDS else [None])]
                    if can
                    else [None]
                )
                if None in rows:
                    unsearched.append(place)
                    continue
                searched.append(place)
                if total := sum(each or 0 for each in rows):
                    hits.append(Left(table=place, rows=total))
        for holder, of in files:  # outside of the transaction: it takes as long as it takes to read them
            with told():
                met = await holder.search(tenant, of, texts)
            (unsearched if met is None else searched).append(f"files: {holder.name}")
            hits += [Left(table=f"files: {place}", rows=rows) for place, rows in met or ()]
        return Residual(
            for_=tuple(needles), searched=tuple(searched), not_searched=(*unsearched, *OWN), found=tuple(hits)
        )

    async def _certify(
        self, who: Principal, tenant: TenantId, request: UUID, ask: Ask, text: str, verdict: Verdict, *, keep: bool
    ) -> None:
        noted = noting(ask, document=digest_of(text), verdict=verdict.value)
        now = self._clock.now()
        async with self._gate.permit(who, Action.SUBJECT_CERTIFY, resource(tenant, request), noted) as tx:
            await tables.certify(
                tx,
                request,
                verdict=verdict.value,
                certificate=text if keep else None,
                at=None if verdict is Verdict.INCOMPLETE else now,
            )

    async def _opens(self, tenant: TenantId, use: Use) -> bool:
        try:
            await self._keystore.open(tenant, use)
        except (KeysDestroyed, VaultUnavailable):
            return False
        return True
