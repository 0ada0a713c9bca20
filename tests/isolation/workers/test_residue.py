"""Isolation test 59: what a worker's memory still holds of one tenant when it serves the next.

A worker of a tenant's own (segmented, dedicated) has no next tenant: these tiers are not there yet. The shared tier is
looked into here, and what holds is stated: embedding and tabular workers wipe what they free, so no text of a request
is there once it has been answered and the worker has come round, nor a row of numbers. A chat worker keeps prompts in
caches, each for its own scope alone (`test_cache.py`), and that is also what shows that the search finds what is there.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Generator
from pathlib import Path

import pytest

from strongroom.runtime import residue
from strongroom.runtime.events import WorkerStarted
from strongroom.runtime.rig import Rig, scope
from strongroom.runtime.spec import Kind

CANARY = "canary-7741-of-tenant-b"
EMBED, INFER = "/v1/embeddings", "/v2/models/credit-risk/infer"
ROW = [3333.25 + 1.1875 * column for column in range(12)]


@pytest.fixture(scope="module")
def wiping() -> Generator[Rig]:
    with Rig([Kind.EMBEDDING, Kind.INFER]) as rig:
        yield rig


def pid_of(rig: Rig, kind: Kind) -> int:
    """Return the model process itself: the last of its family."""
    name = rig.spec(kind).name
    family = [next(event.pid for event in rig.events if isinstance(event, WorkerStarted) and event.worker == name)]
    for pid in family:
        family += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())
    return family[-1]


def rows(count: int, row: list[float], name: str) -> dict[str, object]:
    tensor = {"name": "features", "shape": [count, 12], "datatype": "FP32", "data": row * count}
    return {"id": name, "inputs": [tensor], "parameters": {"note": name}}


def answered(rig: Rig, kind: Kind, path: str, body: object, tenant: str) -> None:
    assert rig.ask(kind, path, body, scope=scope(tenant)).status == 200
    come_round(rig, kind)


def come_round(rig: Rig, kind: Kind) -> None:
    """Wait until the worker has left the answered request behind: its answer is out before its frames are freed.

    A health check is answered by the same loop, after its one compute thread has come round.
    """
    assert rig.ask(kind, "/health").status == 200


@pytest.mark.parametrize("times", [1, 40])
def test_an_embedding_worker_holds_nothing_of_a_text_it_has_answered(wiping: Rig, times: int) -> None:
    pid = pid_of(wiping, Kind.EMBEDDING)
    answered(wiping, Kind.EMBEDDING, EMBED, {"input": [f"{CANARY} {n} {CANARY}" for n in range(times)]}, "b")
    assert residue.count(pid, CANARY.encode()).total() == 0
    answered(wiping, Kind.EMBEDDING, EMBED, {"input": "hello"}, "a")
    assert residue.count(pid, CANARY.encode()).total() == 0
    assert residue.count(pid, CANARY.encode("utf-16-le")).total() == 0


@pytest.mark.parametrize("count", [1, 900])
def test_a_tabular_worker_holds_no_text_and_no_row_that_it_has_answered(wiping: Rig, count: int) -> None:
    pid = pid_of(wiping, Kind.INFER)
    answered(wiping, Kind.INFER, INFER, rows(count, ROW, CANARY), "b")
    answered(wiping, Kind.INFER, INFER, rows(1, [1.5] * 12, "a"), "a")
    written = json.dumps(ROW[3:6]).encode()[1:-1]
    for left in (CANARY.encode(), written, struct.pack("<3f", *ROW[3:6]), struct.pack("<3d", *ROW[3:6])):
        assert residue.count(pid, left).total() == 0


def test_a_refused_request_leaves_nothing_either(wiping: Rig) -> None:
    for kind, path, body in (
        (Kind.EMBEDDING, EMBED, {"input": [CANARY, "word " * 400]}),
        (Kind.EMBEDDING, EMBED, {"input": {CANARY: 1}}),
        (Kind.INFER, INFER, {"inputs": [{"name": CANARY, "shape": [1], "datatype": "FP32", "data": [1]}]}),
        (Kind.INFER, INFER, json.dumps({"id": CANARY}).encode()[:-1]),
    ):
        assert wiping.ask(kind, path, body, scope=scope("b")).status == 400
        come_round(wiping, kind)
    for kind in (Kind.EMBEDDING, Kind.INFER):
        assert residue.count(pid_of(wiping, kind), CANARY.encode()).total() == 0


def test_a_chat_worker_keeps_prompts_and_the_search_finds_them(rig: Rig) -> None:
    body = {"messages": [{"role": "user", "content": CANARY * 4}], "max_tokens": 1}
    answered(rig, Kind.CHAT, "/v1/chat/completions", body, "b")
    assert residue.count(pid_of(rig, Kind.CHAT), CANARY.encode()).total() > 0
