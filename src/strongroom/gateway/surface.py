"""What the gateway answers to: an allow-list of method and path, each with its dialect and endpoint, nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import Dialect
from strongroom.gateway.openai.dialect import OpenAI

OPENAI: Final[Dialect] = OpenAI()

# A model is named as `kernel.ids.parse_name` has it: no percent sign, no slash, so no second way to write a path.
_MODEL: Final = re.compile(r"/v1/models/([a-z0-9.-]{1,63})")


@dataclass(frozen=True, slots=True)
class Match:
    """An endpoint in a dialect, with the thing that its path names."""

    dialect: Dialect
    endpoint: Endpoint
    named: str | None = None


_ROUTES: Final = {
    "/v1/chat/completions": ("POST", Match(OPENAI, Endpoint.CHAT)),
    "/v1/completions": ("POST", Match(OPENAI, Endpoint.COMPLETION)),
    "/v1/embeddings": ("POST", Match(OPENAI, Endpoint.EMBEDDING)),
    "/v1/models": ("GET", Match(OPENAI, Endpoint.MODELS)),
}


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Why there is no endpoint, and in whose words to say so; `allow` is the method that the path does have."""

    dialect: Dialect
    status: int
    tell: str
    allow: str = ""


def match(method: str, path: str) -> Match | NoMatch:
    """Return the endpoint that `method` and `path` mean, or why there is none."""
    found = _ROUTES.get(path)
    if found is not None:
        allowed, matched = found
    elif (named := _MODEL.fullmatch(path)) is not None:
        allowed, matched = "GET", Match(OPENAI, Endpoint.MODEL, named[1])
    else:
        return NoMatch(OPENAI, 404, "There is no such endpoint here.")
    if method != allowed:
        return NoMatch(matched.dialect, 405, f"This endpoint is asked with {allowed}.", allowed)
    return matched
