"""Files to train with: taken, looked at, sealed under the tenant's keys, and deleted."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry.content import ContentStore, people
from strongroom.registry.content.versions import Versions, remove, write
from strongroom.rules import Rulebook, Subject
from strongroom.rules.privacy import PRIVACY, Privacy
from strongroom.store import TenantTx
from strongroom.training import table, tables
from strongroom.training.form import Sent
from strongroom.training.looking import Blocked, look
from strongroom.training.model import MOST_BYTES, TrainingFile
from strongroom.training.personal import People, TrainingRows, about_nobody, file_called, place_in
from strongroom.training.places import place_of
from strongroom.training.table import BadTable, Table
from strongroom.vault import KeysDestroyed, Scope, Use, Vault, VaultUnavailable

MOST_FILES: Final = 100
TENANT_BYTES: Final = 256 << 20
PURPOSE: Final = "fine-tune"
_NAME: Final = 200


class TrainingFiles:
    """Keeps files to train with. One event loop."""

    def __init__(self, gate: Gate, store: ContentStore, vault: Vault, rulebook: Rulebook | None, clock: Clock) -> None:
        self._gate: Final = gate
        self._store: Final = store
        self._vault: Final = vault
        self._versions: Final = Versions(store)
        self.of_people: Final = TrainingRows(store)
        self._rulebook: Final = rulebook
        self._clock: Final = clock
        self._looking: Final = asyncio.Semaphore(1)

    async def add(self, who: Principal, sent: Sent, ask: Ask) -> TrainingFile:
        """Take a file: looked at first, and kept only as it may be.

        Raises:
            Refused: INVALID for what is no table or has another purpose, FORBIDDEN for what the tenant's rules let into no
                file, TOO_LARGE beyond a file's or the tenant's bounds, UNAVAILABLE without a key or room.
        """
        place = await place_of(self._gate, who, ask)
        identity, name, data = new_uuid(), sent.name, sent.data
        if sent.purpose != PURPOSE:
            raise Refused(invalid(f"Files are taken for the purpose {PURPOSE} only.", param="purpose"))
        if not 0 < len(name) <= _NAME or not name.isprintable() or "/" in name:
            raise Refused(invalid("A file's name is 1 to 200 printable characters without a slash.", param="file"))
        if len(data) > MOST_BYTES:
            tell = f"A file has {MOST_BYTES >> 20} MiB at most."
            raise Refused(Refusal(kind=RefusalKind.TOO_LARGE, reason=tell, tell=tell, param="file"))
        try:
            named = await self._people(place.tenant, sent.subject)
            rows, replaced, of = await self.looked_at(who, data, named)
        except BadTable as bad:
            raise Refused(invalid(f"{name} cannot be trained with: {bad}", param="file")) from None
        except Blocked as blocked:
            raise await self._turned_down(who, place.file(identity), f"{blocked} It was not kept.", ask) from None
        kept = table.write(rows)
        made = TrainingFile(
            id=identity,
            environment=place.environment,
            name=name,
            bytes=len(kept),
            rows=len(rows.rows),
            columns=rows.columns,
            sha256=hashlib.sha256(data).hexdigest(),
            kept_sha256=hashlib.sha256(kept).hexdigest(),
            replaced=replaced,
            created_at=self._clock.now(),
            created_by=who.name,
            subject=sent.subject or None,
        )
        facts = replace(ask, detail={**ask.detail, "sha256": made.sha256, "rows": str(made.rows)})
        path = self._path(place.tenant, identity)
        with self._adding(path):
            async with self._gate.permit(who, Action.TRAINING_RUN, place.file(identity), facts) as tx:
                await _refuse_full(tx, made.bytes)
                await self._write(place.tenant, path, kept)
                await tables.insert_file(tx, made)
                await self._refuse_erased(tx, of)
                await people.note(tx, file_called(identity), "rows", of, made.created_at)
        return made

    async def looked_at(
        self, who: Principal, data: bytes, named: People | None = None
    ) -> tuple[Table, dict[str, int], dict[str, int]]:
        """Return the table that `data` is, with what points to one person masked as the caller's rules have it and never less.

        Besides: what was masked in which column, and, where a column names people, how many rows are whose.

        Raises:
            BadTable: for what is none.
            Blocked: for what the rules let into no training.
        """
        async with self._looking:
            return await asyncio.to_thread(_looked_at, data, self._rules(who), named)

    async def know(self, who: Principal, ask: Ask) -> None:
        """Refuse who trains nothing, and a tenant that keeps as many files as it may, before anything of a body is read."""
        place = await place_of(self._gate, who, ask)
        offered = replace(ask, detail={**ask.detail, "file": "offered"})
        async with self._gate.permit(who, Action.TRAINING_RUN, place.about(), offered) as tx:
            await _refuse_full(tx, 1)

    async def every(self, who: Principal, ask: Ask) -> list[TrainingFile]:
        """Return the files of the caller's environment, the newest first."""
        place = await place_of(self._gate, who, ask)
        async with self._gate.permit(who, Action.TRAINING_RUN, place.about(), ask) as tx:
            return await tables.files(tx, place.environment)

    async def show(self, who: Principal, which: UUID, ask: Ask) -> TrainingFile:
        """Return a file of the caller's environment.

        Raises:
            Refused: hidden for one that is not there, or another's.
        """
        place = await place_of(self._gate, who, ask)
        async with self._gate.permit(who, Action.TRAINING_RUN, place.file(which), ask) as tx:
            found = await tables.file(tx, place.environment, which)
            if found is None:
                raise Refused(hidden(f"no training file {which} in {place.environment}"))
            return found

    async def delete(self, who: Principal, which: UUID, ask: Ask) -> None:
        """Delete a file of the caller's environment: its bytes are gone, what it was stays for the jobs it trained.

        Raises:
            Refused: hidden for one that is not there, INVALID while a job trains with it, CONFLICT while somebody in it is held.
        """
        place = await place_of(self._gate, who, ask)
        facts = replace(ask, detail={**ask.detail, "deleted": "file"})
        path = self._path(place.tenant, which)
        with self.of_people.doubt.about(path, ending=True):
            async with self._gate.permit(who, Action.TRAINING_RUN, place.file(which), facts) as tx:
                if await tables.file(tx, place.environment, which) is None:
                    raise Refused(hidden(f"no training file {which} in {place.environment}"))
                if await tables.used(tx, which):
                    raise Refused(invalid("A job trains with it: cancel that first, or wait for its end."))
                if await people.is_held(tx, file_called(which)):
                    tell = "A hold keeps rows in it, and so the file. Your administrator knows more."
                    raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
                await tables.delete_file(tx, which, self._clock.now())
                await people.forget(tx, file_called(which))
            await asyncio.to_thread(remove, path)

    async def content(self, tenant: TenantId, kept: TrainingFile) -> bytes:
        """Return what is kept of a file, without rows of who was erased and without whom the others are about, to a job.

        Raises:
            Broken: when it is not what was kept.
            VaultUnavailable: when the keystore cannot be asked.
        """
        data = await self._versions.read(tenant, self._path(tenant, kept.id), kept.kept_sha256)
        if kept.subject is None:
            return data
        erased = frozenset(await self._vault.erased(tenant))
        return await asyncio.to_thread(about_nobody, data, kept.subject, erased)

    async def end_tenant(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """Remove every file of a tenant."""
        async with self._gate.permit(who, Action.TRAINING_END, Resource(kind=Kind.JOB, tenant=tenant), ask) as tx:
            await tables.delete_all(tx, self._clock.now())
            await people.forget(tx, None)
        await asyncio.to_thread(shutil.rmtree, self._store.directory(tenant), ignore_errors=True)

    def _rules(self, who: Principal) -> Privacy | None:
        if self._rulebook is None or who.tenant is None:
            return None
        return self._rulebook.terms(who.tenant, Subject.of(who, "")).of(PRIVACY)

    async def _people(self, tenant: TenantId, column: str) -> People | None:
        if not column:
            return None
        try:
            keys = await self._vault.keys(Scope(tenant, Use.SUBJECT_NAME))
            return People(column, partial(people.pseudonym_of, keys), frozenset(await self._vault.erased(tenant)))
        except (VaultUnavailable, KeysDestroyed) as error:
            raise _unsealed(error) from None

    async def _refuse_erased(self, tx: TenantTx, of: dict[str, int]) -> None:
        try:
            await people.refuse_erased(tx, self._vault, of)
        except VaultUnavailable as error:
            raise _unsealed(error) from None

    def _path(self, tenant: TenantId, which: UUID) -> Path:
        return place_in(self._store, tenant, which)

    @contextmanager
    def _adding(self, path: Path) -> Generator[None]:
        try:
            with self.of_people.doubt.about(path, own=True):
                yield
        except OSError as error:
            tell = "What was sent cannot be written down now: the operator knows more, doctor."
            raise Refused(
                Refusal(kind=RefusalKind.UNAVAILABLE, reason=f"training: {error.strerror}", tell=tell)
            ) from None

    async def _write(self, tenant: TenantId, path: Path, data: bytes) -> None:
        try:
            head, key = await self._store.begin(tenant)
            await asyncio.to_thread(write, path, head, key, data)
        except (VaultUnavailable, KeysDestroyed) as error:
            raise _unsealed(error) from None
        except OSError:
            await asyncio.to_thread(remove, path)  # what was written of it takes the room that there is not
            raise

    async def _turned_down(self, who: Principal, about: Resource, tell: str, ask: Ask) -> Refused:
        """Record that a file was not kept, and return what its sender is told."""
        refused = Refused(
            Refusal(kind=RefusalKind.FORBIDDEN, reason="a training file was not kept", tell=tell, param="file")
        )
        with contextlib.suppress(Refused):
            async with self._gate.permit(who, Action.TRAINING_RUN, about, ask):
                raise refused
        return refused


async def _refuse_full(tx: TenantTx, size: int) -> None:
    files, taken = await tables.taken(tx)
    if files >= MOST_FILES or taken + size > TENANT_BYTES:
        most = f"{MOST_FILES} training files of {TENANT_BYTES >> 20} MiB"
        tell = f"A tenant keeps {most} at most: delete what is not needed."
        raise Refused(Refusal(kind=RefusalKind.TOO_LARGE, reason=tell, tell=tell, param="file"))


def _unsealed(error: Exception) -> Refused:
    tell = "Files cannot be sealed now: the vault does not answer. The operator knows more: doctor."
    return Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=tell))


def _looked_at(
    data: bytes, rules: Privacy | None, named: People | None
) -> tuple[Table, dict[str, int], dict[str, int]]:
    """Return a table as it may be kept, what was masked in it, and how many rows are whose."""
    read = table.read(data)
    if named is None:
        return *look(read, rules), {}
    subjects, rest = named.parted(read)
    looked, replaced = look(rest, rules)
    return named.joined(looked, subjects), replaced, dict(Counter(subjects))
