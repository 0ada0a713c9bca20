"""What keys were used for, read from records and from what the gateways noted: a tenant's own, inside a permit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec

from strongroom.store import TenantTx

_TOUCHED: Final[LiteralString] = """
    select key_id, deployment_id, operation, count(*) as requests,
           count(*) filter (where outcome = 'refused') as refused,
           min(at) as first_at, max(at) as last_at,
           sum(input_tokens) as input_tokens, sum(output_tokens) as output_tokens
    from gateway.record
    where tenant_id = $1 and at >= $2 and day >= ($2 at time zone 'utc')::date
      and ($3::text[] is null or key_id = any($3))
    group by key_id, deployment_id, operation
    order by key_id, last_at desc
"""
_FOUND: Final[LiteralString] = """
    select r.deployment_id, way.key as direction, type.key as kind, sum(type.value::bigint) as findings,
           count(*) as requests, max(r.at) as last_at
    from gateway.record r, jsonb_each(r.findings) way, jsonb_each_text(way.value) type
    where r.tenant_id = $1 and r.at >= $2 and r.day >= ($2 at time zone 'utc')::date and r.key_id = any($3)
    group by 1, 2, 3
    order by 1, 2, 3
"""
_PLACES: Final[LiteralString] = """
    select key_id, address, agent, country, min(slot) as first_hour, max(slot) as last_hour, count(*) as hours
    from gateway.key_use
    where tenant_id = $1 and slot >= date_trunc('hour', $2::timestamptz)
      and ($3::text[] is null or key_id = any($3))
    group by key_id, address, agent, country
    order by key_id, last_hour desc, address
"""
_FIRSTS: Final[LiteralString] = """
    select key_id, kind, value, at from gateway.key_first
    where tenant_id = $1 and ($2::text[] is null or key_id = any($2))
    order by key_id, at
"""


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """What a key asked one model for. `deployment` is None where no model was asked, or none that it could have had."""

    key: str
    deployment: UUID | None
    operation: str
    requests: int
    refused: int
    first_at: datetime
    last_at: datetime
    input_tokens: int
    output_tokens: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the guard found of one type in a key's requests to one model (`input`) or its answers (`output`)."""

    deployment: UUID | None
    direction: str
    kind: str
    findings: int
    requests: int
    last_at: datetime


class PlaceOfUse(msgspec.Struct, frozen=True, kw_only=True):
    """Where and by what a key was used, in which hours."""

    key: str
    address: str
    agent: str
    country: str
    first_hour: datetime
    last_hour: datetime
    hours: int


class FirstSeen(msgspec.Struct, frozen=True, kw_only=True):
    """When a key was first used at all (`use`), from a network, by an agent, for an operation of a model (`scope`)."""

    key: str
    kind: str
    value: str
    at: datetime


async def touched(tx: TenantTx, since: datetime, keys: Sequence[str] | None = None) -> list[Touched]:
    """Return what keys (None: all of the tenant) asked for since a moment, the latest of each first."""
    rows = await tx.fetch(_TOUCHED, tx.tenant, since, None if keys is None else list(keys))
    return [
        Touched(
            key=row["key_id"],
            deployment=row["deployment_id"],
            operation=row["operation"],
            requests=row["requests"],
            refused=row["refused"],
            first_at=row["first_at"],
            last_at=row["last_at"],
            input_tokens=int(row["input_tokens"]),
            output_tokens=int(row["output_tokens"]),
        )
        for row in rows
    ]


async def found(tx: TenantTx, since: datetime, keys: Sequence[str]) -> list[Found]:
    """Return what was found in what keys asked and were answered since a moment: numbers, by type."""
    rows = await tx.fetch(_FOUND, tx.tenant, since, list(keys))
    return [
        Found(
            deployment=row["deployment_id"],
            direction=row["direction"],
            kind=row["kind"],
            findings=int(row["findings"]),
            requests=row["requests"],
            last_at=row["last_at"],
        )
        for row in rows
    ]


async def places(tx: TenantTx, since: datetime, keys: Sequence[str] | None = None) -> list[PlaceOfUse]:
    """Return where keys (None: all of the tenant) were used from since a moment, the latest of each first."""
    rows = await tx.fetch(_PLACES, tx.tenant, since, None if keys is None else list(keys))
    return [
        PlaceOfUse(
            key=row["key_id"],
            address=row["address"],
            agent=row["agent"],
            country=row["country"],
            first_hour=row["first_hour"],
            last_hour=row["last_hour"],
            hours=row["hours"],
        )
        for row in rows
    ]


async def firsts(tx: TenantTx, keys: Sequence[str] | None = None) -> list[FirstSeen]:
    """Return what keys (None: all of the tenant) did for the first time, and when."""
    rows = await tx.fetch(_FIRSTS, tx.tenant, None if keys is None else list(keys))
    return [FirstSeen(key=row["key_id"], kind=row["kind"], value=row["value"], at=row["at"]) for row in rows]
