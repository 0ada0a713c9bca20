"""The SQL of people's accounts and their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from strongroom.identity.model import Account, AccountToken, Ties, key_status, thumbprint_text
from strongroom.kernel.ids import AccountId, KeyId, TenantId
from strongroom.kernel.principal import Confirmation, Proof, Role
from strongroom.store import OperatorTx, Record


async def insert_account(tx: OperatorTx, account: Account) -> None:
    """Add an account of the installation."""
    await tx.execute(
        "INSERT INTO identity.account (id, name, role, tenant_id, demo, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        account.id,
        account.name,
        str(account.role),
        account.tenant,
        account.demo,
        account.created_at,
    )


async def accounts(tx: OperatorTx) -> list[Account]:
    """Return the living accounts, by name."""
    rows = await tx.fetch(
        """SELECT id, name, role, tenant_id, demo, created_at FROM identity.account
           WHERE deleted_at IS NULL ORDER BY name"""
    )
    return [_account(row) for row in rows]


async def account_named(tx: OperatorTx, name: str) -> Account | None:
    """Return a living account, locked until this transaction ends."""
    row = await tx.fetchrow(
        """SELECT id, name, role, tenant_id, demo, created_at FROM identity.account
           WHERE name = $1 AND deleted_at IS NULL FOR UPDATE""",
        name,
    )
    return None if row is None else _account(row)


async def delete_account(tx: OperatorTx, account: AccountId, at: datetime) -> None:
    """End an account."""
    await tx.execute("UPDATE identity.account SET deleted_at = $2 WHERE id = $1", account, at)


async def accounts_of(tx: OperatorTx, tenant_id: TenantId) -> list[Account]:
    """Return the living accounts bound to `tenant_id`."""
    rows = await tx.fetch(
        """SELECT id, name, role, tenant_id, demo, created_at FROM identity.account
           WHERE tenant_id = $1 AND deleted_at IS NULL""",
        tenant_id,
    )
    return [_account(row) for row in rows]


async def insert_account_key(
    tx: OperatorTx,
    account: AccountId,
    key_id: KeyId,
    fingerprint: bytes,
    pepper_version: int,
    *,
    created_at: datetime,
    expires_at: datetime,
    ties: Ties,
) -> None:
    """Add a token of `account` by its fingerprint."""
    confirmation = ties.confirmation
    await tx.execute(
        """INSERT INTO identity.account_key
             (id, account_id, fingerprint, pepper_version, created_at, expires_at, proof, thumbprint, networks, exception)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        key_id,
        account,
        fingerprint,
        pepper_version,
        created_at,
        expires_at,
        None if confirmation is None else str(confirmation.proof),
        None if confirmation is None else confirmation.thumbprint,
        list(ties.networks),
        ties.exception or None,
    )


async def ties_of(tx: OperatorTx, key_id: KeyId) -> Ties | None:
    """Return what a token that nobody has revoked is bound to; None when there is no such token."""
    row = await tx.fetchrow(
        "SELECT proof, thumbprint, networks FROM identity.account_key WHERE id = $1 AND revoked_at IS NULL", key_id
    )
    return None if row is None else _ties(row)


async def newest_ties(tx: OperatorTx, account: AccountId) -> Ties:
    """Return what an account's newest standing token is bound to, elevations' left out; exceptions do not pass on."""
    row = await tx.fetchrow(
        """SELECT k.proof, k.thumbprint, k.networks FROM identity.account_key k
           WHERE k.account_id = $1 AND NOT EXISTS (SELECT 1 FROM identity.elevation e WHERE e.key_id = k.id)
           ORDER BY k.created_at DESC, k.id LIMIT 1""",
        account,
    )
    return Ties() if row is None else _ties(row)


def _ties(row: Record) -> Ties:
    proof = row["proof"]
    confirmation = None if proof is None else Confirmation(Proof(proof), row["thumbprint"])
    return Ties(confirmation=confirmation, networks=tuple(row["networks"]))


async def revoke_account_keys(tx: OperatorTx, accounts: Sequence[UUID], at: datetime, reason: str) -> list[KeyId]:
    """Revoke every token of `accounts`; return those that were not yet."""
    rows = await tx.fetch(
        """UPDATE identity.account_key SET revoked_at = $2, revoked_reason = $3
           WHERE account_id = ANY($1::uuid[]) AND revoked_at IS NULL RETURNING id""",
        list(accounts),
        at,
        reason,
    )
    return [KeyId(row["id"]) for row in rows]


async def account_key(tx: OperatorTx, key_id: KeyId, now: datetime) -> AccountToken | None:
    """Return one account token, dead or alive."""
    row = await tx.fetchrow(
        """SELECT k.id, a.name AS account, k.created_at, k.expires_at, k.revoked_at, k.revoked_reason,
                  k.proof, k.thumbprint, k.networks, k.exception
           FROM identity.account_key k JOIN identity.account a ON a.id = k.account_id WHERE k.id = $1""",
        key_id,
    )
    if row is None:
        return None
    return AccountToken(
        id=row["id"],
        account=row["account"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        status=key_status(now, row["expires_at"], row["revoked_at"]),
        revoked_at=row["revoked_at"],
        revoked_reason=row["revoked_reason"],
        proof=None if row["proof"] is None else Proof(row["proof"]),
        thumbprint=None if row["thumbprint"] is None else thumbprint_text(row["thumbprint"]),
        networks=tuple(row["networks"]),
        exception=row["exception"],
    )


async def revoke_account_key(tx: OperatorTx, key_id: KeyId, at: datetime, reason: str) -> bool:
    """Revoke one account token; return whether it was not yet."""
    ended = await tx.fetchval(
        """UPDATE identity.account_key SET revoked_at = $2, revoked_reason = $3
           WHERE id = $1 AND revoked_at IS NULL RETURNING true""",
        key_id,
        at,
        reason,
    )
    return ended is True


def _account(row: Record) -> Account:
    return Account(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        demo=row["demo"],
        created_at=row["created_at"],
        tenant=row["tenant_id"],
    )
