"""Proving that a revocation bites asks every process about a key: for those who may revoke it, and for nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.app.metrics import socket_of
from strongroom.app.probes import answering
from strongroom.app.testing import ControlPlane
from strongroom.identity import Directory
from strongroom.kernel.clock import SystemClock
from strongroom.wire import Reply, Request, serve_unix

Ask = Any


class Deciding:
    """A gateway process that decides by this directory, and whose lease holds."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory

    def valid(self) -> bool:
        return True

    async def ensure(self) -> bool:
        return True


@pytest.fixture
def asked(plane: ControlPlane) -> Any:
    """Yield the questions that a gateway process gets."""
    questions: list[str] = []

    async def figures(request: Request, reply: Reply) -> None:
        del request
        await reply.send(404, [], b"")

    answer = answering(figures, Deciding(plane.services.directory), SystemClock())

    async def counted(request: Request, reply: Reply) -> None:
        questions.append(request.path)
        await answer(request, reply)

    async def listening() -> Any:
        return await serve_unix(counted, socket_of(plane.sockets, "gateway-1"))

    server = plane.run(listening())
    yield questions
    plane.run(server.close())


def test_no_process_is_asked_about_a_key_before_the_policies_permitted_its_end(
    ask: Ask, plane: ControlPlane, asked: list[str]
) -> None:
    theirs = plane.key_ids["globex"]
    place = f"/api/keys/{theirs}/revoke/prove"
    for by in ("acme-admin", *(name for name in plane.tokens if name.startswith("acme") and name != "acme-admin")):
        assert ask("POST", place, by=by, data={}).status in {403, 404}, by
    assert ask("POST", "/api/keys/0000000000000000/revoke/prove", by="globex-admin", data={}).status == 404
    assert asked == []
    proven = ask("POST", place, by="globex-admin", data={"reason": "tried"})
    assert proven.status == 200, proven.text
    assert proven.body["proof"]["proven"] is True
    assert {each["name"] for each in proven.body["proof"]["processes"]} == {"control", "gateway-1"}
    assert asked
