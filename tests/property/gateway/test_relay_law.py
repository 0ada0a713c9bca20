"""However a worker's stream is cut into pieces, the caller gets the same events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import Outgoing
from strongroom.gateway.guard import passing
from strongroom.gateway.metrics import Metrics
from strongroom.gateway.protocols.worker import Worker
from strongroom.gateway.recording import Recording
from strongroom.gateway.relay import Relay
from strongroom.gateway.screen import AskLimits
from strongroom.gateway.signing import Seal
from strongroom.gateway.snapshot import Route
from strongroom.gateway.stages import Admitted, Authenticated, Received, Relayed, Routed, Screened
from strongroom.gateway.surface import OPENAI, Match
from strongroom.gateway.testing import USAGE_CHUNK, chat_chunk
from strongroom.gateway.ways import Target, Way
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import DeploymentId, KeyId, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import Refusal
from strongroom.registry import Operation
from strongroom.rules import Rulebook, Subject
from strongroom.wire import Request, encode_data

TENANT = TenantId(UUID(int=1))
WHO = Principal(role=Role.INFERENCE, name="w", credential=KeyId("k"), tenant=TENANT, environment=Environment.DEV)
ROUTE = Route(DeploymentId(UUID(int=2)), TENANT, Environment.DEV, "tiny", "sha256:x", Operation.CHAT, 1)
TERMS = Rulebook().terms(TENANT, Subject.of(WHO, "tiny"))


@dataclass
class Pieces:
    """A pool with one reply, and the reply itself."""

    pieces: Sequence[bytes]
    status: int = 200

    def header(self, name: bytes) -> bytes | None:
        return b"text/event-stream" if name == b"content-type" else None

    async def open_for(self, *_: object, **__: object) -> Pieces:
        return self

    def close(self) -> None:
        pass

    async def stream(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


@dataclass
class Caller:
    """A reply that keeps what it was given."""

    got: bytes = b""
    started: bool = False
    ended: bool = False
    headers: Any = field(default_factory=list)

    def start(self, status: int, headers: Any) -> None:
        assert status == 200
        self.started, self.headers = True, headers

    async def write(self, data: bytes) -> None:
        assert self.started
        self.got += data

    async def end(self) -> None:
        self.ended = True


def relay(pieces: Sequence[bytes], *, usage: bool) -> tuple[Relayed | Refusal, Caller]:
    options = {"stream_options": {"include_usage": True}} if usage else {}
    document = {"model": "tiny", "messages": [{"role": "user", "content": "x"}], "stream": True, **options}
    decoded = OPENAI.decode(Endpoint.CHAT, msgspec.json.encode(document), None)
    assert not isinstance(decoded, Refusal)
    received = Received(Request(method="POST", path="/"), Match(OPENAI, Endpoint.CHAT), UUID(int=3), "req_3", 0.0)
    admitted = Admitted(Authenticated(received, WHO), decoded, ROUTE, TERMS)
    pool: Any = Pieces(pieces)
    caller: Any = Caller()
    nowhere: Any = None
    recording = Recording(nowhere, SystemClock(), None, Metrics(), strict=False, started=0.0)
    screened = Screened(admitted, decoded.ask, recording, nowhere, passing(), None)
    routed = Routed(screened, (Way(Target(pool, Worker(), "tiny", ()), Outgoing("/", (), b"")),))
    return asyncio.run(
        Relay(routed, caller, 7, lambda _: Seal(None, None, SystemClock())).run(AskLimits(timeout_s=5))
    ), caller


def figures(outcome: Relayed | Refusal) -> tuple[int, int, int]:
    assert isinstance(outcome, Relayed)
    return outcome.status, outcome.usage.input_tokens, outcome.usage.output_tokens


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [piece for start, end in pairwise(edges) if (piece := data[start:end])]


TEXTS = st.lists(st.text(max_size=12), max_size=6)
ENDS = st.sampled_from(["\n\n", "\r\n\r\n", "\r\r"])


@settings(max_examples=150, deadline=None)
@given(TEXTS, ENDS, st.booleans(), st.booleans(), st.lists(st.integers(min_value=0), max_size=30))
def test_cutting_never_matters(texts: list[str], end: str, comments: bool, usage: bool, places: list[int]) -> None:
    chunks: list[object] = [*(chat_chunk(content=text) for text in texts), chat_chunk("stop"), USAGE_CHUNK]
    events = [msgspec.json.encode(chunk).decode() for chunk in chunks] + ["[DONE]"]
    stream = "".join((": alive" + end if comments else "") + f"data: {event}{end}" for event in events).encode()
    outcome, at_once = relay([stream], usage=usage)
    again, in_pieces = relay(cut(stream, places), usage=usage)
    byte_by_byte = relay([bytes([byte]) for byte in stream], usage=usage)[1]
    assert figures(outcome) == figures(again) == (200, 5, 2)
    assert at_once.got == in_pieces.got == byte_by_byte.got
    assert at_once.ended
    told = [part.removeprefix("data: ") for part in at_once.got.decode().split("\n\n") if part]
    assert told[-1] == "[DONE]"
    said = [msgspec.json.decode(part) for part in told[:-1]]
    assert [each["choices"][0]["delta"].get("content") for each in said if each["choices"]][:-1] == list(
        filter(None, texts)
    )
    assert ("usage" in said[0]) == usage
    assert {each["model"] for each in said} == {"tiny"}


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(min_value=0), st.lists(st.integers(min_value=0), max_size=10))
def test_a_stream_that_is_cut_off_anywhere_never_ends_well(texts: list[str], at: int, places: list[int]) -> None:
    chunks: list[object] = [*(chat_chunk(content=text) for text in texts), chat_chunk("stop")]
    whole = b"".join(encode_data(msgspec.json.encode(chunk)) for chunk in chunks) + b"data: [DONE]\n\n"
    part = whole[: at % len(whole)]
    outcome, caller = relay(cut(part, places), usage=False)
    assert isinstance(outcome, Refusal) or outcome.status != 200
    assert b"[DONE]" not in caller.got
    assert isinstance(outcome, Refusal) or b'"code":"model_failed"' in caller.got


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_garbage_is_a_refusal_or_an_error_event_and_no_exception(pieces: list[bytes]) -> None:
    outcome, caller = relay([piece for piece in pieces if piece], usage=False)
    assert isinstance(outcome, Refusal) or outcome.status in {200, 502}
    assert caller.ended == caller.started
