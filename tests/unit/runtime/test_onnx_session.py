"""A session of ONNX Runtime takes tensors' data from the release's sealed files, and from nowhere else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime
import pytest

from strongroom.confinement.confine import Confinement
from strongroom.kernel.principal import Environment
from strongroom.registry.scan.testing.build import blob, external, graph, number, onnx, onnx_tensor
from strongroom.runtime import onnx_session, weights
from strongroom.runtime.digests import Artefact, Digest, Format
from strongroom.runtime.spec import Kind, SealedFile, WorkerConfig

FREE = Confinement(
    uid=None, memory_bytes=None, files=64, processes=None, file_bytes=0, readable=(), scratch=(), landlock=False,
    seccomp=False, die_with_parent=False,
)  # fmt: skip
WEIGHTS = np.asarray([2, 3], dtype="<f4").tobytes()
OTHERS = np.asarray([5, 7], dtype="<f4").tobytes()


def value(field: int, name: str) -> bytes:
    """Return what a graph says of a tensor of rows of two numbers that goes in or comes out."""
    shape = blob(1, blob(2, "rows")) + blob(1, number(1, 2))
    return blob(field, blob(1, name) + blob(2, blob(1, number(1, 1) + blob(2, shape))))


def scaled(*tensors: bytes, nodes: tuple[bytes, ...] = ()) -> bytes:
    """Return a model that multiplies `x` by its tensor `w`."""
    times = blob(1, "x") + blob(1, "w") + blob(2, "y") + blob(4, "Mul")
    return onnx(graph([*nodes, times], tensors, value(11, "x"), value(12, "y")))


def outside(place: str, offset: int | str | None = None, length: int | None = None) -> bytes:
    return onnx_tensor([2], 1, external(place, offset, length))


@contextmanager
def config(place: Path, files: dict[str, bytes]) -> Generator[WorkerConfig]:
    sealed: list[SealedFile] = []
    for at, (name, data) in enumerate(files.items()):
        path = place / str(at)
        path.write_bytes(data)
        digest = Digest(hashlib.sha256(data).hexdigest())
        written = Format.ONNX if name.endswith(".onnx") else Format.OTHER
        descriptor = weights.seal(Artefact(name=name, digest=digest, path=path, format=written, size=len(data)))
        sealed.append(SealedFile(name=name, digest=digest, format=written, descriptor=descriptor))
    try:
        yield WorkerConfig(
            name="m.dev", model="m", kind=Kind.INFER, environment=Environment.DEV, digest="", files=tuple(sealed),
            listener=0, scratch="", slots=1, context_tokens=1, threads=1, max_waiting=1, max_waiting_per_scope=1,
            confinement=FREE,
        )  # fmt: skip
    finally:
        for each in sealed:
            os.close(each.descriptor)


def answer(session: Any) -> list[float]:
    found: list[float] = session.run(None, {"x": np.ones((1, 2), dtype=np.float32)})[0].ravel().tolist()
    return found


@pytest.mark.parametrize(
    ("tensor", "name", "data"),
    [
        (outside("w.bin", 0, 8), "w.bin", WEIGHTS),
        (outside("w.bin"), "w.bin", WEIGHTS),
        (outside("w.bin", 64), "w.bin", bytes(64) + WEIGHTS),
        (outside("deep/er/w", 0, 8), "deep/er/w", WEIGHTS),
    ],
    ids=["a-range", "no-range", "an-offset", "a-directory"],
)
@pytest.mark.parametrize("way", ["", "onnx/"], ids=["beside", "deeper"])
def test_data_is_found_where_the_model_says_from_the_directory_it_lies_in(
    tmp_path: Path, tensor: bytes, name: str, data: bytes, way: str
) -> None:
    with config(tmp_path, {f"{way}model.onnx": scaled(tensor), f"{way}{name}": data, "README.md": b""}) as given:
        session = onnx_session.opened(onnxruntime, given, patterns=False)
    assert answer(session) == [2, 3], "what it holds is its own: the files are closed"


NOT_THERE = "not found from the table"
ATTACKS = {
    "up": (outside("../w.bin", 0, 8), NOT_THERE),
    "absolute": (outside("/etc/hostname", 0, 8), NOT_THERE),
    "up-and-down": (outside("a/../w.bin", 0, 8), NOT_THERE),
    "nobodys": (outside("v.bin", 0, 8), NOT_THERE),
    "descriptor": (outside("0", 0, 8), NOT_THERE),
    "memory": (outside("*/_ORT_MEM_ADDR_/*", 4096, 8), "in-memory address marker"),
    "beyond-the-end": (outside("w.bin", 4, 8), "out of bounds"),
    "far-beyond": (outside("w.bin", (1 << 63) - 4, 8), "overflow"),
    "negative": (outside("w.bin", "-8", 8), "out of bounds"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_the_scanner_would_refuse_is_not_loaded_either(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensor, why = ATTACKS[name]
    (tmp_path / "v.bin").write_bytes(OTHERS)
    monkeypatch.chdir(tmp_path)
    with (
        config(tmp_path, {"model.onnx": scaled(tensor), "w.bin": WEIGHTS}) as given,
        pytest.raises(Exception, match=why),
    ):
        onnx_session.opened(onnxruntime, given, patterns=False)


def test_the_number_of_a_descriptor_is_no_file_for_a_model_that_is_alone(tmp_path: Path) -> None:
    with config(tmp_path, {"model.onnx": scaled(outside("w.bin", 0, 8)), "w.bin": WEIGHTS}) as given:
        data = given.files[1].descriptor
        alone = msgspec.structs.replace(given, files=given.files[:1])
        with pytest.raises(Exception, match="path validation failed"):
            onnx_session.opened(onnxruntime, alone, patterns=False)
        with (
            config(tmp_path, {"model.onnx": scaled(outside(str(data), 0, 8))}) as other,
            pytest.raises(Exception, match="path validation failed"),
        ):
            onnx_session.opened(onnxruntime, other, patterns=False)


def test_a_tensor_of_an_inner_graph_is_not_loaded_from_outside(tmp_path: Path) -> None:
    named = onnx_tensor([2], 1, external("w.bin", 0, 8), name="v")
    inner = graph([blob(1, "v") + blob(2, "y2") + blob(4, "Identity")], [named], blob(12, blob(1, "y2")))
    held = onnx_tensor([2], 1, external("w.bin", 0, 8))
    true = onnx_tensor([], 9, blob(9, b"\x01"), name="t")
    branch = blob(1, "t") + blob(2, "z") + blob(4, "If") + b"".join(
        blob(5, blob(1, each) + blob(6, inner) + number(20, 5)) for each in ("then_branch", "else_branch")
    )  # fmt: skip
    with (
        config(tmp_path, {"model.onnx": scaled(held, true, nodes=(branch,)), "w.bin": WEIGHTS}) as given,
        pytest.raises(Exception, match="INVALID_GRAPH"),
    ):
        onnx_session.opened(onnxruntime, given, patterns=False)


def test_what_lies_beside_the_models_directory_is_not_handed_over(tmp_path: Path) -> None:
    files = {"a/model.onnx": b"m", "a/b/w.bin": b"w", "w.bin": b"v", "ab/w.bin": b"u"}
    with config(tmp_path, files) as given:
        assert {name: each.name for name, each in onnx_session.beside(given.files[0], given.files).items()} == {
            "b/w.bin": "a/b/w.bin"
        }
