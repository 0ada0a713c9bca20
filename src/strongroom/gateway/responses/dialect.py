"""How clients of OpenAI's Responses API ask and are answered: the OpenAI dialect, with other requests and answers."""

from __future__ import annotations

from strongroom.gateway.exchange.answers import Answer, Generation
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import Decoded, Naming, StreamWriter
from strongroom.gateway.openai.dialect import OpenAI
from strongroom.gateway.responses import answers, asks
from strongroom.gateway.responses.streams import ResponseWriter
from strongroom.kernel.refusal import Refusal


class OpenAIResponses(OpenAI):
    """The dialect of the Responses API."""

    def decode(self, endpoint: Endpoint, body: bytes, named: str | None) -> Decoded | Refusal:
        """Return what is asked."""
        del endpoint, named
        return asks.read(body)

    def whole(self, answer: Answer, naming: Naming) -> bytes:
        """Return the body of a whole answer; where it is to be kept, hand it to the turn."""
        if not isinstance(answer, Generation):
            raise TypeError("an answer that no endpoint of this dialect asks for")
        [choice] = answer.choices
        output = answers.output_of(naming, choice)
        document = answers.response(naming, "completed", output, answer.usage, choice.finish)
        body = answers.encode(document)
        if naming.turn is not None:
            naming.turn.take(document["id"], body, answers.said(choice))
        return body

    def stream(self, naming: Naming) -> StreamWriter:
        """Return the writer of one streamed answer."""
        return ResponseWriter(naming)

    def dropped(self, response: str) -> bytes:
        """Return the body that says that a kept response is gone."""
        return answers.encode({"id": response, "object": "response", "deleted": True})
