"""The gateway's only SQL: one multi-row insert by a role that may insert and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import astuple

from strongroom.gateway.spool.frames import Closed, Opened
from strongroom.kernel.ids import TenantId
from strongroom.store import AppendTx

_INSERT: Final = """
    INSERT INTO gateway.record (tenant_id, day, id, at, environment, workload_id, key_id, deployment_id, release_digest,
                                operation, status, input_tokens, output_tokens, duration_us, policy_version, outcome,
                                phase, refusal, dialect, target, first_byte_us, cost_micro, rules_version, decisions)
    SELECT r.tenant_id, r.day, r.id, r.at, r.environment, r.workload_id, r.key_id, r.deployment_id, r.release_digest,
           r.operation, r.status, r.input_tokens, r.output_tokens, r.duration_us, r.policy_version, r.outcome,
           r.phase, r.refusal, r.dialect, r.target, r.first_byte_us, r.cost_micro, r.rules_version, r.decisions::jsonb
    FROM unnest($1::uuid[], $2::date[], $3::uuid[], $4::timestamptz[], $5::text[], $6::uuid[], $7::text[], $8::uuid[],
                $9::text[], $10::text[], $11::int[], $12::int[], $13::int[], $14::bigint[], $15::text[], $16::text[],
                $17::text[], $18::text[], $19::text[], $20::text[], $21::bigint[], $22::bigint[], $23::text[],
                $24::text[])
         AS r (tenant_id, day, id, at, environment, workload_id, key_id, deployment_id, release_digest, operation,
               status, input_tokens, output_tokens, duration_us, policy_version, outcome, phase, refusal, dialect,
               target, first_byte_us, cost_micro, rules_version, decisions)
    ON CONFLICT DO NOTHING
"""


class RequestRecord(Struct, frozen=True):
    """One request of a known caller: who, what, how much. No content, ever. Fields in the order of the statement.

    `id` is what the caller was told as the request's id, without its prefix. A struct, because one is made for each
    request and taken apart again: `dataclasses.astuple` alone, which copies deeply, cost 12 % of a request.
    """

    tenant: TenantId
    day: date
    id: UUID
    at: datetime
    environment: str
    workload: UUID
    key: str
    deployment: UUID | None
    release: str | None
    operation: str
    status: int
    input_tokens: int
    output_tokens: int
    duration_us: int
    policy_version: str
    outcome: str
    phase: str
    refusal: str
    dialect: str
    target: str
    first_byte_us: int | None
    cost_micro: int
    rules_version: str
    decisions: str

    @classmethod
    def of(cls, opened: Opened, closed: Closed) -> RequestRecord:
        """Return what an opening and its closing come to."""
        return cls(
            opened.tenant,
            opened.at.date(),
            opened.id,
            opened.at,
            opened.environment,
            opened.workload,
            opened.key,
            opened.deployment,
            opened.release,
            opened.operation,
            closed.status,
            closed.input_tokens,
            closed.output_tokens,
            closed.duration_us,
            opened.policy_version,
            closed.outcome,
            closed.phase,
            closed.refusal,
            opened.dialect,
            closed.target,
            closed.first_byte_us,
            closed.cost_micro,
            opened.rules_version,
            opened.decisions,
        )


async def insert_records(tx: AppendTx, records: Sequence[RequestRecord]) -> None:
    """Add `records`; one that is there already (a batch sent twice) is left alone."""
    await tx.execute(_INSERT, *(list(column) for column in zip(*map(astuple, records), strict=True)))
