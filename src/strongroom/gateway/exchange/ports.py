"""The two ends of an exchange: a dialect towards the client, a protocol towards the model.

Between them a refusal's `param` is the name of the ask's own attribute (`n`, `logit_bias`, `max_output_tokens`, …, or
`tools`); what the caller calls it stands in `Decoded.names`, and `in_words_of` puts it there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from msgspec import Struct

from strongroom.gateway.exchange.answers import Answer, Event
from strongroom.gateway.exchange.asks import Ask, Message
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.kernel.refusal import Refusal
from strongroom.wire import Headers, Request


@dataclass(slots=True)
class Turn:
    """A turn of a conversation that is to be kept. The dialect puts in what it told, once that is whole.

    Attributes:
        instructions: how many of the ask's first messages are instructions for this turn alone.
        id: what the caller is told that it is called.
        document: the answer as the caller is told it.
        said: the answer as a message.
    """

    instructions: int = 0
    id: str = ""
    document: bytes = b""
    said: Message | None = None

    def take(self, identifier: str, document: bytes, said: Message) -> None:
        """Take what was told."""
        self.id, self.document, self.said = identifier, document, said


class Decoded(Struct, frozen=True, kw_only=True):
    """What a dialect made of a request.

    Attributes:
        ask: what is wanted, in no dialect.
        names: what the caller calls the ask's attributes, where that is another name.
        wants_usage: see `Naming`.
        own: what the dialect wants to be told again when it writes the answer; nobody else looks into it.
        previous: the kept response that the ask goes on from.
        turn: set where the answer is to be kept.
        subject: whose data the caller says it is about, as it said it; empty: it did not.
    """

    ask: Ask
    names: Mapping[str, str]
    wants_usage: bool = False
    own: object = None
    previous: str | None = None
    turn: Turn | None = None
    subject: str = ""


def in_words_of(refusal: Refusal, names: Mapping[str, str]) -> Refusal:
    """Return `refusal` with the field that it is about called as the caller calls it."""
    called = None if refusal.param is None else names.get(refusal.param)
    if called is None:
        return refusal
    return replace(refusal, tell=refusal.tell.replace(f"`{refusal.param}`", f"`{called}`"), param=called)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model that a key may ask. `created`: Unix seconds."""

    name: str
    created: int
    owner: str


class Naming(Struct, frozen=True, kw_only=True):
    """What the gateway calls an answer, whatever the engine called it.

    Attributes:
        request_id: as the caller is told it.
        model: the deployment's name, as the caller asked for it.
        created: Unix seconds.
        wants_usage: whether a stream is to end with what was used, where the dialect leaves that to the caller.
        ask: what is answered.
        own: what the dialect itself kept of the request (`Decoded.own`).
        turn: where to put the answer, if it is to be kept (`Decoded.turn`).
    """

    request_id: str
    model: str
    created: int
    ask: Ask
    wants_usage: bool = False
    own: object = None
    turn: Turn | None = None


class StreamWriter(Protocol):
    """Writes one streamed answer in a dialect. Each method returns bytes to send, perhaps none."""

    def feed(self, events: list[Event]) -> bytes:
        """Write events as they come."""
        ...

    def end(self) -> bytes:
        """Write the dialect's last word: called once, when the answer is known to be whole."""
        ...

    def fail(self, refusal: Refusal) -> bytes:
        """Write that the answer ends here and why; no last word follows."""
        ...


class Dialect(Protocol):
    """How clients of one API ask and are answered."""

    name: ClassVar[str]
    """What records and metrics call it, such as `openai`."""

    def unfit(self, request: Request) -> Refusal | None:
        """Return what this dialect misses in the fields of a request; None: nothing."""
        ...

    def credential(self, request: Request) -> str | None:
        """Return the key that the request presents, where this dialect carries one; None: none."""
        ...

    def decode(self, endpoint: Endpoint, body: bytes, named: str | None) -> Decoded | Refusal:
        """Return what is asked, or why it cannot be understood; `named` is the model in the path, if one is."""
        ...

    def headers(self, request_id: str, *, stream: bool = False) -> Headers:
        """Return the fields of a 200."""
        ...

    def models(self, cards: Sequence[ModelCard]) -> bytes:
        """Return the body of a list of models."""
        ...

    def model(self, card: ModelCard) -> bytes:
        """Return the body that describes one model."""
        ...

    def refuse(self, refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
        """Return (status, headers, body) of a no."""
        ...

    def no_route(self, status: int, tell: str, request_id: str, *, allow: str = "") -> tuple[int, Headers, bytes]:
        """Return (status, headers, body) for what no endpoint answers; `allow`: the method that a 405 must name."""
        ...

    def whole(self, answer: Answer, naming: Naming) -> bytes:
        """Return the body of a whole answer."""
        ...

    def stream(self, naming: Naming) -> StreamWriter:
        """Return the writer of one streamed answer."""
        ...


class StreamReader(Protocol):
    """Reads one streamed answer of an engine."""

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that are complete with `piece`.

        Raises:
            ValueError: when the engine does not keep to its protocol (msgspec's errors are ones).
        """
        ...

    @property
    def complete(self) -> bool:
        """Whether the engine has said its last word."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as an engine gets it. `headers` have the content type and what the protocol asks for, never a secret."""

    path: str
    headers: Headers
    body: bytes
    method: str = "POST"


class EngineProtocol(Protocol):
    """How engines of one kind are asked and answer."""

    def cannot(self, ask: Ask) -> Refusal | None:
        """Return why this ask cannot be said exactly in this protocol, naming the field; None: it can."""
        ...

    def outgoing(self, ask: Ask, model: str) -> Outgoing:
        """Write `ask`; `model` is what the engine calls the model."""
        ...

    def whole(self, ask: Ask, body: bytes) -> Answer:
        """Decode a whole answer to `ask`.

        Raises:
            ValueError: when it is none (msgspec's errors are ones).
        """
        ...

    def reader(self, ask: Ask) -> StreamReader:
        """Return a reader of the streamed answer to `ask`."""
        ...

    def no(self, status: int, body: bytes) -> Refusal:
        """Return what an answer other than 200 means to the caller: known sentences, and nothing else of the engine's."""
        ...
