"""Tabular models behind Open Inference Protocol v2, through their worker's own front."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import skops.io
from onnx import TensorProto, helper
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from strongroom.kernel.principal import Environment
from strongroom.runtime import artefacts
from strongroom.runtime.digests import Artefact, Digest, Format
from strongroom.runtime.events import WorkerExited
from strongroom.runtime.keeper import HostPolicy
from strongroom.runtime.rig import Answer, Rig, ask, scope
from strongroom.runtime.spec import Kind, UnfitFormatError

ROOT = Path(__file__).parents[3]
MODEL = Path(artefacts.__file__).parent / "models" / "credit-risk.onnx"
INFER = "/v2/models/credit-risk/infer"
APPLICATION = [3159.0, 19610.0, 24.0, 0.803, 30.0, 108.0, 3.0, 0.245, 0.0, 0.0, 60.0, 0.0]
WORSE = [1100.0, 30000.0, 60.0, 0.95, 1.0, 6.0, 9.0, 1.1, 8.0, 3.0, 1.0, 0.0]


@pytest.fixture(scope="module")
def tabular() -> Generator[Rig]:
    with Rig([Kind.INFER]) as rig:
        yield rig


def body(rows: list[list[float]], **more: Any) -> dict[str, Any]:
    tensor = {"name": "features", "shape": [len(rows), 12], "datatype": "FP32", "data": rows}
    return {"inputs": [tensor], **more}


def infer(rig: Rig, asked: object, tenant: str = "acme") -> Answer:
    return rig.ask(Kind.INFER, INFER, asked, scope=scope(tenant))


def outputs(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return {each["name"]: each for each in answer.json()["outputs"]}


def test_it_says_what_it_is_and_that_it_is_ready(tabular: Rig) -> None:
    about = tabular.ask(Kind.INFER, "/v2/models/credit-risk").json()
    assert about["inputs"][0]["shape"] == [-1, 12]
    assert about["inputs"][0]["parameters"]["columns"][0] == "income_monthly"
    assert [(each["name"], each["datatype"], each["shape"]) for each in about["outputs"]] == [
        ("label", "INT64", [-1]),
        ("probabilities", "FP32", [-1, 2]),
    ]
    assert about["outputs"][1]["parameters"] == {"columns": ["repaid", "defaulted"]}
    for path in ("/health", "/v2/health/live", "/v2/health/ready", "/v2/models/credit-risk/ready"):
        assert tabular.ask(Kind.INFER, path).status == 200
    assert tabular.ask(Kind.INFER, "/v1/identity").json()["digest"] == tabular.spec(Kind.INFER).digest


def test_it_answers_as_the_file_does_and_a_row_does_not_depend_on_its_neighbours(tabular: Rig) -> None:
    found = outputs(infer(tabular, body([APPLICATION, WORSE] * 100, id="seven")))
    session = onnxruntime.InferenceSession(MODEL)
    label, chances = session.run(None, {"features": np.asarray([APPLICATION, WORSE], dtype=np.float32)})
    assert found["label"]["data"] == label.tolist() * 100
    assert found["probabilities"]["data"] == chances.ravel().tolist() * 100
    assert found["probabilities"]["shape"] == [200, 2]
    assert found["label"]["data"][:2] == [0, 1]
    assert infer(tabular, body([WORSE], id="seven")).json()["id"] == "seven"
    assert set(outputs(infer(tabular, body([WORSE], outputs=[{"name": "label"}])))) == {"label"}


def test_a_no_is_the_protocols_and_names_a_field(tabular: Rig) -> None:
    refused = infer(tabular, body([[1.0]]))
    assert (refused.status, refused.json()["param"]) == (400, "inputs[0].data")
    assert infer(tabular, body([APPLICATION] * 1025)).json()["error"] == "A request has 1 to 1024 rows."
    assert tabular.ask(Kind.INFER, INFER, body([APPLICATION])).status == 400  # it did not come through the gateway
    assert isinstance(tabular.ask(Kind.INFER, "/v2/models/other").json()["error"], str)
    assert infer(tabular, b'{"inputs":').json()["error"] == "The body is not valid JSON."


@pytest.mark.parametrize(
    "path",
    [
        "/v2/repository/index",
        "/v2/models/credit-risk/unload",
        "/v2/models/credit-risk/infer/",
        "/metrics",
        "/v2/models/../x",
    ],
)
def test_nothing_else_is_there(tabular: Rig, path: str) -> None:
    assert tabular.ask(Kind.INFER, path, scope=scope("acme")).status == 404
    assert tabular.ask(Kind.INFER, path, b"{}", scope=scope("acme")).status == 404


async def test_a_crowd_of_one_tenant_delays_anothers_only_request_by_one(tabular: Rig) -> None:
    path = tabular.socket(Kind.INFER)
    large, small = body([APPLICATION] * 1024), body([APPLICATION])
    crowd = [asyncio.create_task(ask(path, INFER, large, scope=scope("crowd", str(n % 8)))) for n in range(48)]
    await asyncio.wait(crowd, return_when=asyncio.FIRST_COMPLETED)
    began = time.perf_counter()
    assert (await ask(path, INFER, small, scope=scope("one"))).status == 200
    assert time.perf_counter() - began < 2.0
    answers = await asyncio.gather(*crowd)
    assert {answer.status for answer in answers} <= {200, 503}


def test_trained_again_it_predicts_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    trainer = importlib.import_module("train_credit_risk")
    again = tmp_path / "again.onnx"
    again.write_bytes(trainer.export(*trainer.train()))
    rows = np.random.default_rng(5).uniform([600] * 12, [4000] * 12, (500, 12)).astype(np.float32)
    rows[:, 3:] /= 3000
    rows = np.vstack([rows, np.asarray([APPLICATION, WORSE], dtype=np.float32)])
    first, second = (
        onnxruntime.InferenceSession(path).run(["probabilities"], {"features": rows})[0] for path in (MODEL, again)
    )
    assert np.abs(first - second).max() < 1e-5
    assert MODEL.stat().st_size < 200_000
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() == artefacts.CREDIT_RISK[0].digest
    assert onnx.load(again).metadata_props == onnx.load(MODEL).metadata_props


def artefact(directory: Path, data: bytes, written: Format) -> Artefact:
    path = directory / f"model.{written}"
    path.write_bytes(data)
    return Artefact(
        name=path.name, digest=Digest(hashlib.sha256(data).hexdigest()), path=path, format=written, size=len(data)
    )


def changed(file: Artefact, **more: Any) -> dict[str, Any]:
    return {"artefacts": (file,), **more}


TYPES = {
    "flag": ("BOOL", TensorProto.BOOL, [True, False]),
    "small": ("INT8", TensorProto.INT8, [-128, 127]),
    "large": ("INT64", TensorProto.INT64, [-(1 << 63), (1 << 63) - 1]),
    "huge": ("UINT64", TensorProto.UINT64, [0, (1 << 64) - 1]),
    "half": ("FP32", TensorProto.FLOAT, [0.5, -2.25]),
    "double": ("FP64", TensorProto.DOUBLE, [0.1, -1e300]),
    "word": ("BYTES", TensorProto.STRING, ["", "grüße 🦓"]),
}


def graph(nodes: list[Any], inputs: list[Any], outs: list[Any]) -> bytes:
    made = helper.make_graph(nodes, "test", inputs, outs)
    opsets = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString())


def echo() -> bytes:
    """Return a model that gives back a tensor of each type, as `NAME_out`."""
    value = helper.make_tensor_value_info
    return graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in TYPES],
        [value(name, number, [None]) for name, (_, number, _) in TYPES.items()],
        [value(f"{name}_out", number, [None]) for name, (_, number, _) in TYPES.items()],
    )


def test_each_datatype_goes_there_and_back(tmp_path: Path) -> None:
    sent = [
        {"name": name, "shape": [2], "datatype": datatype, "data": data} for name, (datatype, _, data) in TYPES.items()
    ]
    with Rig([Kind.INFER], changes=changed(artefact(tmp_path, echo(), Format.ONNX))) as rig:
        found = outputs(infer(rig, {"inputs": sent}))
    assert {name: found[f"{name}_out"]["data"] for name in TYPES} == {
        name: data for name, (_, _, data) in TYPES.items()
    }
    assert {name: found[f"{name}_out"]["datatype"] for name in TYPES} == {
        name: kind for name, (kind, _, _) in TYPES.items()
    }


def trained(model: Any) -> bytes:
    draw = np.random.default_rng(1)
    rows = draw.normal(size=(200, 12))
    return bytes(skops.io.dumps(model.fit(rows, np.where(rows[:, 0] > 0, "yes", "no"))))


def test_a_skops_model_answers_in_dev(tmp_path: Path) -> None:
    file = artefact(tmp_path, trained(make_pipeline(StandardScaler(), LogisticRegression())), Format.SKOPS)
    with Rig([Kind.INFER], changes=changed(file)) as rig:
        about = rig.ask(Kind.INFER, "/v2/models/credit-risk").json()
        assert about["platform"] == "sklearn_skops"
        assert about["outputs"][1]["parameters"] == {"columns": ["no", "yes"]}
        row = {"name": "features", "shape": [1, 12], "datatype": "FP64", "data": [3.0] + [0.0] * 11}
        found = outputs(infer(rig, {"inputs": [row]}))
    assert found["label"] == {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["yes"]}
    assert found["probabilities"]["data"][1] > 0.9


@pytest.mark.parametrize("environment", [Environment.TEST, Environment.PROD])
def test_a_skops_model_is_refused_outside_dev(tmp_path: Path, environment: Environment) -> None:
    file = artefact(tmp_path, b"PK", Format.SKOPS)
    rig = Rig([Kind.INFER], changes=changed(file, environment=environment))
    with pytest.raises(UnfitFormatError, match=f"in dev only, not in {environment}: export it as ONNX"), rig:
        pass


def free() -> bytes:
    """Return a model whose output has a fixed first length: rows would not be what the caller's are."""
    value = helper.make_tensor_value_info
    node = helper.make_node("Identity", ["features"], ["label"])
    return graph([node], [value("features", 1, [4])], [value("label", 1, [4])])


UNSERVABLE: dict[str, tuple[Format, Callable[[], bytes], str]] = {
    "trees in skops": (Format.SKOPS, lambda: trained(RandomForestClassifier(2)), "sklearn.tree._tree.Tree"),
    "a fixed first length": (Format.ONNX, free, "first length is not free"),
    "a tokenizer": (Format.TOKENIZER, lambda: b"{}", "not written as tokenizer"),
}


@pytest.mark.parametrize("name", UNSERVABLE)
def test_what_cannot_be_served_ends_the_worker_with_a_reason(tmp_path: Path, name: str) -> None:
    written, make, reason = UNSERVABLE[name]
    rig = Rig([], changes=changed(artefact(tmp_path, make(), written)), policy=HostPolicy(start_s=30))
    with rig:
        rig.run(rig.host.start([rig.spec(Kind.INFER)]))
        until = time.monotonic() + 30
        while not [event for event in rig.events if isinstance(event, WorkerExited)]:
            assert time.monotonic() < until
            time.sleep(0.01)
        logs = "".join(path.read_text(encoding="utf-8") for path in (rig.home / "logs").iterdir())
        assert reason in logs
        assert "Traceback" not in logs


def test_json_has_no_infinity_and_neither_has_an_answer(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    node = helper.make_node("Log", ["features"], ["label"])
    data = graph([node], [value("features", 1, [None, 12])], [value("label", 1, [None, 12])])
    with Rig([Kind.INFER], changes=changed(artefact(tmp_path, data, Format.ONNX))) as rig:
        answer = infer(rig, body([[0.0] * 12]))
        assert (answer.status, json.loads(answer.body)["error"]) == (
            500,
            "The model's answer to these rows is no number.",
        )
        assert infer(rig, body([[1.0] * 12])).status == 200
