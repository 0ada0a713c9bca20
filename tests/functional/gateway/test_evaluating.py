"""A suite is asked through the gateway as any caller asks, and what is foreign is tried for real."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.attack.evaluating import Turned, run
from strongroom.attack.http import Answer, Line
from strongroom.attack.probes import ISOLATION as PROBES
from strongroom.attack.probes import Caller
from strongroom.gateway.testing import Asked, chat, whole
from strongroom.registry.evaluations.scoring import Score, Told, score
from strongroom.registry.evaluations.suite import Isolation, Suite, read

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

HEAD = {
    "suite": "strongroom/suite/1", "name": "s", "version": "1",
    "thresholds": {"errors": {"most": 0}, "isolation_failures": {"most": 0}},
}  # fmt: skip
ISOLATION = {"id": "i", "isolation": "foreign-models"}


def suite(*cases: Any) -> Suite:
    return read("\n".join(json.dumps(each) for each in (HEAD, *cases)).encode())


async def ran(plane: Plane, of: Suite, model: str = "tiny", key: str = "acme", **more: Any) -> list[Told]:
    def asking() -> list[Told]:
        with Line(f"http://127.0.0.1:{plane.port}") as line:
            return run(line, plane.keys.get(key, key), model, of, **more)

    return await asyncio.to_thread(asking)


async def test_texts_come_back_with_the_id_of_their_request_and_foreign_models_are_hidden(plane: Plane) -> None:
    await plane.deploy("globex", "theirs")
    moved: list[tuple[int, int]] = []

    def noted(done: int, total: int) -> None:
        moved.append((done, total))

    of = suite({"id": "q", "ask": "Hi", "system": "Be kind.", "expect": {"contains": "x"}}, ISOLATION)
    text, hidden = await ran(plane, of, foreign=["theirs"], moved=noted)
    assert text.text
    assert text.request.startswith("req_")
    assert [each["role"] for each in plane.chat.asked[0].body["messages"]] == ["system", "user"]
    assert hidden == Told(case="i", hidden=True)
    assert moved == [(1, 2), (2, 2)]


async def test_isolation_fails_where_something_can_be_reached_and_where_nothing_was_tried(plane: Plane) -> None:
    of = suite(ISOLATION)
    for foreign in (["tiny"], []):  # its own model is not hidden from it: the control
        (came,) = await ran(plane, of, foreign=foreign)
        assert came.hidden is False
        assert not score(of, {"i": came}, None).passed


async def test_rows_are_asked_together_and_told_one_by_one(plane: Plane) -> None:
    tensor = {"name": "features", "shape": [1, 2], "datatype": "FP32", "data": [0.5, 1]}
    of = suite(*({"id": f"r{n}", "inputs": [tensor], "expect": {"label": "1"}} for n in range(2)))

    async def predicts(asked: Asked) -> None:
        labels = {"name": "label", "shape": [2], "datatype": "INT64", "data": [1, 0]}
        scores = {"name": "probabilities", "shape": [2, 2], "datatype": "FP32", "data": [0.25, 0.75, 0.5, 0.5]}
        await asked.say(whole({"model_name": "engine", "outputs": [labels, scores]}))

    plane.rows.behaviour = predicts
    first, second = await ran(plane, of, "rows")
    assert plane.rows.asked[-1].body["inputs"][0]["shape"] == [2, 2]
    assert first.request == second.request
    assert (first.label, second.label) == ("1", "0")
    assert (first.score, second.score) == (0.75, 0.5)
    assert score(of, {each.case: each for each in (first, second)}, None).metrics["accuracy"] == 0.5


async def test_a_caller_that_may_not_ask_is_told_so_and_nothing_is_scored(plane: Plane) -> None:
    of = suite({"id": "q", "ask": "Hi", "expect": {"contains": "x"}})
    for key, model in (("acme", "no-such-model"), ("nobody", "tiny")):
        with pytest.raises(Turned):
            await ran(plane, of, model, key)


def shipped(name: str) -> Suite:
    return read(files("strongroom.registry.evaluations").joinpath(f"suites/{name}.jsonl").read_bytes())


async def scored(plane: Plane, of: Suite, model: str, **more: Any) -> Score:
    return score(of, {each.case: each for each in await ran(plane, of, model, **more)}, None)


async def chatty(asked: Asked) -> None:
    """Answer as often as it is asked for, with what each token was worth."""
    said: dict[str, Any] = chat()
    scores = {"content": [{"token": "x", "logprob": -0.1, "bytes": [120], "top_logprobs": []}], "refusal": None}
    (choice,) = said["choices"]
    logprobs = scores if asked.body.get("logprobs") else None
    said["choices"] = [{**choice, "index": at, "logprobs": logprobs} for at in range(asked.body.get("n") or 1)]
    await asked.say(whole(said))


async def exact(asked: Asked) -> None:
    """Say what it takes, and predict with everything that it knows."""
    if asked.head.startswith(b"GET "):
        takes = [{"name": "features", "datatype": "FP32", "shape": [-1, 2]}]
        await asked.say(whole({"name": "engine", "versions": [], "platform": "x", "inputs": takes, "outputs": []}))
        return
    if asked.body.get("outputs"):
        await asked.say(whole({"error": "there is no such output"}, status=400))
        return
    (tensor,) = asked.body["inputs"]
    rows = tensor["shape"][0]
    labels = {"name": "label", "shape": [rows], "datatype": "INT64", "data": [1] * rows}
    scores = [each for row in range(rows) for each in (0.123456789 + row / 64, 0.876543211 - row / 64)]
    probabilities = {"name": "probabilities", "shape": [rows, 2], "datatype": "FP32", "data": scores}
    await asked.say(whole({"model_name": "engine", "outputs": [labels, probabilities]}))


@pytest.mark.parametrize("name", ["isolation", "extraction"])
@pytest.mark.parametrize("model", ["tiny", "rows"])
async def test_the_products_simulations_hold_with_the_rules_that_hold_by_themselves(
    plane: Plane, name: str, model: str
) -> None:
    plane.rows.behaviour = exact
    assert (await scored(plane, shipped(name), model)).failed == ()


async def test_extraction_fails_where_rules_tell_scores_as_they_are_and_give_tokens_theirs(plane: Plane) -> None:
    plane.rows.behaviour = exact
    everything = {"scores": "full", "logprobs": True, "top_logprobs": 20, "n": 16, "logit_bias": True}
    await plane.rule("acme", "disclosure", {"rules": [everything]})
    rows = await scored(plane, shipped("extraction"), "rows")
    assert (rows.passed, rows.failed) == (False, ("full-scores",))
    plane.chat.behaviour = chatty
    assert (await scored(plane, shipped("extraction"), "tiny")).failed == ("token-scores", "token-bias")


async def test_nothing_that_serves_nothing_passes_the_simulations(plane: Plane) -> None:
    for name in ("isolation", "extraction"):
        came = await scored(plane, shipped(name), "no-such-model")
        assert (came.passed, came.metrics["errors"]) == (False, 1.0)


class Unwalled:
    """A gateway without walls, as far as these probes can tell: it takes every key, name and claim."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def ask(self, *asked: str, **more: Any) -> Answer:
        self.asked.append((asked, more))
        body = {"id": "resp_0a", "of": len(self.asked)}
        return Answer(200, (("x-request-id", f"req_{len(self.asked)}"),), json.dumps(body).encode())


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_of_isolation_sees_when_there_is_no_wall(probe: Isolation) -> None:
    assert not PROBES[probe](Caller(Unwalled(), "srk_inf_dev_0_x", "m", ["theirs"]))  # type: ignore[arg-type]  # it asks


def test_a_caller_shows_no_key() -> None:
    assert "srk_inf" not in repr(Caller(Unwalled(), "srk_inf_dev_0_x", "m"))  # type: ignore[arg-type]  # as above
