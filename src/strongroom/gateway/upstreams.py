"""The engines behind deployments: workers of this machine, by the release and environment they serve, and providers.

Always true here: a deployment of a release never leaves this machine, and one of targets never reaches a worker.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Final

from strongroom.gateway.breaker import State
from strongroom.gateway.exchange.asks import Ask
from strongroom.gateway.limits.fair import FairPool
from strongroom.gateway.outside import Outside
from strongroom.gateway.protocols.oip import OpenInferenceEngine
from strongroom.gateway.protocols.worker import Worker
from strongroom.gateway.snapshot import Route
from strongroom.gateway.ways import LOCAL, Target, Way
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal
from strongroom.registry import Operation
from strongroom.rules.residency import Residency
from strongroom.runtime.cachescope import HEADER, Caller, cache_scope
from strongroom.runtime.infer_front import ITS_ONLY_MODEL
from strongroom.wire import ClientError, UnixTarget

__all__ = ["LOCAL", "Target", "Upstreams", "worker_socket"]

_HEALTH_S: Final = 1.0
_MAX_CALLERS: Final = 100_000
_CALLER_HEADER: Final = HEADER.encode()
_WORKER: Final = Worker()
_TENSOR_WORKER: Final = OpenInferenceEngine()


def worker_socket(directory: Path, environment: Environment, digest: str, tenant: TenantId | None = None) -> Path:
    """Return where the worker for (environment, release) listens. Short: a socket path has 107 bytes.

    A release of a tenant's own has a worker of that tenant's own; another tenant with the same files has another.
    """
    if tenant is None:
        return directory / f"{environment}-{digest.removeprefix('sha256:')[:12]}.sock"
    mark = hashlib.sha256(f"{tenant} {digest}".encode()).hexdigest()[:24]
    return directory / f"{environment}-{mark}.sock"


class Upstreams:
    """Workers, each with its connection pool, and the providers.

    A worker is release x environment: dev, test and prod never share one.
    """

    def __init__(
        self, directory: Path, scope_key: bytes, *, outside: Outside | None = None, max_connections: int = 256
    ) -> None:
        self._directory = directory
        self._scope_key = scope_key
        self._outside = outside
        self._max_connections = max_connections
        self._pools: dict[tuple[Environment, str, TenantId | None], FairPool] = {}
        self._asking: asyncio.Future[bool] | None = None
        self._callers: dict[tuple[str, str, str], bytes] = {}
        self._workers: dict[tuple[KeyId, str], tuple[Route, Principal, Target]] = {}

    def pool(self, route: Route) -> FairPool:
        """Return the pool for the worker that serves `route`."""
        if route.release is None:
            raise ValueError("a deployment of targets outside has no worker")
        key = (route.environment, route.release, route.tenant if route.own else None)
        pool = self._pools.get(key)
        if pool is None:
            target = UnixTarget(worker_socket(self._directory, *key))
            pool = self._pools[key] = FairPool(target, max_connections=self._max_connections)
        return pool

    async def ready(self, route: Route) -> None:
        """See to what must be there before `ways` can tell any; for our own workers there is nothing."""
        if route.targets and self._outside is not None:
            await self._outside.ready(route)

    def ways(self, route: Route, who: Principal, ask: Ask, residency: Residency) -> tuple[Way, ...] | Refusal:
        """Return where `ask` may be sent, in the order in which to try, or why nowhere. Never empty."""
        if not route.targets:
            target = self._worker(route, who)
            no = target.protocol.cannot(ask)
            return (Way(target, target.protocol.outgoing(ask, target.model)),) if no is None else no
        if self._outside is None:
            raise ValueError("a deployment of targets outside, and nothing to reach them by")

        def salt() -> str:
            return cache_scope(self._scope_key, str(route.tenant), route.environment, str(who.workload))

        return self._outside.ways(route, ask, residency, salt)

    def _worker(self, route: Route, who: Principal) -> Target:
        """Return the worker of `route` as it is asked for `who`: made once for both, and anew when either is another."""
        key = (who.credential, route.name)
        kept = self._workers.get(key)
        if kept is not None and kept[0] is route and kept[1] is who:
            return kept[2]
        caller = self.caller(str(route.tenant), route.environment, str(who.workload))
        headers = ((_CALLER_HEADER, caller),)
        if route.kind is Operation.INFER:
            target = Target(self.pool(route), _TENSOR_WORKER, ITS_ONLY_MODEL, headers)
        else:
            target = Target(self.pool(route), _WORKER, route.name, headers)
        if len(self._workers) >= _MAX_CALLERS:
            self._workers.clear()
        self._workers[key] = route, who, target
        return target

    def caller(self, tenant: str, environment: str, workload: str) -> bytes:
        """Return who asks, as workers learn it: no two workloads ever meet in a cache, and a tenant has one turn."""
        key = (tenant, environment, workload)
        caller = self._callers.get(key)
        if caller is None:
            if len(self._callers) >= _MAX_CALLERS:
                self._callers.clear()
            named = Caller(cache_scope(self._scope_key, tenant), cache_scope(self._scope_key, *key))
            caller = self._callers[key] = named.header
        return caller

    async def all_healthy(self, routes: Iterable[Route]) -> bool:
        """Whether every worker behind `routes` would take a request now.

        Who asks while workers are being asked shares the answer: anybody may ask, without a key and as often as they like.
        """
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask_all(tuple(routes)))
        return await asyncio.shield(self._asking)

    async def _ask_all(self, routes: Iterable[Route]) -> bool:
        # A provider's health is its own: a gateway without it still answers for everything else.
        # So is that of a release that somebody brought: its worker starts with its deployment, and holds up nobody else.
        workers = {self.pool(route): route for route in routes if route.release is not None and not route.brought}
        answers = await asyncio.gather(*(self._healthy(route) for route in workers.values()))
        return all(answers)

    async def workers(self, routes: Iterable[Route]) -> tuple[int, int]:
        """Return how many workers behind `routes` would take a request now, and how many would not."""
        behind = {self.pool(route): route for route in routes if route.release is not None}
        answers = await asyncio.gather(*(self._healthy(route) for route in behind.values()))
        return sum(answers), len(answers) - sum(answers)

    def breakers(self) -> Counter[State]:
        """Return how many breakers before providers are in which state."""
        return Counter() if self._outside is None else self._outside.states()

    async def healthy(self, route: Route) -> bool:
        """Whether what serves `route` would take a request now."""
        return route.release is None or await self._healthy(route)

    async def _healthy(self, route: Route) -> bool:
        try:
            async with self.pool(route).request("GET", "/health", timeout_s=_HEALTH_S) as response:
                await response.read(4096)
                return response.status == HTTPStatus.OK
        except ClientError:
            return False

    async def close(self) -> None:
        """Close every connection."""
        if self._asking is not None:
            self._asking.cancel()
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        if self._outside is not None:
            await self._outside.close()
