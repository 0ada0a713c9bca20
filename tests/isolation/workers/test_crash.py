"""Isolation test 63: a request that crashes its worker, or outgrows its memory, costs others an error, never gives them a part.

The model is one whose memory use the caller chooses. (A kill in the middle of a stream: `test_supervision.py`; what a
gateway's callers see of it: `test_broken_workers.py`.)
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper

from strongroom.runtime.backoff import BackoffPolicy
from strongroom.runtime.digests import Artefact, Digest, Format
from strongroom.runtime.rig import Answer, Rig, ask, scope
from strongroom.runtime.spec import MIB, Kind
from strongroom.runtime.supervise import HostPolicy
from strongroom.wire import ClientError

INFER = "/v2/models/credit-risk/infer"


def greedy() -> bytes:
    """Return a model that gives `value` back, after it has filled as many numbers as `size` says."""
    tensor = helper.make_tensor_value_info
    nodes = [
        helper.make_node("ReduceMax", ["size"], ["longest"], axes=[0], keepdims=1),
        helper.make_node(
            "ConstantOfShape", ["longest"], ["filled"], value=helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
        ),
        helper.make_node("ReduceMin", ["filled"], ["least"], keepdims=1),
        helper.make_node("Mul", ["value", "least"], ["same"]),
    ]
    inputs = [tensor("value", TensorProto.FLOAT, [None]), tensor("size", TensorProto.INT64, [None])]
    graph = helper.make_graph(nodes, "greedy", inputs, [tensor("same", TensorProto.FLOAT, [None])])
    opsets = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Generator[Rig]:
    data = greedy()
    path: Path = tmp_path_factory.mktemp("greedy") / "model.onnx"
    path.write_bytes(data)
    digest = Digest(hashlib.sha256(data).hexdigest())
    file = Artefact(name=path.name, digest=digest, path=path, format=Format.ONNX, size=len(data))
    policy = HostPolicy(backoff=BackoffPolicy(first_s=0.05, stable_s=0.1))
    with Rig([Kind.INFER], policy=policy, changes={"artefacts": (file,), "memory_bytes": 512 * MIB}) as rig:
        yield rig


def body(value: float, rows: int, size: int) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": "value", "shape": [rows], "datatype": "FP32", "data": [value] * rows},
            {"name": "size", "shape": [rows], "datatype": "INT64", "data": [size] * rows},
        ]
    }


async def told(rig: Rig, value: float, rows: int, size: int, tenant: str) -> Answer | None:
    """Return the answer; None for a connection that ended without a whole one."""
    try:
        return await ask(rig.socket(Kind.INFER), INFER, body(value, rows, size), scope=scope(tenant))
    except ClientError:
        return None


async def test_others_get_their_own_whole_answer_or_none(rig: Rig) -> None:
    first = await told(rig, 7.0, 3, 1, "b")
    assert first is not None
    assert first.json()["outputs"][0]["data"] == [7.0] * 3
    asking = [
        told(rig, 666.0, 5, 1 << 30, "a") if number % 4 == 0 else told(rig, float(number), 1000, 1000, f"b{number % 3}")
        for number in range(24)
    ]
    answers = await asyncio.gather(*asking)
    for number, answer in enumerate(answers):
        if number % 4 == 0:
            assert answer is None or answer.status in {500, 503}
            assert answer is None or b"bad_alloc" not in answer.body
        elif answer is not None and answer.status == 200:
            assert answer.json()["outputs"][0]["data"] == [float(number)] * 1000
        else:
            assert answer is None or (answer.status == 503 and b"666" not in answer.body)


async def test_afterwards_it_serves_again(rig: Rig) -> None:
    await told(rig, 666.0, 5, 1 << 30, "a")
    async with asyncio.timeout(30):
        while (answer := await told(rig, 3.0, 2, 1, "b")) is None or answer.status != 200:  # noqa: ASYNC110 - another process is awaited
            await asyncio.sleep(0.05)  # between two workers the socket refuses
    assert answer.json()["outputs"][0]["data"] == [3.0, 3.0]
