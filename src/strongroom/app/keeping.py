"""The two processes behind the audit logs: the keeper, who seals, and the notary, who signs and remembers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from strongroom.app.handover import Handover
from strongroom.app.metrics import socket_of, teller
from strongroom.audit.sealing import Notary, Sequencer, Trouble
from strongroom.audit.sealing.cosigning import Cosigner, WitnessAddress
from strongroom.audit.sealing.publishing import Authority, Publisher
from strongroom.audit.sealing.remote import RemoteNotary, service
from strongroom.gateway.record_seals import RecordSealer
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.metrics import Family, Figures, Label, Type
from strongroom.store import Sealer, StoreError
from strongroom.store.roles import KEEPER
from strongroom.wire import Limits, serve_unix

_IDLE_S: Final = 0.2
_RETRY_S: Final = 0.5
_LOOK_S: Final = 1.0
_MOST_BYTES: Final = 64 * 2**20
_log = logging.getLogger("strongroom")


async def notary_service(handover: Handover, stop: asyncio.Event) -> None:
    """Answer on the notary's socket until told to stop.

    Raises:
        NotaryBroken: when its directory cannot be used.
    """
    notary = Notary(Path(handover.notary))
    try:
        limits = Limits(max_body_bytes=_MOST_BYTES)
        server = await serve_unix(service(notary), Path(handover.notary_socket), mode=0o660, limits=limits)
        _log.info("notary %s", notary.key)
        await stop.wait()
        await server.drain(1.0)
    finally:
        notary.close()


async def keep(handover: Handover, stop: asyncio.Event) -> None:
    """Seal, sign and anchor until told to stop; what waits then is sealed by whoever comes next."""
    notary = RemoteNotary(Path(handover.notary_socket))
    sealer = await _connected(handover, stop)
    if sealer is None:
        return
    clock = SystemClock()
    records = RecordSealer(sealer, clock)
    cosigner = Cosigner(
        [WitnessAddress.parse(each) for each in handover.settings.audit.witnesses], clock, tell=_log.warning
    )
    sequencer = Sequencer(
        sealer,
        notary,
        clock,
        anchor_every_s=handover.settings.audit.anchor_every_s,
        tell=_log.warning,
        cosigner=cosigner,
    )

    audit = handover.settings.audit
    authority = None if audit.timestamp_url is None else Authority(audit.timestamp_url)
    publisher = Publisher(
        sealer,
        clock,
        file=None if audit.anchor_file is None else Path(audit.anchor_file),
        authority=authority,
        every_s=audit.publish_every_s,
        tell=_log.warning,
    )

    async def figures() -> Iterable[Figures]:
        return *figures_of(sequencer, records, cosigner), outside(publisher)

    showing = await serve_unix(teller(figures), socket_of(Path(handover.metrics_sockets), handover.name), mode=0o660)
    working = asyncio.create_task(_rounds(sequencer, records), name="rounds")
    publishing = asyncio.create_task(_publish(publisher), name="publishing")
    try:
        await stop.wait()
    finally:
        working.cancel()
        publishing.cancel()
        await asyncio.gather(working, publishing, return_exceptions=True)
        await showing.close()
        if authority is not None:
            await authority.close()
        await cosigner.close()
        await notary.close()
        await sealer.close()


async def _rounds(sequencer: Sequencer, records: RecordSealer) -> None:
    while True:
        try:
            sealed = await records.round() + await sequencer.round()
        except StoreError as error:
            _log.warning("audit log: nothing can be sealed now: %s", error)
            sequencer.trouble = Trouble.FAULT
            await asyncio.sleep(_RETRY_S)
        except Exception as error:  # noqa: BLE001 - a keeper that has ended seals nothing; the pulse grows old meanwhile
            _log.error("audit log: fault while sealing: %s", type(error).__name__)
            sequencer.trouble = Trouble.FAULT
            await asyncio.sleep(_RETRY_S)
        else:
            if not sealed:
                await asyncio.sleep(_IDLE_S)


async def _publish(publisher: Publisher) -> None:
    """Put heads of the anchor outside, beside the rounds: a slow authority holds up nobody."""
    while True:
        try:
            await publisher.round()
        except StoreError as error:
            _log.warning("audit log: nothing can be put outside now: %s", error)
        except Exception as error:  # noqa: BLE001 - as with the rounds
            _log.error("audit log: fault while putting a head outside: %s", type(error).__name__)
        await asyncio.sleep(_LOOK_S)


async def _connected(handover: Handover, stop: asyncio.Event) -> Sealer | None:
    """Connect, however long the database takes to come; None when told to stop before."""
    while not stop.is_set():
        try:
            return await Sealer.connect(handover.logins[KEEPER])
        except StoreError as error:
            _log.warning("waiting for the database: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RETRY_S):
                    await stop.wait()
    return None


def figures_of(sequencer: Sequencer, records: RecordSealer, cosigner: Cosigner) -> Iterable[Figures]:
    """Return what the keeper counts. They name no tenant."""
    sealed = Family(Type.COUNTER, "strongroom_audit_sealed_total", "Entries that were given their place in a log.", ())
    sealed.add(by=sequencer.sealed)
    held = Family(
        Type.COUNTER, "strongroom_audit_records_sealed_total", "Records of requests that a log commits to.", ()
    )
    held.add(by=records.sealed)
    signed = Family(Type.COUNTER, "strongroom_audit_signed_total", "Heads of logs that the notary signed.", ())
    signed.add(by=sequencer.signed)
    forked = Family(
        Type.GAUGE, "strongroom_audit_forked", "Logs that do not follow from what the notary has signed.", ()
    )
    forked.set(to=len(sequencer.forked))
    away = Family(Type.GAUGE, "strongroom_audit_witnesses_away", "Witnesses that did not cosign when last asked.", ())
    away.set(to=cosigner.away)
    kinds = tuple(each.value for each in Trouble if each.value)
    trouble = Family(
        Type.GAUGE,
        "strongroom_audit_trouble",
        "What stands in the way of sealing or signing (1), by its kind.",
        (Label(name="kind", values=kinds),),
    )
    for kind in kinds:
        trouble.set(kind, to=int(sequencer.trouble.value == kind))
    return sealed.figures(), held.figures(), signed.figures(), forked.figures(), away.figures(), trouble.figures()


def outside(publisher: Publisher) -> Figures:
    """Return what stands in the way of putting heads outside."""
    family = Family(
        Type.GAUGE,
        "strongroom_audit_outside_trouble",
        "What stands in the way of putting the anchor's heads outside (1), by its kind.",
        (Label(name="kind", values=("file_away", "file_differs", "authority_away")),),
    )
    family.set("file_away", to=int(publisher.file_away))
    family.set("file_differs", to=int(publisher.differs))
    family.set("authority_away", to=int(publisher.authority_away))
    return family.figures()
