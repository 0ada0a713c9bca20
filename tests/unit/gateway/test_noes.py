"""A worker's words reach a caller only if they are known."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from strongroom.gateway.protocols.noes import meaning
from strongroom.kernel.refusal import RefusalKind
from strongroom.runtime import chat_requests, embed_requests
from strongroom.runtime.errors import ProblemError, in_openai

UNKNOWN = "The model cannot work with this request."


def said(message: object, **more: object) -> bytes:
    return msgspec.json.encode({"error": {"message": message, **more}})


@pytest.mark.parametrize(
    "words",
    [
        "/srv/model.gguf is missing",
        "The prompt has 5 tokens; this model's context has 4. Also: srk_inf_dev_x",
        "The prompt has five tokens; this model's context has 4.",
        "Expected `str` of length >= 1, got 'secret'.",
        "The schema is too deep or too large.\n",
        "",
        "\u0665" * 5,
    ],
)
def test_other_words_are_not_passed_on(words: str) -> None:
    found = meaning(400, said(words, param="../etc", code="secret_code"))
    assert (found.tell, found.param, found.code) == (UNKNOWN, None, None)


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"{}", b'{"error":"x"}', said(5), b'{"error":{"message":' + b"[" * 9999]
)
def test_garbage_says_nothing(body: bytes) -> None:
    assert meaning(400, body).tell == UNKNOWN


def test_only_a_400_is_about_the_request() -> None:
    kinds = {
        status: meaning(status, said("The schema is too deep or too large.")).kind
        for status in (400, 401, 403, 404, 413, 422, 500, 503)
    }
    assert kinds == {
        400: RefusalKind.INVALID,
        401: RefusalKind.UPSTREAM,
        403: RefusalKind.UPSTREAM,
        404: RefusalKind.UPSTREAM,
        413: RefusalKind.TOO_LARGE,
        422: RefusalKind.UPSTREAM,
        500: RefusalKind.UPSTREAM,
        503: RefusalKind.UNAVAILABLE,
    }


def chat(**fields: object) -> bytes:
    return msgspec.json.encode({"messages": [{"role": "user", "content": "x"}], **fields})


TOOL = {"type": "function", "function": {"name": "f"}}
OWN_NOES: list[Callable[[], object]] = [
    lambda: chat_requests.read_chat(chat(stop=""), context_tokens=9),
    lambda: chat_requests.read_chat(chat(tools=[TOOL], tool_choice="required"), context_tokens=9),
    lambda: chat_requests.read_completion(msgspec.json.encode({"prompt": ["a", "b"]}), context_tokens=9),
    lambda: embed_requests.read(b'{"input":"a","dimensions":5}', dimensions=384, vocabulary=9),
    lambda: embed_requests.read(b'{"input":[99]}', dimensions=384, vocabulary=9),
    lambda: embed_requests.read(msgspec.json.encode({"input": ["a"] * 600}), dimensions=384, vocabulary=9),
    lambda: embed_requests.read(msgspec.json.encode({"input": ["a" * 99_999]}), dimensions=384, vocabulary=9),
]


@pytest.mark.parametrize("number", range(len(OWN_NOES)))
def test_what_our_own_workers_refuse_is_told_in_their_words(number: int) -> None:
    with pytest.raises(ProblemError) as refused:
        OWN_NOES[number]()
    problem = refused.value.problem
    found = meaning(problem.status, in_openai(problem))
    assert (found.tell, found.param) == (problem.message, problem.param)
