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
# A model is named as `kernel.ids.parse_name` has it: no percent sign, no slash, so no second way to write a path.
_MODEL: Final = re.compile(r"/v1/models/([a-z0-9.-]{1,63})")


@dataclass(frozen=True, slots=True)
class Match:
    """An endpoint, with the model that its path names."""

    endpoint: Endpoint
    model: str | None = None


_ROUTES: Final = {
    "/v1/chat/completions": ("POST", Match(Endpoint.CHAT)),
    "/v1/completions": ("POST", Match(Endpoint.COMPLETION)),
    "/v1/embeddings": ("POST", Match(Endpoint.EMBEDDING)),
    "/v1/models": ("GET", Match(Endpoint.MODELS)),
}


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Why there is no endpoint; `allow` is the method that the path does have."""

    status: int
    tell: str
    allow: str = ""


_ABSENT: Final = NoMatch(404, "There is no such endpoint here.")


def match(method: str, path: str) -> Match | NoMatch:
    """Return the endpoint that `method` and `path` mean, or why there is none."""
    found = _ROUTES.get(path)
    if found is not None:
        allowed, matched = found
    elif (named := _MODEL.fullmatch(path)) is not None:
        allowed, matched = "GET", Match(Endpoint.MODEL, named[1])
    else:
        return _ABSENT
    if method != allowed:
        return NoMatch(405, f"This endpoint is asked with {allowed}.", allowed)
    return matched
