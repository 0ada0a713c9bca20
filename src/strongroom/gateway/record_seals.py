"""Records sealed into the tenant's log, in batches: one entry commits to all of them, and each can be proven by itself.

Always true here:
- a record is in one batch at most, and its batch is the id of an entry of its tenant's log;
- a record's leaf is the hash of its text, which is made from the row alone: the same row gives the same text on every machine;
- records of a batch stand in the order of their ids, so their order tells nothing that could be disputed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from strongroom.audit import Entry, Outcome, append_as_keeper
from strongroom.audit.tlog import Leaves, inclusion_proof, leaf_hash
from strongroom.kernel.clock import Clock, rfc3339
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.store import Record, Sealer, TenantTx

SEAL: Final = "log.seal_records"
"""The action of the entry that a batch is."""

BATCH: Final = 2048
EVERY_S: Final = 10.0
"""How long a record waits at most for others to be sealed with it."""

_WAITING: Final[LiteralString] = "select r.* from gateway.record r where r.batch is null order by r.at, r.id limit $1"
_PUT: Final[LiteralString] = """
    update gateway.record r set batch = $1
    from unnest($3::date[], $4::uuid[]) as s (day, id)
    where r.tenant_id = $2 and r.day = s.day and r.id = s.id
"""
_OF_BATCH: Final[LiteralString] = (
    "select r.* from gateway.record r where r.tenant_id = $1 and r.batch = $2 order by r.id"
)
_ITS_BATCH: Final[LiteralString] = (
    "select batch from gateway.record where tenant_id = $1 and id = $2 and batch is not null limit 1"
)


class RecordLine(msgspec.Struct, frozen=True, kw_only=True):
    """A record as the text that is sealed. The order of these fields is part of the format, which only grows."""

    format: str = "strongroom-record/1"
    id: UUID
    tenant: UUID
    at: str
    environment: str
    workload: UUID
    key: str
    deployment: UUID | None
    release: str | None
    operation: str
    dialect: str
    target: str
    outcome: str
    status: int
    phase: str
    refusal: str
    input_tokens: int
    output_tokens: int
    duration_us: int
    first_byte_us: int | None
    cost_micro: int
    policy_version: str
    rules_version: str
    decisions: str
    subject: str | UnsetType = UNSET  # a commitment, which outlives the subject; not there where a record names nobody
    findings: str | UnsetType = UNSET  # not there where nothing was met


def line(row: Record) -> bytes:
    """Return the text of a row."""
    at: datetime = row["at"]
    return msgspec.json.encode(
        RecordLine(
            id=row["id"],
            tenant=row["tenant_id"],
            at=at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            environment=row["environment"],
            workload=row["workload_id"],
            key=row["key_id"],
            deployment=row["deployment_id"],
            release=row["release_digest"],
            operation=row["operation"],
            dialect=row["dialect"],
            target=row["target"],
            outcome=row["outcome"],
            status=row["status"],
            phase=row["phase"],
            refusal=row["refusal"],
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            duration_us=row["duration_us"],
            first_byte_us=row["first_byte_us"],
            cost_micro=row["cost_micro"],
            policy_version=row["policy_version"],
            rules_version=row["rules_version"],
            decisions=row["decisions"],
            subject=UNSET if row["subject_seal"] is None else row["subject_seal"].hex(),
            findings=UNSET if row["findings"] is None else row["findings"],
        )
    )


class RecordSealer:
    """Puts records into batches, and each batch into its tenant's log."""

    def __init__(self, sealer: Sealer, clock: Clock, *, every_s: float = EVERY_S) -> None:
        self._sealer: Final = sealer
        self._clock: Final = clock
        self._every_s: Final = every_s
        self._last = float("-inf")
        self.sealed = 0

    async def round(self) -> int:
        """Seal what waits, if it is time or there is much, and return how many records that were."""
        now = self._clock.boottime()
        if now - self._last < self._every_s:
            return 0
        count = 0
        async with self._sealer.seal() as tx:
            if tx is None:
                return 0
            rows = await tx.fetch(_WAITING, BATCH)
            by_tenant: defaultdict[TenantId, list[Record]] = defaultdict(list)
            for row in rows:
                by_tenant[TenantId(row["tenant_id"])].append(row)
            for tenant, those in by_tenant.items():
                entry = _entry(tenant, those, self._clock.now())
                done = await tx.execute(
                    _PUT, entry.id, tenant, [row["day"] for row in those], [row["id"] for row in those]
                )
                if done != f"UPDATE {len(those)}":
                    raise RuntimeError("a record that waited is in a batch already")
                await append_as_keeper(tx, entry, tenant)
                count += len(those)
        self.sealed += count
        if count < BATCH:
            self._last = now
        return count


def tree_of(rows: Sequence[Record]) -> tuple[list[bytes], Leaves]:
    """Return the texts of a batch in their order, and the tree over them."""
    lines = [line(row) for row in sorted(rows, key=lambda row: row["id"])]
    return lines, Leaves(map(leaf_hash, lines))


def _entry(tenant: TenantId, rows: Sequence[Record], at: datetime) -> Entry:
    _, tree = tree_of(rows)
    moments = [row["at"] for row in rows]
    return Entry(
        id=new_uuid(),
        at=at,
        actor="keeper",
        credential="",
        action=SEAL,
        resource=f"tenant/{tenant}/records",
        outcome=Outcome.ALLOWED,
        reason=f"{len(rows)} records of requests",
        detail={
            "count": str(len(rows)),
            "root": tree.root().hex(),
            "first": rfc3339(min(moments)),
            "last": rfc3339(max(moments)),
        },
    )


class RecordProof(msgspec.Struct, frozen=True, kw_only=True):
    """Where a record stands in its batch.

    Attributes:
        batch: the id of the entry that commits to the batch.
        record: the text that is hashed.
        index: its number in the batch.
        size: how many the batch has.
        path: from its sibling up to the batch's root.
    """

    batch: UUID
    record: str
    index: int
    size: int
    path: tuple[bytes, ...]


async def prove(tx: TenantTx, record: UUID) -> RecordProof | None:
    """Return the proof of a record; None when there is no such record, or it is not sealed yet."""
    batch = await tx.fetchval(_ITS_BATCH, tx.tenant, record)
    if batch is None:
        return None
    rows = await tx.fetch(_OF_BATCH, tx.tenant, batch)
    lines, tree = tree_of(rows)
    index = [row["id"] for row in sorted(rows, key=lambda row: row["id"])].index(record)
    return RecordProof(
        batch=batch,
        record=lines[index].decode(),
        index=index,
        size=len(lines),
        path=tuple(inclusion_proof(tree, index, len(lines))),
    )
