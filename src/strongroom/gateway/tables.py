"""The gateway's only SQL: one multi-row insert by a role that may insert and nothing else.

What many records of a batch have in common is sent once for all of them: digests and names are most of a record, and nearly
all requests of a caller have the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import astuple

from strongroom.gateway.record_subject import committed
from strongroom.gateway.spool.frames import Closed, Opened
from strongroom.kernel.ids import TenantId
from strongroom.store import AppendTx

_INSERT: Final = """
    INSERT INTO gateway.record (tenant_id, day, id, at, environment, workload_id, key_id, deployment_id, release_digest,
                                operation, status, input_tokens, output_tokens, duration_us, policy_version, outcome,
                                phase, refusal, dialect, target, first_byte_us, cost_micro, rules_version, decisions,
                                subject, subject_salt, subject_seal, findings)
    SELECT c.tenant_id, (r.at AT TIME ZONE 'utc')::date, r.id, r.at, c.environment, c.workload_id, c.key_id,
           c.deployment_id, c.release_digest, c.operation, c.status, r.input_tokens, r.output_tokens, r.duration_us,
           c.policy_version, c.outcome, c.phase, c.refusal, c.dialect, c.target, r.first_byte_us, r.cost_micro,
           c.rules_version, c.decisions::jsonb, r.subject, r.subject_salt, r.subject_seal, c.findings::jsonb
    FROM unnest($1::int[], $2::uuid[], $3::timestamptz[], $4::int[], $5::int[], $6::bigint[], $7::bigint[], $8::bigint[],
                $9::text[], $10::bytea[], $11::bytea[])
         AS r (place, id, at, input_tokens, output_tokens, duration_us, first_byte_us, cost_micro, subject, subject_salt,
               subject_seal)
    JOIN unnest($12::uuid[], $13::text[], $14::uuid[], $15::text[], $16::uuid[], $17::text[], $18::text[], $19::int[],
                $20::text[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[], $26::text[], $27::text[],
                $28::text[])
         WITH ORDINALITY
         AS c (tenant_id, environment, workload_id, key_id, deployment_id, release_digest, operation, status,
               policy_version, outcome, phase, refusal, dialect, target, rules_version, decisions, findings, place)
         ON c.place = r.place
    ON CONFLICT DO NOTHING
"""


_NOBODY: Final = None, None, None


class Common(Struct, frozen=True, gc=False):
    """What requests may have in common: who asked what, by which rules, and what became of it. In the statement's order."""

    tenant: TenantId
    environment: str
    workload: UUID
    key: str
    deployment: UUID | None
    release: str | None
    operation: str
    status: int
    policy_version: str
    outcome: str
    phase: str
    refusal: str
    dialect: str
    target: str
    rules_version: str
    decisions: str
    findings: str | None = None


class RequestRecord(Struct, frozen=True, gc=False):
    """One request of a known caller: who, what, how much. No content, ever.

    `id` is what the caller was told as the request's id, without its prefix. A struct, because one is made for each
    request and taken apart again: `dataclasses.astuple` alone, which copies deeply, cost 12 % of a request.
    """

    common: Common
    id: UUID
    at: datetime
    input_tokens: int
    output_tokens: int
    duration_us: int
    first_byte_us: int | None
    cost_micro: int
    subject: str = ""

    @classmethod
    def of(cls, opened: Opened, closed: Closed) -> RequestRecord:
        """Return what an opening and its closing come to."""
        common = Common(
            opened.tenant,
            opened.environment,
            opened.workload,
            opened.key,
            opened.deployment,
            opened.release,
            opened.operation,
            closed.status,
            opened.policy_version,
            closed.outcome,
            closed.phase,
            closed.refusal,
            opened.dialect,
            closed.target,
            opened.rules_version,
            opened.decisions,
            closed.findings or None,
        )
        return cls(
            common,
            opened.id,
            opened.at,
            closed.input_tokens,
            closed.output_tokens,
            closed.duration_us,
            closed.first_byte_us,
            closed.cost_micro,
            opened.subject,
        )


async def insert_records(tx: AppendTx, records: Sequence[RequestRecord]) -> None:
    """Add `records`; one that is there already (a batch sent twice) is left alone."""
    common: dict[Common, int] = {}
    rows = [
        (
            common.setdefault(each.common, len(common) + 1),
            each.id,
            each.at,
            each.input_tokens,
            each.output_tokens,
            each.duration_us,
            each.first_byte_us,
            each.cost_micro,
            *(_NOBODY if not each.subject else committed(each.subject)),
        )
        for each in records
    ]
    # Lists for the driver; what is common, in the order in which it got its number.
    columns = [list(column) for column in zip(*rows, strict=True)]
    columns += [list(column) for column in zip(*map(astuple, common), strict=True)]
    await tx.execute(_INSERT, *columns)
