"""Whose rows stand in which file: what finds a person's rows, and what takes them out (the ground of two `Holder`s of `subjects`).

Always true here:
- a row names its person by the tenant's pseudonym, and by nothing else that was declared to name one;
- the database is asked first whether anything holds the person, and forgets in the same transaction whose the rows were;
- a file that loses rows is written anew without them, and what it was is destroyed (`Versions`);
- rows of who was erased are noted no more, however long before that they were looked at (`refuse_erased`, `settled`).
"""

from __future__ import annotations

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, LiteralString, NamedTuple

from strongroom.kernel.ids import TenantId
from strongroom.kernel.locks import Locks
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.registry.content.doubt import Doubt
from strongroom.registry.content.sealed import Broken
from strongroom.registry.content.store import ContentStore
from strongroom.registry.content.versions import Versions, all_of
from strongroom.store import TenantTx
from strongroom.vault import DataKeys, Vault, is_subject

SEARCH_S: Final = 60.0
"""How long all files of a kind may be searched; what takes longer was not searched."""
SHOWN: Final = 5000
"""Of how many rows of one kind of file a person is handed a copy at once."""
_PSEUDONYM: Final = re.compile(rb"sub_[0-9a-f]{32}")

_COUNT: Final[LiteralString] = """
    select coalesce(sum(rows), 0)::bigint from registry.content_subject
    where tenant_id = $1 and subject = $2 and file like $3 and ($4::timestamptz is null or at <= $4)
"""
_OF: Final[LiteralString] = """
    select file, part from registry.content_subject
    where tenant_id = $1 and subject = $2 and file like $3 and ($4::timestamptz is null or at <= $4) order by file, part
"""
_INSERT: Final[LiteralString] = """
    insert into registry.content_subject (tenant_id, subject, file, part, rows, at)
    select $1, f.subject, $2, $3, f.rows, $4 from unnest($5::text[], $6::int[]) f (subject, rows)
"""
_LINK: Final[LiteralString] = f"{_INSERT} on conflict do nothing"
_HELD: Final[LiteralString] = """
    select exists (select from registry.content_subject
                   where tenant_id = $1 and file = $2 and subjects.held_by(subject) is not null)
"""
_NOTING: Final[LiteralString] = """
    select pg_advisory_xact_lock_shared(hashtextextended('registry.content_subject ' || $1::uuid::text, 0))
"""
_SETTLED: Final[LiteralString] = """
    select pg_advisory_xact_lock(hashtextextended('registry.content_subject ' || $1::uuid::text, 0))
"""


class File(NamedTuple):
    """A file in which rows may be of people. `sha256`: of its first version; `called`: as people know it."""

    file: str
    part: str
    called: str
    path: Path
    sha256: str


class Whose(NamedTuple):
    """How many rows of one part of a file are whose."""

    file: str
    part: str
    rows: Mapping[str, int]


def pseudonym_of(keys: DataKeys, name: str) -> str:
    """Return what a row names somebody by.

    What is a pseudonym already is itself: rows that were exported and come back are about whom they were, and not about the
    pseudonym of a pseudonym, whom nobody would find.
    """
    return name if is_subject(name) else keys.pseudonym(name)


async def refuse_erased(tx: TenantTx, vault: Vault, people: Iterable[str]) -> None:
    """Refuse rows of who was erased while they were looked at: asked before they are noted, in the same transaction.

    Raises:
        Refused: CONFLICT.
        VaultUnavailable: when the keystore cannot be asked.
    """
    await tx.fetchval(_NOTING, tx.tenant)
    if not (await vault.erased(tx.tenant)).keys().isdisjoint(people):
        tell = "Somebody in it was erased while it was looked at: send it again, without them."
        raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))


async def settled(tx: TenantTx) -> None:
    """Wait for whoever is noting rows: who asks after an erasure was marked sees them, or they were refused."""
    await tx.fetchval(_SETTLED, tx.tenant)


async def note(tx: TenantTx, file: str, part: str, people: Mapping[str, int], at: datetime) -> None:
    """Say how many rows of a file are whose."""
    if people:
        await tx.execute(_INSERT, tx.tenant, file, part, at, list(people), list(people.values()))


async def is_held(tx: TenantTx, file: str) -> bool:
    """Whether something holds somebody whose rows stand in a file."""
    held: bool = await tx.fetchval(_HELD, tx.tenant, file)
    return held


async def forget(tx: TenantTx, file: str | None) -> None:
    """Say that a file is gone; None: all of the tenant's."""
    await tx.fetchval("select registry.forget_content($1)", file)


class RowsOfPeople(ABC):
    """Rows of one kind of file that name a person (`Holder`)."""

    name: str
    prefix: str
    tables = ("registry.content_subject",)

    def __init__(self, store: ContentStore) -> None:
        self._store: Final = store
        self._versions: Final = Versions(store)
        self.doubt: Final = Doubt(store)
        self._rewriting: Final = Locks[TenantId]()

    @abstractmethod
    async def files(self, tx: TenantTx, names: Sequence[str] | None = None) -> list[File]:
        """Return the tenant's files of this kind that are there, or those of these names."""

    @abstractmethod
    async def leaves(self, tx: TenantTx, subject: str) -> Sequence[str]:
        """Say what was made with a person's rows and keeps them, by name: for the certificate."""

    @abstractmethod
    def rows(self, data: bytes, subject: str) -> list[dict[str, Any]]:
        """Return a person's rows of a file, as plain values."""

    @abstractmethod
    def without(self, data: bytes, subjects: frozenset[str]) -> tuple[bytes, int]:
        """Return a file without the rows of some people, and how many those were."""

    @abstractmethod
    def hits(self, data: bytes, needles: Sequence[str]) -> int:
        """Return in how many rows a cell is one of `needles`, in whatever case, or a pseudonym among them stands anywhere."""

    async def count(self, tx: TenantTx, subject: str, before: datetime | None = None) -> int:
        """Return how many rows there are."""
        found: int = await tx.fetchval(_COUNT, tx.tenant, subject, f"{self.prefix}:%", before)
        return found

    async def export(self, tx: TenantTx, subject: str, vault: Vault) -> Sequence[dict[str, Any]]:
        """Return the rows, each with the file that it stands in: the first 5,000."""
        del vault
        said = list[dict[str, Any]]()
        for each in await self._of(tx, subject, None):
            if len(said) == SHOWN:
                break
            rows = await asyncio.to_thread(self.rows, await self._read(tx.tenant, each), subject)
            said += [{"in": each.called, "part": each.part, "row": row} for row in rows[: SHOWN - len(said)]]
        return said

    async def erase(self, tx: TenantTx, subject: str, before: datetime) -> int:
        """Take the rows out, file by file, and destroy what the files were.

        Raises:
            Unfit: when something holds the person.
            Refused: CONFLICT for a file that cannot be read, UNAVAILABLE for one that cannot be written anew.
        """
        gone = 0
        async with self._rewriting.of(tx.tenant):
            for each in await self._of(tx, subject, before):
                await tx.fetchval("select registry.part_content($1, $2, $3, $4)", subject, each.file, each.part, before)
                data = await self._read(tx.tenant, each)
                kept, rows = await asyncio.to_thread(self.without, data, frozenset({subject}))
                try:
                    if rows:
                        await self._versions.rewrite(tx.tenant, each.path, each.sha256, kept, rows)
                    else:  # it lost them before a crash, perhaps, and that left what it was
                        await self._versions.tidy(tx.tenant, each.path, each.sha256)
                except OSError as error:
                    raise Refused(_unwritten(each.called, error)) from None
                gone += rows
        return gone

    async def whose(self, tenant: TenantId, files: Sequence[File], subjects: Collection[str]) -> list[Whose]:
        """Return in which files rows of some people stand, whatever the database says; what lies beside them is destroyed.

        A file that cannot be read is left out: who asks for it is told.
        """
        found, wanted = list[Whose](), {each.encode() for each in subjects}
        for each in files:
            try:
                async with self._rewriting.of(tenant):
                    data = await self._read(tenant, each)
                    await self._versions.tidy(tenant, each.path, each.sha256)
            except (Refused, Broken, OSError):
                continue
            met = [name.decode() for name in wanted.intersection(_PSEUDONYM.findall(data))]
            if met:
                found.append(Whose(each.file, each.part, {name: len(self.rows(data, name)) or 1 for name in met}))
        return found

    async def link(self, tx: TenantTx, found: Sequence[Whose], at: Mapping[str, datetime]) -> None:
        """Say again whose rows stand in files: those that are known stay as they are; the others were there `at`."""
        for each in found:
            for subject, rows in each.rows.items():
                await tx.execute(_LINK, tx.tenant, each.file, each.part, at[subject], [subject], [rows])

    async def search(
        self, tenant: TenantId, files: Sequence[File], needles: Sequence[str]
    ) -> list[tuple[str, int]] | None:
        """Return in which files there is still something of a person, and in how many rows; None: it took too long."""
        found = list[tuple[str, int]]()
        try:
            async with asyncio.timeout(SEARCH_S):
                for each in files:
                    data = await self._read(tenant, each)
                    if rows := await asyncio.to_thread(self.hits, data, needles):
                        found.append((f"{each.called} ({each.part})", rows))
        except TimeoutError:
            return None
        return found

    async def _of(self, tx: TenantTx, subject: str, before: datetime | None) -> list[File]:
        rows = await tx.fetch(_OF, tx.tenant, subject, f"{self.prefix}:%", before)
        held = {(row["file"], row["part"]) for row in rows}
        found = {(each.file, each.part): each for each in await self.files(tx, sorted({file for file, _ in held}))}
        return [found[each] for each in sorted(held) if each in found]

    async def _read(self, tenant: TenantId, file: File) -> bytes:
        """Return a file's bytes; none for one that is not there any more: it holds nobody's rows."""
        if not all_of(file.path):
            return b""
        try:
            return await self._versions.read(tenant, file.path, file.sha256)
        except (Broken, OSError) as error:
            tell = f"{file.called} cannot be read, so nobody's rows can be found in it: {error}."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None


def _unwritten(called: str, error: OSError) -> Refusal:
    tell = f"{called} cannot be written anew without the rows ({error.strerror}), and holds them still: make room, then erase again."
    return Refusal(kind=RefusalKind.UNAVAILABLE, reason=tell, tell=tell)
