"""Case 46: after everything was exercised, nothing that was asked, answered or presented as a key is found anywhere.

Everything: the database as rows and as files, its log, the processes' logs, the run directory, workers' private /tmp and
shared memory, what `up` printed, command lines and environments, the shared temporary directory, and what the control
port shows. demo.json is the one exception.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import secrets
import time
from typing import Any

import openai
import pytest

from strongroom.app import demo_rules
from strongroom.app.rig import Installation, written
from strongroom.attack import Target
from strongroom.attack.http import Answer, Line, raw
from strongroom.identity.secretkey import PATTERN, read

Canaries = dict[str, str]


class Planter:
    """Makes a canary for each place and keeps what came back."""

    def __init__(self) -> None:
        self.planted: Canaries = {}
        self.answered: list[str] = []

    def __call__(self, place: str) -> str:
        self.planted[place] = f"canary{secrets.token_hex(12)}"
        return self.planted[place]


def exercise_chat(target: Target, plant: Planter) -> None:
    client = openai.OpenAI(base_url=f"{target.gateway}/v1", api_key=target.a.dev.secret, max_retries=0, timeout=60)
    tool: Any = {
        "type": "function",
        "function": {"name": "f", "description": plant("tool"), "parameters": {"type": "object"}},
    }
    called: Any = [
        {"role": "system", "content": plant("system")},
        {"role": "user", "content": plant("prompt")},
        {"role": "assistant", "tool_calls": [{"id": plant("call"), "type": "function", "function": {"name": "f", "arguments": json.dumps({"x": plant("arguments")})}}]},
        {"role": "tool", "tool_call_id": plant.planted["call"], "content": plant("result")},
    ]  # fmt: skip
    whole = client.chat.completions.create(
        model=target.chat, messages=called, tools=[tool], tool_choice="none", max_tokens=24, user=plant("user"),
        stop=[plant("stop")], extra_headers={"x-note": plant("header"), "traceparent": plant("traceparent")},
        extra_query={"q": plant("query")},
    )  # fmt: skip
    plant.answered.append(whole.choices[0].message.content or "")
    stream = client.chat.completions.create(
        model=target.chat, messages=[{"role": "user", "content": plant("streamed")}], max_tokens=24, stream=True
    )
    plant.answered.append("".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices))
    left = client.chat.completions.create(
        model=target.chat, messages=[{"role": "user", "content": plant("left")}], max_tokens=64, stream=True
    )
    next(iter(left))
    left.close()
    completed = client.completions.create(model=target.chat, prompt=plant("completion"), max_tokens=8)
    plant.answered.append(completed.choices[0].text)
    for kind in ("float", "base64"):
        client.embeddings.create(model=target.embedding, input=[plant(f"embedding {kind}")], encoding_format=kind)
    with contextlib.suppress(openai.BadRequestError):
        too_long = f"{plant('too long')} " * 3000
        client.chat.completions.create(
            model=target.chat, messages=[{"role": "user", "content": too_long}], max_tokens=1
        )


def exercise_refusals(target: Target, plant: Planter) -> None:
    key = target.a.dev.secret
    say = [{"role": "user", "content": plant("refused prompt")}]
    with Line(target.gateway) as line:
        for data in (
            {"model": plant("model"), "messages": say},
            {"model": target.chat, "messages": say, plant("field"): 1},
            {"model": target.chat, "messages": say, "temperature": plant("temperature")},
            {"model": target.chat, "messages": [{"role": plant("role"), "content": "x"}]},
            {"model": target.chat, "messages": say, "tools": [{"type": plant("tool type")}]},
            {"model": target.chat, "messages": say, "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": plant("schema")}}}},
        ):  # fmt: skip
            assert line.ask("POST", "/v1/chat/completions", key=key, data=data).status in {400, 404}
        for body in (b'{"model": "%s', b"%s", b'["%s"]', b"\xff%s", b'{"%s":' * 40):
            named = plant(f"malformed {body[:6]!r}").encode()
            assert line.ask("POST", "/v1/chat/completions", key=key, raw=body.replace(b"%s", named)).status == 400
        assert line.ask("GET", f"/v1/models/{plant('model path')}", key=key).status == 404
        assert line.ask("GET", f"/{plant('path')}", key=key).status == 404
        assert line.ask("GET", "/v1/models", key=plant("key")).status == 401
        assert line.ask("GET", "/v1/models", key=key[:-1] + ("a" if key[-1] != "a" else "b")).status == 401
        assert line.ask("GET", f"/v1/models?api_key={key}", fields={"x-api-key": key}).status == 401
        assert line.ask("GET", f"/{key}", key=key).status == 404
        assert line.ask("POST", "/v1/chat/completions", key=key, data={"model": key, "messages": say}).status == 404


def exercise_wire(target: Target, plant: Planter) -> None:
    key = target.a.dev.secret.encode()
    for url in (target.gateway, target.control):
        for message in (
            b"POST /%s HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer " + key + b"\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: %s\r\nauthorization: Bearer " + key + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nbad header %s\r\n\r\n",
            b"GET / HTTP/9.9 %s\r\n\r\n",
        ):  # fmt: skip
            named = plant(f"wire {message[:12]!r} {url}").encode()
            with contextlib.suppress(http.client.HTTPException, ConnectionError):
                assert raw(url, message.replace(b"%s", named)).status >= 400


def exercise_control(target: Target, plant: Planter) -> None:
    token, key = target.a.admin.secret, target.a.dev.secret
    keys = f"/api/tenants/{target.a.id}/keys"
    with Line(target.control) as line:

        def ask(method: str, path: str, **request: Any) -> Answer:
            return line.ask(method, path, **{"key": token, **request})

        assert ask("GET", f"/api/{plant('control path')}").status == 404
        assert ask("GET", f"/api/tenants/{plant('control tenant')}").status == 404
        assert ask("GET", f"/api/whoami?{plant('control query')}=1").status == 400
        assert ask("GET", "/api/whoami", key=plant("control key")).status == 401
        assert ask("GET", "/api/whoami", key=key, fields={"x-note": plant("control header")}).status == 200
        assert ask("POST", keys, raw=b'{"label": "' + plant("control body").encode()).status == 400
        assert ask("POST", keys, data={plant("control field"): 1}).status == 400
        assert ask("POST", keys, data={"environment": plant("control value"), "workload": "x"}).status == 400
        assert ask("POST", keys, data={"environment": "dev", "workload": "inference", "label": key}).status == 400
        assert ask("GET", f"/api/keys/{key}").status == 404
        assert ask("GET", f"{keys}/{key}").status == 404
        assert ask("GET", f"/api/whoami?tenant={key}").status == 400
        assert ask("POST", f"{keys}/{key}/revoke", data={"reason": key}).status in {400, 404}


def _allow_what_the_demo_allows(target: Target) -> None:
    """Open to A what an unmodified client asks for: what its rules refuse would be seen by fewer parts of the product."""
    with Line(target.control) as line:
        for file in demo_rules.documents():
            path = f"/api/tenants/{target.a.id}/rules/{file.kind.name}/ceiling"
            data = {"document": file.document, "expected": 0, "reason": "test"}
            assert line.ask("PUT", path, key=target.operator.secret, data=data).status == 200
    asked = {"model": target.chat, "messages": [{"role": "user", "content": "hi"}], "seed": 1, "max_tokens": 1}
    deadline, known = time.monotonic() + 20, 0
    while known < 6:  # until both gateways know of it, each connection being with one of them
        with Line(target.gateway) as line:
            answer = line.ask("POST", "/v1/chat/completions", key=target.a.dev.secret, data=asked)
        known = known + 1 if answer.status == 200 else 0
        assert time.monotonic() < deadline, answer.body


@pytest.fixture(scope="module")
def exercised(target: Target) -> tuple[Planter, float]:
    plant, began = Planter(), time.time() - 1
    _allow_what_the_demo_allows(target)
    for exercise in (exercise_chat, exercise_refusals, exercise_wire, exercise_control):
        exercise(target, plant)
    with Line(target.control) as line:  # the gateway writes in batches: wait for the last of its refusals
        deadline = time.monotonic() + 10
        with Line(target.gateway) as gateway:
            last = gateway.ask("GET", "/v1/models/last", key=target.a.dev.secret).request_id
        while time.monotonic() < deadline:
            log = line.ask("GET", f"/api/tenants/{target.a.id}/audit?limit=200", key=target.a.admin.secret)
            if last.encode() in log.body:
                break
        else:
            pytest.fail("the gateway's refusals do not reach the log")
    return plant, began


async def test_nothing_that_was_said_is_found(
    installation: Installation, exercised: tuple[Planter, float], target: Target
) -> None:
    plant, began = exercised
    needles = {place: canary.encode() for place, canary in plant.planted.items()}
    needles |= {f"{place}, in base64": _base64(canary) for place, canary in plant.planted.items()}
    for number, text in enumerate(plant.answered):
        if len(text) >= 24:
            needles[f"answer {number}"] = text[:24].encode()
    assert len(needles) > 90
    assert any(place.startswith("answer") for place in needles)
    found, looked_at, by_intent = [], [], []
    for name, content in await written(installation, since=began):
        looked_at.append(name)
        by_intent += [name] if target.canary.encode() in content else []
        found += [f"{place} in {name}" for place, needle in needles.items() if needle in content]
    assert not found
    # The search itself is worth something: it sees what is stored by intent, and it looked where it should.
    assert "rows" in by_intent
    assert any("/pg/data/" in name for name in by_intent)
    for part in (
        "rows",
        "/pg/data/pg_wal/",
        "/logs/postgres.log",
        "/logs/gateway-1.log",
        "/logs/control.log",
        "home.out",
    ):
        assert any(part in name for name in looked_at), part


async def test_no_key_is_found(installation: Installation, exercised: tuple[Planter, float], target: Target) -> None:
    _, began = exercised
    demo = installation.demo
    ours = [key.secret for each in (target.a, target.b) for key in (*each.keys.values(), each.evaluator, each.admin)]
    ours += [demo.operator.token, *(each.token for each in demo.approvers.values())]
    ours += [key for tenant in demo.tenants.values() for each in tenant.values() for key in each.values()]
    home = str(installation.home)
    pattern = re.compile(PATTERN.pattern.encode())
    for name, content in await written(installation, since=began):
        for key in ours:
            secret = key.rpartition("_")[2]
            assert secret.encode() not in content, f"a key of {key.split('_')[1]} in {name}"
        if name == "rows" or name.startswith(home):
            whole = [match for match in pattern.finditer(content) if read(match[0].decode())]
            assert not whole, f"a whole key in {name}"


def test_what_the_control_port_shows_holds_nothing(exercised: tuple[Planter, float], target: Target) -> None:
    plant, _ = exercised
    token = target.operator.secret
    with Line(target.control) as line:
        shown = b""
        for path in (
            "/api/doctor",
            "/api/config",
            "/api/audit?limit=200",
            f"/api/tenants/{target.a.id}/audit?limit=200",
            "/api/openapi.json",
            "/metrics",
            f"/api/tenants/{target.a.id}/records?limit=200",
        ):
            answer = line.ask("GET", path, key=token)
            assert answer.status == 200, path
            shown += answer.everything
        for path in ("/api/metrics", "/debug", "/api/logs"):
            assert line.ask("GET", path, key=token).status == 404
    with Line(target.gateway) as line:
        assert line.ask("GET", "/metrics", key=target.a.dev.secret).status == 404
    assert not [place for place, canary in plant.planted.items() if canary.encode() in shown]


def _base64(text: str) -> bytes:
    """Return the middle of `text` in base64, which does not depend on where it stands."""
    return base64.b64encode(text.encode())[4:-4]
