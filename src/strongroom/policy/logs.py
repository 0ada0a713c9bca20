"""Reading logs as they are sealed: heads, entries, receipts and anchors; a tenant's own, and the installation's."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from strongroom.audit import Entry, Pulse, reading
from strongroom.audit.export import AnchorPart, PublishedPart
from strongroom.audit.reading import LogEpoch, Sealed, Wanted
from strongroom.audit.sealing import tables
from strongroom.audit.sidecar import Sidecars
from strongroom.audit.tlog import NoteKey, Receipt
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refused, hidden
from strongroom.policy.gate import Gate
from strongroom.policy.model import Action, Kind, Resource
from strongroom.policy.recorder import Ask
from strongroom.policy.taking import Surface, octets_of
from strongroom.store import TenantTx, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """A log as a whole.

    Attributes:
        pulse: how the installation's logs stand, with its verifier key.
        epochs: of the log, the oldest first.
        histories: earlier signed heads, by epoch.
        anchor: where the newest epoch stands in the anchor; None: nowhere yet.
        published: where it stands in the newest head of the anchor that was put outside; None: nowhere.
        newest: the id of the newest entry that was written before this was asked, sealed or not.
    """

    pulse: Pulse
    epochs: list[LogEpoch]
    histories: dict[int, list[str]]
    anchor: AnchorPart | None
    published: PublishedPart | None = None

    @property
    def key(self) -> NoteKey | None:
        """The verifier key of the log's newest epoch; None before there is one."""
        if not self.pulse.vkey or not self.epochs:
            return None
        return NoteKey.parse(self.pulse.vkey).named(self.epochs[-1].origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """Entries that fit, the newest first, each with its place (epoch, number), and how the log stood.

    Attributes:
        signed: how many entries of each epoch a signed head covers.
        pulse: how the installation's logs stand.
    """

    entries: list[tuple[Entry, int | None, int | None]]
    signed: dict[int, int]
    pulse: Pulse


class LogReader:
    """Reads logs with what proves them. Reading is itself an entry."""

    def __init__(self, gate: Gate, sidecars: Sidecars | None = None) -> None:
        self._gate: Final = gate
        self._sidecars: Final = sidecars

    async def head(self, who: Principal, tenant: TenantId | None, ask: Ask) -> LogHead:
        """Return a log as a whole; `tenant` None: the installation's."""
        async with self._open(who, tenant, ask) as tx:
            epochs = await reading.epochs(tx)
            return LogHead(
                pulse=await tables.pulse(tx),
                epochs=epochs,
                histories={each.epoch: await reading.history(tx, each.epoch, each.signed_size) for each in epochs},
                anchor=await reading.anchor(tx, epochs[-1]) if epochs else None,
                published=await reading.published(tx, epochs[-1]) if epochs else None,
            )

    async def sealed(
        self, who: Principal, tenant: TenantId | None, ask: Ask, *, epoch: int, since: int, limit: int
    ) -> list[Sealed]:
        """Return sealed entries from a number on."""
        async with self._open(who, tenant, ask) as tx:
            found = await reading.sealed(tx, epoch, since, limit)
            await self._gate.taken(tx, who, Surface.AUDIT, rows=len(found), octets=octets_of(found))
            return found

    async def search(
        self, who: Principal, tenant: TenantId | None, ask: Ask, wanted: Wanted, *, limit: int, before: UUID | None
    ) -> list[tuple[Entry, int | None, int | None]]:
        """Return entries that fit, the newest first, with their places."""
        async with self._open(who, tenant, ask) as tx:
            return await self._taken(tx, who, wanted, limit, before)

    async def explore(
        self, who: Principal, tenant: TenantId | None, ask: Ask, wanted: Wanted, *, limit: int, before: UUID | None
    ) -> Explored:
        """Return what `search` does, with how the log stands: one reading, one entry."""
        async with self._open(who, tenant, ask) as tx:
            entries = await self._taken(tx, who, wanted, limit, before)
            signed = {each.epoch: each.signed_size for each in await reading.epochs(tx)}
            return Explored(entries=entries, signed=signed, pulse=await tables.pulse(tx))

    async def receipt(
        self, who: Principal, tenant: TenantId | None, ask: Ask, entry: UUID
    ) -> tuple[Sealed, Receipt, NoteKey]:
        """Return an entry with its receipt and the key of its log.

        Raises:
            Refused: hidden when there is no such entry, or no signed head over it yet.
        """
        async with self._open(who, tenant, ask) as tx:
            found = await reading.receipt(tx, entry)
            await self._gate.taken(tx, who, Surface.AUDIT, rows=1, octets=0 if found is None else octets_of(found[0]))
            vkey = (await tables.pulse(tx)).vkey
        if found is None or not vkey:
            raise Refused(hidden("no such entry, or its head is not signed yet: that takes a second"))
        sealed, receipt = found
        return sealed, receipt, NoteKey.parse(vkey).named(receipt.checkpoint.origin)

    async def recover(self, who: Principal, ask: Ask) -> None:
        """Let forked logs begin anew: the entry of this is what the keeper waits for. `ask` carries the reason."""
        async with self._gate.permit_platform(who, Action.AUDIT_RECOVER, Resource(kind=Kind.AUDIT_LOG), ask):
            pass

    async def _taken(
        self, tx: Tx, who: Principal, wanted: Wanted, limit: int, before: UUID | None
    ) -> list[tuple[Entry, int | None, int | None]]:
        """Return entries that fit, with the words that go with them, once all of that is counted as taken."""
        found = await reading.search(tx, wanted, limit, before)
        if self._sidecars is not None and isinstance(tx, TenantTx):
            told = await self._sidecars.back(tx, [entry for entry, *_ in found])
            found = [(entry, epoch, seq) for entry, (_, epoch, seq) in zip(told, found, strict=True)]
        await self._gate.taken(tx, who, Surface.AUDIT, rows=len(found), octets=octets_of(found))
        return found

    @asynccontextmanager
    async def _open(self, who: Principal, tenant: TenantId | None, ask: Ask) -> AsyncGenerator[Tx, None]:
        resource = Resource(kind=Kind.AUDIT_LOG, tenant=tenant)
        if tenant is None:
            async with self._gate.permit_platform(who, Action.AUDIT_READ_PLATFORM, resource, ask) as tx:
                yield tx
        else:
            async with self._gate.permit(who, Action.AUDIT_READ, resource, ask) as tx:
                yield tx
