"""`python -m strongroom.runtime.llama_worker`: a chat model in llama.cpp, behind our own front."""

from __future__ import annotations

from strongroom.runtime import engine, worker
from strongroom.runtime.chat_front import ChatFront
from strongroom.runtime.front import Front
from strongroom.runtime.lender import Lender
from strongroom.runtime.pulse import Pulse
from strongroom.runtime.slots import SlotTable
from strongroom.runtime.spec import WorkerConfig
from strongroom.wire import Handler


async def load(config: WorkerConfig) -> Handler:
    """Start the engine and put the front before it."""
    table = SlotTable(config.slots, max_waiting=config.max_waiting, max_waiting_per_scope=config.max_waiting_per_scope)
    running = engine.start(config)  # blocks: until it is loaded there is nobody to answer
    # More connections than slots: one whose client has left may take a moment to close.
    chat = ChatFront(running, Lender(table), context_tokens=config.context_tokens, connections=2 * config.slots + 3)
    return Front(config, chat.routes, well=Pulse(chat.turns).beats)


if __name__ == "__main__":
    worker.run(load)
