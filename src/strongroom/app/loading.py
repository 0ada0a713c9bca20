"""What one worker of a brought release is made from: which release where, and its files in sealed memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.registry.content import Broken, Stored, memory
from strongroom.runtime import weights
from strongroom.runtime.digests import Format
from strongroom.runtime.spec import WorkerSpec


class Wanted(NamedTuple):
    """What one worker serves: a release in an environment, for one tenant when it is that tenant's own."""

    environment: Environment
    digest: str
    tenant: TenantId | None

    @property
    def mark(self) -> str:
        """A short name that no other worker has."""
        return hashlib.sha256(f"{self.environment} {self.digest} {self.tenant}".encode()).hexdigest()[:10]


@dataclass(slots=True)
class Running:
    """A worker that was started for a release."""

    spec: WorkerSpec
    slot: int
    sealed: dict[str, int]
    coming: asyncio.Task[None]
    attested: bool = False


@dataclass(slots=True)
class Waiting:
    """A release that is deployed and not served, and why; `until`: when it is tried again, by the loop's time."""

    why: str
    until: float


def sealed_files(stored: Mapping[str, Stored | Broken]) -> dict[str, int]:
    """Return a descriptor of sealed memory for each file, by its digest; all of them or none.

    Raises:
        Broken: when one is not what its name says.
        NoMemory: when they do not fit into memory together; that is asked before the first is copied.
        OSError: when one cannot be read.
    """
    lengths: dict[str, int] = {}
    for path, each in stored.items():
        with _of(path):
            if isinstance(each, Broken):
                raise each
            lengths[each.sha256] = each.length()
    memory.demand(sum(lengths.values()))
    found: dict[str, int] = {}
    try:
        for path, each in stored.items():
            if isinstance(each, Stored) and each.sha256 not in found:
                with _of(path):
                    found[each.sha256] = each.in_memory()
    except BaseException:
        for descriptor in found.values():
            os.close(descriptor)
        raise
    return found


@contextmanager
def _of(path: str) -> Generator[None]:
    """Say of which file something is broken."""
    try:
        yield
    except Broken as broken:
        raise Broken(f"{path}: {broken}") from None


def verified(known: Running) -> None:
    """Hash again what a worker maps.

    Raises:
        WrongDigestError: when it is not the release.
        UnsealedWeightsError: when it could change.
    """
    for each in known.spec.artefacts:
        weights.verify(known.sealed[each.digest], each.digest, what=each.name, blake3=each.blake3)


def format_of(path: str, written: str) -> Format:
    """Return what a file of a release is to a worker."""
    if path == "tokenizer.json":
        return Format.TOKENIZER
    return Format(written) if path.endswith(f".{written}") else Format.OTHER
