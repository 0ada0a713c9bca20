"""The SQL of federation. Every statement binds `tenant_id` itself: the row policy is the second wall, not the first."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from strongroom.identity.federation.model import Kind, Rule, Terms, Token
from strongroom.identity.model import key_status
from strongroom.kernel.ids import KeyId, WorkloadId
from strongroom.kernel.principal import Environment, Proof, Role
from strongroom.store import Record, TenantTx

MAX_LISTED: Final = 500

_RULES: Final = """
    SELECT r.id, r.kind, r.issuer, r.audience, r.subject, r.claims, r.keys_url, r.keys IS NOT NULL AS inline_keys,
           r.networks, r.proof, r.max_age_s, r.token_s, r.label, r.owner, r.created_at, r.ended_at, r.ended_reason,
           w.environment, w.name AS workload, w.role
    FROM identity.federation_rule r JOIN identity.workload w ON w.tenant_id = r.tenant_id AND w.id = r.workload_id
    WHERE r.tenant_id = $1 AND ($2::uuid IS NULL OR r.id = $2)
    ORDER BY r.created_at DESC, r.id
"""

_TOKENS: Final = """
    SELECT t.id, t.rule_id, t.issued_at, t.expires_at, t.revoked_at, t.revoked_reason, w.environment, w.name AS workload
    FROM identity.access_token t
    JOIN identity.federation_rule r ON r.tenant_id = t.tenant_id AND r.id = t.rule_id
    JOIN identity.workload w ON w.tenant_id = r.tenant_id AND w.id = r.workload_id
    WHERE t.tenant_id = $1 AND ($2::text IS NULL OR t.id = $2) AND ($3::uuid IS NULL OR t.rule_id = $3)
    ORDER BY t.issued_at DESC, t.id LIMIT $4
"""


async def insert_rule(tx: TenantTx, workload: WorkloadId, made: Rule, terms: Terms) -> None:
    """Add a rule of `workload`."""
    await tx.execute(
        """INSERT INTO identity.federation_rule (tenant_id, id, workload_id, kind, issuer, audience, subject, claims,
               keys_url, keys, ca, networks, proof, max_age_s, token_s, label, owner, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)""",
        tx.tenant,
        made.id,
        workload,
        str(terms.kind),
        terms.issuer,
        terms.audience,
        terms.subject,
        msgspec.json.encode(terms.claims, order="sorted").decode(),
        terms.keys_url,
        terms.keys,
        terms.ca,
        list(terms.networks),
        None if terms.proof is None else str(terms.proof),
        made.max_age_s,
        made.token_s,
        made.label,
        made.owner,
        made.created_at,
    )


async def rules(tx: TenantTx) -> list[Rule]:
    """Return the tenant's rules, newest first, ended ones included."""
    return [_rule(row) for row in await tx.fetch(_RULES, tx.tenant, None)]


async def rule(tx: TenantTx, rule_id: UUID) -> Rule | None:
    """Return one rule, ended or not."""
    row = await tx.fetchrow(_RULES, tx.tenant, rule_id)
    return None if row is None else _rule(row)


async def hold_rule(tx: TenantTx, rule_id: UUID) -> bool:
    """Return whether a rule lives; if so, it does until this transaction ends: its end waits."""
    row = await tx.fetchrow(
        "SELECT id FROM identity.federation_rule WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL FOR SHARE",
        tx.tenant,
        rule_id,
    )
    return row is not None


async def end_rules(
    tx: TenantTx, at: datetime, reason: str, *, rule_id: UUID | None = None, workload: WorkloadId | None = None
) -> list[UUID]:
    """End one rule, a workload's or (neither given) all of the tenant's; return those that lived until now."""
    rows = await tx.fetch(
        """UPDATE identity.federation_rule SET ended_at = $2, ended_reason = $3
           WHERE tenant_id = $1 AND ended_at IS NULL
             AND ($4::uuid IS NULL OR id = $4) AND ($5::uuid IS NULL OR workload_id = $5)
           RETURNING id""",
        tx.tenant,
        at,
        reason,
        rule_id,
        workload,
    )
    return [row["id"] for row in rows]


async def insert_token(
    tx: TenantTx,
    token: KeyId,
    rule_id: UUID,
    *,
    replay: bytes,
    replay_until: datetime,
    issued_at: datetime,
    expires_at: datetime,
) -> None:
    """Add a token.

    Raises:
        Conflict: when one was given out for the same `replay` before.
    """
    await tx.execute(
        """INSERT INTO identity.access_token (tenant_id, id, rule_id, replay, replay_until, issued_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        tx.tenant,
        token,
        rule_id,
        replay,
        replay_until,
        issued_at,
        expires_at,
    )


async def erase_tokens(tx: TenantTx, now: datetime) -> None:
    """Let go of what has been over for a month."""
    await tx.execute(
        """DELETE FROM identity.access_token
           WHERE tenant_id = $1 AND greatest(replay_until, expires_at) < $2::timestamptz - interval '30 days'""",
        tx.tenant,
        now,
    )


async def tokens(tx: TenantTx, now: datetime, rule_id: UUID | None = None) -> list[Token]:
    """Return the tenant's latest tokens, or those of one rule."""
    return [_token(row, now) for row in await tx.fetch(_TOKENS, tx.tenant, None, rule_id, MAX_LISTED)]


async def token(tx: TenantTx, token_id: KeyId, now: datetime) -> Token | None:
    """Return one token."""
    row = await tx.fetchrow(_TOKENS, tx.tenant, token_id, None, 1)
    return None if row is None else _token(row, now)


async def revoke_token(tx: TenantTx, token_id: KeyId, at: datetime, reason: str) -> bool:
    """Revoke one token; return whether it was not yet."""
    ended = await tx.fetchval(
        """UPDATE identity.access_token SET revoked_at = $3, revoked_reason = $4
           WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING true""",
        tx.tenant,
        token_id,
        at,
        reason,
    )
    return ended is True


def _rule(row: Record) -> Rule:
    return Rule(
        id=row["id"],
        environment=Environment(row["environment"]),
        workload=row["workload"],
        role=Role(row["role"]),
        kind=Kind(row["kind"]),
        issuer=row["issuer"],
        audience=row["audience"],
        subject=row["subject"],
        claims=msgspec.json.decode(row["claims"], type=dict[str, str]),
        keys_url=row["keys_url"],
        inline_keys=row["inline_keys"],
        networks=tuple(row["networks"]),
        proof=None if row["proof"] is None else Proof(row["proof"]),
        max_age_s=row["max_age_s"],
        token_s=row["token_s"],
        label=row["label"],
        owner=row["owner"],
        created_at=row["created_at"],
        status="active" if row["ended_at"] is None else "ended",
        ended_at=row["ended_at"],
        ended_reason=row["ended_reason"],
    )


def _token(row: Record, now: datetime) -> Token:
    return Token(
        id=row["id"],
        rule=row["rule_id"],
        environment=Environment(row["environment"]),
        workload=row["workload"],
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
        status=key_status(now, row["expires_at"], row["revoked_at"]),
        revoked_at=row["revoked_at"],
        revoked_reason=row["revoked_reason"],
    )
