"""The supervisor's wiring of what people brought: the judges that everything is judged by, and one follower, beside the host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from strongroom.app.contents import content_store, s3_key
from strongroom.app.judging import Judges
from strongroom.app.layout import Layout
from strongroom.app.serving import Parts, Serving
from strongroom.app.settings import Settings
from strongroom.kernel.clock import SystemClock
from strongroom.registry.releases import Shelf
from strongroom.runtime.supervise import WorkerHost
from strongroom.store import Dsn
from strongroom.store.follower import Follower
from strongroom.vault import Keystore, Vault


@asynccontextmanager
async def serving_brought(
    places: Layout, settings: Settings, login: Dsn, keystore: Keystore, host: WorkerHost, judges: Judges
) -> AsyncGenerator[Serving]:
    """Serve what people brought for as long as the supervisor runs."""
    clock = SystemClock()
    store = content_store(settings.content, s3_key(settings.content), places.content, Vault(keystore, clock))
    parts = Parts(
        gate=judges.gate,
        admission=judges.admission,
        shelf=Shelf(store, places.blobs),
        host=host,
        settings=settings,
        sockets=places.worker_sockets,
        tell=judges.tell,
        runtime=judges.evidence.runtime,
    )
    serving = Serving(parts)
    follower = Follower(login, clock, serving.apply)
    follower.start()
    task = asyncio.create_task(serving.run(), name="brought releases")
    try:
        yield serving
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await follower.close()
