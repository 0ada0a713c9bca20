"""What the gateway answers to: an allow-list of method and path, each with its dialect and endpoint, nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from strongroom.gateway.anthropic.dialect import VERSION_FIELD, Anthropic
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import Dialect
from strongroom.gateway.oip.dialect import OpenInference
from strongroom.gateway.openai.dialect import OpenAI
from strongroom.gateway.responses.dialect import OpenAIResponses
from strongroom.wire import Request

OPENAI: Final[Dialect] = OpenAI()
ANTHROPIC: Final[Dialect] = Anthropic()
OIP: Final[Dialect] = OpenInference()
RESPONSES: Final = OpenAIResponses()

# A model is named as `kernel.ids.parse_name` has it: no percent sign, no slash, so no second way to write a path.
_KEPT: Final = re.compile(r"/v1/responses/([A-Za-z0-9_-]{1,128})")
_TENSORS: Final = re.compile(r"/v2/models/(?P<model>[a-z0-9.-]{1,63})(?P<what>/infer|/ready)?")
_OF_TENSORS: Final = {
    "/infer": ("POST", Endpoint.INFER),
    "/ready": ("GET", Endpoint.READY),
    None: ("GET", Endpoint.DESCRIBE),
}
_MODELS: Final = frozenset({Endpoint.MODELS, Endpoint.MODEL})
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
    "/v1/moderations": ("POST", Match(OPENAI, Endpoint.MODERATION)),
    "/v1/models": ("GET", Match(OPENAI, Endpoint.MODELS)),
    "/v1/responses": ("POST", Match(RESPONSES, Endpoint.RESPONSES)),
    "/v1/messages": ("POST", Match(ANTHROPIC, Endpoint.MESSAGES)),
    "/v1/messages/count_tokens": ("POST", Match(ANTHROPIC, Endpoint.COUNT)),
}


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Why there is no endpoint, and in whose words to say so; `allow` is the method that the path does have."""

    dialect: Dialect
    status: int
    tell: str
    allow: str = ""


def match(request: Request) -> Match | NoMatch:
    """Return the endpoint that the method and the path of `request` mean, or why there is none."""
    found = _ROUTES.get(request.path)
    if found is not None and found[0] == request.method == "POST":  # nearly always
        return found[1]
    return _match(request, found)


def _match(request: Request, found: tuple[str, Match] | None) -> Match | NoMatch:
    method, path = request.method, request.path
    if found is not None:
        allowed, matched = found
    elif (named := _MODEL.fullmatch(path)) is not None:
        allowed, matched = "GET", Match(OPENAI, Endpoint.MODEL, named[1])
    elif (kept := _KEPT.fullmatch(path)) is not None:
        if method == "DELETE":
            return Match(RESPONSES, Endpoint.DROP_RESPONSE, kept[1])
        if method != "GET":
            return NoMatch(RESPONSES, 405, "This endpoint is asked with GET or DELETE.", "GET, DELETE")
        return Match(RESPONSES, Endpoint.RESPONSE, kept[1])
    elif (tensors := _TENSORS.fullmatch(path)) is not None:
        allowed, endpoint = _OF_TENSORS[tensors["what"]]
        matched = Match(OIP, endpoint, tensors["model"])
    else:
        return NoMatch(_dialect_of(path), 404, "There is no such endpoint here.")
    if matched.endpoint in _MODELS and request.header(VERSION_FIELD) is not None:
        # Both APIs have these two paths; only Anthropic's clients name a version, and they must.
        matched = Match(ANTHROPIC, matched.endpoint, matched.named)
    if method != allowed:
        return NoMatch(matched.dialect, 405, f"This endpoint is asked with {allowed}.", allowed)
    return matched


def _dialect_of(path: str) -> Dialect:
    """Return in whose words to say that there is nothing at `path`."""
    if path.startswith("/v2"):
        return OIP
    return ANTHROPIC if path.startswith("/v1/messages/") else OPENAI
