"""The SQL of the providers room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from strongroom.providers.documents import ProviderDocument
from strongroom.providers.model import Engine, Named, Offer, Provider, ProviderKind, obstacle
from strongroom.store import OperatorTx, Record, TenantTx
from strongroom.vault import version_of

_COLUMNS = """SELECT id, name, kind, engine, base_url, ca, secret, secret_version, open_to, region, agreement, assessed_on,
                 assessed_until, owner, version, created_at, changed_at
          FROM providers.provider"""
_ALL = f"{_COLUMNS} WHERE deleted_at IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A provider as it is stored. `secret` is sealed, or says which version counts of what the vault holds."""

    id: UUID
    name: str
    kind: ProviderKind
    engine: Engine
    base_url: str
    ca: str | None
    secret: bytes | None = field(repr=False)
    secret_version: int
    open_to: tuple[UUID, ...] | None
    region: str | None
    agreement: str | None
    assessed_on: date | None
    assessed_until: date | None
    owner: str
    version: int
    created_at: datetime
    changed_at: datetime

    def shown(self, now: datetime) -> Provider:
        """Return it as an operator sees it."""
        return Provider(
            id=self.id,
            name=self.name,
            kind=self.kind,
            engine=self.engine,
            base_url=self.base_url,
            ca=self.ca,
            has_secret=self.secret is not None,
            open_to=None if self.open_to is None else list(self.open_to),
            region=self.region,
            agreement=self.agreement,
            assessed_on=self.assessed_on,
            assessed_until=self.assessed_until,
            owner=self.owner,
            version=self.version,
            created_at=self.created_at,
            changed_at=self.changed_at,
            obstacle=obstacle(self, now),
        )

    @property
    def document(self) -> ProviderDocument:
        """It as gateways get it."""
        return ProviderDocument(
            name=self.name,
            kind=self.kind,
            engine=self.engine,
            base_url=self.base_url,
            ca=self.ca,
            secret=self.secret,
            secret_version=self.secret_version,
            open_to=self.open_to,
            region=self.region,
            agreement=self.agreement,
            assessed_on=self.assessed_on,
            assessed_until=self.assessed_until,
        )


async def insert(tx: OperatorTx, row: Row) -> None:
    """Add a provider."""
    await tx.execute(
        """INSERT INTO providers.provider
               (id, name, kind, created_at, engine, base_url, ca, secret, secret_version, open_to, region, agreement,
                assessed_on, assessed_until, owner, version, changed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)""",
        row.id,
        row.name,
        str(row.kind),
        row.created_at,
        *_changeable(row),
    )


async def update(tx: OperatorTx, row: Row) -> None:
    """Write what may change of a provider."""
    await tx.execute(
        """UPDATE providers.provider
           SET engine = $2, base_url = $3, ca = $4, secret = $5, secret_version = $6, open_to = $7, region = $8,
               agreement = $9, assessed_on = $10, assessed_until = $11, owner = $12, version = $13, changed_at = $14
           WHERE id = $1 AND deleted_at IS NULL""",
        row.id,
        *_changeable(row),
    )


async def end(tx: OperatorTx, row: Row, at: datetime) -> None:
    """End a provider. Where its secret is filed stays known until the vault has destroyed it (`forget`)."""
    filed = row.secret if row.secret is not None and version_of(row.secret) is not None else None
    await tx.execute(
        "UPDATE providers.provider SET deleted_at = $2, changed_at = $2, secret = $3 WHERE id = $1", row.id, at, filed
    )


async def undropped(tx: OperatorTx) -> list[Row]:
    """Return the providers that have ended and whose secrets the vault has yet to destroy."""
    records = await tx.fetch(f"{_COLUMNS} WHERE deleted_at IS NOT NULL AND secret IS NOT NULL")
    return [_row(record) for record in records]


async def forget(tx: OperatorTx, provider: UUID) -> None:
    """Note that the secret of a provider that has ended is destroyed."""
    await tx.execute("UPDATE providers.provider SET secret = NULL WHERE id = $1 AND deleted_at IS NOT NULL", provider)


async def every(tx: OperatorTx) -> list[Row]:
    """Return the living providers by name."""
    return [_row(record) for record in await tx.fetch(f"{_ALL} ORDER BY name")]


async def one(tx: OperatorTx, name: str) -> Row | None:
    """Return a living provider; it does not change until this transaction ends."""
    record = await tx.fetchrow(f"{_ALL} AND name = $1 FOR UPDATE", name)
    return None if record is None else _row(record)


async def offers(tx: TenantTx, now: datetime) -> list[Offer]:
    """Return what is open to the tenant, by name. Which rows it sees is the row policy's to say."""
    records = await tx.fetch(
        """SELECT name, kind, region, agreement, assessed_on, assessed_until, owner
           FROM providers.provider WHERE deleted_at IS NULL ORDER BY name"""
    )
    return [
        Offer(
            name=record["name"],
            kind=ProviderKind(record["kind"]),
            region=record["region"],
            owner=record["owner"],
            assessed_on=record["assessed_on"],
            assessed_until=record["assessed_until"],
            routed=obstacle(_Standing(record), now) is None,
        )
        for record in records
    ]


async def named(tx: TenantTx, names: Sequence[str]) -> dict[str, Named]:
    """Return those of `names` that are open to the tenant."""
    records = await tx.fetch(
        "SELECT id, name, kind FROM providers.provider WHERE deleted_at IS NULL AND name = any($1::text[])",
        list(names),
    )
    return {
        record["name"]: Named(id=record["id"], name=record["name"], kind=ProviderKind(record["kind"]))
        for record in records
    }


class _Standing:
    """What a tenant's view has of a provider's standing."""

    def __init__(self, record: Record) -> None:
        self.region: str | None = record["region"]
        self.agreement: str | None = record["agreement"]
        self.assessed_on: date | None = record["assessed_on"]
        self.assessed_until: date | None = record["assessed_until"]


def _changeable(row: Row) -> tuple[object, ...]:
    return (
        str(row.engine),
        row.base_url,
        row.ca,
        row.secret,
        row.secret_version,
        None if row.open_to is None else list(row.open_to),
        row.region,
        row.agreement,
        row.assessed_on,
        row.assessed_until,
        row.owner,
        row.version,
        row.changed_at,
    )


def _row(record: Record) -> Row:
    return Row(
        id=record["id"],
        name=record["name"],
        kind=ProviderKind(record["kind"]),
        engine=Engine(record["engine"]),
        base_url=record["base_url"],
        ca=record["ca"],
        secret=record["secret"],
        secret_version=record["secret_version"],
        open_to=None if record["open_to"] is None else tuple(UUID(str(each)) for each in record["open_to"]),
        region=record["region"],
        agreement=record["agreement"],
        assessed_on=record["assessed_on"],
        assessed_until=record["assessed_until"],
        owner=record["owner"],
        version=record["version"],
        created_at=record["created_at"],
        changed_at=record["changed_at"],
    )
