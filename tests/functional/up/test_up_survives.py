"""Parts are killed and frozen under load: each costs what it was doing, is said clearly, and comes back by itself."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.unit.registry.evidence_samples import SCANNER

from strongroom.app.rig import Installation, Process, Up, family, outlive, written
from strongroom.attack import Key, Target, staged
from strongroom.attack.attempt import question
from strongroom.attack.http import Answer, Line
from strongroom.attack.staging import Builder, settle

BACK_S = 60.0
REVOKED_S = 1.0
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def running(start_up: Callable[..., Up]) -> Generator[Installation]:
    with start_up("killed") as up:
        yield up.started()


@pytest.fixture(scope="module")
def target(running: Installation) -> Generator[Target]:
    demo = running.demo
    with staged(demo.gateway, demo.control, demo.operator.token) as target:
        yield target


def until(holds: Callable[[], bool], what: str, within_s: float = BACK_S) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.05)


def status(url: str, path: str, key: Key | None = None) -> int:
    """Return the status of one request on a connection of its own; 0 when the connection was refused or cut."""
    try:
        with Line(url) as line:
            return line.ask("GET", path, key=None if key is None else key.secret).status
    except (ConnectionError, http.client.HTTPException):
        return 0


def ready(target: Target) -> bool:
    return status(target.gateway, "/readyz") == 200 and status(target.control, "/readyz") == 200


@contextmanager
def stopped(members: Iterator[Process] | list[Process]) -> Generator[None]:
    held = list(members)
    for member in held:
        os.kill(member.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for member in held:
            os.kill(member.pid, signal.SIGCONT)


@dataclass
class Load:
    """Asks again and again, over connections of its own, and keeps every answer."""

    target: Target
    answers: list[Answer] = field(default_factory=list[Answer])
    broken: list[str] = field(default_factory=list[str])

    @contextmanager
    def running(self) -> Generator[None]:
        end = threading.Event()
        users = [threading.Thread(target=self._use, args=(end,)) for _ in range(3)]
        for user in users:
            user.start()
        try:
            yield
        finally:
            end.set()
            for user in users:
                user.join()

    def _use(self, end: threading.Event) -> None:
        key = self.target.a.dev.secret
        while not end.is_set():
            try:
                with Line(self.target.gateway) as line:
                    for _ in range(20):
                        if end.is_set():
                            break
                        self.answers.append(line.ask("GET", "/v1/models", key=key))
                        self.answers.append(line.ask("POST", CHAT, key=key, data=question("no-such-model")))
                        end.wait(0.01)
            except (ConnectionError, http.client.HTTPException) as error:
                self.broken.append(type(error).__name__)

    def statuses(self) -> set[int]:
        return {answer.status for answer in self.answers}


def test_a_gateway_process_is_killed(running: Installation, target: Target) -> None:
    first, second = running.processes("app.processes gateway")
    load = Load(target)
    with load.running():
        os.kill(first.pid, signal.SIGKILL)
        assert outlive([first], 5) == []
        for _ in range(10):  # the other one answers
            assert status(target.gateway, "/v1/models", target.a.dev) == 200
        until(lambda: len(running.processes("app.processes gateway")) == 2, "the process is started again")
        with stopped([second]):  # the new one alone
            until(lambda: status(target.gateway, "/v1/models", target.a.dev) == 200, "the new process answers")
    assert load.statuses() == {200, 404}
    assert len(load.broken) <= 3  # what the killed one was answering: at most one of each user
    assert "ended (signal SIGKILL); starting it again" in running.printed
    assert "`strongroom logs --process gateway-" in running.printed, "where it stands why"


def test_the_control_process_is_killed(running: Installation, target: Target) -> None:
    (control,) = running.processes("app.processes control")
    os.kill(control.pid, signal.SIGKILL)
    assert outlive([control], 5) == []
    assert status(target.gateway, "/v1/models", target.a.dev) == 200
    until(lambda: status(target.control, "/api/whoami", target.a.admin) == 200, "the control API is back")
    until(lambda: ready(target), "ready")


def test_a_revoked_key_dies_in_every_process(running: Installation, target: Target) -> None:
    builder = Builder(target.control, target.operator.secret)
    key = builder.key(target.a.id, "dev", "inference")
    settle(target.gateway, key, target.a.own)
    gateways = running.processes("app.processes gateway")
    assert len(gateways) == 2
    with ExitStack() as stack:
        lines: list[Line] = []
        for one in gateways:  # a connection goes to whoever is not stopped: so each process gets one
            with stopped([other for other in gateways if other != one]):
                lines.append(stack.enter_context(Line(target.gateway)))
                assert lines[-1].ask("GET", "/v1/models", key=key.secret).status == 200
        builder.ask("POST", f"/api/keys/{key.id}/revoke", {"reason": "test"})
        told = time.monotonic()
        for line in lines:
            while line.ask("GET", "/v1/models", key=key.secret).status == 200:
                assert time.monotonic() - told < REVOKED_S
            assert line.ask("GET", "/v1/models", key=key.secret).status == 401


def test_a_worker_is_killed_in_mid_answer(running: Installation, target: Target) -> None:
    asked: dict[str, Any] = {"max_tokens": 400, "stream": True, "temperature": 0}
    secret = f"canary-{os.urandom(8).hex()}"
    keys = (target.a.dev, target.b.dev)
    whole: list[Answer] = []

    def ask_whole() -> None:
        with Line(target.gateway) as line:
            data = question(target.chat, "Count to one hundred.") | {"max_tokens": 400}
            whole.append(line.ask("POST", CHAT, key=target.a.dev.secret, data=data))

    with ExitStack() as stack:
        streams: list[http.client.HTTPResponse] = []
        for key, text in zip(keys, (f"Tell a long story about {secret}.", "Tell a long story."), strict=True):
            line = stack.enter_context(Line(target.gateway))
            body = json.dumps(question(target.chat, text) | asked).encode()
            line.begin("POST", CHAT, key=key.secret, length=len(body))
            line.send(body)
            streams.append(line.stream())
        for stream in streams:
            assert stream.status == 200
            assert stream.readline().startswith(b"data: {")
        waiting = threading.Thread(target=ask_whole)
        waiting.start()
        kill_engines(running)
        rests = [stream.read() for stream in streams]
        waiting.join()
    for rest in rests:
        *_, last = [event for event in rest.split(b"\n\n") if event]
        error = json.loads(last.strip().removeprefix(b"data: "))["error"]  # the first may be followed by this alone
        assert error["code"] in {"model_failed", "unavailable"}
        assert error["request_id"].startswith("req_")
        assert b"[DONE]" not in rest
    assert whole[0].status in {502, 503}
    assert whole[0].json()["error"]["request_id"] == whole[0].request_id

    # Embeddings are another worker's. Then the killed one is back, and nobody gets the rest of another's answer.
    with Line(target.gateway) as line:
        embedding = {"model": target.embedding, "input": "x"}
        assert line.ask("POST", "/v1/embeddings", key=target.a.dev.secret, data=embedding).status == 200
    until(lambda: ready(target), "ready")
    with Line(target.gateway) as line:
        answer = line.ask("POST", CHAT, key=target.b.dev.secret, data=question(target.chat) | {"max_tokens": 8})
    assert answer.status == 200
    assert secret.encode() not in answer.body


async def test_a_crash_writes_nothing_of_the_prompt(running: Installation, target: Target) -> None:
    secret, began = f"canary{os.urandom(12).hex()}", time.time() - 1
    with Line(target.gateway) as line:
        body = json.dumps(question(target.chat, secret, stream=True) | {"max_tokens": 400}).encode()
        line.begin("POST", CHAT, key=target.a.dev.secret, length=len(body))
        line.send(body)
        stream = line.stream()
        assert stream.readline().startswith(b"data: {")
        kill_engines(running, signal.SIGSEGV)
        stream.read()
    until(lambda: ready(target), "ready")
    found = [name for name, content in await written(running, since=began) if secret.encode() in content]
    assert not found


def kill_engines(running: Installation, sign: signal.Signals = signal.SIGKILL) -> None:
    engines = [each for each in running.processes("llama_worker") if "bwrap" not in each.command.split()[0]]
    assert len(engines) >= 3
    for engine in engines:
        os.kill(engine.pid, sign)
    assert outlive(engines, 10) == []


def postmaster(running: Installation) -> Process:
    (found,) = running.processes("postgres -D ")
    return found


def test_the_database_freezes_under_load(running: Installation, target: Target) -> None:
    load = Load(target)
    with load.running():
        until(lambda: 200 in load.statuses(), "answers before")
        with stopped(sorted(family(postmaster(running).pid))):
            # The lease runs out; from then on nobody is let in, however good the key.
            until(lambda: 503 in load.statuses(), "refusals while the lease is out", 15)
            until(lambda: status(target.gateway, "/readyz") == 503, "not ready", 15)
            until(lambda: status(target.control, "/api/whoami", target.a.admin) == 503, "the control API says so", 15)
            assert status(target.gateway, "/livez") == 200
            assert status(target.control, "/livez") == 200
        until(lambda: ready(target), "ready")
        until(lambda: load.answers[-1].status in {200, 404}, "answers afterwards")
    check(load)


def test_the_database_is_killed_under_load(running: Installation, target: Target) -> None:
    before, load = postmaster(running), Load(target)
    with load.running():
        until(lambda: 200 in load.statuses(), "answers before")
        os.kill(before.pid, signal.SIGKILL)
        until(lambda: any(each != before for each in running.processes("postgres -D ")), "the server is started again")
        until(lambda: ready(target), "ready")
    check(load)
    assert "postgres ended (signal SIGKILL); starting it again" in running.printed
    builder = Builder(target.control, target.operator.secret)
    key = builder.key(target.a.id, "dev", "inference")  # changes are taken again, and reach the gateways
    settle(target.gateway, key, target.a.own)
    assert status(target.gateway, "/v1/models", target.a.dev) == 200


def check(load: Load) -> None:
    assert load.statuses() <= {200, 404, 503}
    assert not load.broken  # no connection was cut: each request got its answer
    for answer in load.answers:
        if answer.status == 503:
            assert answer.json()["error"]["code"] == "unavailable"
            assert answer.field("retry-after") == "1"


def test_a_worker_that_crashes_while_nobody_can_be_asked_starts_again_by_the_last_yes(
    running: Installation, target: Target
) -> None:
    with stopped(sorted(family(postmaster(running).pid))):
        kill_engines(running)
        until(lambda: "It is started all the same, by the last yes" in running.printed, "the last yes is believed")
        until(lambda: len(running.processes("llama_worker")) >= 3, "the workers are there")
    until(lambda: ready(target), "ready")


def test_what_lapses_while_it_serves_is_stopped_with_its_workers_and_comes_back(
    running: Installation, target: Target
) -> None:
    builder = Builder(target.control, target.operator.secret)
    rule = {
        "environments": ["dev"], "while_serving": "stop", "grace_hours": 0,
        "evidence": [{"about": "release", "scanned_days": 7, "keys": [SCANNER.public.pem()]}],
    }  # fmt: skip
    asked = question(target.chat) | {"max_tokens": 4}

    def answer(key: Key) -> Answer:
        with Line(target.gateway) as line:
            return line.ask("POST", CHAT, key=key.secret, data=asked)

    assert answer(target.a.dev).status == 200
    builder.ask("PUT", "/api/rules/approval", {"document": {"rules": [rule]}, "expected": 0, "reason": "a test"})
    until(lambda: answer(target.a.dev).status == 403, "it is stopped")
    assert answer(target.a.dev).json()["error"]["code"] == "model_stopped"
    until(
        lambda: "ended smollm2-135m.dev: every deployment of its release there is stopped" in running.printed, "ended"
    )
    until(lambda: "worker smollm2-135m.dev is not started" in running.printed, "and it is told why none starts")
    assert ready(target), "what is stopped keeps nobody else waiting"
    found = builder.ask("GET", f"/api/tenants/{target.a.id}/incidents")["data"]
    assert {each["kind"] for each in found} == {"serving-stopped"}
    builder.ask("PUT", "/api/rules/approval", {"document": None, "expected": 1, "reason": "a test"})
    until(lambda: answer(target.a.dev).status == 200, "it serves again")
    assert answer(target.b.dev).status == 200
