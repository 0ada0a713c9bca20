"""A real tabular model from key to worker: what it answers, how much of it is told, and that a no names the field."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.gateway.upstreams import worker_socket
from strongroom.kernel.principal import Environment
from strongroom.registry.admission.testing import digest_of
from strongroom.runtime.rig import Rig
from strongroom.runtime.spec import Kind

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Answer, Plane

MODEL = "/v2/models/rows"
ROWS = [
    [3159.0, 19610.0, 24.0, 0.803, 30.0, 108.0, 3.0, 0.245, 0.0, 0.0, 60.0, 0.0],
    [1100.0, 30000.0, 60.0, 0.95, 1.0, 6.0, 9.0, 1.1, 8.0, 3.0, 1.0, 0.0],
]


@pytest.fixture(scope="module")
def worker() -> Generator[Rig]:
    with Rig([Kind.INFER]) as rig:
        yield rig


@pytest.fixture
async def served(plane: Plane, worker: Rig) -> AsyncGenerator[Plane]:
    """Put the real worker where the gateway looks for the release `rows`."""
    path = worker_socket(plane.sockets, Environment.DEV, digest_of("rows"))
    kept = path.with_suffix(".kept")
    path.rename(kept)
    path.symlink_to(worker.socket(Kind.INFER))
    yield plane
    path.unlink()
    kept.rename(path)


def asked(rows: list[Any] = ROWS, **more: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "features", "shape": [len(rows), 12], "datatype": "FP32", "data": rows}], **more}


def told(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return {output["name"]: output["data"] for output in answer.json["outputs"]}


async def tell(plane: Plane, scores: str) -> None:
    await plane.rule("acme", "disclosure", {"rules": [{"name": "test", "scores": scores, "error_detail": True}]})


async def test_scores_are_told_as_the_tenants_rules_say(served: Plane) -> None:
    await tell(served, "full")
    full = told(await served.ask(f"{MODEL}/infer", asked()))
    assert full["label"] == [0, 1]
    chances = full["probabilities"]
    assert chances != [round(chance, 2) for chance in chances]
    assert abs(chances[0] + chances[1] - 1) < 1e-6
    await tell(served, "rounded")
    assert told(await served.ask(f"{MODEL}/infer", asked()))["probabilities"] == [
        round(chance, 2) for chance in chances
    ]
    await tell(served, "top1")
    best = told(await served.ask(f"{MODEL}/infer", asked()))
    assert best == {"label": [0, 1], "probabilities": [round(chances[0], 2), round(chances[3], 2)]}
    await tell(served, "label")
    assert told(await served.ask(f"{MODEL}/infer", asked())) == {"label": [0, 1]}
    hidden = {"outputs": [{"name": "probabilities"}]}  # asked for by name, all that is told is whose it is
    assert "probabilities" not in told(await served.ask(f"{MODEL}/infer", asked(**hidden)))


async def test_one_tenants_rules_are_not_anothers(served: Plane) -> None:
    await tell(served, "full")
    other = told(await served.ask(f"{MODEL}/infer", asked(), key="globex"))
    assert len(other["probabilities"]) == 2  # the best of each row alone: the demonstration's terms


async def test_the_model_describes_itself_and_is_ready(served: Plane) -> None:
    about = (await served.ask(MODEL, method="GET")).json
    assert about["name"] == "rows"
    assert about["inputs"][0]["parameters"]["columns"][-1] == "owns_home"
    assert (await served.ask(f"{MODEL}/ready", method="GET")).status == 200


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (asked([[1.0] * 12] * 1025), "1 to 1024 rows"),
        (
            {"inputs": [{"name": "x", "shape": [1, 12], "datatype": "FP32", "data": [0] * 12}]},
            "This model takes: features.",
        ),
        ({"inputs": [{"name": "features", "shape": [1, 12], "datatype": "FP64", "data": [0] * 12}]}, "datatype FP32"),
        (
            {"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [0] * 3}]},
            "has the shape [-1, 12]",
        ),
        (asked(outputs=[{"name": "weights"}]), "This model gives: label, probabilities."),
    ],
)
async def test_a_no_of_the_model_says_what_to_send(served: Plane, body: dict[str, Any], says: str) -> None:
    await tell(served, "label")
    answer = await served.ask(f"{MODEL}/infer", body)
    assert answer.status == 400
    assert says in answer.json["error"]
