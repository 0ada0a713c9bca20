"""The pool that trains: one process at a time, started for one job and gone with it.

Always true here:
- it shares nothing with inference: another program, started by another process, with no socket and nothing to serve;
- the process is in namespaces of its own where the machine has them (no network, no other process in sight, a private
  /tmp), and confines itself before it looks at data; a machine that has neither namespaces nor seccomp trains nothing;
- it is handed a sealed copy of one table and its plan, and hands back one model and figures; what it writes elsewhere is
  not read, its errors included: they might quote data;
- whatever ends the wait (an answer, the clock, a cancellation) ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from importlib.util import find_spec
from typing import Any, Final

import msgspec

from strongroom.confinement.tree import RuntimeTree, current_tree
from strongroom.registry.content.store import SEALS
from strongroom.runtime import bubblewrap
from strongroom.runtime.sandbox import Facts, examine
from strongroom.training.model import Plan
from strongroom.training.trainer import HEAD, MOST_MODEL, Answer, Task

UID: Final = 65533  # started as root: nobody's, and not the scanner's
MODULE: Final = "strongroom.training.trainer"
_LOST: Final = "The process that trained ended without an answer: it ran out of memory or time, or broke."


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one job may use."""

    seconds: float = 600.0
    memory_bytes: int = 1536 << 20


class Failed(Exception):  # noqa: N818 - an answer
    """A job did not come to a model; `code` says in a word why, the message in a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a job came to."""

    model: bytes
    figures: dict[str, Any]
    lacks: tuple[str, ...] = ()


class Pool:
    """Trains, one job at a time."""

    def __init__(self, bounds: Bounds | None = None, tree: RuntimeTree | None = None, module: str = MODULE) -> None:
        self.bounds: Final = bounds or Bounds()
        self._tree: Final = tree or current_tree()
        self._module: Final = module
        self._facts: Facts | None = None
        self.slot: Final = asyncio.Semaphore(1)

    async def train(self, plan: Plan, data: bytes) -> Made:
        """Return the model that `plan` makes of a table.

        Raises:
            Failed: saying why there is none.
        """
        if any(find_spec(each) is None for each in ("numpy", "sklearn", "skl2onnx")):
            raise Failed(
                "not_installed", "This installation has not what trains: its operator adds the extra `training`."
            )
        if self._facts is None:
            self._facts = await asyncio.to_thread(examine, self._tree)
        facts = self._facts
        if facts.bwrap is None and not (facts.seccomp and facts.landlock):
            raise Failed("no_sandbox", "This machine cannot confine what trains: the operator knows more, doctor.")
        descriptor = _sealed(data)
        try:
            return await self._run(plan, descriptor, facts)
        finally:
            os.close(descriptor)

    async def _run(self, plan: Plan, descriptor: int, facts: Facts) -> Made:
        tree = self._tree
        environment = tree.environment() | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        inside: list[str] = []
        if facts.bwrap is not None:
            inside = bubblewrap.arguments(facts.bwrap, tree, as_root=facts.root, environment=environment)
        task = Task(
            plan=plan,
            descriptor=descriptor,
            uid=UID if facts.root else None,
            memory_bytes=self.bounds.memory_bytes,
            cpu_s=int(self.bounds.seconds) + 1,
            readable=tuple(
                str(each) for each in (tree.python, tree.base_prefix / "lib", *tree.site_packages, tree.source)
            ),
            landlock=bool(facts.landlock),
            seccomp=facts.seccomp,
        )
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *inside,
                *tree.command(self._module),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={} if inside else environment,
                pass_fds=[descriptor],
                start_new_session=True,
            )
        )
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:  # it may be there already, and must be known to be ended
            await _ended(await starting)
            raise
        try:
            async with asyncio.timeout(self.bounds.seconds):
                return await _asked(process, task)
        except TimeoutError:
            raise Failed("timeout", f"It was not done after {self.bounds.seconds:.0f} s.") from None
        finally:
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End a process with its group: what the sandbox had only begun to start would outlive it, and hold its pipes open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _asked(process: asyncio.subprocess.Process, task: Task) -> Made:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - made with pipes
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(msgspec.json.encode(task))
        process.stdin.close()
    try:
        head = await process.stdout.readexactly(HEAD.size)
        told, made = HEAD.unpack(head)
        if told > 1 << 20 or made > MOST_MODEL:
            raise Failed("too_large", f"A model has {MOST_MODEL >> 20} MiB at most.")
        answer = msgspec.json.decode(await process.stdout.readexactly(told), type=Answer)
        model = await process.stdout.readexactly(made)
    except (asyncio.IncompleteReadError, msgspec.MsgspecError):
        raise Failed("crashed", _LOST) from None
    if answer.code:
        raise Failed(answer.code, answer.message)
    return Made(model=model, figures=answer.figures)


def _sealed(data: bytes) -> int:
    """Return a read-only descriptor of sealed memory that holds `data`."""
    writable = os.memfd_create("training", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(writable, view) :]
        fcntl.fcntl(writable, fcntl.F_ADD_SEALS, SEALS)
        os.fchmod(writable, 0o444)
        return os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writable)
