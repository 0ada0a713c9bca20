"""The supervisor's wiring of what people brought: one database, one gate, one follower, beside the workers' host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial

from strongroom.app.contents import content_store, s3_key
from strongroom.app.environment import environment
from strongroom.app.installer import remembered
from strongroom.app.layout import Layout
from strongroom.app.serving import Parts, Serving
from strongroom.app.settings import Settings
from strongroom.kernel.clock import SystemClock
from strongroom.policy import Engine, Gate
from strongroom.registry.admission import Admission, RegistryKeys
from strongroom.registry.admission.model import OwnKeys
from strongroom.registry.evidence.reader import EvidenceReader
from strongroom.registry.releases import Shelf
from strongroom.runtime.supervise import WorkerHost
from strongroom.store import Database, Dsn
from strongroom.store.follower import Follower
from strongroom.store.roles import CONTROL, OPERATOR, Passwords
from strongroom.vault import Keyring, Keystore, Purpose, Vault


@asynccontextmanager
async def serving_brought(
    places: Layout,
    settings: Settings,
    database: tuple[Dsn, Passwords],
    keyring: Keyring,
    keystore: Keystore,
    host: WorkerHost,
    tell: Callable[[str], None],
) -> AsyncGenerator[Serving]:
    """Serve what people brought for as long as the supervisor runs.

    Raises:
        Unavailable: when the database cannot be reached.
    """
    clock, keys = SystemClock(), keyring.derive(Purpose.REGISTRY)
    own = OwnKeys(demanded=settings.own_keys, trusted=frozenset(settings.approvals.keys))
    admin, passwords = database
    control = passwords.login(CONTROL, admin)
    connected = await Database.connect(control, passwords.login(OPERATOR, admin), size=2)
    gate = Gate(connected, Engine.load(), clock)
    store = content_store(settings.content, s3_key(settings.content), places.content, Vault(keystore, clock))
    parts = Parts(
        gate=gate,
        admission=Admission(gate, RegistryKeys(keys), clock, remembered(places, settings), own),
        shelf=Shelf(store, places.blobs),
        host=host,
        settings=settings,
        sockets=places.worker_sockets,
        tell=tell,
        runtime=EvidenceReader(RegistryKeys(keys), partial(environment, settings.evidence.lock)).runtime,
    )
    serving = Serving(parts)
    follower = Follower(control, clock, serving.apply)
    follower.start()
    task = asyncio.create_task(serving.run(), name="brought releases")
    try:
        yield serving
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await follower.close()
        await connected.close()
