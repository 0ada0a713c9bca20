"""`python -m strongroom.runtime.name_worker`: a model of names in ONNX Runtime."""

from __future__ import annotations

from strongroom.runtime import weights, worker
from strongroom.runtime.digests import Format
from strongroom.runtime.front import Front
from strongroom.runtime.name_front import NameFront
from strongroom.runtime.namer import Namer
from strongroom.runtime.spec import WorkerConfig
from strongroom.wire import Handler


async def load(config: WorkerConfig) -> Handler:
    """Load the model and put the front before it."""
    tokenizer = weights.read(config.file(Format.TOKENIZER).descriptor).decode()
    namer = Namer(config.file(Format.ONNX).path, tokenizer, threads=config.threads)
    return Front(config, NameFront(namer).routes)


if __name__ == "__main__":
    worker.run(load)
