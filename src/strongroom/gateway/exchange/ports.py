"""The two ends of an exchange: a dialect towards the client, a protocol towards the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from strongroom.gateway.exchange.answers import Answer, Event
from strongroom.gateway.exchange.asks import Ask
from strongroom.kernel.refusal import Refusal
from strongroom.wire import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What the gateway calls an answer, whatever the engine called it.

    Attributes:
        request_id: as the caller is told it.
        model: the deployment's name, as the caller asked for it.
        created: Unix seconds.
        wants_usage: whether a stream is to end with what was used, where the dialect leaves that to the caller.
    """

    request_id: str
    model: str
    created: int
    wants_usage: bool = False


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

    def refuse(self, refusal: Refusal, request_id: str) -> tuple[int, Headers, bytes]:
        """Return (status, headers, body) of a no."""
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
