"""How clients of the OpenAI API ask and are answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from strongroom.gateway.exchange.answers import Answer
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import Decoded, ModelCard, Naming, StreamWriter
from strongroom.gateway.openai import answers, asks, errors
from strongroom.gateway.openai.streams import ChunkWriter
from strongroom.kernel.refusal import Refusal
from strongroom.wire import Headers, Request

_BEARER: Final = b"bearer "
_PROVEN: Final = b"dpop "


class OpenAI:
    """The OpenAI dialect."""

    name: ClassVar[str] = "openai"

    def unfit(self, request: Request) -> Refusal | None:
        """Demand nothing of a request's fields."""
        del request
        return None

    def credential(self, request: Request) -> str | None:
        """Return the bearer token."""
        return bearer(request)

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
        return ChunkWriter(naming)

    def models(self, cards: Sequence[ModelCard]) -> bytes:
        """Return the models that this key may ask, and no others."""
        return answers.encode({"object": "list", "data": [_card(card) for card in cards]})

    def model(self, card: ModelCard) -> bytes:
        """Return one of them."""
        return answers.encode(_card(card))

    def refuse(self, refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
        """Return (status, headers, body) of a no."""
        return errors.render(refusal, request_id)

    def no_route(self, status: int, tell: str, request_id: str, *, allow: str = "") -> tuple[int, Headers, bytes]:
        """Return (status, headers, body) for what no endpoint answers."""
        return status, *errors.render_status(status, tell, request_id, allow=allow)


def bearer(request: Request) -> str | None:
    """Return the token of `request` (RFC 6750 §2.1; RFC 9449 §7.1, which comes with a proof); None: it has none."""
    header = request.header(b"authorization")
    if header is None:
        return None
    if header[: len(_BEARER)].lower() == _BEARER:
        return header[len(_BEARER) :].strip().decode("latin-1")
    return header[len(_PROVEN) :].strip().decode("latin-1") if header[: len(_PROVEN)].lower() == _PROVEN else None


def _card(card: ModelCard) -> dict[str, Any]:
    return {"id": card.name, "object": "model", "created": card.created, "owned_by": card.owner}
