"""Rows of data sets that name a person, for those who ask to see them or to have them erased (a `Holder` of the room `subjects`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, LiteralString, NamedTuple, cast

import msgspec

from strongroom.registry.content.people import File, RowsOfPeople
from strongroom.registry.datasets.model import BadDataset, Kept, read_manifest
from strongroom.registry.datasets.reading import Value
from strongroom.registry.datasets.tables import datasets
from strongroom.store import TenantTx

PREFIX: Final = "dataset"
_LONGEST: Final = 256
_PSEUDONYM: Final = re.compile(rb'"(sub_[0-9a-f]{32})"')
_TRAINED: Final[LiteralString] = """
    with recursive made (node) as (
        select 'dataset:' || $2 union select e.target from registry.lineage_edge e join made m on e.source = m.node
        where e.tenant_id = $1)
    select distinct r.name || '@' || r.version as called from made m join (
        select digest, name, version from registry.own_release where tenant_id = $1
        union all select digest, name, version from registry.release) r on m.node = 'release:' || r.digest
    order by called
"""
_OF: Final[LiteralString] = """
    select distinct substr(file, length($3) + 2) as digest from registry.content_subject
    where tenant_id = $1 and subject = $2 and file like $3 || ':%' order by digest
"""


class People(NamedTuple):
    """How rows come to name people: by which column, by what pseudonym, and who was erased and is taken in no more."""

    column: str
    pseudonym: Callable[[str], str]
    erased: frozenset[str]

    def of(self, values: Mapping[str, Value]) -> str | None:
        """Return the pseudonym of whom a row names; None: it names nobody as requests could."""
        value = values.get(self.column)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST or not value.isprintable():
            return None
        return self.pseudonym(value)


class DatasetRows(RowsOfPeople):
    """Rows of data sets whose contract names the column with people."""

    name = "rows of data sets"
    prefix = PREFIX
    method = "taken out, the files written anew without them and the old ones destroyed; what a row held is in no version any more"

    async def files(self, tx: TenantTx, names: Sequence[str] | None = None) -> list[File]:
        """Return the rows and the rejects of every data set, withdrawn ones too."""
        wanted = None if names is None else set(names)
        return [
            file
            for kept in await datasets(tx)
            if wanted is None or file_of(kept.digest) in wanted
            for file in self._parts(tx, kept)
        ]

    async def leaves(self, tx: TenantTx, subject: str) -> Sequence[str]:
        """Name the releases that were trained on data sets with rows of a person."""
        said = list[str]()
        for row in await tx.fetch(_OF, tx.tenant, subject, PREFIX):
            kept = next((each for each in await datasets(tx) if each.digest == row["digest"]), None)
            trained = [each["called"] for each in await tx.fetch(_TRAINED, tx.tenant, row["digest"])]
            if kept is not None and trained:
                said.append(trained_on(trained, f"the data set {kept.name}@{kept.version}"))
        return said

    def rows(self, data: bytes, subject: str) -> list[dict[str, Any]]:
        """Return a person's rows."""
        return [msgspec.json.decode(line, type=dict[str, Any]) for line in _lines(data) if subject.encode() in line]

    def without(self, data: bytes, subjects: frozenset[str]) -> tuple[bytes, int]:
        """Return the rows of everybody else."""
        lines = _lines(data)
        kept = [line for line in lines if not subjects & named_in(line)]
        return b"".join(line + b"\n" for line in kept), len(lines) - len(kept)

    def hits(self, data: bytes, needles: Sequence[str]) -> int:
        """Return in how many rows something of a person stands."""
        return sum(_hit(line, needles) for line in _lines(data))

    def _parts(self, tx: TenantTx, kept: Kept) -> list[File]:
        try:
            manifest = read_manifest(kept.manifest, kept.digest)
        except BadDataset:
            return []  # an edited row: what it names is nobody's data set
        called = f"data set {kept.name}@{kept.version}"
        return [
            File(file_of(kept.digest), part, called, self._store.place(tx.tenant, sha256), sha256)
            for part, sha256 in (("rows", manifest.rows), ("rejects", manifest.rejects))
        ]


def file_of(digest: str) -> str:
    """Return what a data set is called among files with rows of people."""
    return f"{PREFIX}:{digest}"


def named_in(line: bytes) -> set[str]:
    """Return the pseudonyms that stand in a row as values of their own."""
    return {each.decode() for each in _PSEUDONYM.findall(line)}


def trained_on(releases: Sequence[str], what: str) -> str:
    """Say of releases that they were trained on something, as a certificate does."""
    return f"Model weights trained on {what} while the rows were in it: {', '.join(releases)}."


def _lines(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line]


def _hit(line: bytes, needles: Sequence[str]) -> bool:
    if any(needle.startswith("sub_") and needle.encode() in line for needle in needles):
        return True
    try:
        values = cast("dict[str, object]", msgspec.json.decode(line, type=dict[str, Any])).values()
    except msgspec.MsgspecError:
        return False
    return any(str(value).lower() in needles for value in values if isinstance(value, str | int))
