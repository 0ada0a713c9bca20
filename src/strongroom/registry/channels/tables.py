"""The SQL of channels: metadata is added and never changed; only the timestamp, which is signed anew, has one row."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import msgspec

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.registry.channels.model import Channel, Stored
from strongroom.registry.channels.signing import Written
from strongroom.store import OperatorTx, TenantTx

Tx: TypeAlias = OperatorTx | TenantTx
_NONE = 0


class _Version(msgspec.Struct, frozen=True):
    version: int


class _Signed(msgspec.Struct, frozen=True):
    meta: dict[str, _Version]


class _Document(msgspec.Struct, frozen=True):
    signed: _Signed


def _names(document: bytes, file: str) -> int:
    """Return which version of `file` a document names; nothing rests on it before the document was verified."""
    try:
        found = msgspec.json.decode(document, type=_Document).signed.meta.get(file)
    except msgspec.MsgspecError:
        return _NONE
    return _NONE if found is None else found.version


async def stored(tx: Tx, channel: Channel) -> Stored | None:
    """Return a channel's metadata; None where there never was any."""
    stamp: bytes | None = await tx.fetchval("SELECT stamp FROM registry.channel WHERE channel = $1", str(channel))
    rows = await tx.fetch(
        "SELECT version, body FROM registry.channel_metadata WHERE channel = $1 AND role = 'root' ORDER BY version",
        str(channel),
    )
    if stamp is None and not rows:
        return None
    snapshot = await _body(tx, channel, "snapshot", _names(stamp or b"", "snapshot.json"))
    return Stored(
        roots={row["version"]: row["body"] for row in rows},
        timestamp=stamp or b"",
        snapshot=snapshot,
        targets=await _body(tx, channel, "targets", _names(snapshot, "targets.json")),
    )


async def _body(tx: Tx, channel: Channel, role: str, version: int) -> bytes:
    found: bytes | None = await tx.fetchval(
        "SELECT body FROM registry.channel_metadata WHERE channel = $1 AND role = $2 AND version = $3",
        str(channel),
        role,
        version,
    )
    return found or b""


async def lock(tx: OperatorTx, channel: Channel) -> None:
    """Let nobody else write the channel until the transaction ends."""
    await tx.fetchval("SELECT true FROM registry.channel WHERE channel = $1 FOR UPDATE", str(channel))


async def highest(tx: OperatorTx, channel: Channel) -> int:
    """Return the highest version of list or snapshot that lies there, whoever wrote it; 0: none."""
    found: int | None = await tx.fetchval(
        "SELECT max(version) FROM registry.channel_metadata WHERE channel = $1 AND role <> 'root'", str(channel)
    )
    return found or 0


async def write(tx: OperatorTx, channel: Channel, written: Written, at: datetime) -> None:
    """Add new metadata, and put the new timestamp in the old one's place."""
    for role, new in (("root", written.root), ("targets", written.targets), ("snapshot", written.snapshot)):
        if new is not None:
            await tx.execute(
                """INSERT INTO registry.channel_metadata (channel, role, version, body, made_at)
                   VALUES ($1, $2, $3, $4, $5)""",
                str(channel),
                role,
                new[0],
                new[1],
                at,
            )
    await tx.execute(
        """INSERT INTO registry.channel (channel, stamp, renewed_at) VALUES ($1, $2, $3)
           ON CONFLICT (channel) DO UPDATE SET stamp = excluded.stamp, renewed_at = excluded.renewed_at""",
        str(channel),
        written.timestamp,
        at,
    )


async def metadata(tx: Tx, channel: Channel, role: str, version: int) -> bytes | None:
    """Return one document as it lies there."""
    if role == "timestamp":
        stamp: bytes | None = await tx.fetchval("SELECT stamp FROM registry.channel WHERE channel = $1", str(channel))
        return stamp
    return await _body(tx, channel, role, version) or None


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment that serves a release, with whose it is.

    Attributes:
        tenant: by id.
        named: the tenant's name.
        id: of the deployment.
        environment: where.
        name: of the deployment.
    """

    tenant: UUID
    named: str
    id: UUID
    environment: Environment
    name: str


async def serving(tx: OperatorTx, digest: str, environment: Environment | None) -> list[Serving]:
    """Return the living deployments of a release, in one environment or all."""
    rows = await tx.fetch(
        """SELECT d.tenant_id, t.name AS named, d.id, d.environment, d.name
           FROM registry.deployment d
           JOIN identity.tenant t ON t.tenant_id = d.tenant_id
           WHERE $1 IN (d.release_digest, d.own_digest) AND d.deleted_at IS NULL AND ($2::text IS NULL OR d.environment = $2)
           ORDER BY t.name, d.environment, d.name""",
        digest,
        None if environment is None else str(environment),
    )
    return [
        Serving(
            tenant=row["tenant_id"],
            named=row["named"],
            id=row["id"],
            environment=Environment(row["environment"]),
            name=row["name"],
        )
        for row in rows
    ]


async def move(tx: TenantTx, deployment: UUID, before: str, after: str) -> bool:
    """Have a living deployment of the tenant serve `after`; False when it does not serve `before` any more."""
    found: UUID | None = await tx.fetchval(
        """UPDATE registry.deployment SET release_digest = $4
           WHERE tenant_id = $1 AND id = $2 AND release_digest = $3 AND deleted_at IS NULL RETURNING id""",
        tx.tenant,
        deployment,
        before,
        after,
    )
    return found is not None


async def living(tx: OperatorTx, tenant: UUID) -> str | None:
    """Return a living tenant's name."""
    found: str | None = await tx.fetchval(
        "SELECT name FROM identity.tenant WHERE tenant_id = $1 AND deleted_at IS NULL", TenantId(tenant)
    )
    return found


async def releases(tx: OperatorTx) -> list[tuple[str, TenantId | None]]:
    """Return the digest of every release, with the tenant whose own it is."""
    rows = await tx.fetch(
        """SELECT digest, NULL::uuid AS tenant_id FROM registry.release
           UNION ALL SELECT digest, tenant_id FROM registry.own_release ORDER BY digest"""
    )
    return [(row["digest"], None if row["tenant_id"] is None else TenantId(row["tenant_id"])) for row in rows]
