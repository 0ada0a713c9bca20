"""Any bytes become a request or a refusal: never an exception, never a quotation, never more than linear time."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strongroom.gateway.exchange.decode import MAX_DEPTH, nests_too_deep
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import Decoded, Dialect
from strongroom.gateway.openai.dialect import OpenAI
from strongroom.gateway.protocols.worker import Worker
from strongroom.gateway.screen import AskLimits, bounded
from strongroom.gateway.surface import ANTHROPIC, OIP, OPENAI, RESPONSES
from strongroom.kernel.refusal import Refusal, RefusalKind

ASKED = [Endpoint.CHAT, Endpoint.COMPLETION, Endpoint.EMBEDDING]
NAMES = [
    "model",
    "messages",
    "role",
    "content",
    "prompt",
    "input",
    "tools",
    "stream",
    "max_tokens",
    "stop",
    "n",
    "x",
    "seed",
]
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["user", "tiny", "text", "tool"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip


def decode(endpoint: Endpoint, body: bytes) -> Decoded | Refusal:
    return OpenAI().decode(endpoint, body, None)


def judge(endpoint: Endpoint, body: bytes) -> None:
    found = decode(endpoint, body)
    if isinstance(found, Refusal):
        assert found.kind is RefusalKind.INVALID
        assert found.tell.endswith(".")
        assert found.tell.isprintable()
        return
    ask = bounded(found.ask, AskLimits())
    if not isinstance(ask, Refusal) and Worker().cannot(ask) is None:
        sent = json.loads(Worker().outgoing(ask, ask.model).body)
        assert sent["model"] == found.ask.model


@given(st.sampled_from(ASKED), st.binary(max_size=300))
@example(Endpoint.CHAT, b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}')
@example(Endpoint.CHAT, b'{"model":"m","messages":[{"role":"user","content":"\xed\xa0\x80"}]}')
@example(Endpoint.CHAT, b'\xef\xbb\xbf{"model":"m","messages":[]}')
@example(Endpoint.CHAT, b'{"temperature":Infinity}')
@example(Endpoint.CHAT, b'{"model":"m","messages":[{"role":"user","content":"x"}],"seed":' + b"9" * 5000 + b"}")
@example(Endpoint.EMBEDDING, b"[" * 100_000)
@example(Endpoint.EMBEDDING, b'{"input":' * 50_000)
def test_any_bytes(endpoint: Endpoint, body: bytes) -> None:
    judge(endpoint, body)


OTHERS: dict[Endpoint, tuple[Dialect, dict[str, Any]]] = {
    # in which dialect, and a good request around which anything may stand
    Endpoint.MESSAGES: (ANTHROPIC, {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}),
    Endpoint.COUNT: (ANTHROPIC, {"model": "m", "messages": [{"role": "user", "content": "x"}]}),
    Endpoint.RESPONSES: (RESPONSES, {"model": "m", "input": "x"}),
    Endpoint.MODERATION: (OPENAI, {"model": "m", "input": "x"}),
    Endpoint.INFER: (OIP, {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}]}),
}
FIELDS = [
    "role", "content", "type", "text", "input", "output", "call_id", "name", "arguments", "tools", "tool_choice", "system",
    "thinking", "shape", "datatype", "data", "outputs", "parameters", "message", "function_call", "tool_use", "tool_result",
]  # fmt: skip
PIECES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([*FIELDS, "user", "FP32"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=20,
)


@given(st.sampled_from(sorted(OTHERS)), st.dictionaries(st.sampled_from(FIELDS), PIECES, max_size=4))
@example(
    Endpoint.RESPONSES, {"input": [{"role": "user", "content": "x", "output": [{"type": "input_text", "text": "x"}]}]}
)
@example(Endpoint.INFER, {"inputs": [{"name": "x", "shape": [2, 0], "datatype": "FP32", "data": [[]]}]})
def test_any_fields_in_every_dialect(endpoint: Endpoint, fields: dict[str, Any]) -> None:
    dialect, good = OTHERS[endpoint]
    for document in ({**good, **fields}, {**fields, **good}):
        found = dialect.decode(endpoint, json.dumps(document).encode(), "m")
        if isinstance(found, Refusal):
            assert found.kind is RefusalKind.INVALID
            assert found.tell.isprintable()
            assert dialect.refuse(found, "req_1")[0] == 400
        else:
            bounded(found.ask, AskLimits())


@given(st.sampled_from(ASKED), JSON)
def test_any_json(endpoint: Endpoint, document: Any) -> None:
    judge(endpoint, json.dumps(document).encode())


@given(
    st.dictionaries(st.sampled_from(sorted({*NAMES, "temperature", "logit_bias", "response_format"})), JSON, max_size=6)
)
def test_any_fields_around_a_good_request(fields: dict[str, Any]) -> None:
    good = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    judge(Endpoint.CHAT, json.dumps({**fields, **good}).encode())


@given(st.text(min_size=6).filter(lambda text: text.strip() == text and not text.isascii()))
def test_no_value_is_quoted(secret: str) -> None:
    for field in ("role", "content", "tool_calls"):
        body = json.dumps({"model": "m", "messages": [{"role": "user", field: [secret]}], secret: secret}).encode()
        found = decode(Endpoint.CHAT, body)
        assert isinstance(found, Refusal)
        assert secret not in found.tell
        assert secret not in (found.param or "")
    for choice in (secret, {"type": secret}, 5):
        found = decode(
            Endpoint.CHAT, json.dumps({"model": "m", "messages": [{"role": "user"}], "tool_choice": choice}).encode()
        )
        assert isinstance(found, Refusal)
        assert secret not in found.tell


def test_the_last_of_two_equal_names_counts_everywhere() -> None:
    body = b'{"model":"a","messages":[{"role":"user","content":"x"}],"model":"b"}'
    found = decode(Endpoint.CHAT, body)
    assert not isinstance(found, Refusal)
    assert found.ask.model == "b"
    assert Worker().outgoing(found.ask, "b").body.count(b'"model"') == 1


def depth(document: object) -> int:
    if isinstance(document, dict):
        return 1 + max(map(depth, document.values()), default=0)
    if isinstance(document, list):
        return 1 + max(map(depth, document), default=0)
    return 0


@given(JSON, st.integers(min_value=0, max_value=40), st.text(alphabet='[]{}"\\', max_size=60))
def test_nesting_is_measured_as_the_document_has_it(document: Any, levels: int, text: str) -> None:
    padded: list[Any] = [[], [text, document], *[[] for _ in range(MAX_DEPTH)]]
    for _ in range(levels):
        padded = [padded]
    assert nests_too_deep(msgspec.json.encode(padded)) == (depth(padded) > MAX_DEPTH)


HOSTILE = {
    "escaped quotes": b"[]" * 40 + b'"' + b'\\"' * 2_000_000,
    "quotes": b'""' * 2_000_000 + b"[]" * 40,
    "brackets": b"[]" * 2_000_000,
    "open brackets": b"[" * 4_000_000,
    "a mountain": b"[" * 2_000_000 + b"]" * 2_000_000,
    "hills": (b"[" * 31 + b"]" * 31) * 64_000,
    "backslashes": b"[]" * 40 + b'"' + b"\\" * 4_000_000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_four_megabytes_of_spite_are_judged_in_time(case: str) -> None:
    began = time.process_time()
    nests_too_deep(HOSTILE[case])
    assert time.process_time() - began < 2  # under 0.4 s on an idle core; quadratic would be hours
