"""`python -m strongroom.runtime.embed_worker`: an embedding model in ONNX Runtime."""

from __future__ import annotations

from strongroom.runtime import worker
from strongroom.runtime.embed_front import EmbedFront
from strongroom.runtime.embedder import Embedder
from strongroom.runtime.front import Front
from strongroom.runtime.lender import Lender
from strongroom.runtime.pulse import Pulse
from strongroom.runtime.slots import SlotTable
from strongroom.runtime.spec import WorkerConfig
from strongroom.wire import Handler


async def load(config: WorkerConfig) -> Handler:
    """Load the model and put the front before it."""
    table = SlotTable(1, max_waiting=config.max_waiting, max_waiting_per_scope=config.max_waiting_per_scope)
    embed = EmbedFront(Embedder(config), Lender(table), model=config.model)
    return Front(config, embed.routes, well=Pulse(embed.turns).beats)


if __name__ == "__main__":
    worker.run(load)
