"""The SQL of the rules room: versions are added, none is changed or taken away."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.rules.model import Level, Version
from strongroom.store import OperatorTx, Record
from strongroom.store.tx import Tx, place

_EMPTY = "{}"


async def insert(tx: Tx, version: Version, body: bytes, request: UUID | None, seal: bytes | None) -> None:
    """Add a version, by which request it came, and its seal; two with one number are a `Conflict`."""
    await tx.execute(
        """INSERT INTO rules.document (tenant_id, kind, level, version, digest, body, withdrawn, author, credential, at, reason,
                                       approved_by, request_id, seal)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)""",
        place(tx),
        version.kind,
        version.level.value,
        version.version,
        version.digest,
        body.decode(),
        version.withdrawn,
        version.author,
        version.credential,
        version.at,
        version.reason,
        version.approved_by,
        request,
        seal,
    )


async def last(tx: Tx, kind: str, level: Level) -> int:
    """Return the number of the last version; 0: there is none."""
    found = await tx.fetchval(
        "SELECT max(version) FROM rules.document WHERE tenant_id = $1 AND kind = $2 AND level = $3",
        place(tx),
        kind,
        level.value,
    )
    return 0 if found is None else int(found)


async def sealed(tx: Tx, kind: str) -> tuple[Version, bytes | None] | None:
    """Return the last version of the installation's document of a kind, with its seal."""
    row = await tx.fetchrow(
        """SELECT kind, level, version, digest, body, withdrawn, author, credential, at, reason, approved_by, seal
           FROM rules.document WHERE tenant_id = $1 AND kind = $2 AND level = 'default'
           ORDER BY version DESC LIMIT 1""",
        PLATFORM,
        kind,
    )
    return None if row is None else (_version(row), row["seal"])


async def in_force(tx: Tx) -> list[Version]:
    """Return the last version of every document that concerns the transaction's tenant, the installation's defaults too."""
    return [
        _version(row)
        for tenant in _concerning(tx)
        for row in await tx.fetch(
            """SELECT DISTINCT ON (kind, level) kind, level, version, digest, body, withdrawn, author, credential, at, reason,
                      approved_by FROM rules.document WHERE tenant_id = $1 ORDER BY kind, level, version DESC""",
            tenant,
        )
    ]


async def history(tx: Tx, kind: str, level: Level, limit: int, before: int | None) -> list[Version]:
    """Return versions of one document, the newest first, those below `before` if it is given."""
    rows = await tx.fetch(
        """SELECT kind, level, version, digest, body, withdrawn, author, credential, at, reason,
                  approved_by FROM rules.document
           WHERE tenant_id = $1 AND kind = $2 AND level = $3 AND ($4::integer IS NULL OR version < $4)
           ORDER BY version DESC LIMIT $5""",
        place(tx),
        kind,
        level.value,
        before,
        limit,
    )
    return [_version(row) for row in rows]


def _concerning(tx: Tx) -> tuple[TenantId, ...]:
    return (PLATFORM,) if isinstance(tx, OperatorTx) else (PLATFORM, tx.tenant)


def _version(row: Record) -> Version:
    fields: dict[str, Any] = {name: value for name, value in row.items() if name not in {"body", "level", "seal"}}
    return Version(level=Level(row["level"]), document=msgspec.json.decode(row["body"] or _EMPTY), **fields)
