from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.runtime.errors import ProblemError, in_protocol
from strongroom.runtime.infer_requests import MAX_ROWS, Inference, read
from strongroom.runtime.tensors import TensorSpec

FEATURES = TensorSpec(name="features", datatype="FP32", shape=(-1, 2))
PURPOSE = TensorSpec(name="purpose", datatype="BYTES", shape=(-1, 1))
COUNT = TensorSpec(name="count", datatype="INT8", shape=(-1,))
LABEL = TensorSpec(name="label", datatype="INT64", shape=(-1,))
CHANCES = TensorSpec(name="probabilities", datatype="FP32", shape=(-1, 2))
OUTPUTS = (LABEL, CHANCES)


def ask(*inputs: dict[str, Any], takes: tuple[TensorSpec, ...] = (FEATURES,), **more: Any) -> Inference:
    return read(json.dumps({"inputs": inputs, **more}).encode(), takes, OUTPUTS)


def features(**changes: Any) -> dict[str, Any]:
    return {"name": "features", "shape": [2, 2], "datatype": "FP32", "data": [1, 2.5, 3, 4e0], **changes}


def refused(*inputs: dict[str, Any], **more: Any) -> tuple[str | None, str]:
    with pytest.raises(ProblemError) as caught:
        ask(*inputs, **more)
    problem = caught.value.problem
    assert problem.status == 400
    assert "canary" not in in_protocol(problem).decode()
    return problem.param, problem.message


@pytest.mark.parametrize("data", [[1, 2.5, 3, 4e0], [[1, 2.5], [3, 4]]])
def test_flat_and_nested_data_are_the_same(data: object) -> None:
    asked = ask(features(data=data))
    assert (asked.inputs[0].values, asked.inputs[0].shape, asked.rows) == ([1.0, 2.5, 3.0, 4.0], (2, 2), 2)
    assert asked.outputs == ("label", "probabilities")
    assert asked.id is None


def test_several_inputs_come_in_the_models_own_order() -> None:
    purpose = {"name": "purpose", "shape": [2, 1], "datatype": "BYTES", "data": ["car", ""]}
    count = {"name": "count", "shape": [2], "datatype": "INT8", "data": [-128, 127]}
    asked = ask(count, features(), purpose, takes=(FEATURES, PURPOSE, COUNT), id="7", parameters={"any": 1})
    assert [given.spec.name for given in asked.inputs] == ["features", "purpose", "count"]
    assert asked.inputs[1].values == ["car", ""]
    assert asked.id == "7"


def test_outputs_are_those_that_were_named() -> None:
    assert ask(features(), outputs=[{"name": "label"}]).outputs == ("label",)
    assert ask(features(), outputs=[]).outputs == ("label", "probabilities")
    assert refused(features(), outputs=[{"name": "canary"}])[0] == "outputs[0].name"
    assert refused(features(), outputs=[{"name": "label"}] * 2)[0] == "outputs"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"name": "canary"}, "inputs[0].name"),
        ({"datatype": "FP64"}, "inputs[0].datatype"),
        ({"datatype": "canary"}, "inputs[0].datatype"),
        ({"shape": [4]}, "inputs[0].shape"),
        ({"shape": [2, 3]}, "inputs[0].shape"),
        ({"shape": [1, 2]}, "inputs[0].data"),
        ({"shape": [0, 2], "data": []}, "inputs[0].shape"),
        ({"shape": [MAX_ROWS + 1, 2]}, "inputs[0].shape"),
        ({"shape": [-1, 2]}, "inputs[0].shape[0]"),
        ({"shape": ["canary", 2]}, "inputs[0].shape[0]"),
        ({"data": [[1, 2, 3], [4]]}, "inputs[0].data"),
        ({"data": [[1, 2], [3]]}, "inputs[0].data"),
        ({"data": [[[1], [2]], [[3], [4]]]}, "inputs[0].data"),
        ({"data": ["canary", 2, 3, 4]}, "inputs[0].data"),
        ({"data": [None, 2, 3, 4]}, "inputs[0].data"),
        ({"data": [True, 2, 3, 4]}, "inputs[0].data"),
        ({"data": [1e39, 2, 3, 4]}, "inputs[0].data"),
        ({"data": "canary"}, "inputs[0].data"),
        ({"data": {}}, "inputs[0].data"),
    ],
)
def test_what_the_model_does_not_take_is_a_400_that_names_the_field(changes: dict[str, Any], param: str) -> None:
    assert refused(features(**changes))[0] == param


def test_what_is_missing_or_said_twice_is_a_400() -> None:
    assert refused(features(), takes=(FEATURES, PURPOSE)) == ("inputs", "Missing input: purpose.")
    assert refused(features(), features())[0] == "inputs[1].name"
    assert refused()[0] == "inputs"
    one = {"name": "count", "shape": [1], "datatype": "INT8", "data": [1]}
    assert refused(features(), one, takes=(FEATURES, COUNT)) == ("inputs", "All inputs have as many rows.")


@pytest.mark.parametrize(
    ("spec", "bad"),
    [
        (COUNT, [128]),
        (COUNT, [-129]),
        (COUNT, [1.5]),
        (COUNT, ["1"]),
        (TensorSpec(name="count", datatype="UINT64", shape=(-1,)), [1 << 64]),
        (TensorSpec(name="count", datatype="UINT64", shape=(-1,)), [-1]),
        (TensorSpec(name="count", datatype="INT64", shape=(-1,)), [1 << 63]),
        (TensorSpec(name="count", datatype="BOOL", shape=(-1,)), [1]),
        (TensorSpec(name="count", datatype="BYTES", shape=(-1,)), ["x" * 4097]),
        (TensorSpec(name="count", datatype="BYTES", shape=(-1,)), [7]),
    ],
)
def test_values_fit_their_datatype(spec: TensorSpec, bad: list[Any]) -> None:
    given = {"name": "count", "shape": [1], "datatype": spec.datatype, "data": bad}
    assert refused(given, takes=(spec,))[0] == "inputs[0].data"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"inputs": 1}', b'{"inputs": [{"name": "features"}]}', b"[" * 5000]
)
def test_other_bodies_are_a_400(body: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        read(body, (FEATURES,), OUTPUTS)
    assert caught.value.problem.status == 400
