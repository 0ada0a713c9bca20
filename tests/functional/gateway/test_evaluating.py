"""A suite is asked through the gateway as any caller asks, and what is foreign is tried for real."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.attack.evaluating import Turned, run
from strongroom.attack.http import Line
from strongroom.gateway.testing import Asked, whole
from strongroom.registry.evaluations.scoring import Told, score
from strongroom.registry.evaluations.suite import Suite, read

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
