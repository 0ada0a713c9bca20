"""Starts one worker process in the strongest sandbox this machine has.

1. make its listening socket, for one user to connect to;
2. start the interpreter, inside namespaces where there are any, with an empty environment;
3. when it says that it is up, move it into its control group: from here on its memory counts;
4. hand it its configuration over standard input, which stays open: its end is the worker's, too.

Always true here: the worker inherits exactly standard input, output and error, its socket and its sealed files; the
configuration holds no secret, and nothing is said in arguments or environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from strongroom.confinement.confine import Confinement
from strongroom.confinement.tree import RuntimeTree
from strongroom.runtime import bubblewrap
from strongroom.runtime.cgroups import PREFIX, Group
from strongroom.runtime.listener import listen
from strongroom.runtime.sandbox import Facts
from strongroom.runtime.spec import MIB, Kind, SealedFile, WorkerConfig, WorkerSpec
from strongroom.runtime.worker import HELLO

MODULES: Final = {
    Kind.CHAT: "strongroom.runtime.llama_worker",
    Kind.EMBEDDING: "strongroom.runtime.embed_worker",
    Kind.INFER: "strongroom.runtime.tabular_worker",
    Kind.NAMES: "strongroom.runtime.name_worker",
}

WIPING: Final = {
    # glibc overwrites what is freed; its per-thread caches, which it would not overwrite, are off, and so are Python's pools.
    "MALLOC_PERTURB_": "165",
    "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0",
    "PYTHONMALLOC": "malloc",
}
"""The environment in which freed memory is wiped."""

_HELLO_S: Final = 30.0
_FILES, _PROCESSES, _FILE_BYTES = 1024, 64, 16 * MIB
_STDERR_LIMIT: Final = 1 << 16


class LaunchError(Exception):
    """The worker's process did not come up; the text says how far it came."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A worker process that has its configuration and loads; `private` is its directory where it has no namespace."""

    process: asyncio.subprocess.Process
    group: Group | None
    private: Path | None

    @property
    def errors(self) -> asyncio.StreamReader:
        """The worker's standard error."""
        assert self.process.stderr is not None  # noqa: S101 - made with a pipe
        return self.process.stderr

    def end_input(self) -> None:
        """Ask the worker to finish: it drains and exits."""
        assert self.process.stdin is not None  # noqa: S101 - made with a pipe
        self.process.stdin.close()

    def kill(self) -> None:
        """End it at once, with everything in its namespace."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def gone(self) -> int:
        """Wait until no process of the worker is left, tidy up, and return how it ended (negative: by a signal)."""
        assert self.process.stdout is not None  # noqa: S101 - made with a pipe
        status = await self.process.wait()
        await self.process.stdout.read()  # ends when the last process that inherited it is gone
        if self.private is not None:  # a namespace's /tmp has gone with it
            await asyncio.to_thread(shutil.rmtree, self.private, ignore_errors=True)
        if self.group is not None:
            await asyncio.to_thread(self.group.remove)
        return status


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """What every launch on this machine shares.

    Attributes:
        tree: what workers run from.
        facts: what this machine allows.
        scratch: where workers without namespaces get a private directory.
        modules: the program of each kind.
    """

    tree: RuntimeTree
    facts: Facts
    scratch: Path
    modules: dict[Kind, str]

    async def launch(self, spec: WorkerSpec, sealed: dict[str, int]) -> Launched:
        """Start a worker; it is ready when it answers on its socket.

        Args:
            spec: what to be.
            sealed: a read-only descriptor of sealed memory for each artefact, by digest.

        Raises:
            LaunchError: when the process does not come up.
            OSError: when its socket or group cannot be made.
        """
        if self.facts.root and not spec.uid:
            raise LaunchError("a worker is never root: give it a uid of its own")
        private = self._scratch(spec)
        group = self._group(spec)
        try:
            with listen(spec.socket_path, spec.client_uid) as listener:
                config = self._config(spec, sealed, listener.fileno(), private)
                async with self._started(spec, config) as process:
                    await _hello(process)
                    if group is not None:
                        for pid in _family(process.pid):
                            group.add(pid)
                    _configure(process, config)
        except BaseException:
            if group is not None:
                await asyncio.to_thread(group.remove)
            raise
        return Launched(process, group, private if self.facts.bwrap is None else None)

    @asynccontextmanager
    async def _started(self, spec: WorkerSpec, config: WorkerConfig) -> AsyncGenerator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            *self._command(spec, config),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_STDERR_LIMIT,
            env={} if self.facts.bwrap else self._environment(config),
            pass_fds=[config.listener, *(item.descriptor for item in config.files)],
            start_new_session=True,  # a Ctrl-C at the terminal is the supervisor's to act on
        )
        try:
            yield process
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise

    def _command(self, spec: WorkerSpec, config: WorkerConfig) -> list[str]:
        program = self.tree.command(self.modules[spec.kind])
        if self.facts.bwrap is None:
            return program
        inside = bubblewrap.arguments(
            self.facts.bwrap, self.tree, as_root=self.facts.root, environment=self._environment(config)
        )
        return [*inside, *program]

    def _environment(self, config: WorkerConfig) -> dict[str, str]:
        threads = str(config.threads)
        return {
            **(WIPING if config.kind.wipes else {}),
            **self.tree.environment(),
            "HOME": config.scratch,
            "TMPDIR": config.scratch,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
        }

    def _config(self, spec: WorkerSpec, sealed: dict[str, int], listener: int, private: Path) -> WorkerConfig:
        files = tuple(
            SealedFile(
                name=item.name,
                digest=item.digest,
                format=item.format,
                descriptor=sealed[item.digest],
                blake3=item.blake3,
            )
            for item in spec.artefacts
        )
        return WorkerConfig(
            name=spec.name,
            model=spec.model,
            kind=spec.kind,
            environment=spec.environment,
            digest=spec.digest,
            files=files,
            listener=listener,
            scratch=str(private),
            slots=spec.slots,
            context_tokens=spec.context_tokens,
            threads=spec.threads,
            max_waiting=spec.max_waiting,
            max_waiting_per_scope=spec.max_waiting_per_scope,
            confinement=self._confinement(spec, private),
        )

    def _confinement(self, spec: WorkerSpec, private: Path) -> Confinement:
        facts, tree = self.facts, self.tree
        alone = facts.bwrap is not None or spec.uid is not None  # nobody else's processes count against the limit
        readable = (tree.python, tree.base_prefix / "lib", *tree.site_packages, tree.source / "strongroom")
        return Confinement(
            uid=spec.uid if facts.root else None,
            memory_bytes=None if facts.groups else spec.memory_bytes,
            files=_FILES,
            processes=_PROCESSES if alone else None,
            file_bytes=_FILE_BYTES,
            readable=tuple(str(path) for path in readable),
            scratch=(str(private),),
            landlock=facts.landlock > 0,
            seccomp=facts.seccomp,
            die_with_parent=facts.bwrap is None,
        )

    def _scratch(self, spec: WorkerSpec) -> Path:
        """Return the worker's private directory, empty: what a killed worker left goes first."""
        if self.facts.bwrap is not None:
            return bubblewrap.SCRATCH
        private = self.scratch / spec.name
        shutil.rmtree(private, ignore_errors=True)
        private.mkdir(mode=0o700, parents=True)
        if self.facts.root and spec.uid is not None:
            os.chown(private, spec.uid, spec.uid)
        return private

    def _group(self, spec: WorkerSpec) -> Group | None:
        if self.facts.groups is None:
            return None
        name = f"{PREFIX}{os.getpid()}-{spec.name}"
        return self.facts.groups.create(name, memory_bytes=spec.memory_bytes, processes=_PROCESSES)


async def _hello(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None  # noqa: S101 - made with a pipe
    assert process.stderr is not None  # noqa: S101 - made with a pipe
    try:
        async with asyncio.timeout(_HELLO_S):
            line = await process.stdout.readline()
    except TimeoutError:
        raise LaunchError("the interpreter did not come up in time") from None
    if line != HELLO:
        said = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
        raise LaunchError(said[-1][:300] if said else "the process ended before it came up")


def _configure(process: asyncio.subprocess.Process, config: WorkerConfig) -> None:
    assert process.stdin is not None  # noqa: S101 - made with a pipe
    process.stdin.write(msgspec.json.encode(config) + b"\n")


def _family(pid: int) -> list[int]:
    """Return the process and its descendants: bubblewrap, the namespace's first process, the worker."""
    found = [pid]
    for parent in found:  # grows while it is read
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
            found += map(int, children.split())
    return found
