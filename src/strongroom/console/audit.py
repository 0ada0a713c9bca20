"""The audit logs: searched, each entry with its place in the sealed log, and the proof of one.

A search looks back over some days, which the page says, so that what is rare is not looked for without end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal
from urllib.parse import urlencode
from uuid import UUID

from strongroom.audit import Entry, Outcome
from strongroom.audit.reading import Wanted
from strongroom.console import place
from strongroom.console.commands import command
from strongroom.console.place import Place
from strongroom.console.visit import Answer, Visit
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refused, hidden
from strongroom.policy.logs import Explored

PAGE: Final = 50
DAYS: Final = (1, 7, 30, 365)
_LONG: Final = 256
_TEXTS: Final = ("action", "actor", "resource", "request_id")
_TENANT: Final = re.compile(r"tenant/([0-9a-f-]{36})")
_DIGEST: Final = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An entry as the page shows it.

    Attributes:
        on: what it is about, as people read it.
        seal: `signed` under a head of the log, `sealed` into it and not signed yet, or `waiting` to be sealed.
        seq: its number in the log; None while it waits.
    """

    entry: Entry
    on: str
    seal: Literal["signed", "sealed", "waiting"]
    seq: int | None


async def of_tenant(visit: Visit) -> Answer:
    """Show a tenant's log."""
    where = await place.of(visit, "audit")
    return await _explored(visit, where.tenant, address=where.address, where=where)


async def of_installation(visit: Visit) -> Answer:
    """Show the installation's log."""
    return await _explored(visit, None, address="/audit")


async def proof_in_tenant(visit: Visit) -> Answer:
    """Show what proves an entry of a tenant's log."""
    where = await place.of(visit, "audit")
    return await _proof(visit, where.tenant, address=where.address, where=where)


async def proof_in_installation(visit: Visit) -> Answer:
    """Show what proves an entry of the installation's log."""
    return await _proof(visit, None, address="/audit")


async def _explored(visit: Visit, tenant: TenantId | None, *, address: str, where: Place | None = None) -> Answer:
    outcome = visit.query.get("outcome", "")
    outcome = outcome if outcome in list(Outcome) else ""
    texts = {name: visit.query.get(name, "").strip()[:_LONG] for name in _TEXTS}
    asked = {name: text for name, text in texts.items() if text and text.isprintable()} | (
        {"outcome": outcome} if outcome else {}
    )
    days = _days(visit.query.get("days", ""))
    wanted = Wanted(
        action=asked.get("action"),
        actor=asked.get("actor"),
        resource=asked.get("resource"),
        outcome=asked.get("outcome"),
        request_id=asked.get("request_id"),
        since=visit.parts.clock.now() - timedelta(days=days) if asked else None,
    )
    found = await visit.parts.logs.explore(visit.who, tenant, visit.ask(), wanted, limit=PAGE, before=_before(visit))
    return visit.render(
        "audit.html",
        entries=[_shown(visit, found, *each) for each in found.entries],
        older=_older(found, asked, days, address),
        standing=found,
        searched=bool(asked),
        outcome=outcome,
        outcomes=list(Outcome),
        texts=texts,
        days=days,
        windows=DAYS,
        address=address,
        place=where,
        did=_did(asked, days, where),
    )


def _older(found: Explored, asked: dict[str, str], days: int, address: str) -> str:
    """Return where older entries are; nothing where this page has the last."""
    if len(found.entries) < PAGE:
        return ""
    return f"{address}?{urlencode({'before': found.entries[-1][0].id, 'days': days, **asked})}"


def _did(asked: dict[str, str], days: int, where: Place | None) -> str:
    """Return the command that finds the same."""
    tenant = None if where is None else where.name
    if not asked:
        return command("audit", "list", tenant=tenant)
    named = {"request" if name == "request_id" else name: text for name, text in asked.items()}
    return command("audit", "search", tenant=tenant, since=f"{days * 24}h", **named)


def _shown(visit: Visit, found: Explored, entry: Entry, epoch: int | None, seq: int | None) -> Shown:
    seal = sealing(seq, signed=found.signed.get(epoch or 0, 0))
    return Shown(entry=entry, on=_named(visit, entry.resource), seal=seal, seq=seq)


def sealing(seq: int | None, *, signed: int) -> Literal["signed", "sealed", "waiting"]:
    """Return how far an entry has come, by its number and how many of its epoch are under a signed head."""
    if seq is None:
        return "waiting"
    return "signed" if seq < signed else "sealed"


async def _proof(visit: Visit, tenant: TenantId | None, *, address: str, where: Place | None = None) -> Answer:
    entry = _id(visit.params["entry"])
    sealed, receipt, key = await visit.parts.logs.receipt(visit.who, tenant, visit.ask(), entry)
    return visit.render(
        "audit-proof.html",
        entry=entry,
        event=sealed.event.decode("utf-8", "replace"),
        seq=sealed.seq,
        size=receipt.checkpoint.size,
        origin=receipt.checkpoint.origin,
        receipt=str(receipt),
        vkey=str(key),
        holds=receipt.holds(sealed.event, [key]),
        address=address,
        place=where,
    )


def _days(text: str) -> int:
    return int(text) if text in {str(each) for each in DAYS} else DAYS[2]


def _before(visit: Visit) -> UUID | None:
    text = visit.query.get("before", "")
    return _id(text) if text else None


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Refused(hidden("not the id of an entry")) from None


def _named(visit: Visit, resource: str) -> str:
    """Return a resource's path as people read it: a living tenant's name for its id, digests short."""

    def name(found: re.Match[str]) -> str:
        return visit.parts.directory.tenant_name(TenantId(UUID(found[1]))) or found[0]

    return _DIGEST.sub(r"\1…", _TENANT.sub(name, resource, count=1))
