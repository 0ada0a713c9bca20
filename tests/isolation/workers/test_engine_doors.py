"""Isolation test 62: what an engine would tell or do for anybody who asks is out of reach, whoever asks and from wherever.

Through the gateway: `tests/functional/gateway/test_engine_words.py`. Here: on a worker's own socket, as the gateway
that alone may connect to it; as another user; and at the engine's own socket, for whoever got that far.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from strongroom.runtime.events import WorkerStarted
from strongroom.runtime.rig import Rig, ask, scope
from strongroom.runtime.spec import Kind
from strongroom.wire import ClientError

READ = ("/slots", "/metrics", "/props", "/lora-adapters", "/models", "/v1/models", "/", "/index.html", "/api/tags")
DONE = (
    "/slots/0?action=save",
    "/slots/0",
    "/props",
    "/lora-adapters",
    "/shutdown",
    "/models/load",
    "/models/unload",
    "/completion",
    "/completions",
    "/infill",
    "/tokenize",
    "/detokenize",
    "/apply-template",
    "/embedding",
    "/embeddings",
    "/reranking",
    "/v1/rerank",
    "/api/chat",
    "/api/show",
    "/v1/responses",
    "/v1/messages",
    "/tools",
)
CONNECT = """
import socket, sys
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
except PermissionError:
    sys.exit(7)
"""


@pytest.mark.parametrize("path", READ)
def test_the_front_tells_nothing_of_the_engine(rig: Rig, path: str) -> None:
    assert rig.ask(Kind.CHAT, path, scope=scope("a")).status == 404


@pytest.mark.parametrize("path", DONE)
def test_the_front_does_nothing_else_for_anybody(rig: Rig, path: str) -> None:
    assert rig.ask(Kind.CHAT, path, {"prompt": "x", "content": "x"}, scope=scope("a")).status == 404


def test_another_user_cannot_connect(rig: Rig) -> None:
    path = rig.socket(Kind.CHAT)
    assert path.stat().st_mode & 0o777 == 0o600
    other = {"user": 12345, "group": 12345, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run([sys.executable, "-S", "-c", CONNECT, path], check=False, **other)  # type: ignore[call-overload]  # noqa: S603 - our own program; the overloads know no dict
    assert done.returncode == (
        7 if os.geteuid() == 0 else 0
    )  # an ordinary user's processes share one uid, as `doctor` says


def engine_socket(rig: Rig) -> Path:
    """Return the engine's own socket as the worker's owner could reach it."""
    family = [[event.pid for event in rig.events if isinstance(event, WorkerStarted)][-1]]
    for pid in family:
        family += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())
    return Path("/proc", str(family[-1]), "root", "tmp", "engine.sock")


async def test_the_engine_itself_wants_a_key_that_nobody_was_told(rig: Rig) -> None:
    path = engine_socket(rig)
    assert path.is_socket()  # seen by who owns the namespace: root, or the user who made it
    reads = [ask(path, each) for each in READ]
    does = [ask(path, each, {"prompt": "x"}) for each in DONE]
    answers = await asyncio.gather(*reads, *does, return_exceptions=True)
    for asked, answer in zip((*READ, *DONE), answers, strict=True):
        if isinstance(answer, BaseException):
            assert isinstance(answer, ClientError), asked
        elif answer.status == 200:
            # Without a key it names its model, as its health check does, and nothing else.
            assert asked in {"/models", "/v1/models", "/api/tags"}, (asked, answer.body[:200])
        else:
            assert answer.status in {401, 404}, (asked, answer.status)
