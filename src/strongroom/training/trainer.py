"""The process that trains: it is told what over standard input, gives everything else up, and answers once.

answer = length of what is told (4) | length of the model (4) | JSON | model
"""

from __future__ import annotations

import importlib
import os
import resource
import struct
import sys
from typing import Any, Final

import msgspec

from strongroom.confinement.confine import Confinement, confine
from strongroom.training.model import Plan

HEAD: Final = struct.Struct(">II")
MOST_MODEL: Final = 32 << 20
_MEMORY: Final = "It needs more memory than a job may have: fewer rows or columns would do."


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to train, and within which bounds."""

    plan: Plan
    descriptor: int
    uid: int | None
    memory_bytes: int
    cpu_s: int
    readable: tuple[str, ...]
    landlock: bool
    seccomp: bool


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: figures, or a code and a sentence that say why there are none."""

    code: str = ""
    message: str = ""
    figures: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


def main() -> int:
    """Train once."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
    fitting: Any = importlib.import_module("strongroom.training.fitting")  # with its libraries: they are found before
    resource.setrlimit(resource.RLIMIT_CPU, (task.cpu_s, task.cpu_s))
    confine(
        Confinement(
            uid=task.uid,
            memory_bytes=task.memory_bytes,
            files=256,
            processes=None,
            file_bytes=0,
            readable=task.readable,
            scratch=(),
            landlock=task.landlock,
            seccomp=task.seccomp,
            die_with_parent=True,
        )
    )
    model, answer = b"", Answer()
    try:
        model, figures = fitting.fit(task.plan, _data(task.descriptor))
        answer = Answer(figures=figures)
    except fitting.CannotFit as error:
        answer = Answer(code=error.code, message=str(error))
    except MemoryError:
        answer = Answer(code="out_of_memory", message=_MEMORY)
    told = msgspec.json.encode(answer)
    left = memoryview(HEAD.pack(len(told), len(model)) + told + model)
    while left:
        left = left[os.write(out, left) :]
    return 0


def _data(descriptor: int) -> bytes:
    parts: list[bytes] = []
    at = 0
    while part := os.pread(descriptor, 1 << 20, at):
        at += len(part)
        parts.append(part)
    return b"".join(parts)


if __name__ == "__main__":
    sys.exit(main())
