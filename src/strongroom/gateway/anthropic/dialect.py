"""How clients of Anthropic's API ask and are answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from strongroom.gateway.anthropic import answers, asks, errors
from strongroom.gateway.anthropic.streams import MessageWriter
from strongroom.gateway.exchange.answers import Answer
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import Decoded, ModelCard, Naming, StreamWriter
from strongroom.gateway.openai.dialect import bearer
from strongroom.kernel.clock import rfc3339
from strongroom.kernel.refusal import Refusal, invalid
from strongroom.wire import Headers, Request

VERSION_FIELD: Final = b"anthropic-version"
_VERSIONS: Final = (b"2026-10-21", b"2023-06-01")
_KEY_FIELD: Final = b"x-api-key"


class Anthropic:
    """The Anthropic dialect."""

    name: ClassVar[str] = "anthropic"

    def unfit(self, request: Request) -> Refusal | None:
        """Refuse a version that is none, or that nobody has published; beta features are in none."""
        if request.header(VERSION_FIELD) in _VERSIONS:
            return None
        named = " or ".join(f"`{version.decode()}`" for version in _VERSIONS)
        return invalid(f"The field `anthropic-version` is {named}.", param=VERSION_FIELD.decode())

    def credential(self, request: Request) -> str | None:
        """Return the key in `x-api-key` or the bearer token: one of them, or both the same."""
        keys = {value.decode("latin-1") for name, value in request.headers if name == _KEY_FIELD}
        token = bearer(request)
        if token is not None:
            keys.add(token)
        return keys.pop() if len(keys) == 1 else None

    def decode(self, endpoint: Endpoint, body: bytes, named: str | None) -> Decoded | Refusal:
        """Return what is asked. No path of this dialect names a model that is asked."""
        del named
        return asks.read(endpoint, body)

    def headers(self, request_id: str, *, stream: bool = False) -> Headers:
        """Return the fields of a 200."""
        return errors.headers_for(request_id, stream=stream)

    def whole(self, answer: Answer, naming: Naming) -> bytes:
        """Return the body of a whole answer."""
        return answers.whole(answer, naming)

    def stream(self, naming: Naming) -> StreamWriter:
        """Return the writer of one streamed answer."""
        return MessageWriter(naming)

    def models(self, cards: Sequence[ModelCard]) -> bytes:
        """Return the models that this key may ask, all on one page."""
        told = [_card(card) for card in cards]
        ends = {"first_id": told[0]["id"], "last_id": told[-1]["id"]} if told else {"first_id": None, "last_id": None}
        return answers.encode({"data": told, "has_more": False, **ends})

    def model(self, card: ModelCard) -> bytes:
        """Return one of them."""
        return answers.encode(_card(card))

    def refuse(self, refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
        """Return (status, headers, body) of a no."""
        return errors.render(refusal, request_id)

    def no_route(self, status: int, tell: str, request_id: str, *, allow: str = "") -> tuple[int, Headers, bytes]:
        """Return (status, headers, body) for what no endpoint answers."""
        return status, *errors.render_status(status, tell, request_id, allow=allow)


def _card(card: ModelCard) -> dict[str, Any]:
    created = rfc3339(datetime.fromtimestamp(card.created, UTC))
    return {"type": "model", "id": card.name, "display_name": card.name, "created_at": created, "lifecycle": "active"}
