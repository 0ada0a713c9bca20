"""Real workers for tests, benches and the self-test: started as in production, in a directory of their own.

The host runs in a thread with its own event loop, so that synchronous code can hold workers for as long as it likes.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from strongroom.confinement.tree import prepare_tree
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.events import Event
from strongroom.kernel.principal import Environment
from strongroom.runtime import artefacts, sandbox
from strongroom.runtime.blobs import BlobStore
from strongroom.runtime.cachescope import HEADER, Caller, cache_scope
from strongroom.runtime.launch import MODULES, Launcher
from strongroom.runtime.spec import Kind, WorkerSpec
from strongroom.runtime.supervise import HostPolicy, WorkerHost
from strongroom.wire import Pool, UnixTarget

READY_S: Final = 120.0
_MAX_ANSWER: Final = 1 << 26
_FIRST_UID: Final = 1_900_000_900
_MODELS: Final = {
    Kind.CHAT: ("smollm2-135m", artefacts.SMOLLM2),
    Kind.EMBEDDING: ("minilm", artefacts.MINILM),
    Kind.INFER: ("credit-risk", artefacts.CREDIT_RISK),
    Kind.NAMES: ("names", artefacts.RAMPART),
}
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker answered."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return msgspec.json.decode(self.body)


class Rig:
    """Workers that live as long as the `with` block."""

    def __init__(
        self,
        kinds: Sequence[Kind],
        *,
        namespaces: bool = True,
        modules: dict[Kind, str] | None = None,
        policy: HostPolicy | None = None,
        changes: dict[str, Any] | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.home = Path(tempfile.mkdtemp(prefix="sr-rig-"))
        self.home.chmod(0o755)
        self._kinds = tuple(kinds)
        self._namespaces = namespaces
        self._modules = modules or MODULES
        self._policy = policy
        self._changes = changes or {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rig", daemon=True)
        self.host: WorkerHost

    def __enter__(self) -> Self:
        """Start the workers and wait until they are ready."""
        self._thread.start()
        try:
            self.run(self._start())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the workers and remove their directory."""
        self.close()

    def close(self) -> None:
        """Stop everything."""
        if hasattr(self, "host"):
            self.run(self.host.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine on the host's event loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def socket(self, kind: Kind) -> Path:
        """Return where a worker listens."""
        return self.home / f"{kind}.sock"

    def spec(self, kind: Kind) -> WorkerSpec:
        """Return what a worker is."""
        model, pins = _MODELS[kind]
        spec = WorkerSpec(
            name=f"{model}.dev",
            model=model,
            kind=kind,
            artefacts=artefacts.admit(pins, BlobStore(self.home / "blobs")),
            environment=Environment.DEV,
            socket_path=self.socket(kind),
            uid=_FIRST_UID + list(Kind).index(kind) if os.geteuid() == 0 else None,
        )
        return replace(spec, **self._changes)

    def ask(self, kind: Kind, path: str, body: object = None, *, scope: Caller | None = None) -> Answer:
        """Ask a worker; without a body it is a GET."""
        return asyncio.run(ask(self.socket(kind), path, body, scope=scope))

    def _note(self, name: str, line: bytes) -> None:
        with (self.home / "logs" / f"{name}.log").open("ab") as file:
            file.write(line)

    async def _start(self) -> None:
        tree = await asyncio.to_thread(prepare_tree)
        facts = sandbox.probe(tree, own_uid=True).facts
        if not self._namespaces:
            facts = replace(facts, bwrap=None, why_not="not used here", groups=None)
        launcher = Launcher(tree=tree, facts=facts, scratch=self.home / "scratch", modules=self._modules)
        (self.home / "logs").mkdir()
        self.host = WorkerHost(
            launcher, clock=SystemClock(), observe=self.events.append, log=self._note, policy=self._policy
        )
        await self.host.start([self.spec(kind) for kind in self._kinds])
        await self.host.ready(READY_S)


def scope(name: str, workload: str = "workload") -> Caller:
    """Return a caller as the gateway would name it, for a tenant of that name."""
    secret = b"a secret for rigs only"
    return Caller(cache_scope(secret, name), cache_scope(secret, name, "dev", workload))


def fields(scope: Caller | None) -> list[tuple[bytes, bytes]]:
    """Return the request fields that the gateway sends."""
    scoped = [(HEADER.encode(), scope.header)] if scope else []
    return [(b"content-type", b"application/json"), *scoped]


async def ask(socket: Path, path: str, body: object = None, *, scope: Caller | None = None) -> Answer:
    """Ask a worker over its socket; `body` is encoded as JSON unless it is bytes."""
    pool = Pool(UnixTarget(socket), max_connections=1)
    data = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
    try:
        method = "GET" if body is None else "POST"
        async with pool.request(method, path, fields(scope), data, timeout_s=READY_S) as response:
            return Answer(response.status, await response.read(_MAX_ANSWER))
    finally:
        await pool.close()
