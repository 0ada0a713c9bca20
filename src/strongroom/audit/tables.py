"""The audit log's rows: appended and read, never changed.

Always true here:
- an entry is written in the transaction it is given: it stays or goes with what that transaction does;
- a tenant's entries go to `audit.entry`, the installation's to `audit.platform_entry`; no role deletes there, and none but
  the keeper's updates: it gives an entry its place, once;
- both tables are the outbox that the keeper seals from (`audit.sealing`): what it has sealed has a place in a log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec

from strongroom.audit.model import Entry, Outcome
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.store import AppendTx, Record, SealTx, TenantTx, Tx

PAGE_LIMIT: Final = 200
"""The most entries one call reads."""

_APPEND: Final[LiteralString] = """
    insert into audit.entry
        (tenant_id, id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
    values ($11, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb)
"""

_APPEND_PLATFORM: Final[LiteralString] = """
    insert into audit.platform_entry
        (id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb)
"""

# An entry that is sent again after an unclear commit must not stand there twice: its id is its own.
_APPEND_BATCH: Final[LiteralString] = """
    insert into audit.entry
        (tenant_id, id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
    select e.tenant_id, e.id, e.at, e.actor, e.credential, e.action, e.resource, e.outcome, e.reason, e.request_id,
           e.detail::jsonb
    from unnest($11::uuid[], $1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::text[], $10::text[])
         as e (tenant_id, id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
    on conflict do nothing
"""

_APPEND_PLATFORM_BATCH: Final[LiteralString] = """
    insert into audit.platform_entry
        (id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
    select e.id, e.at, e.actor, e.credential, e.action, e.resource, e.outcome, e.reason, e.request_id, e.detail::jsonb
    from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::text[], $10::text[])
         as e (id, at, actor, credential, action, resource, outcome, reason, request_id, detail)
    on conflict do nothing
"""

_RECENT: Final[LiteralString] = """
    select id, at, actor, credential, action, resource, outcome, reason, request_id, detail::text as detail
    from audit.entry
    where tenant_id = $1
      and ($2::uuid is null
           or (at, id) < (select b.at, b.id from audit.entry b where b.tenant_id = $1 and b.id = $2::uuid))
    order by at desc, id desc
    limit $3
"""

_RECENT_PLATFORM: Final[LiteralString] = """
    select id, at, actor, credential, action, resource, outcome, reason, request_id, detail::text as detail
    from audit.platform_entry
    where $1::uuid is null
       or (at, id) < (select b.at, b.id from audit.platform_entry b where b.id = $1::uuid)
    order by at desc, id desc
    limit $2
"""


async def append(tx: Tx, entry: Entry) -> None:
    """Append `entry` to the log of whose transaction this is: the tenant's, or the installation's."""
    if isinstance(tx, TenantTx):
        await tx.execute(_APPEND, *columns_of(entry), tx.tenant)
    else:
        await append_platform(tx, entry)


async def append_platform(tx: Tx, entry: Entry) -> None:
    """Append `entry` to the installation's log, in a tenant's transaction too."""
    await tx.execute(_APPEND_PLATFORM, *columns_of(entry))


async def append_as_keeper(tx: SealTx, entry: Entry, tenant: TenantId = PLATFORM) -> None:
    """Append what the keeper has to say, to a tenant's log or to the installation's."""
    if tenant == PLATFORM:
        await tx.execute(_APPEND_PLATFORM, *columns_of(entry))
    else:
        await tx.execute(_APPEND, *columns_of(entry), tenant)


async def append_batch(tx: AppendTx, batch: Sequence[tuple[TenantId, Entry]]) -> None:
    """Append many entries in at most two statements: each tenant's to its own log, `PLATFORM`'s to the installation's.

    Sending the same batch again changes nothing.
    """
    tenants = [(tenant, entry) for tenant, entry in batch if tenant != PLATFORM]
    platform = [entry for tenant, entry in batch if tenant == PLATFORM]
    if tenants:
        columns = _transposed([entry for _, entry in tenants])
        await tx.execute(_APPEND_BATCH, *columns, [tenant for tenant, _ in tenants])
    if platform:
        await tx.execute(_APPEND_PLATFORM_BATCH, *_transposed(platform))


async def recent(tx: Tx, limit: int = 50, before: UUID | None = None) -> list[Entry]:
    """Return the newest entries of this transaction's log, newest first.

    Args:
        tx: whose log is read.
        limit: how many at most; 1 to 200.
        before: the id of the last entry of the previous page; one that is not in this log gives nothing.
    """
    bounded = max(1, min(limit, PAGE_LIMIT))
    if isinstance(tx, TenantTx):
        rows = await tx.fetch(_RECENT, tx.tenant, before, bounded)
    else:
        rows = await tx.fetch(_RECENT_PLATFORM, before, bounded)
    return [entry_of(row) for row in rows]


def columns_of(entry: Entry) -> tuple[object, ...]:
    """Return the parameters $1 to $10, in the order every statement here shares."""
    return (
        entry.id,
        entry.at,
        entry.actor,
        entry.credential,
        entry.action,
        entry.resource,
        entry.outcome.value,
        entry.reason,
        entry.request_id,
        msgspec.json.encode(dict(entry.detail)).decode(),
    )


def _transposed(entries: Sequence[Entry]) -> list[list[object]]:
    return [list(column) for column in zip(*map(columns_of, entries), strict=True)]


def entry_of(row: Record) -> Entry:
    """Return a row as the entry that it holds."""
    at: datetime = row["at"]
    detail: Mapping[str, str] = msgspec.json.decode(row["detail"], type=dict[str, str])
    return Entry(
        id=row["id"],
        at=at,
        actor=row["actor"],
        credential=row["credential"],
        action=row["action"],
        resource=row["resource"],
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        request_id=row["request_id"],
        detail=detail,
    )
