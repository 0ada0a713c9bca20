"""Reading records: a tenant's own, through the Gate, newest first. They hold who, what and how much, and no content."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from strongroom.gateway.record_seals import RecordProof, prove
from strongroom.gateway.recording import ClosedAs
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refused, hidden
from strongroom.policy import Action, Ask, Gate, Kind, Resource, Surface, octets_of
from strongroom.store import Record, TenantTx

PAGE_LIMIT: Final = 200
"""The most records one call reads."""

_RECENT: Final[LiteralString] = """
    select id, at, environment, workload_id, key_id, deployment_id, release_digest, operation, dialect, target, outcome,
           phase, refusal, status, input_tokens, output_tokens, cost_micro, duration_us, first_byte_us, policy_version,
           rules_version, decisions::text as decisions, subject, findings::text as findings
    from gateway.record
    where tenant_id = $1
      and ($2::uuid is null
           or (at, id) < (select b.at, b.id from gateway.record b where b.tenant_id = $1 and b.id = $2::uuid))
      and ($3::timestamptz is null or (at >= $3 and day >= ($3 at time zone 'utc')::date))
      and ($4::int is null or status = $4)
      and ($5::text is null or outcome = $5)
    order by at desc, id desc
    limit $6
"""


NEWEST: Final = 1000
MOST_SINCE: Final = 200_000
"""How many records are counted by who asked what, without a moment to begin with and with one."""

_MOST_GROUPS: Final = 10_000
_ASKING: Final[LiteralString] = """
    select workload_id, key_id, deployment_id, count(*)::bigint as times
    from (select workload_id, key_id, deployment_id from gateway.record
          where tenant_id = $1 and ($2::timestamptz is null or (at >= $2 and day >= ($2 at time zone 'utc')::date))
          order by at desc, id desc limit $3) newest
    group by workload_id, key_id, deployment_id
    order by times desc
    limit $4
"""

MOST_MET: Final = 5000
"""The most rows of what was met that one call reads."""

_MET: Final[LiteralString] = """
    select (r.at at time zone 'utc')::date as day, r.environment, r.target, way.key as direction, met.key as kind,
           sum(met.value::bigint)::bigint as often, count(*)::bigint as requests
    from gateway.record r
    cross join lateral jsonb_each(r.findings) way
    cross join lateral jsonb_each_text(way.value) met
    where r.tenant_id = $1 and r.findings is not null
      and r.at >= $2 and r.day >= ($2 at time zone 'utc')::date
    group by 1, 2, 3, 4, 5
    order by 1 desc, often desc, 2, 3, 4, 5
    limit $3
"""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """How often a key of a workload asked a deployment; null: none that it could have had."""

    workload: UUID
    key: str
    deployment: UUID | None
    times: int


class Met(msgspec.Struct, frozen=True, kw_only=True):
    """How often personal data or secrets of one type were met on one day, at one model, in one direction.

    Attributes:
        target: what the callers asked for.
        often: how many there were.
        requests: in how many requests.
    """

    day: date
    environment: str
    target: str
    direction: str
    kind: str
    often: int
    requests: int


class RecordRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a workload.

    Attributes:
        request_id: what the caller was told.
        at: when it was received.
        outcome: completed, refused, failed, cancelled, or interrupted when its process ended under it.
        phase: the last stage that it passed; `opened` for an interrupted one.
        status: HTTP status; 0: nobody knows what left.
        duration_ms: from being received to the end of the answer.
        first_byte_ms: to the first byte of the answer; null: none has left.
        cost_micro: millionths of the installation's unit of cost.
        decisions: what the tenant's rules came to: the mode of its records, a fingerprint for each other kind.
        subject: the pseudonym of whose data it was about; null: it named nobody, or they were erased.
        findings: how often personal data and secrets of which type were met, by direction; never a piece of any.
    """

    id: UUID
    request_id: str
    at: datetime
    environment: str
    workload: UUID
    key: str
    deployment: UUID | None
    release: str | None
    operation: str
    dialect: str
    target: str
    outcome: str
    phase: str
    refusal: str
    status: int
    input_tokens: int
    output_tokens: int
    cost_micro: int
    duration_ms: float
    first_byte_ms: float | None
    policy_version: str
    rules_version: str
    decisions: dict[str, Any]
    subject: str | None
    findings: dict[str, dict[str, int]]


class RecordReader:
    """Reads a tenant's records. Reading them is an entry in its log."""

    def __init__(self, gate: Gate) -> None:
        self._gate: Final = gate

    async def of_tenant(
        self,
        who: Principal,
        tenant: TenantId,
        ask: Ask,
        *,
        limit: int = 50,
        before: UUID | None = None,
        since: datetime | None = None,
        status: int | None = None,
        outcome: ClosedAs | str | None = None,
    ) -> list[RecordRow]:
        """Return the newest records of `tenant` that fit.

        Args:
            who: the caller.
            tenant: whose.
            ask: what goes into the audit entry.
            limit: how many at most; 1 to 200.
            before: the last id of the page before; one that is not the tenant's gives nothing.
            since: received at this moment or later.
            status: with this HTTP status only.
            outcome: with this outcome only.
        """
        resource = Resource(kind=Kind.AUDIT_LOG, id="records", tenant=tenant)
        async with self._gate.permit(who, Action.RECORDS_READ, resource, ask) as tx:
            found = await _recent(tx, before, since, status, outcome, max(1, min(limit, PAGE_LIMIT)))
            await self._gate.taken(tx, who, Surface.RECORDS, rows=len(found), octets=octets_of(found))
            return found

    async def asked(self, who: Principal, tenant: TenantId, ask: Ask, since: datetime | None) -> list[Asking]:
        """Return who asked what how often: of the `NEWEST` records, or of those since a moment, `MOST_SINCE` at most."""
        resource = Resource(kind=Kind.AUDIT_LOG, id="records", tenant=tenant)
        async with self._gate.permit(who, Action.RECORDS_READ, resource, ask) as tx:
            found = await asked(tx, since)
            await self._gate.taken(tx, who, Surface.RECORDS, rows=len(found), octets=octets_of(found))
            return found

    async def met(self, who: Principal, tenant: TenantId, ask: Ask, since: datetime) -> list[Met]:
        """Return what personal data and secrets the requests of `tenant` met since a moment: types and numbers, no content."""
        resource = Resource(kind=Kind.AUDIT_LOG, id="records", tenant=tenant)
        async with self._gate.permit(who, Action.RECORDS_READ, resource, ask) as tx:
            found = [
                Met(
                    day=row["day"],
                    environment=row["environment"],
                    target=row["target"],
                    direction=row["direction"],
                    kind=row["kind"],
                    often=row["often"],
                    requests=row["requests"],
                )
                for row in await tx.fetch(_MET, tx.tenant, since, MOST_MET)
            ]
            await self._gate.taken(tx, who, Surface.RECORDS, rows=len(found), octets=octets_of(found))
            return found

    async def prove(self, who: Principal, tenant: TenantId, ask: Ask, record: UUID) -> RecordProof:
        """Return where a record stands in its batch.

        Raises:
            Refused: hidden when there is no such record, or it is not sealed yet.
        """
        resource = Resource(kind=Kind.AUDIT_LOG, id="records", tenant=tenant)
        async with self._gate.permit(who, Action.RECORDS_READ, resource, ask) as tx:
            found = await prove(tx, record)
            if found is not None:  # the proof holds all of the record
                await self._gate.taken(tx, who, Surface.RECORDS, rows=1, octets=octets_of(found.record))
        if found is None:
            raise Refused(hidden("no such record, or it is not sealed yet: that takes ten seconds"))
        return found


async def asked(tx: TenantTx, since: datetime | None = None) -> list[Asking]:
    """Return who asked what how often, of the newest records or of those since a moment.

    In a transaction that was permitted for something that they tell of in sum.
    """
    rows = await tx.fetch(_ASKING, tx.tenant, since, NEWEST if since is None else MOST_SINCE, _MOST_GROUPS)
    return [
        Asking(workload=row["workload_id"], key=row["key_id"], deployment=row["deployment_id"], times=row["times"])
        for row in rows
    ]


async def _recent(tx: TenantTx, *arguments: object) -> list[RecordRow]:
    return [_row(row) for row in await tx.fetch(_RECENT, tx.tenant, *arguments)]


def _row(row: Record) -> RecordRow:
    first = row["first_byte_us"]
    return RecordRow(
        id=row["id"],
        request_id=f"req_{row['id'].hex}",
        at=row["at"],
        environment=row["environment"],
        workload=row["workload_id"],
        key=row["key_id"],
        deployment=row["deployment_id"],
        release=row["release_digest"],
        operation=row["operation"],
        dialect=row["dialect"],
        target=row["target"],
        outcome=row["outcome"],
        phase=row["phase"],
        refusal=row["refusal"],
        status=row["status"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_micro=row["cost_micro"],
        duration_ms=row["duration_us"] / 1000,
        first_byte_ms=None if first is None else first / 1000,
        policy_version=row["policy_version"],
        rules_version=row["rules_version"],
        decisions=msgspec.json.decode(row["decisions"], type=dict[str, Any]),
        subject=row["subject"],
        findings={}
        if row["findings"] is None
        else msgspec.json.decode(row["findings"], type=dict[str, dict[str, int]]),
    )
