"""What the gateway answers to: an allow-list of method and path, nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from strongroom.registry import Operation


@unique
class Endpoint(StrEnum):
    """The OpenAI endpoints; the value is what records and metrics call them (OpenTelemetry GenAI operation names)."""

    CHAT = "chat"
    COMPLETION = "text_completion"
    EMBEDDING = "embeddings"
    MODELS = "list_models"
    MODEL = "retrieve_model"

    @property
    def needs(self) -> Operation | None:
        """Return what a model must offer to be asked here; None where no model is asked."""
        return _NEEDS.get(self)


_NEEDS: Final = {
    Endpoint.CHAT: Operation.CHAT,
    Endpoint.COMPLETION: Operation.CHAT,
    Endpoint.EMBEDDING: Operation.EMBEDDING,
}
_ROUTES: Final = {
    "/v1/chat/completions": ("POST", Endpoint.CHAT),
    "/v1/completions": ("POST", Endpoint.COMPLETION),
    "/v1/embeddings": ("POST", Endpoint.EMBEDDING),
    "/v1/models": ("GET", Endpoint.MODELS),
}
# A model is named as `kernel.ids.parse_name` has it: no percent sign, no slash, so no second way to write a path.
_MODEL: Final = re.compile(r"/v1/models/([a-z0-9.-]{1,63})")


@dataclass(frozen=True, slots=True)
class Match:
    """An endpoint, with the model that its path names."""

    endpoint: Endpoint
    model: str | None = None


def match(method: str, path: str) -> Match | int:
    """Return the endpoint, or the status that says why there is none: 404, or 405 for another method."""
    found = _ROUTES.get(path)
    if found is not None:
        return Match(found[1]) if method == found[0] else 405
    named = _MODEL.fullmatch(path)
    if named is not None:
        return Match(Endpoint.MODEL, named[1]) if method == "GET" else 405
    return 404
