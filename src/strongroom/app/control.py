"""The control process's wiring: one database, one directory, the API and the console on one port."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from strongroom.app import duties
from strongroom.app.api import control_app
from strongroom.app.checks import Check
from strongroom.app.doctor import online
from strongroom.app.environment import environment
from strongroom.app.geo import source
from strongroom.app.handover import Handover
from strongroom.app.identity_section import proof_nonces, provider
from strongroom.app.metrics import Collected, is_token
from strongroom.app.services import Doctor, Explain, Show
from strongroom.app.settings import Loaded
from strongroom.app.wiring import Base, Terms, make_services, parts_of
from strongroom.console import missing, pages
from strongroom.identity import Directory
from strongroom.identity.elevation.notices import Hook
from strongroom.identity.signers import Signers
from strongroom.kernel.clock import SystemClock
from strongroom.policy import Engine
from strongroom.providers import Book, Networks
from strongroom.registry.admission.model import OwnKeys
from strongroom.registry.releases.service import Bounds
from strongroom.rules import Rulebook
from strongroom.store import Database, Unavailable
from strongroom.store.feed import FeedEntry
from strongroom.store.follower import Follower
from strongroom.store.roles import CONTROL, OPERATOR
from strongroom.vault import BrokeredKeystore
from strongroom.wire import AsgiBridge

_RETRY_S: Final = 0.5
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

    async def doctor() -> Sequence[Check]:
        return await online(services, clock, Path(handover.worker_sockets), book)

    collected = Collected(Path(handover.metrics_sockets), Path(handover.keeper_metrics))
    base = Base(
        database=database,
        follower=follower,
        directory=directory,
        engine=engine,
        keys=keys,
        keystore=BrokeredKeystore(Path(handover.vault_socket), handover.vault_token),
        clock=clock,
    )
    services = make_services(
        base,
        _terms(handover, rulebook, signers, explain=loaded.explain, doctor=doctor, figures=collected.text),
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
    # Before anybody is answered: what a restored backup brought back is not to be seen.
    await duties.erase_again(services)
    moved = await duties.prompts_moved(services)
    services.releases.resume()
    working = duties.of_control(services, collected.run, moved=moved)
    try:
        async with AsgiBridge(control_app(services, pages=pages(parts), missing=missing(parts))).lifespan() as bridge:
            yield bridge
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        await services.training_jobs.close()
        await services.releases.close()
        await follower.close()
        await database.close()


def _terms(
    handover: Handover, rulebook: Rulebook, signers: Signers, *, explain: Explain, doctor: Doctor, figures: Show
) -> Terms:
    """Return what the settings come to for the services."""
    settings, hook = handover.settings, handover.settings.elevation.webhook
    nonces = proof_nonces(settings.identity, handover.purpose_keys, "control", production=settings.production)
    return Terms(
        explain=explain,
        doctor=doctor,
        figures=figures,
        is_scraper=lambda presented: is_token(presented, handover.metrics_token),
        sockets=Path(handover.metrics_sockets),
        networks=Networks(settings.gateway.upstream_networks),
        issuer_networks=Networks(settings.identity.issuer_networks),
        signers=signers,
        nonces=nonces,
        provider=provider(settings.identity, handover.sso_secret, handover.sso_ca),
        production=settings.production,
        grace_s=settings.audit.grace_s,
        rulebook=rulebook,
        hook=None if hook is None else Hook(hook, handover.webhook_secret),
        content=Path(handover.content),
        stores=settings.content,
        content_key=handover.content_key,
        blobs=Path(handover.blobs),
        bounds=Bounds(tenant_bytes=settings.releases.tenant_gib << 30),
        upload_hours=settings.releases.upload_hours,
        channels=Path(handover.channels),
        own=OwnKeys(demanded=settings.own_keys, trusted=frozenset(settings.approvals.keys)),
        suites=settings.evaluations,
        patience=settings.keys.patience,
        look=partial(environment, settings.evidence.lock),
        image=settings.evidence.image or "",
    )


async def _connected(handover: Handover) -> Database:
    """Connect, however long the database takes to come back: a restart of both must not need a third."""
    while True:
        try:
            return await Database.connect(handover.logins[CONTROL], handover.logins[OPERATOR])
        except Unavailable as error:
            _log.warning("waiting for the database: %s", error)
            await asyncio.sleep(_RETRY_S)
