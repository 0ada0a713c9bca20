"""The control API's routes of the logs as they are sealed: heads, entries, receipts, keys, and letting a forked log begin anew.

Each is there twice: for a tenant's log, and for the installation's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody, Parameter
from msgspec import Meta

from strongroom.app.anchor_documents import AnchorDocument, PublishedDocument, anchored, published
from strongroom.app.routes import AuditEntry, Before, TheFinder, TheServices, moment
from strongroom.audit import PAGE_LIMIT, Entry
from strongroom.audit.reading import PAGE, Sealed, Wanted
from strongroom.audit.tlog import NoteKey
from strongroom.identity.http import Asked, Listing, Who, noting
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.refusal import Refused, hidden, invalid
from strongroom.policy.logs import LogHead

Epoch: TypeAlias = Annotated[int, Parameter(ge=1, le=2**31 - 1, description="Of which epoch.")]
From: TypeAlias = Annotated[int, Parameter(ge=0, le=2**62, description="From this number on.")]
Many: TypeAlias = Annotated[int, Parameter(ge=1, le=PAGE, description="How many entries at most.")]
Some: TypeAlias = Annotated[int, Parameter(ge=1, le=PAGE_LIMIT, description="How many entries at most.")]
Text: TypeAlias = Annotated[
    str | None, Parameter(max_length=256, description="With this text only; `*` stands for any characters.")
]
Id: TypeAlias = Annotated[str | None, Parameter(max_length=64, description="Of this request only.")]
After: TypeAlias = Annotated[datetime | None, Parameter(description="At that time or later (RFC 3339, with a zone).")]
Until: TypeAlias = Annotated[datetime | None, Parameter(description="Before that time (RFC 3339, with a zone).")]
Became: TypeAlias = Annotated[
    Literal["allowed", "refused", "failed"] | None, Parameter(description="With this outcome only.")
]


class EpochDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One epoch of a log: its name, its newest signed head (C2SP checkpoint), and earlier ones."""

    epoch: int
    origin: str
    entries: int
    signed: int
    checkpoint: str
    history: list[str]
    begun_at: datetime
    ended_at: datetime | None


class LogDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A log as a whole."""

    vkey: str
    trouble: str
    sound_for_s: int | None
    epochs: list[EpochDocument]
    anchor: AnchorDocument | None
    published: PublishedDocument | None


class SealedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed entry: its place, the very text that is hashed, and its hash in the log's tile (base64)."""

    epoch: int
    seq: int
    id: UUID
    event: str
    hash: bytes


class SealedEntries(Listing, frozen=True, kw_only=True):
    """Sealed entries, in an answer."""

    data: list[SealedDocument]


class PlacedEntry(AuditEntry, frozen=True, kw_only=True):
    """An entry with its place in the log; without one it is not sealed yet."""

    epoch: int | None
    seq: int | None


class PlacedEntries(Listing, frozen=True, kw_only=True):
    """Entries with their places, in an answer."""

    data: list[PlacedEntry]


class ReceiptDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The proof that an entry stands in a log: C2SP tlog-proof, with the entry's text and the key that checks it."""

    epoch: int
    seq: int
    event: str
    receipt: str
    vkey: str


class RecordReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The proof of one record: its text, its path (base64) in a batch, and the receipt of the entry that commits to the batch."""

    record: str
    index: int
    size: int
    path: list[bytes]
    batch: ReceiptDocument


class KeyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A verifier key, and the log or installation that it is for."""

    vkey: str
    name: str


class Recovery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why forked logs are to begin anew."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]


def _document(head: LogHead) -> LogDocument:
    pulse, anchor, outside = head.pulse, head.anchor, head.published
    return LogDocument(
        vkey=pulse.vkey,
        trouble=pulse.trouble.value,
        sound_for_s=None if pulse.sound_for_s is None else int(pulse.sound_for_s),
        epochs=[
            EpochDocument(
                epoch=each.epoch,
                origin=each.origin,
                entries=each.size,
                signed=each.signed_size,
                checkpoint=each.note or "",
                history=head.histories[each.epoch],
                begun_at=each.begun_at,
                ended_at=each.ended_at,
            )
            for each in head.epochs
        ],
        anchor=None if anchor is None else anchored(anchor),
        published=None if outside is None else published(outside),
    )


def _sealed(rows: list[Sealed]) -> SealedEntries:
    return SealedEntries(
        data=[
            SealedDocument(epoch=each.epoch, seq=each.seq, id=each.id, event=each.event.decode(), hash=each.hash)
            for each in rows
        ]
    )


def _placed(rows: list[tuple[Entry, int | None, int | None]]) -> PlacedEntries:
    return PlacedEntries(
        data=[
            PlacedEntry(**msgspec.structs.asdict(AuditEntry.of(entry)), epoch=epoch, seq=seq)
            for entry, epoch, seq in rows
        ]
    )


def _key(head: LogHead) -> KeyDocument:
    if head.key is None:
        raise Refused(hidden("the notary has not told its key yet"))
    return KeyDocument(vkey=str(head.key), name=head.key.name)


@get("/tenants/{tenant:str}/audit/log", responses=READ, summary="Read a tenant's log as a whole", tags=["audit"])
async def read_tenant_head(
    tenant: FromPath[str], services: TheServices, finder: TheFinder, who: Who, ask: Asked
) -> LogDocument:
    """Return a tenant's log: its epochs with their signed heads, and where it stands in the anchor."""
    return _document(await services.logs.head(who, await finder.tenant(who, tenant, ask), ask))


@get("/audit/log", responses=READ, summary="Read the installation's log as a whole", tags=["audit"])
async def read_head(services: TheServices, who: Who, ask: Asked) -> LogDocument:
    """Return the installation's log: its epochs with their signed heads, and where it stands in the anchor."""
    return _document(await services.logs.head(who, None, ask))


@get("/tenants/{tenant:str}/audit/entries", responses=READ, summary="Read a tenant's sealed entries", tags=["audit"])
async def read_tenant_entries(
    tenant: FromPath[str],
    services: TheServices,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    epoch: Epoch = 1,
    since: From = 0,
    limit: Many = PAGE,
) -> SealedEntries:
    """Return sealed entries of a tenant's log in their order, with the text that is hashed."""
    place = await finder.tenant(who, tenant, ask)
    return _sealed(await services.logs.sealed(who, place, ask, epoch=epoch, since=since, limit=limit))


@get("/audit/entries", responses=READ, summary="Read the installation's sealed entries", tags=["audit"])
async def read_entries(
    services: TheServices, who: Who, ask: Asked, epoch: Epoch = 1, since: From = 0, limit: Many = PAGE
) -> SealedEntries:
    """Return sealed entries of the installation's log in their order, with the text that is hashed."""
    return _sealed(await services.logs.sealed(who, None, ask, epoch=epoch, since=since, limit=limit))


@get("/tenants/{tenant:str}/audit/search", responses=READ, summary="Search a tenant's log", tags=["audit"])
async def search_tenant_log(
    tenant: FromPath[str],
    services: TheServices,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    action: Text = None,
    actor: Text = None,
    resource: Text = None,
    outcome: Became = None,
    request_id: Id = None,
    since: After = None,
    until: Until = None,
    limit: Some = 50,
    before: Before = None,
) -> PlacedEntries:
    """Return entries of a tenant's log that fit, the newest first, with their places."""
    place = await finder.tenant(who, tenant, ask)
    wanted = _wanted(action, actor, resource, outcome, request_id, since, until)
    return _placed(await services.logs.search(who, place, ask, wanted, limit=limit, before=before))


@get("/audit/search", responses=READ, summary="Search the installation's log", tags=["audit"])
async def search_log(
    services: TheServices,
    who: Who,
    ask: Asked,
    action: Text = None,
    actor: Text = None,
    resource: Text = None,
    outcome: Became = None,
    request_id: Id = None,
    since: After = None,
    until: Until = None,
    limit: Some = 50,
    before: Before = None,
) -> PlacedEntries:
    """Return entries of the installation's log that fit, the newest first, with their places."""
    wanted = _wanted(action, actor, resource, outcome, request_id, since, until)
    return _placed(await services.logs.search(who, None, ask, wanted, limit=limit, before=before))


def _wanted(
    action: str | None,
    actor: str | None,
    resource: str | None,
    outcome: str | None,
    request_id: str | None,
    since: datetime | None,
    until: datetime | None,
) -> Wanted:
    for name, text in (("action", action), ("actor", actor), ("resource", resource), ("request_id", request_id)):
        if text is not None and not text.isprintable():
            raise Refused(invalid("A text that is searched for is one printable line.", param=name))
    return Wanted(
        action=action,
        actor=actor,
        resource=resource,
        outcome=outcome,
        request_id=request_id,
        since=moment(since),
        until=moment(until, "until"),
    )


@get(
    "/tenants/{tenant:str}/audit/receipts/{entry:uuid}",
    responses=READ,
    summary="Prove a tenant's entry",
    tags=["audit"],
)
async def prove_tenant_entry(
    tenant: FromPath[str], entry: FromPath[UUID], services: TheServices, finder: TheFinder, who: Who, ask: Asked
) -> ReceiptDocument:
    """Return the receipt of an entry of a tenant's log, which anybody can check offline."""
    place = await finder.tenant(who, tenant, ask)
    return _receipt(*await services.logs.receipt(who, place, ask, entry))


@get(
    "/tenants/{tenant:str}/audit/records/{request_id:str}",
    responses=READ,
    summary="Prove the record of a request",
    tags=["audit"],
)
async def prove_record(
    tenant: FromPath[str], request_id: FromPath[str], services: TheServices, finder: TheFinder, who: Who, ask: Asked
) -> RecordReceipt:
    """Return the receipt of a request's record: that it stands, just so, in a batch to which a signed log commits."""
    place = await finder.tenant(who, tenant, ask)
    found = await services.records.prove(who, place, ask, _record_id(request_id))
    batch = _receipt(*await services.logs.receipt(who, place, ask, found.batch))
    return RecordReceipt(record=found.record, index=found.index, size=found.size, path=list(found.path), batch=batch)


def _record_id(request_id: str) -> UUID:
    try:
        return UUID(hex=request_id.removeprefix("req_"))
    except ValueError:
        raise Refused(hidden("this is the id of no request")) from None


@get("/audit/receipts/{entry:uuid}", responses=READ, summary="Prove an entry of the installation's log", tags=["audit"])
async def prove_entry(entry: FromPath[UUID], services: TheServices, who: Who, ask: Asked) -> ReceiptDocument:
    """Return the receipt of an entry of the installation's log, which anybody can check offline."""
    return _receipt(*await services.logs.receipt(who, None, ask, entry))


def _receipt(found: Sealed, receipt: object, key: NoteKey) -> ReceiptDocument:
    return ReceiptDocument(
        epoch=found.epoch, seq=found.seq, event=found.event.decode(), receipt=str(receipt), vkey=str(key)
    )


@get(
    "/tenants/{tenant:str}/audit/key", responses=READ, summary="Read the verifier key of a tenant's log", tags=["audit"]
)
async def read_tenant_key(
    tenant: FromPath[str], services: TheServices, finder: TheFinder, who: Who, ask: Asked
) -> KeyDocument:
    """Return the verifier key of a tenant's log (C2SP signed-note)."""
    return _key(await services.logs.head(who, await finder.tenant(who, tenant, ask), ask))


@get("/audit/key", responses=READ, summary="Read the installation's verifier key", tags=["audit"])
async def read_key(services: TheServices, who: Who, ask: Asked) -> KeyDocument:
    """Return the verifier key that holds for every log of the installation (C2SP signed-note)."""
    vkey = (await services.logs.head(who, None, ask)).pulse.vkey
    if not vkey:
        raise Refused(hidden("the notary has not told its key yet"))
    return KeyDocument(vkey=vkey, name=NoteKey.parse(vkey).name)


@post("/audit/recover", responses=WRITE, summary="Let forked logs begin anew", tags=["audit"], status_code=202)
async def recover(data: JSONBody[Recovery], services: TheServices, who: Who, ask: Asked) -> LogDocument:
    """Let every log that does not follow from what the notary has signed begin anew, as an epoch that names what it follows.

    Look into it first: somebody has turned the database back, or changed it.
    """
    noted = noting(ask, reason=data.reason)
    await services.logs.recover(who, noted)
    return _document(await services.logs.head(who, None, ask))


ROUTES: Final = (
    read_tenant_head,
    read_head,
    read_tenant_entries,
    read_entries,
    search_tenant_log,
    search_log,
    prove_tenant_entry,
    prove_entry,
    prove_record,
    read_tenant_key,
    read_key,
    recover,
)
