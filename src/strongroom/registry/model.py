"""The values of the registry."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated, Final
from uuid import UUID

import msgspec

from strongroom.kernel.principal import Environment
from strongroom.providers import ProviderKind

Digest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$(?!\n)")]
"""SHA-256 of a release's canonical manifest."""


@unique
class Operation(StrEnum):
    """What a model can be asked for."""

    CHAT = "chat"  # chat and plain completions
    EMBEDDING = "embedding"
    MODERATION = "moderation"
    INFER = "infer"  # tensors in, tensors out: Open Inference Protocol v2


@unique
class Format(StrEnum):
    """How the weights are written; the loader is bound to it."""

    GGUF = "gguf"
    ONNX = "onnx"
    SKOPS = "skops"  # scikit-learn, in dev only
    SAFETENSORS = "safetensors"  # kept, scanned, signed and approved; no worker of this machine loads it

    def barred_from(self, environment: Environment) -> str | None:
        """Return why a release written so may not be served in `environment`; None: it may.

        What a skops file names is built as Python objects, behind an allow-list of types: good enough to try a model
        out, and no more. ONNX is data for one interpreter.
        """
        if self is Format.SAFETENSORS:
            return "No worker of this machine loads safetensors: convert it to GGUF or ONNX, or serve it outside."
        if self is Format.SKOPS and environment is not Environment.DEV:
            return f"A skops model is served in dev only, not in {environment}: export it as ONNX."
        return None


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A model as it is served: content-addressed, immutable."""

    digest: Digest
    name: str
    version: str
    kind: Operation
    format: Format
    bytes: int
    source: str
    admitted_at: datetime
    tenant: UUID | None = None
    """Whose own it is; None: the installation's."""
    author: str | None = None
    """Who brought it; None: it came with the installation."""


Weight = Annotated[int, msgspec.Meta(ge=1, le=1000)]
"""How much of the requests a target gets, beside those of the same fallback order."""

Order = Annotated[int, msgspec.Meta(ge=0, le=15)]
"""When a target is asked: 0 first; a higher one only where none of a lower one can be."""

OutsideModel = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,200}$(?!\n)", max_length=200)]
"""What a provider calls a model: printable ASCII without spaces."""

_VERSIONS: Final = "/versions/"
_ONE_PART: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:@+~-]*")

MAX_TARGETS: Final = 16

SERVED_BY: Final = {
    ProviderKind.OPENAI: frozenset({Operation.CHAT, Operation.EMBEDDING, Operation.MODERATION}),
    ProviderKind.ANTHROPIC: frozenset({Operation.CHAT}),
    ProviderKind.OIP: frozenset({Operation.INFER}),
}
"""What can be asked in each provider's protocol."""


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provider that answers for a deployment: by name, with what it calls the model."""

    provider: Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
    model: OutsideModel
    weight: Weight = 1
    fallback: Order = 0


def in_path(model: str) -> str:
    """Return what a provider's model is in the path of a request: `NAME` or `NAME/versions/N`.

    Args:
        model: as a target names it.

    Raises:
        ValueError: when a name or version is not one part of a path under every reading. `..` is one that clients and
            proxies take out again, and the provider's secret would go to another place than the one that was meant.
    """
    name, between, version = model.partition(_VERSIONS)
    if not all(_ONE_PART.fullmatch(part) for part in ([name, version] if between else [name])):
        raise ValueError(
            "A model of the Open Inference Protocol is NAME or NAME/versions/N, of letters, digits and `_.:@+~-`, and "
            "begins with no dot."
        )
    return model


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant may ask in one environment under a name of its own: a release on workers here, or targets outside.

    Of the two, `release` (with `model` and `version`) and `targets`, a deployment has one.
    """

    id: UUID
    environment: Environment
    name: str
    release: Digest | None
    model: str | None
    version: str | None
    kind: Operation
    created_at: datetime
    targets: list[Target] = []
    prompt: str | None = None
    """The system prompt that is put before every request, NAME@VERSION."""
    prompt_digest: Digest | None = None
    runtime: Digest | None = None
    """Digest of the installation when the deployment was made, as `runtime bom` tells it."""
