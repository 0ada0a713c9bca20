"""A session of ONNX Runtime on sealed memory: the model, and the data of its tensors where that lies in other files.

Always true here:
- ONNX Runtime opens no file by a name that a model says. Each other file of the release is handed to it as a range of
  sealed memory under the path that a tensor can know it by, and a tensor that names anything else is not loaded;
- what is mapped was verified against the release's manifest before, and its seals let nobody change it since;
- ONNX Runtime copies the tensors: the mappings end when the session stands, the sealed memory stays one for all workers.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

from strongroom.runtime.digests import Format
from strongroom.runtime.spec import SealedFile, WorkerConfig


def opened(runtime: Any, config: WorkerConfig, *, patterns: bool) -> Any:
    """Return a session of the release's one model.

    Args:
        runtime: the module `onnxruntime`, which its caller imports when the process is confined.
        config: with the release's sealed files.
        patterns: whether memory is laid out once for each shape of input.
    """
    runtime.set_default_logger_severity(4)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = config.threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it would keep the largest request's memory for good
    options.enable_mem_pattern = patterns
    options.log_severity_level = 4
    runtime.disable_telemetry_events()
    model = config.file(Format.ONNX)
    with _mapped(beside(model, config.files)) as data:
        if data:
            options.add_external_initializers_from_files_in_memory(
                list(data), list(data.values()), [len(each) for each in data.values()]
            )
        return runtime.InferenceSession(model.path, options, providers=["CPUExecutionProvider"])


def beside(model: SealedFile, files: tuple[SealedFile, ...]) -> dict[str, SealedFile]:
    """Return what may hold tensors' data, by its path from the directory that the model lies in.

    Which of them does, the model says; that it does so exactly, the scanner has seen before the release was signed.
    """
    place = PurePosixPath(model.name).parent
    return {
        str(PurePosixPath(each.name).relative_to(place)): each
        for each in files
        if each.format is Format.OTHER and PurePosixPath(each.name).is_relative_to(place)
    }


@contextmanager
def _mapped(files: dict[str, SealedFile]) -> Generator[dict[str, mmap.mmap]]:
    """Yield the files as memory that can be read, for as long as a session takes to copy what it wants of it."""
    found: dict[str, mmap.mmap] = {}
    try:
        for name, each in files.items():
            if os.fstat(each.descriptor).st_size:  # no memory can be nothing
                found[name] = mmap.mmap(each.descriptor, 0, prot=mmap.PROT_READ)
        yield found
    finally:
        for mapped in found.values():
            mapped.close()
