"""What a worker's memory is when an ONNX model has its tensors inside, and when it has them in a file beside it.

`make bench-onnxdata`: a model of 256 MiB of weights (less with `--quick`), loaded by the worker's own code from sealed
memory, each in a process of its own. Shown are that process's private memory and, at its peak, all of its memory.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from strongroom.confinement.confine import Confinement
from strongroom.kernel.principal import Environment
from strongroom.runtime import onnx_session, weights
from strongroom.runtime.digests import Artefact, Digest, Format
from strongroom.runtime.spec import Kind, SealedFile, WorkerConfig

SIDE = 1024 if "--quick" in sys.argv else 4096
LAYERS = 4
_ARGUMENTS = 3
_onnx: Any = importlib.import_module("onnx")  # it does not say what a path is


def made(place: Path, *, outside: bool) -> None:
    """Write a model of a few square layers into a directory."""
    draw = np.random.default_rng(3)
    held = [draw.normal(size=(SIDE, SIDE)).astype(np.float32) * 0.01 for _ in range(LAYERS)]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", [f"x{at}", f"w{at}"], [f"x{at + 1}"]) for at in range(LAYERS)],
        "layers",
        [value("x0", TensorProto.FLOAT, [None, SIDE])],
        [value(f"x{LAYERS}", TensorProto.FLOAT, [None, SIDE])],
        [numpy_helper.from_array(each, f"w{at}") for at, each in enumerate(held)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    _onnx.save_model(model, place / "model.onnx", save_as_external_data=outside, location="model.onnx.data")


def sealed(path: Path) -> SealedFile:
    with path.open("rb") as source:
        digest = Digest(hashlib.file_digest(source, "sha256").hexdigest())
    written = Format.ONNX if path.suffix == ".onnx" else Format.OTHER
    file = Artefact(name=path.name, digest=digest, path=path, format=written, size=path.stat().st_size)
    return SealedFile(name=path.name, digest=digest, format=written, descriptor=weights.seal(file))


def inside(place: Path) -> None:
    """Load what lies in a directory, and say how much memory that took."""
    free: dict[str, Any] = {
        "uid": None, "memory_bytes": None, "files": 64, "processes": None, "file_bytes": 0, "readable": (),
        "scratch": (), "landlock": False, "seccomp": False, "die_with_parent": False,
    }  # fmt: skip
    config = WorkerConfig(
        name="m.dev", model="m", kind=Kind.INFER, environment=Environment.DEV, digest="",
        files=tuple(sealed(each) for each in sorted(place.iterdir())), listener=0, scratch="", slots=1,
        context_tokens=1, threads=1, max_waiting=1, max_waiting_per_scope=1, confinement=Confinement(**free),
    )  # fmt: skip
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak so far is forgotten
    before = memory()
    session = onnx_session.opened(onnxruntime, config, patterns=False)
    after = memory()
    session.run(None, {"x0": np.ones((1, SIDE), dtype=np.float32)})
    print(f"{after['RssAnon'] - before['RssAnon']} {after['VmHWM'] - before['VmRSS']}")


def memory() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return {each.split(":")[0]: int(each.split()[1]) >> 10 for each in lines if each.endswith(" kB")}


def main() -> None:
    if len(sys.argv) >= _ARGUMENTS and sys.argv[1] == "inside":
        inside(Path(sys.argv[2]))
        return
    print(f"{LAYERS * SIDE * SIDE * 4 >> 20} MiB of weights\n\n| weights | private memory | peak |\n|---|---|---|")
    for outside in (False, True):
        with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as place:  # noqa: S108 - memory, so that no disk is measured
            made(Path(place), outside=outside)
            more = [each for each in sys.argv[1:] if each == "--quick"]
            done = subprocess.run(  # noqa: S603 - our own file
                [sys.executable, __file__, "inside", place, *more], capture_output=True, text=True, check=True
            )
        private, peak = done.stdout.split()
        print(f"| {'in a file beside the model' if outside else 'in the model'} | {private} MiB | {peak} MiB |")


if __name__ == "__main__":
    main()
