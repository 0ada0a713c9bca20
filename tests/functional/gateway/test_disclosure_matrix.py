"""Field x dialect x path: what the rules do not allow is refused when it is asked for and cut when it comes unasked.

`globex` has no document, and so the least; `acme` may learn everything. Both ask the same workers, which tell all they
know in every answer. A dialect that has no word for a field stands in `NO_WORD`, so that nothing is left out by accident.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from strongroom.gateway.testing import STREAM_END, STREAM_HEAD, chat_chunk, event, says, whole
from strongroom.gateway.testing_providers import answers_with, openai_provider, reply
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask
from strongroom.providers import ProviderKind
from strongroom.providers.service import Change
from strongroom.registry import Operation, Target
from strongroom.rules.disclosure import DISCLOSURE, MOST
from strongroom.store import Database
from strongroom.store.testing import TestDatabase

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Answer, Plane

OPERATOR = Principal(role=Role.OPERATOR, name="tests", credential=KeyId(""))
USER = [{"role": "user", "content": "hello"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"name": "weather", "parameters": SCHEMA}

# Each dialect's plain request: its path, its body, the header it needs.
PLAIN: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "chat": ("/v1/chat/completions", {"model": "tiny", "messages": USER}, ()),
    "completions": ("/v1/completions", {"model": "tiny", "prompt": "hello"}, ()),
    "responses": ("/v1/responses", {"model": "tiny", "input": "hello", "store": False}, ()),
    "messages": (
        "/v1/messages",
        {"model": "tiny", "messages": USER, "max_tokens": 20},
        ("anthropic-version: 2023-06-01",),
    ),
}
NO_WORD: dict[str, Any] = {}

# Field by field: what asks for it in each dialect, and what each dialect calls it.
ASKED: dict[str, dict[str, dict[str, Any]]] = {
    "logprobs": {
        "chat": {"logprobs": True},
        "completions": {"logprobs": 0},
        "responses": {"include": ["message.output_text.logprobs"]},
        "messages": NO_WORD,
    },
    "top_logprobs": {
        "chat": {"logprobs": True, "top_logprobs": 2},
        "completions": {"logprobs": 2},
        "responses": {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
        "messages": NO_WORD,
    },
    "n": {"chat": {"n": 2}, "completions": {"n": 2}, "responses": NO_WORD, "messages": NO_WORD},
    "logit_bias": {
        "chat": {"logit_bias": {"5": 1}},
        "completions": {"logit_bias": {"5": 1}},
        "responses": NO_WORD,
        "messages": NO_WORD,
    },
    "seed": {"chat": {"seed": 7}, "completions": {"seed": 7}, "responses": NO_WORD, "messages": NO_WORD},
    "reasoning": {
        "chat": {"reasoning_effort": "low"},
        "completions": NO_WORD,
        "responses": {"reasoning": {"effort": "low"}},
        "messages": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 1024},
    },
    "max_output_tokens": {
        "chat": {"max_tokens": 1025},
        "completions": {"max_tokens": 1025},
        "responses": {"max_output_tokens": 1025},
        "messages": {"max_tokens": 1025},
    },
    "tools": {
        "chat": {"tools": [{"type": "function", "function": FUNCTION}]},
        "completions": NO_WORD,
        "responses": {"tools": [{"type": "function", "strict": None, **FUNCTION}]},
        "messages": {"tools": [{"name": "weather", "input_schema": SCHEMA}]},
    },
}
NAMES = {"max_output_tokens": "max_tokens", "reasoning": "reasoning_effort"}
CALLED = {
    ("completions", "top_logprobs"): "logprobs",
    ("responses", "logprobs"): "include",
    ("responses", "top_logprobs"): "include",
    ("chat", "top_logprobs"): "logprobs",
    ("responses", "max_output_tokens"): "max_output_tokens",
    ("responses", "reasoning"): "reasoning",
    ("messages", "reasoning"): "thinking",
}
CASES = [(field, dialect) for field, asked in ASKED.items() for dialect in asked if asked[dialect]]

SCORES = {
    "content": [
        {
            "token": "hello",
            "logprob": -0.125,
            "bytes": None,
            "top_logprobs": [{"token": "ALTERNATIVE", "logprob": -3.5, "bytes": None}],
        }
    ]
}
COLUMNS = {
    "tokens": ["hello"],
    "token_logprobs": [-0.125],
    "top_logprobs": [{"ALTERNATIVE": -3.5}],
    "text_offset": None,
}
USAGE = {
    "prompt_tokens": 5,
    "completion_tokens": 2,
    "total_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 43214321},
    "completion_tokens_details": {"reasoning_tokens": 12341234},
}
# What a worker tells unasked: where each stands in an answer, and the field that would have to allow it.
UNASKED = {
    "THOUGHT": "reasoning",
    "ALTERNATIVE": "logprobs",
    "-0.125": "logprobs",
    "FINGERPRINT": "system_fingerprint",
    "43214321": "usage_detail",
    "12341234": "usage_detail",
    "STOPSIGN": "finish_detail",
}


# What asks for all that a dialect has words for: who may learn it, reads each canary but these.
WIDEST: dict[str, dict[str, Any]] = {
    "chat": {"logprobs": True, "top_logprobs": 1},
    "completions": {"logprobs": 1},
    "responses": {"include": ["message.output_text.logprobs"], "top_logprobs": 1},
    "messages": {},
}
UNSAYABLE: dict[str, dict[bool, set[str]]] = {
    # dialect: streamed or not: what it has no word for
    "chat": {False: {"STOPSIGN"}, True: {"STOPSIGN", "FINGERPRINT"}},
    "completions": {each: {"THOUGHT", "STOPSIGN", "FINGERPRINT"} for each in (False, True)},
    "responses": {each: {"STOPSIGN", "FINGERPRINT"} for each in (False, True)},
    "messages": {each: {"ALTERNATIVE", "-0.125", "FINGERPRINT", "12341234"} for each in (False, True)},
}


def told(*, chat: bool) -> bytes:
    """Return a whole answer that tells everything."""
    said: dict[str, Any] = {"index": 0, "finish_reason": "stop", "stop_reason": "STOPSIGN"}
    if chat:
        said["message"] = {"role": "assistant", "content": "hello", "reasoning_content": "THOUGHT"}
        said["logprobs"] = SCORES
    else:
        said |= {"text": "hello", "logprobs": COLUMNS}
    return whole({"id": "x", "choices": [said], "usage": USAGE, "system_fingerprint": "FINGERPRINT"})


def streamed(*, chat: bool) -> bytes:
    """Return the same in a stream."""
    if chat:
        chunks: list[dict[str, Any]] = [chat_chunk(reasoning_content="THOUGHT"), chat_chunk(content="hello")]
        chunks[1]["choices"][0]["logprobs"] = SCORES
        chunks.append(chat_chunk("stop"))
    else:
        chunks = [
            {"choices": [{"index": 0, "text": "hello", "logprobs": COLUMNS}]},
            {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]},
        ]
    chunks[-1]["choices"][0]["stop_reason"] = "STOPSIGN"
    events = [*chunks, {"choices": [], "usage": USAGE}]
    named = [{**each, "system_fingerprint": "FINGERPRINT"} for each in events]
    return STREAM_HEAD + b"".join(map(event, [*named, "[DONE]"])) + STREAM_END


@pytest.fixture(scope="module")
async def ruled(module_plane: Plane) -> None:
    await module_plane.rule("globex", "disclosure", None)
    everything = {"rules": [msgspec.to_builtins(MOST)]}
    await module_plane.rule("acme", "disclosure", everything)
    await module_plane.rule("acme", "tools", {"rules": [{"any": True}]})


pytestmark = pytest.mark.usefixtures("ruled")


async def ask(plane: Plane, dialect: str, *, key: str = "globex", stream: bool = False, **more: Any) -> Answer:
    path, body, headers = PLAIN[dialect]
    asked = body | more | ({"stream": True} if stream else {})
    if stream and dialect in {"chat", "completions"}:
        asked["stream_options"] = {"include_usage": True}  # else a stream has no place for what was used
    plane.chat.behaviour = says((streamed if stream else told)(chat=dialect != "completions"))
    return await plane.ask(path, asked, key=key, headers=headers)


def denied(answer: Answer, field: str) -> bool:
    """Whether an answer is the no of a disclosure policy that names `field`."""
    assert answer.status == 400, answer.body
    error = answer.json["error"]
    coded = error.get("code", "disclosure_denied") == "disclosure_denied"  # Anthropic's errors have no code
    named = error.get("param", field) == field and f"`{field}`" in error["message"]
    return bool(coded and named and "disclosure policy" in error["message"])


async def test_no_field_and_no_dialect_is_left_out() -> None:
    asked_for = set(ASKED) | set(UNASKED.values())
    elsewhere = {"scores", "error_detail", "headers", "min_temperature", "streaming"}  # tests of their own below
    assert asked_for | elsewhere == set(DISCLOSURE.narrower)
    assert all(set(asked) == set(PLAIN) for asked in ASKED.values())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("field", "dialect"), CASES, ids=str)
async def test_what_is_asked_for_is_refused_by_name_before_a_worker_is_asked(
    plane: Plane, field: str, dialect: str, stream: bool
) -> None:
    no = await ask(plane, dialect, stream=stream, **ASKED[field][dialect])
    assert denied(no, CALLED.get((dialect, field), NAMES.get(field, field))), no.body
    assert plane.chat.asked == []
    # The control: who may, may. What a worker cannot do is said in other words.
    yes = await ask(plane, dialect, key="acme", stream=stream, **ASKED[field][dialect])
    assert yes.status == 200 or b"disclosure" not in yes.body
    assert (yes.status == 200) == (field not in {"n", "reasoning"}), yes.body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", PLAIN)
async def test_what_comes_unasked_is_cut(plane: Plane, dialect: str, stream: bool) -> None:
    answer = await ask(plane, dialect, stream=stream)
    assert answer.status == 200
    assert b"hello" in answer.body
    for canary, field in UNASKED.items():
        assert canary.encode() not in answer.body, f"{canary} tells of {field}"
    assert plane.chat.asked != []
    # The control: the same worker, a caller who may learn it. Log-probabilities must have been asked for besides.
    known = await ask(plane, dialect, key="acme", stream=stream)
    assert b"ALTERNATIVE" not in known.body
    assert b"-0.125" not in known.body
    widest = await ask(plane, dialect, key="acme", stream=stream, **WIDEST[dialect])
    unread = {canary for canary in UNASKED if canary.encode() not in widest.body}
    assert unread == UNSAYABLE[dialect][stream]


async def test_what_was_asked_for_and_may_be_told_is_told(plane: Plane) -> None:
    answer = await ask(plane, "chat", key="acme", logprobs=True, top_logprobs=1)
    assert b"ALTERNATIVE" in answer.body
    chosen_only = await ask(plane, "chat", key="acme", logprobs=True)
    assert b"-0.125" in chosen_only.body
    assert b"ALTERNATIVE" not in chosen_only.body


CONTEXT = {"error": {"message": "The prompt has 501 tokens; this model's context has 77.", "param": "messages"}}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", PLAIN)
async def test_what_an_engine_says_of_a_refused_request_stays_here(plane: Plane, dialect: str, stream: bool) -> None:
    path, body, headers = PLAIN[dialect]
    plane.chat.behaviour = says(whole(CONTEXT, 400))
    asked = body | ({"stream": True} if stream else {})
    hidden = await plane.ask(path, asked, key="globex", headers=headers)
    assert hidden.status == 400
    # The request's id is hexadecimal, and may hold any figure by chance.
    told = hidden.body.replace(hidden.headers["x-request-id"].encode(), b"")
    assert b"501" not in told
    assert b"77" not in told
    shown = await plane.ask(path, asked, key="acme", headers=headers)
    assert b"this model's context has 77" in shown.body


@pytest.mark.parametrize("dialect", PLAIN)
async def test_a_stream_that_breaks_tells_nothing_of_why(plane: Plane, dialect: str) -> None:
    broken = streamed(chat=dialect != "completions").replace(b"[DONE]", b"{SECRET")
    path, body, headers = PLAIN[dialect]
    plane.chat.behaviour = says(broken)
    answer = await plane.ask(path, body | {"stream": True}, key="globex", headers=headers)
    assert answer.status == 200
    for canary in ("SECRET", *UNASKED):
        assert canary.encode() not in answer.body
    assert b"failed while answering" in answer.body


async def test_streaming_and_drawing_are_held_to_the_rules(plane: Plane) -> None:
    await plane.rule("globex", "disclosure", {"rules": [{"streaming": False, "min_temperature": 0.7, "seed": True}]})
    for dialect in PLAIN:
        assert denied(await ask(plane, dialect, stream=True), "stream")
        assert denied(await ask(plane, dialect, temperature=0.5), "temperature")
        assert denied(await ask(plane, dialect, top_p=0.1), "top_p")
        plane.chat.asked.clear()
        assert (await ask(plane, dialect)).status == 200
        assert plane.chat.asked[-1].body["temperature"] == 1.0
        assert plane.chat.asked[-1].body["max_tokens"] <= 1024
    await plane.rule("globex", "disclosure", None)


TENSORS = [
    {"name": "label", "datatype": "INT64", "shape": [2], "data": [1, 0]},
    {"name": "probability", "datatype": "FP32", "shape": [2, 2], "data": [0.123456, 0.876544, 0.654321, 0.345679]},
]
INFER = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 2.0]}]}


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ("label", None),
        ("top1", ([2, 1], [0.88, 0.65])),
        ("rounded", ([2, 2], [0.12, 0.88, 0.65, 0.35])),
        ("full", ([2, 2], [0.123456, 0.876544, 0.654321, 0.345679])),
    ],
)
async def test_a_prediction_is_told_as_exactly_as_the_rules_say(plane: Plane, scores: str, expected: Any) -> None:
    plane.rows.behaviour = says(whole({"model_name": "rows", "outputs": TENSORS, "parameters": {"who": "ENGINE"}}))
    await plane.rule("globex", "disclosure", {"rules": [{"models": ["rows"], "scores": scores}]})
    answer = await plane.ask("/v2/models/rows/infer", INFER, key="globex")
    outputs = {each["name"]: each for each in answer.json["outputs"]}
    assert outputs["label"]["data"] == [1, 0]
    found = outputs.get("probability")
    assert expected == (None if found is None else (found["shape"], found["data"]))
    assert b"ENGINE" not in answer.body
    await plane.rule("globex", "disclosure", None)


# The dialects and paths beside `PLAIN`: (method, path, body), and the worker that answers.
BESIDE: dict[str, tuple[str, str, object, str]] = {
    "embeddings": ("POST", "/v1/embeddings", {"model": "vectors", "input": "hello"}, "vectors"),
    "infer": ("POST", "/v2/models/rows/infer", INFER, "rows"),
    "metadata": ("GET", "/v2/models/rows", None, "rows"),
    "count": ("POST", "/v1/messages/count_tokens", {"model": "tiny", "messages": USER}, "chat"),
}
FORM = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}
EVERYTHING = {
    # Every answer at once; each protocol reads its own fields of it.
    "object": "list", "data": [{"index": 0, "embedding": [0.5]}], "usage": USAGE, "input_tokens": 5,
    "outputs": [TENSORS[0]], "parameters": {"thought": "THOUGHT"}, "model_name": "FINGERPRINT", "id": "FINGERPRINT",
    "system_fingerprint": "FINGERPRINT", "stop_reason": "STOPSIGN", "logprobs": SCORES,
}  # fmt: skip
ABOUT = {
    "name": "FINGERPRINT",
    "platform": "PLATFORM",
    "inputs": [FORM],
    "outputs": [FORM],
    "parameters": {"a": "THOUGHT"},
}


async def ask_beside(plane: Plane, which: str, key: str, answer: bytes | None = None) -> Answer:
    method, path, body, worker = BESIDE[which]
    getattr(plane, worker).behaviour = says(answer or whole(ABOUT if which == "metadata" else EVERYTHING))
    version = ("anthropic-version: 2023-06-01",) if which == "count" else ()
    return await plane.ask(path, body, key=key, method=method, headers=version)


@pytest.mark.parametrize("which", BESIDE)
async def test_beside_texts_what_comes_unasked_is_cut_too(plane: Plane, which: str) -> None:
    """The one thing that may be learnt there by more than a score: what kind of engine a model has."""
    hidden, shown = await ask_beside(plane, which, "globex"), await ask_beside(plane, which, "acme")
    assert (hidden.status, shown.status) == (200, 200), (hidden.body, shown.body)
    canaries = {*UNASKED, "PLATFORM"}
    assert not {each for each in canaries if each.encode() in hidden.body}
    learnt = {"PLATFORM"} if which == "metadata" else set[str]()
    assert {each for each in canaries if each.encode() in shown.body} == learnt


def no_of(which: str) -> dict[str, Any]:
    told = {
        "embeddings": "Input 0 has 501 tokens; this model reads at most 77.",
        "infer": "A request has 1 to 77 rows.",
        "metadata": "A request has 1 to 77 rows.",
        "count": "The prompt has 501 tokens; this model's context has 77.",
    }[which]
    return {"error": told if which in {"infer", "metadata"} else {"message": told, "param": "input"}}


@pytest.mark.parametrize("which", BESIDE)
async def test_beside_texts_what_an_engine_says_of_a_refused_request_stays_here_too(plane: Plane, which: str) -> None:
    no = whole(no_of(which), 400)
    hidden, shown = await ask_beside(plane, which, "globex", no), await ask_beside(plane, which, "acme", no)
    assert (hidden.status, shown.status) == (400, 400)
    assert b" 77" not in hidden.body
    assert b"The model cannot work with this request." in hidden.body
    assert b" 77" in shown.body


@pytest.mark.parametrize("path", [*PLAIN, *(f"{dialect}, streamed" for dialect in PLAIN), *BESIDE])
async def test_header_fields_about_limits_are_told_where_they_may_be(plane: Plane, path: str) -> None:
    async def fields(key: str) -> set[str]:
        if path in BESIDE:
            answer = await ask_beside(plane, path, key)
        else:
            answer = await ask(plane, path.partition(",")[0], key=key, stream=path.endswith("streamed"))
        assert answer.status == 200, answer.body
        return set(answer.headers)

    hidden, shown = await fields("globex"), await fields("acme")
    ours = "anthropic-ratelimit-" if path.startswith(("messages", "count")) else "x-ratelimit-"
    assert shown - hidden != set()
    assert all(name.startswith(ours) for name in shown - hidden), shown
    assert not [name for name in hidden if "limit" in name or "time" in name or "processing" in name]


async def test_a_judgement_is_told_as_exactly_as_the_rules_say(plane: Plane) -> None:
    """Moderations come from outside only: a provider that tells more than anybody may learn."""
    scores = {"violence": 0.912345, "harassment": 0.123456}
    found = {"flagged": True, "categories": {"violence": True, "harassment": False}, "category_scores": scores}
    double = openai_provider("sk-canary")
    double.fault = answers_with(
        reply({"id": "FINGERPRINT", "model": "FINGERPRINT", "results": [found], "usage": USAGE})
    )
    tenant, today = plane.tenants["globex"], datetime.now(UTC).date()
    async with double.listening():
        change = Change(
            base_url=double.url,
            secret="sk-canary",
            owner="Team",
            region="eu-central",
            agreement="DPA-1",
            assessed_on=today,
            assessed_until=today + timedelta(days=9),
        )
        await plane.providers.add(OPERATOR, Name("judges"), ProviderKind.OPENAI, change, Ask())
        target = Target(provider="judges", model="m", weight=1, fallback=0)
        environment, judge = Environment.DEV, Name("judge")
        await plane.registry.deploy_outside(OPERATOR, tenant, environment, judge, Operation.MODERATION, [target], Ask())
        await plane.rule("globex", "residency", {"rules": [{"regions": ["eu-central"]}]})
        for told, expected in {
            "label": {},
            "top1": {"violence": 0.91},
            "rounded": {"violence": 0.91, "harassment": 0.12},
            "full": scores,
        }.items():
            await plane.rule("globex", "disclosure", {"rules": [{"models": ["judge"], "scores": told}]})
            answer = await plane.ask("/v1/moderations", {"model": "judge", "input": "x"}, key="globex")
            assert answer.status == 200, answer.body
            [judged] = answer.json["results"]
            assert {name: score for name, score in judged["category_scores"].items() if score} == expected
            assert (judged["flagged"], judged["categories"]) == (True, found["categories"])
            assert not [each for each in UNASKED if each.encode() in answer.body]
        await plane.rule("globex", "disclosure", None)


async def test_asking_for_more_is_written_down(plane: Plane, shared_database: TestDatabase) -> None:
    refused = await ask(plane, "chat", logit_bias={"1": 2})
    request_id = refused.headers["x-request-id"]
    assert await plane.recorder.flush()
    db = await Database.connect(shared_database.control, shared_database.operator, size=1)
    try:
        async with db.tenant(plane.tenants["globex"]) as tx:
            entry = await tx.fetchrow("select * from audit.entry where request_id = $1", request_id)
    finally:
        await db.close()
    assert entry is not None
    assert (entry["action"], entry["outcome"]) == ("model.invoke", "refused")
    assert "`logit_bias`" in entry["reason"]
    assert entry["actor"] == "inference/inference"
