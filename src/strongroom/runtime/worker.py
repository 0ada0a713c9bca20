"""The life of a worker process, whatever it serves.

1. say that the interpreter is up, so that the launcher can move the process into its control group;
2. read the configuration: one line on standard input;
3. confine itself (`confine`), before any library with threads or parsers is loaded;
4. verify that every file is sealed and is the one that was named, that together they are the release, and that its
   formats may be served in this environment;
5. load, then accept: whoever connects earlier waits in the listening socket's queue, and is answered when it is ready;
6. serve until standard input ends, which it also does when the launcher dies, however it dies.

Never: print, log or raise with anything a request carried.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import uvloop

from strongroom.confinement.confine import confine
from strongroom.kernel.lines import places
from strongroom.runtime import weights
from strongroom.runtime.digests import Artefact, Digest, manifest_digest, parse_digest
from strongroom.runtime.errors import render_error
from strongroom.runtime.notes import listen, note
from strongroom.runtime.spec import WorkerConfig, refuse_unfit
from strongroom.wire import Handler, Limits, Request, Server, serve_unix

HELLO: Final = b"up\n"
_STDIN, _STDOUT = 0, 1
_MAX_CONFIG: Final = 1 << 16
_DRAIN_S: Final = 3.0
LIMITS: Final = Limits(max_body_bytes=4 << 20, max_connections=512, idle_timeout_s=90.0)


def run(load: Callable[[WorkerConfig], Awaitable[Handler]]) -> NoReturn:
    """Live a worker's life; `load` makes the handler, with the process confined and the files verified."""
    with contextlib.suppress(KeyboardInterrupt):
        config = _begin()
        # uvloop reads into one buffer of its own, in which a long request's end outlives the short one after it.
        factory = asyncio.new_event_loop if config.kind.wipes else uvloop.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(_serve(config, load))
    os._exit(0)  # an engine's own threads must not hold up, or crash, a clean end


def _begin() -> WorkerConfig:
    listen()
    os.write(_STDOUT, HELLO)
    config = msgspec.json.decode(_read_line(), type=WorkerConfig)
    confine(config.confinement)
    refuse_unfit(config.environment, (item.format for item in config.files))
    _verify(config)
    return config


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(_STDIN, _MAX_CONFIG)
        if not part or len(line) > _MAX_CONFIG:
            sys.exit("no configuration arrived")
        line += part
    return line


def _verify(config: WorkerConfig) -> None:
    found: list[Artefact] = []
    for item in config.files:
        digest = parse_digest(item.digest)
        weights.verify(item.descriptor, digest, what=item.name, blake3=item.blake3)
        size = os.fstat(item.descriptor).st_size
        path = Path(item.path)
        found.append(
            Artefact(name=item.name, digest=digest, path=path, format=item.format, size=size, blake3=item.blake3)
        )
    if manifest_digest(found) != config.digest:
        sys.exit(f"the files are not the release {Digest(config.digest)}")


async def _serve(config: WorkerConfig, load: Callable[[WorkerConfig], Awaitable[Handler]]) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(_STDIN, _watch, ended)
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    handler = await load(config)
    gc.freeze()  # what is here stays: collecting after a refusal looks at what came with requests only
    server = await _open(config, handler)
    await ended.wait()
    await server.drain(_DRAIN_S)


async def _open(config: WorkerConfig, handler: Handler) -> Server:
    listener = socket.socket(fileno=config.listener)
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return await serve_unix(
        handler, None, sock=listener, limits=LIMITS, render_error=render_error, on_fault=_report_fault
    )


def _watch(ended: asyncio.Event) -> None:
    if not os.read(_STDIN, _MAX_CONFIG):
        asyncio.get_running_loop().remove_reader(_STDIN)
        ended.set()


def _report_fault(request: Request, fault: BaseException) -> None:
    del request  # type and places only: an exception's text may quote the request, and its path is the request's too
    note(f"fault: {places(type(fault), fault.__traceback__)}")
