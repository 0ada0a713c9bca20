"""The control port of these tests: one for a module, with callers of every role (`strongroom.app.testing`)."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from strongroom.app.testing import ControlPlane, control_plane_of
from strongroom.store.testing import TestServer


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is decoded when it is JSON."""

    status: int
    fields: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


Ask: TypeAlias = Callable[..., Answer]


@pytest.fixture(scope="module")
def plane(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[ControlPlane]:
    with control_plane_of(postgres, tmp_path_factory.mktemp("control")) as plane:
        yield plane


@pytest.fixture(scope="module")
def ask(plane: ControlPlane) -> Ask:
    """Return a function that asks the port: `ask("GET", "/api/whoami", by="operator", data={…})`."""

    def ask(
        method: str,
        path: str,
        *,
        by: str | None = None,
        data: Any = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        fields = {} if by is None else {"authorization": f"Bearer {plane.tokens.get(by, by)}"}
        body = raw
        if data is not None:
            body = json.dumps(data).encode()
        if body is not None:
            fields["content-type"] = "application/json"
        fields |= headers or {}
        answer = once(method, path, body, fields)
        for _ in range(8):
            if answer.status != 503:  # "not now": on a busy machine the lease may run out; asking again is the answer
                break
            answer = once(method, path, body, fields)
        return answer

    def once(method: str, path: str, body: bytes | None, fields: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=fields)
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read().decode())
        finally:
            connection.close()

    return ask
