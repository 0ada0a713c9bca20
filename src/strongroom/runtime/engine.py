"""llama.cpp's own server, started inside the worker with everything off that we do not use.

Always true here:
- it listens on a unix socket in the worker's private directory, and wants a key that is random for each start: nobody
  but the front of the same process can ask it anything, whatever endpoints it has;
- nothing is shared between slots: no unified KV cache, no choice of slot by likeness, no prompt cache in host memory,
  no saved slots, no checkpoints;
- it fetches nothing, runs no tools, shows no page, and logs no prompt.
"""

from __future__ import annotations

import importlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strongroom.runtime import gguf, templates
from strongroom.runtime.digests import Format
from strongroom.runtime.spec import WorkerConfig

_BATCH = 128
"""Tokens of prompt between two looks at the other slots: bounds how long one prompt holds up another's answer, and how
long the engine works on for a client who has left."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine; dropping it stops it.

    Attributes:
        socket: where it listens.
        key: what it wants in `Authorization`.
        takes_tools: whether tools that are offered reach the model.
        server: keeps it alive.
    """

    socket: Path
    key: str = field(repr=False)
    takes_tools: bool
    server: Any = field(repr=False)


def start(config: WorkerConfig) -> Engine:
    """Load the weights and start the engine; returns when it is ready.

    Raises:
        RuntimeError: when the engine cannot load the weights.
    """
    # Only now, with the process confined: the library starts threads. It carries no types.
    xllamacpp: Any = importlib.import_module("xllamacpp")

    path = Path(config.scratch) / "engine.sock"
    key = secrets.token_urlsafe(32)
    parameters: Any = xllamacpp.CommonParams()
    parameters.hostnames = [str(path)]
    parameters.port = 1  # unused with a unix socket, but 0 would ask for a free one
    parameters.api_keys = [key]
    takes_tools = _set_model(parameters, config)
    _set_compute(parameters, config)
    _switch_off(parameters)
    server = xllamacpp.Server(parameters)
    return Engine(socket=path, key=key, takes_tools=takes_tools, server=server)


def _set_model(parameters: Any, config: WorkerConfig) -> bool:
    file = config.file(Format.GGUF)
    parameters.model.path = file.path
    parameters.model_alias = {config.model}
    parameters.n_parallel = config.slots
    parameters.n_ctx = config.slots * config.context_tokens
    parameters.ctx_shift = False  # a prompt that does not fit is refused, not cut
    # llama.cpp drops tools without a word where a model's template does not show them.
    template = templates.with_tools(gguf.text_of(file.descriptor, "tokenizer.chat_template") or "")
    if template is not None:
        parameters.chat_template = template
    return template is not None


def _set_compute(parameters: Any, config: WorkerConfig) -> None:
    parameters.cpuparams.n_threads = config.threads
    parameters.cpuparams_batch.n_threads = config.threads
    parameters.n_threads_http = config.slots + 2
    parameters.n_batch = _BATCH
    parameters.n_ubatch = _BATCH
    parameters.n_gpu_layers = 0
    parameters.warmup = False
    parameters.fit_params = False


def _switch_off(parameters: Any) -> None:
    parameters.verbosity = 0
    parameters.offline = True
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.endpoint_metrics = True  # answered by the engine's own loop: how `pulse` knows that it turns
    parameters.endpoint_props = False
    parameters.cors_origins = ""
    parameters.kv_unified = False
    parameters.slot_prompt_similarity = 0.0
    parameters.cache_ram_mib = 0
    parameters.cache_idle_slots = False
    parameters.n_cache_reuse = 0
    parameters.n_ctx_checkpoints = 0
    parameters.slot_save_path = ""
    parameters.server_tools = []
    parameters.models_autoload = False
