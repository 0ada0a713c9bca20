"""The SQL of approvals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import msgspec

from strongroom.identity.approvals.model import Kind, Person, Request, Vote, canonical, state_of
from strongroom.kernel.ids import KeyId
from strongroom.store import OperatorTx, Record
from strongroom.store.tx import Tx

_REQUEST = """SELECT id, kind, digest, subject, about, person, material, requester, ticket, reason, needed, created_at,
                     expires_at, denied_at, approved_at, used_at, withdrawn_at,
                     (SELECT t.name FROM identity.tenant t WHERE t.tenant_id = about) AS tenant_name
              FROM identity.request"""


async def person_of(tx: OperatorTx, credential: KeyId) -> Person | None:
    """Return whose account a token is of, and the token's material; None for what is no account's token.

    A token that was revoked while its request waited is its account's still: it must not make somebody else of them.
    """
    row = await tx.fetchrow("SELECT account_id, fingerprint FROM identity.account_key WHERE id = $1", credential)
    return None if row is None else Person(f"account/{row['account_id']}", f"key/{bytes(row['fingerprint']).hex()}")


async def approvers_ever(tx: OperatorTx) -> int:
    """Return how many approvers there have ever been, those that are gone included."""
    return int(await tx.fetchval("SELECT count(*) FROM identity.account WHERE role = 'approver'"))


async def insert(tx: Tx, request: Request, asker: Person) -> None:
    """Add a request."""
    await tx.execute(
        """INSERT INTO identity.request
               (id, kind, digest, subject, about, person, material, requester, ticket, reason, needed, created_at, expires_at)
           VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
        request.id, str(request.kind), request.digest, canonical(request.subject).decode(), request.about, asker.person,
        asker.material, request.requester, request.ticket, request.reason, request.needed, request.created_at,
        request.expires_at,
    )  # fmt: skip


async def one(tx: Tx, request: UUID, now: datetime) -> tuple[Request, Person] | None:
    """Return a request with its votes, and who asked; it is locked until this transaction ends."""
    row = await tx.fetchrow(f"{_REQUEST} WHERE id = $1 FOR UPDATE", request)
    if row is None:
        return None
    return _request(row, await votes(tx, request), now), Person(row["person"], row["material"])


async def recent(tx: Tx, kinds: Collection[Kind], now: datetime, most: int) -> list[Request]:
    """Return the newest requests of some kinds, newest first."""
    rows = await tx.fetch(
        f"{_REQUEST} WHERE kind = any($1::text[]) ORDER BY created_at DESC, id DESC LIMIT $2",
        [str(kind) for kind in kinds],
        most,
    )
    said: dict[UUID, list[Vote]] = {}
    found = await tx.fetch(
        """SELECT request_id, voter, verdict, reason, digest, at FROM identity.vote
           WHERE request_id = any($1::uuid[]) ORDER BY at""",
        [row["id"] for row in rows],
    )
    for each in found:
        said.setdefault(UUID(str(each["request_id"])), []).append(_vote(each))
    return [_request(row, said.get(UUID(str(row["id"])), []), now) for row in rows]


async def waiting(tx: Tx, kinds: Collection[Kind], about: UUID | None, now: datetime) -> int:
    """Return how many requests of some kinds wait for decisions, about one tenant or the installation."""
    return int(
        await tx.fetchval(
            """SELECT count(*) FROM identity.request
               WHERE kind = any($1::text[]) AND about IS NOT DISTINCT FROM $2 AND expires_at > $3 AND denied_at IS NULL
                 AND approved_at IS NULL AND used_at IS NULL AND withdrawn_at IS NULL""",
            [str(kind) for kind in kinds],
            about,
            now,
        )
    )


async def votes(tx: Tx, request: UUID) -> list[Vote]:
    """Return what was said of a request, in order."""
    rows = await tx.fetch(
        "SELECT voter, verdict, reason, digest, at FROM identity.vote WHERE request_id = $1 ORDER BY at", request
    )
    return [_vote(row) for row in rows]


async def voters(tx: Tx, request: UUID) -> list[Person]:
    """Return who has voted."""
    rows = await tx.fetch("SELECT person, material FROM identity.vote WHERE request_id = $1", request)
    return [Person(row["person"], row["material"]) for row in rows]


async def insert_vote(tx: Tx, request: UUID, who: Person, vote: Vote) -> None:
    """Add a vote."""
    await tx.execute(
        """INSERT INTO identity.vote (request_id, person, material, voter, verdict, reason, digest, at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        request, who.person, who.material, vote.voter, vote.verdict, vote.reason, vote.digest, vote.at,
    )  # fmt: skip


_MARKS: dict[str, LiteralString] = {
    "denied": "UPDATE identity.request SET denied_at = $2 WHERE id = $1",
    "approved": "UPDATE identity.request SET approved_at = $2 WHERE id = $1",
    "used": "UPDATE identity.request SET used_at = $2 WHERE id = $1",
    "withdrawn": "UPDATE identity.request SET withdrawn_at = $2 WHERE id = $1",
}


async def mark(tx: Tx, request: UUID, what: str, at: datetime) -> None:
    """Write down that a request was denied, approved, used or withdrawn."""
    await tx.execute(_MARKS[what], request, at)


async def withdraw_of(tx: OperatorTx, kinds: Collection[Kind], materials: Sequence[str], at: datetime) -> None:
    """Withdraw what credentials of these materials have asked for and nobody has used."""
    await tx.execute(
        """UPDATE identity.request SET withdrawn_at = $3
           WHERE kind = any($1::text[]) AND material = any($2::text[]) AND used_at IS NULL AND withdrawn_at IS NULL""",
        [str(kind) for kind in kinds],
        list(materials),
        at,
    )


def _vote(row: Record) -> Vote:
    return Vote(voter=row["voter"], verdict=row["verdict"], reason=row["reason"], digest=row["digest"], at=row["at"])


def _request(row: Record, said: list[Vote], now: datetime) -> Request:
    return Request(
        id=row["id"],
        kind=Kind(row["kind"]),
        digest=row["digest"],
        subject=msgspec.json.decode(row["subject"]),
        about=row["about"],
        tenant_name=row["tenant_name"],
        requester=row["requester"],
        ticket=row["ticket"],
        reason=row["reason"],
        needed=row["needed"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        state=state_of(
            now=now,
            expires_at=row["expires_at"],
            denied_at=row["denied_at"],
            approved_at=row["approved_at"],
            used_at=row["used_at"],
            withdrawn_at=row["withdrawn_at"],
        ),
        votes=said,
    )
