"""Open Inference Protocol v2: tensors that are what they say, in both directions, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from strongroom.gateway.testing import says, whole

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Answer, Plane

INFER = "/v2/models/rows/infer"


def tensor(**fields: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 2.0], **fields}


def body(**fields: Any) -> dict[str, Any]:
    return {"inputs": [tensor()], **fields}


def error_of(answer: Answer) -> str:
    document = answer.json
    assert list(document) == ["error"]
    assert answer.headers["x-request-id"].startswith("req_")
    said: str = document["error"]
    return said


async def test_tensors_go_there_flat_and_come_back_under_the_deployments_name(plane: Plane) -> None:
    answer = await plane.ask(INFER, body(id="mine", inputs=[tensor(data=[[1.0, 2.0]])], outputs=[{"name": "score"}]))
    assert answer.status == 200
    assert answer.json["model_name"] == "rows"
    assert answer.json["id"] == "mine"
    assert all(output["name"].startswith("score") for output in answer.json["outputs"])
    assert b"engine" not in answer.body
    [asked] = plane.rows.asked
    assert asked.head.startswith(b"POST /v2/models/-/infer ")
    assert asked.body == {"inputs": [tensor()], "outputs": [{"name": "score"}]}
    assert b"mine" not in asked.head


BAD: dict[str, tuple[dict[str, Any], str]] = {
    # what is sent: the field that the answer names
    "no inputs": ({"inputs": []}, "inputs"),
    "a field of nobody": (body(frobnicate=1), "frobnicate"),
    "too few data": (body(inputs=[tensor(data=[1.0])]), "inputs[0].data"),
    "too many data": (body(inputs=[tensor(data=[1.0, 2.0, 3.0])]), "inputs[0].data"),
    "ragged data": (body(inputs=[tensor(shape=[2, 2], data=[[1.0], [2.0, 3.0, 4.0]])]), "inputs[0].data"),
    "another shape than nesting": (body(inputs=[tensor(shape=[2, 1], data=[[1.0, 2.0]])]), "inputs[0].data"),
    "texts for numbers": (body(inputs=[tensor(data=["1", "2"])]), "inputs[0].data"),
    "a number too large for FP32": (body(inputs=[tensor(data=[1e300, 0.0])]), "inputs[0].data"),
    "a number too large for INT8": (body(inputs=[tensor(datatype="INT8", data=[128, 0])]), "inputs[0].data"),
    "a negative for UINT64": (body(inputs=[tensor(datatype="UINT64", data=[-1, 0])]), "inputs[0].data"),
    "a number too large for UINT64": (body(inputs=[tensor(datatype="UINT64", data=[2**64, 0])]), "inputs[0].data"),
    "a fraction for an integer": (body(inputs=[tensor(datatype="INT64", data=[0.5, 1])]), "inputs[0].data"),
    "a datatype of nobody": (body(inputs=[tensor(datatype="FP7")]), "inputs[0].datatype"),
    "a shape of nothing": (body(inputs=[tensor(shape=[0, 2], data=[])]), "inputs[0].shape"),
    "a negative shape": (body(inputs=[tensor(shape=[-1, 2])]), "inputs[0].shape"),
    "an overflowing shape": (body(inputs=[tensor(shape=[2**31 - 1] * 8, data=[1.0])]), "inputs[0].data"),
    "a shape too deep": (body(inputs=[tensor(shape=[1] * 9)]), "inputs[0].shape"),
    "an input twice": (body(inputs=[tensor(), tensor()]), "inputs"),
    "an output twice": (body(outputs=[{"name": "a"}, {"name": "a"}]), "outputs"),
    "parameters": (body(parameters={"priority": 1}), "parameters"),
    "shared memory": (body(inputs=[tensor(parameters={"shared_memory_region": "r"})]), "inputs[0].parameters"),
    "binary outputs": (body(outputs=[{"name": "a", "parameters": {"binary_data": True}}]), "outputs[0].parameters"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_tensor_that_is_not_what_it_says_is_refused_by_name(plane: Plane, case: str) -> None:
    sent, named = BAD[case]
    answer = await plane.ask(INFER, sent)
    assert answer.status == 400
    assert named in error_of(answer)
    assert plane.rows.asked == []


async def test_what_is_harmless_is_taken(plane: Plane) -> None:
    harmless = {"binary_data_output": False}
    assert (await plane.ask(INFER, body(parameters=harmless, outputs=[]))).status == 200
    binary = await plane.ask(INFER, body(), headers=("inference-header-content-length: 5",))
    assert binary.status == 400
    assert "inference-header-content-length" in error_of(binary)


def output(**fields: Any) -> dict[str, Any]:
    return {"name": "score", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.75], **fields}


WRONG: dict[str, object] = {
    # what the engine answers
    "too few data": {"outputs": [output(data=[0.25])]},
    "texts": {"outputs": [output(data=["/srv", "hunter2"])]},
    "a datatype of nobody": {"outputs": [output(datatype="FP16")]},
    "a shape of nothing": {"outputs": [output(shape=[0], data=[])]},
    "an output twice": {"outputs": [output(), output()]},
    "no outputs": {},
    "garbage": b"\xff{",
}


@pytest.mark.parametrize("case", WRONG)
async def test_an_answer_that_is_not_what_it_says_is_a_failed_one(plane: Plane, case: str) -> None:
    plane.rows.behaviour = says(whole(WRONG[case]))
    answer = await plane.ask(INFER, body())
    assert answer.status == 502
    assert "hunter2" not in error_of(answer)


async def test_an_output_that_nobody_asked_for_fails_the_answer(plane: Plane) -> None:
    assert (await plane.ask(INFER, body(outputs=[{"name": "other"}]))).status == 502


UNSAID = "The model cannot work with this request."
NOES = {
    # what the worker says: what is told of it where the rules disclose the detail of errors
    "This model takes: income, age.": "inputs: This model takes: income, age.",
    "A request has 1 to 1024 rows.": "inputs: A request has 1 to 1024 rows.",
    "/srv/models/secret.onnx: hunter2": f"inputs: {UNSAID}",
}


@pytest.mark.parametrize("detail", [True, False], ids=["told", "untold"])
async def test_a_no_of_the_worker_is_told_in_known_words_or_not_at_all(plane: Plane, detail: bool) -> None:
    await plane.rule("globex", "disclosure", {"rules": [{"error_detail": detail}]})
    for words, told in NOES.items():
        plane.rows.behaviour = says(whole({"error": words, "param": "inputs"}, 400))
        answer = await plane.ask(INFER, body(), key="globex")
        assert (answer.status, error_of(answer)) == (400, told if detail else UNSAID)


async def test_metadata_come_from_the_engine_and_bear_the_deployments_name(plane: Plane) -> None:
    form = {
        "name": "x",
        "datatype": "FP32",
        "shape": [-1, 2],
        "parameters": {"columns": ["income", "age"]},
        "path": "/srv",
    }
    plane.rows.behaviour = says(whole({"name": "engine", "platform": "onnx", "inputs": [form], "outputs": []}))
    # What kind of engine it is, is told where its fingerprint may be; the protocol wants the field in any case.
    for allowed, platform in ((True, "onnx"), (False, "")):
        await plane.rule("globex", "disclosure", {"rules": [{"system_fingerprint": allowed}]})
        answer = await plane.ask("/v2/models/rows", method="GET", key="globex")
        assert answer.status == 200
        assert answer.json == {
            "name": "rows", "versions": [], "platform": platform, "outputs": [],
            "inputs": [{k: v for k, v in form.items() if k != "path"}],
        }  # fmt: skip
    assert plane.rows.asked[0].head.startswith(b"GET /v2/models/- ")


async def test_readiness_is_told_of_models_that_may_be_seen_and_of_no_others(plane: Plane) -> None:
    ready = await plane.ask("/v2/models/rows/ready", method="GET")
    assert (ready.status, ready.json) == (200, {"name": "rows", "ready": True})
    plane.rows.behaviour = says(whole({}, 500))
    assert (await plane.ask("/v2/models/rows/ready", method="GET")).status == 503
    await plane.deploy("globex", "hidden-rows", of="rows")
    told: list[Any] = []
    for name in ("hidden-rows", "missing"):
        for path, method in (
            (f"/v2/models/{name}/ready", "GET"),
            (f"/v2/models/{name}", "GET"),
            (f"/v2/models/{name}/infer", "POST"),
        ):
            answer = await plane.ask(path, body() if method == "POST" else None, method=method)
            told.append((name, answer.status, answer.json, sorted(answer.headers)))
    assert {each[1] for each in told} == {404}
    assert [each[1:] for each in told[:3]] == [each[1:] for each in told[3:]]


async def test_the_server_says_of_itself_what_the_protocol_wants(plane: Plane) -> None:
    for path in ("/v2", "/v2/health/live", "/v2/health/ready"):
        answer = await plane.ask(path, method="GET", key=None)
        assert answer.status == 200, path
        assert isinstance(answer.json, dict)
    assert (await plane.ask("/v2/repository/index", method="POST")).json == {"error": "There is no such endpoint here."}
    assert (await plane.ask(INFER, method="GET")).headers["allow"] == "POST"
    assert (await plane.ask(INFER, body(), key=None)).status == 401


async def test_a_model_is_asked_in_the_dialect_it_serves(plane: Plane) -> None:
    assert (await plane.ask("/v2/models/tiny/infer", body())).status == 400
    chat = {"model": "rows", "messages": [{"role": "user", "content": "x"}]}
    refused = await plane.ask(body=chat)
    assert (refused.status, refused.error["param"]) == (400, "model")
