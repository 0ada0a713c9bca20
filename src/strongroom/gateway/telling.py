"""What a gateway process says of itself when it is asked: its counters, and how everything around it is now."""

from __future__ import annotations

from collections.abc import Iterable

from strongroom.gateway.breaker import State
from strongroom.gateway.recorder import Recorder
from strongroom.gateway.snapshot import Snapshot
from strongroom.gateway.upstreams import Upstreams
from strongroom.kernel.clock import Clock
from strongroom.kernel.metrics import Figures


async def figures(recorder: Recorder, snapshot: Snapshot, upstreams: Upstreams, clock: Clock) -> Iterable[Figures]:
    """Return every family as it stands, after a look at the workers."""
    metrics = recorder.metrics
    metrics.feed_version.set(to=snapshot.version)
    metrics.lease.set(to=snapshot.lease_s(clock.boottime()))
    up, down = await upstreams.workers(snapshot.routes())
    metrics.workers.set("up", to=up)
    metrics.workers.set("down", to=down)
    states = upstreams.breakers()
    for state in State:
        metrics.breakers.set(state, to=states[state])
    return recorder.figures()
