"""`python -m strongroom.runtime.tabular_worker`: a tabular model, behind Open Inference Protocol v2."""

from __future__ import annotations

import sys

from strongroom.runtime import predictor, worker
from strongroom.runtime.errors import in_protocol
from strongroom.runtime.front import Front
from strongroom.runtime.infer_front import InferFront
from strongroom.runtime.lender import Lender
from strongroom.runtime.predictor import UnservableModelError
from strongroom.runtime.pulse import Pulse
from strongroom.runtime.slots import SlotTable
from strongroom.runtime.spec import WorkerConfig
from strongroom.wire import Handler


async def load(config: WorkerConfig) -> Handler:
    """Load the model and put the front before it."""
    try:
        model = predictor.load(config)
    except UnservableModelError as error:
        sys.exit(f"{config.model}: {error}")
    table = SlotTable(1, max_waiting=config.max_waiting, max_waiting_per_scope=config.max_waiting_per_scope)
    infer = InferFront(model, Lender(table), model=config.model)
    return Front(config, infer.routes, documents=infer.documents, well=Pulse(infer.turns).beats, written=in_protocol)


if __name__ == "__main__":
    worker.run(load)
