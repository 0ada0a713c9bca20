"""The values of the registry."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated
from uuid import UUID

import msgspec

from strongroom.kernel.principal import Environment

Digest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$(?!\n)")]
"""SHA-256 of a release's canonical manifest."""


@unique
class Operation(StrEnum):
    """What a model can be asked for."""

    CHAT = "chat"  # chat and plain completions
    EMBEDDING = "embedding"
    INFER = "infer"  # tensors in, tensors out: Open Inference Protocol v2


@unique
class Format(StrEnum):
    """How the weights are written; the loader is bound to it."""

    GGUF = "gguf"
    ONNX = "onnx"
    SKOPS = "skops"  # scikit-learn, in dev only

    def barred_from(self, environment: Environment) -> str | None:
        """Return why a release written so may not be served in `environment`; None: it may.

        What a skops file names is built as Python objects, behind an allow-list of types: good enough to try a model
        out, and no more. ONNX is data for one interpreter.
        """
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


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A release that a tenant may ask in one environment, under a name of its own."""

    id: UUID
    environment: Environment
    name: str
    release: Digest
    model: str
    version: str
    kind: Operation
    created_at: datetime
