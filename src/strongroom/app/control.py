"""The control process's wiring: one database, one directory, the API and the console on one port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from strongroom.app.api import control_app
from strongroom.app.checks import Check
from strongroom.app.doctor import online
from strongroom.app.environment import environment
from strongroom.app.geo import source
from strongroom.app.handover import Handover
from strongroom.app.identity_section import proof_nonces, provider
from strongroom.app.metrics import Collected, is_token
from strongroom.app.services import Services
from strongroom.app.settings import Explained, Loaded
from strongroom.app.wiring import make_services, parts_of
from strongroom.console import missing, pages
from strongroom.identity import Directory
from strongroom.identity.elevation.notices import Hook
from strongroom.identity.signers import Signers
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask, Engine
from strongroom.providers import Book, Networks
from strongroom.registry.admission.model import OwnKeys
from strongroom.registry.prompts.moving import Moved
from strongroom.registry.releases.service import Bounds
from strongroom.rules import Rulebook
from strongroom.store import Database, StoreError, Unavailable
from strongroom.store.feed import FeedEntry
from strongroom.store.follower import Follower
from strongroom.store.roles import CONTROL, OPERATOR
from strongroom.vault import BrokeredKeystore, KeysDestroyed, VaultUnavailable
from strongroom.wire import AsgiBridge

_RETRY_S: Final = 0.5
_FIRST_RUN_S: Final = 300.0
_EVERY_S: Final = 6 * 3600.0
_FLOWS_S: Final = 3600.0
_KEYS_S: Final = 3600.0
_RENEW_EVERY_S: Final = 20 * 60.0
_RENEW_AGAIN_S: Final = 15.0
_MOVE_AGAIN_S: Final = 5.0
_MOVE_SELDOM_S: Final = 600.0
SCHEDULE: Final = Principal(role=Role.OPERATOR, name="schedule", credential=KeyId(""))
"""The control process when it does what nobody asked for at that moment; no credential stands for it."""
_log = logging.getLogger(__name__)


@asynccontextmanager
async def control_plane(handover: Handover) -> AsyncGenerator[AsgiBridge, None]:
    """Yield what answers on the control port."""
    clock, keys, engine = SystemClock(), handover.purpose_keys, Engine.load(production=handover.settings.production)
    geo = source(handover.settings.identity.geo_database)
    directory = Directory(keys, clock, allow_demo=handover.demo, token_keys=handover.token_keys, geo=geo)
    book, rulebook, signers = Book(), Rulebook(), Signers()

    def told(entries: list[FeedEntry], full: bool) -> None:
        directory.apply(entries, full=full)
        book.apply(entries, full=full)
        rulebook.apply(entries, full=full)
        signers.apply(entries, full=full)

    follower = Follower(handover.logins[CONTROL], clock, told)
    database = await _connected(handover)
    loaded = Loaded(handover.settings, handover.sources)

    def explain() -> Sequence[Explained]:
        return loaded.explain()

    async def doctor() -> Sequence[Check]:
        return await online(services, clock, Path(handover.worker_sockets), book)

    collected = Collected(Path(handover.metrics_sockets), Path(handover.keeper_metrics))
    networks = Networks(handover.settings.gateway.upstream_networks)
    hook = handover.settings.elevation.webhook
    services = make_services(
        database,
        follower,
        directory,
        engine,
        keys,
        BrokeredKeystore(Path(handover.vault_socket), handover.vault_token),
        clock,
        explain=explain,
        doctor=doctor,
        figures=collected.text,
        is_scraper=lambda presented: is_token(presented, handover.metrics_token),
        networks=networks,
        rulebook=rulebook,
        signers=signers,
        nonces=proof_nonces(handover.settings.identity, keys, "control", production=handover.settings.production),
        hook=None if hook is None else Hook(hook, handover.webhook_secret),
        production=handover.settings.production,
        sockets=Path(handover.metrics_sockets),
        issuer_networks=Networks(handover.settings.identity.issuer_networks),
        provider=provider(handover.settings.identity, handover.sso_secret, handover.sso_ca),
        grace_s=handover.settings.audit.grace_s,
        content=Path(handover.content),
        stores=handover.settings.content,
        content_key=handover.content_key,
        blobs=Path(handover.blobs),
        bounds=Bounds(tenant_bytes=handover.settings.releases.tenant_gib << 30),
        upload_hours=handover.settings.releases.upload_hours,
        channels=Path(handover.channels),
        patience=handover.settings.keys.patience,
        own=OwnKeys(demanded=handover.settings.own_keys, trusted=frozenset(handover.settings.approvals.keys)),
        suites=handover.settings.evaluations,
        look=partial(environment, handover.settings.evidence.lock),
        image=handover.settings.evidence.image or "",
    )
    parts = parts_of(
        services,
        engine,
        secure=handover.tls is not None,
        demo=handover.demo,
        tokens=not handover.settings.identity.sso_only,
    )
    follower.start()
    for place in (services.datasets.of_people, services.training_files.of_people):
        await asyncio.to_thread(place.doubt.clear_parts)
    await _erase_again(services)  # before anybody is answered: what a restored backup brought back is not to be seen
    moved = await _prompts_moved(services)
    services.releases.resume()
    duties = _duties(services, collected, moved=moved)
    try:
        async with AsgiBridge(control_app(services, pages=pages(parts), missing=missing(parts))).lifespan() as bridge:
            yield bridge
    finally:
        for duty in duties:
            duty.cancel()
        await asyncio.gather(*duties, return_exceptions=True)
        await services.training_jobs.close()
        await services.releases.close()
        await follower.close()
        await database.close()


def _duties(services: Services, collected: Collected, *, moved: bool) -> list[asyncio.Task[None]]:
    """Begin what this process does by itself, beside answering."""
    duties = {
        "metrics": collected.run(),
        "retention": _drop_in_time(services),
        "flows": _watch_flows(services),
        "keys": _watch_keys(services),
        "rescan": _keep_current(services),
        "channels": _renew_in_time(services),
        "notices": services.notices.run(),
    }
    if not moved:
        duties["prompts"] = _move_prompts(services)
    if services.rechecks:
        duties["sign-ons"] = services.rechecks.run()
    return [asyncio.create_task(duty, name=name) for name, duty in duties.items()]


async def _erase_again(services: Services, *, files: bool = False) -> None:
    """Erase what was erased before and came back. A keystore that is away is told, and asked again in time."""
    try:
        if left := await services.subject_work.settle(SCHEDULE, Ask()):
            _log.warning("content: %d files with rows of people had no row of their own, and were destroyed", left)
        again = await services.subject_work.replay(SCHEDULE, Ask(), files=files)
        if again:
            _log.warning("subjects: %d things that were erased had come back, and were erased again", again)
    except (Refused, StoreError, VaultUnavailable, KeysDestroyed) as error:
        _log.warning("subjects: whether what was erased came back is not known: %s", type(error).__name__)


async def _prompts_moved(services: Services) -> bool:
    """Bring system prompts of earlier versions under their tenants' keys; return whether that was done."""
    try:
        done = await services.mover.run(SCHEDULE, Ask())
    except (Refused, StoreError, VaultUnavailable) as error:
        _log.warning(
            "prompts: some may rest under the installation's keyring still: %s; tried again", type(error).__name__
        )
        return False
    if done != Moved():
        _log.info(
            "prompts: %d moved under their tenants' keys, %d erased since those were destroyed, %d could not be moved",
            done.moved, done.erased, done.broken,
        )  # fmt: skip
    return True


async def _move_prompts(services: Services) -> None:
    """Go on with what a start could not do, since the vault was away or the log not sealed yet."""
    pause = _MOVE_AGAIN_S
    while not await _prompts_moved(services):
        await asyncio.sleep(pause)
        pause = min(2 * pause, _MOVE_SELDOM_S)  # each try stands in the audit log


async def _drop_in_time(services: Services) -> None:
    """Drop what is due, every six hours; a run that fails is told in the log and made again."""
    while True:
        await asyncio.sleep(_FIRST_RUN_S)
        try:
            dropped = await services.retention.run(SCHEDULE, Ask())
            if dropped:
                _log.info("retention: dropped %d days of records", len(dropped))
        except (Refused, StoreError) as error:
            _log.warning("retention: %s", type(error).__name__)
        await _erase_again(services, files=True)
        await asyncio.sleep(_EVERY_S)


async def _watch_flows(services: Services) -> None:
    """Look every hour which data goes where; what nobody declared is told in the log of whose it is."""
    while True:
        await asyncio.sleep(_FLOWS_S)
        try:
            for tenant in await services.identity.list_tenants(SCHEDULE, Ask()):
                await services.flows.watch(TenantId(tenant.id))
        except (Refused, StoreError) as error:
            _log.warning("flows: %s", type(error).__name__)


async def _watch_keys(services: Services) -> None:
    """Look every hour for keys that nobody uses; each is told once in the log of whose it is."""
    while True:
        await asyncio.sleep(_KEYS_S)
        try:
            for tenant in await services.identity.list_tenants(SCHEDULE, Ask()):
                await services.neglect.watch(TenantId(tenant.id), Ask())
        except (Refused, StoreError) as error:
            _log.warning("keys: %s", type(error).__name__)


async def _keep_current(services: Services) -> None:
    """Scan, once after a start, what was scanned by other rules than this version's; a failed run is made again."""
    while True:
        try:
            if count := await services.keeping.keep_current(SCHEDULE):
                _log.info("releases: %d scanned again, by the rules of this version", count)
        except (Refused, StoreError) as error:
            _log.warning("releases: %s", type(error).__name__)
            await asyncio.sleep(_RETRY_S)
        else:
            return


async def _renew_in_time(services: Services) -> None:
    """Sign the channels anew long before they end; what fails is told in the log, and tried again soon."""
    while True:
        pause = _RENEW_EVERY_S
        try:
            for channel, trouble in (await services.channels.renew(SCHEDULE, Ask())).items():
                _log.error("channel %s cannot be signed anew: %s", channel, trouble)
        except (Refused, StoreError) as error:
            _log.warning("channels: %s", type(error).__name__)
            pause = _RENEW_AGAIN_S
        await asyncio.sleep(pause)


async def _connected(handover: Handover) -> Database:
    """Connect, however long the database takes to come back: a restart of both must not need a third."""
    while True:
        try:
            return await Database.connect(handover.logins[CONTROL], handover.logins[OPERATOR])
        except Unavailable as error:
            _log.warning("waiting for the database: %s", error)
            await asyncio.sleep(_RETRY_S)
