"""What a worker is told to be: `WorkerSpec` by the installation, `WorkerConfig` by the launcher over a pipe.

Always true here: neither holds a secret, and a worker learns no tenant, no path of the blob store and no other worker.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

import msgspec

from strongroom.confinement.confine import Confinement
from strongroom.kernel.ids import parse_name
from strongroom.kernel.principal import Environment
from strongroom.runtime.digests import Artefact, Digest, Format, manifest_digest

MIB: Final = 1 << 20
_MAX_SOCKET_PATH: Final = 107


@unique
class Kind(StrEnum):
    """What a worker serves."""

    CHAT = "chat"
    EMBEDDING = "embedding"
    INFER = "infer"  # a tabular model
    NAMES = "names"  # names of people and places in texts: asked by the gateway itself, for nobody's deployment

    @property
    def wipes(self) -> bool:
        """Return whether nothing of a request is kept for the next one, so that what is freed can be wiped and is then gone.

        Not a chat worker's: its engine keeps prompts in caches, on purpose, until others take their place.
        """
        return self is not Kind.CHAT


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """One worker: a release in a placement group.

    Attributes:
        name: unique on this machine, for logs, control groups and events, as `smollm2-135m.dev`.
        model: the release's name, as answers carry it.
        kind: what it serves.
        artefacts: the release's files; their manifest's digest is what it serves under.
        environment: dev, test and prod never share a worker.
        socket_path: where it is reached (at most 107 bytes).
        uid: numeric uid of its own (needs root), or None to stay the launcher's user.
        client_uid: who alone may connect, or None for the launcher's user.
        memory_bytes: its bound; sealed weights are shared and count for the launcher.
        slots: requests a chat worker answers at a time.
        context_tokens: of each slot, prompt and answer together.
        threads: compute threads.
        max_waiting: requests that may wait for a slot.
        max_waiting_per_scope: of those, requests of one cache scope.
    """

    name: str
    model: str
    kind: Kind
    artefacts: tuple[Artefact, ...]
    environment: Environment
    socket_path: Path
    uid: int | None = None
    client_uid: int | None = None
    memory_bytes: int = 1024 * MIB
    slots: int = 2
    context_tokens: int = 2048
    threads: int = 1
    max_waiting: int = 64
    max_waiting_per_scope: int = 16

    def __post_init__(self) -> None:
        """Check what becomes a path, and that the release's formats are for this environment."""
        parse_name(self.name)
        refuse_unfit(self.environment, (item.format for item in self.artefacts))
        if len(os.fsencode(self.socket_path)) > _MAX_SOCKET_PATH:
            raise ValueError(f"{self.name}: a socket's path has at most {_MAX_SOCKET_PATH} bytes")

    @property
    def digest(self) -> Digest:
        """The digest of the release this worker serves."""
        return manifest_digest(self.artefacts)


class UnfitFormatError(ValueError):
    """A release may not be served where it was to be."""


def refuse_unfit(environment: Environment, formats: Iterable[Format]) -> None:
    """Refuse a format that does not belong in an environment.

    The registry deploys no such release; this is asked again by the launcher, and by the worker before it loads.

    Raises:
        UnfitFormatError: for skops outside dev.
    """
    if environment is not Environment.DEV and Format.SKOPS in set(formats):
        raise UnfitFormatError(f"a skops model is served in dev only, not in {environment}: export it as ONNX")


class SealedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of the release as a worker gets it: an inherited descriptor, and what its bytes must be."""

    name: str
    digest: str
    format: Format
    descriptor: int
    blake3: str = ""

    @property
    def path(self) -> str:
        """A path to the sealed bytes, for engines that only take paths; only this process can follow it."""
        return f"/proc/self/fd/{self.descriptor}"


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one line of JSON a worker reads from its launcher before it confines itself."""

    name: str
    model: str
    kind: Kind
    environment: Environment
    digest: str
    files: tuple[SealedFile, ...]
    listener: int
    scratch: str
    slots: int
    context_tokens: int
    threads: int
    max_waiting: int
    max_waiting_per_scope: int
    confinement: Confinement

    def file(self, wanted: Format) -> SealedFile:
        """Return the release's one file of that format.

        Raises:
            ValueError: when there is none, or more than one.
        """
        found = [item for item in self.files if item.format is wanted]
        if len(found) != 1:
            raise ValueError(f"{self.model} has {len(found)} {wanted} files, a worker serves exactly one")
        return found[0]
