"""Every surface, in every direction: personal data and secrets go in everywhere, and no byte that the system wrote or told holds them.

The table of the gateway's surfaces is by endpoint, and a test fails when an endpoint has no row; the control port's are taken
from its own description and its routes, so a new route is walked without being named here.
"""

from __future__ import annotations

import json
import os
import secrets
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from strongroom.app import demo_rules
from strongroom.app.rig import Installation, written
from strongroom.attack import Target
from strongroom.attack.http import Answer, Line
from strongroom.attack.staging import settle
from strongroom.cli import main
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.privacy import Engine
from strongroom.runtime import residue

TABULAR = "rows"


def _letters(of: str, number: int) -> str:
    return "".join(secrets.choice(of) for _ in range(number))


@dataclass
class Plant:
    """Makes values that are unmistakable: an e-mail address, a payment card and a cloud key for each place they are put in."""

    mark: str = field(default_factory=lambda: _letters(string.ascii_lowercase, 14))
    key_mark: str = field(default_factory=lambda: "AKIA" + _letters("QWERTYUPASDFGHJK", 11))
    card_mark: str = field(default_factory=lambda: f"4539{secrets.randbelow(10**6):06}")
    planted: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def __call__(self, place: str) -> str:
        """Return a text with all three."""
        number = len(self.planted)
        email = f"{self.mark}{number}@example.org"
        card = luhn(f"{self.card_mark}{number:05}")
        key = f"{self.key_mark}{number:05}".replace("0", "Z").replace("1", "Y").replace("8", "X").replace("9", "W")
        self.planted[place] = (email, card, key)
        return f"write to {email} or charge card {card} with {key} please"

    def email(self, place: str) -> str:
        """Return the address alone."""
        self(place)
        return self.planted[place][0]

    def needles(self) -> dict[str, bytes]:
        """Return what is searched for, by where it was planted."""
        return {f"{place} ({value[:4]}…)": value.encode() for place, values in self.planted.items() for value in values}


def luhn(digits: str) -> str:
    """Return 15 digits with the one that makes them a card's number."""
    total = sum(sum(divmod(int(each) * (2 - place % 2), 10)) for place, each in enumerate(digits))
    return digits + str(-total % 10)


Walk = Callable[[Line, Target, Plant], Iterator[Answer]]


def _chat(line: Line, target: Target, plant: Plant) -> Iterator[Answer]:
    key, path = target.a.dev.secret, "/v1/chat/completions"
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps({"x": plant("chat arguments")})},
    }
    full = [
        {"role": "system", "content": plant("chat system")},
        {"role": "user", "content": [{"type": "text", "text": plant("chat part")}]},
        {"role": "assistant", "content": plant("chat said"), "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": plant("chat result")},
    ]
    tool = {
        "type": "function",
        "function": {"name": "f", "description": plant("chat tool"), "parameters": {"type": "object"}},
    }
    data = {"model": target.chat, "messages": full, "tools": [tool], "tool_choice": "none", "max_tokens": 8}
    yield line.ask("POST", path, key=key, data=data)
    yield line.ask("POST", path, key=key, data={**data, "stream": True, "user": plant.email("chat user")})
    yield line.ask("POST", path, key=key, data={**data, "max_tokens": plant("chat bound")})
    yield line.ask("POST", path, key=key, data={**data, plant.email("chat field"): 1})
    yield line.ask("POST", path, key=key, data={**data, "model": plant.email("chat model")})
    yield line.ask("POST", path, key=key, raw=b'{"model": "' + plant("chat torn").encode())
    yield line.ask("POST", path, key=plant.email("chat key"), data=data)
    said = {"user-agent": f"app ({plant('agent')})", "x-request-id": plant("request id"), "referer": plant("referer")}
    yield line.ask("POST", path, key=key, data=data, fields=said)


def _completion(line: Line, target: Target, plant: Plant) -> Iterator[Answer]:
    for stream in (False, True):
        data = {"model": target.chat, "prompt": plant(f"completion {stream}"), "max_tokens": 4, "stream": stream}
        yield line.ask("POST", "/v1/completions", key=target.a.dev.secret, data=data)


def _embedding(line: Line, target: Target, plant: Plant) -> Iterator[Answer]:
    for given in ([plant("embedding list"), "x"], plant("embedding text"), [[plant("embedding nested")]]):
        yield line.ask(
            "POST", "/v1/embeddings", key=target.a.dev.secret, data={"model": target.embedding, "input": given}
        )


def _moderation(line: Line, target: Target, plant: Plant) -> Iterator[Answer]:
    yield line.ask(
        "POST", "/v1/moderations", key=target.a.dev.secret, data={"model": target.chat, "input": plant("moderation")}
    )


def _messages(line: Line, target: Target, plant: Plant) -> Iterator[Answer]:
    version = {"anthropic-version": "2023-06-01", "x-api-key": target.a.dev.secret}
    for stream in (False, True):
        data = {
            "model": target.chat, "max_tokens": 4, "system": plant(f"messages system {stream}"), "stream": stream,
            "messages": [{"role": "user", "content": plant(f"messages {stream}")}],
        }  # fmt: skip
        yield line.ask("POST", "/v1/messages", key=None, data=data, fields=version)
    yield line.ask("POST", "/v1/messages", key=None, data={"model": plant.email("messages model")}, fields=version)


def _count(line: Line, target: Target, plant: Plant) -> Iterator[Answer]:
    version = {"anthropic-version": "2023-06-01", "x-api-key": target.a.dev.secret}
    data = {"model": target.chat, "messages": [{"role": "user", "content": plant("count")}]}
    yield line.ask("POST", "/v1/messages/count_tokens", key=None, data=data, fields=version)


def _responses(line: Line, target: Target, plant: Plant) -> Iterator[Answer]:
    key = target.a.dev.secret
    for stream in (False, True):
        data = {
            "model": target.chat, "input": plant(f"responses {stream}"), "instructions": plant(f"instructions {stream}"),
            "max_output_tokens": 8, "stream": stream, "store": False, "metadata": {"note": plant(f"metadata {stream}")},
        }  # fmt: skip
        yield line.ask("POST", "/v1/responses", key=key, data=data)


def _kept(line: Line, target: Target, plant: Plant) -> Iterator[Answer]:
    key = target.a.dev.secret
    data = {"model": target.chat, "input": plant("kept"), "max_output_tokens": 8, "store": True}
    made = line.ask("POST", "/v1/responses", key=key, data=data)
    assert made.status == 200, made.body
    yield made
    yield line.ask("GET", f"/v1/responses/{made.json()['id']}", key=key)
    data = {"model": target.chat, "input": plant("kept, gone on from"), "previous_response_id": made.json()["id"]}
    yield line.ask("POST", "/v1/responses", key=key, data={**data, "max_output_tokens": 8, "store": True})
    yield line.ask("GET", f"/v1/responses/{quote(plant.email('kept path'), safe='')}", key=key)


def _drop(line: Line, target: Target, plant: Plant) -> Iterator[Answer]:
    yield line.ask("DELETE", f"/v1/responses/{quote(plant.email('drop'), safe='')}", key=target.a.dev.secret)


def _infer(line: Line, target: Target, plant: Plant) -> Iterator[Answer]:
    key = target.a.dev.secret
    for name, datatype, given in (("text", "BYTES", plant("tensor text")), (plant.email("tensor name"), "FP32", 1.0)):
        tensor = {"name": name, "shape": [1, 1], "datatype": datatype, "data": [given]}
        yield line.ask(
            "POST", f"/v2/models/{TABULAR}/infer", key=key, data={"id": plant("infer id"), "inputs": [tensor]}
        )


def _by_path(path: str) -> Walk:
    def walk(line: Line, target: Target, plant: Plant) -> Iterator[Answer]:
        named = path.replace("NAME", quote(plant.email(path), safe=""))
        yield line.ask("GET", f"{named}?q={quote(plant.email(path + ' query'), safe='')}", key=target.a.dev.secret)

    return walk


SURFACES: dict[Endpoint, Walk] = {
    Endpoint.CHAT: _chat,
    Endpoint.COMPLETION: _completion,
    Endpoint.EMBEDDING: _embedding,
    Endpoint.MODERATION: _moderation,
    Endpoint.MESSAGES: _messages,
    Endpoint.COUNT: _count,
    Endpoint.RESPONSES: _responses,
    Endpoint.RESPONSE: _kept,
    Endpoint.DROP_RESPONSE: _drop,
    Endpoint.INFER: _infer,
    Endpoint.DESCRIBE: _by_path("/v2/models/NAME"),
    Endpoint.READY: _by_path("/v2/models/NAME/ready"),
    Endpoint.MODELS: _by_path("/v1/models"),
    Endpoint.MODEL: _by_path("/v1/models/NAME"),
}


@dataclass
class Walked:
    """What was planted, since when, and every byte that came back."""

    plant: Plant
    since: float
    told: dict[str, bytes] = field(default_factory=dict[str, bytes])


def test_every_endpoint_of_the_gateway_has_a_row() -> None:
    assert set(SURFACES) == set(Endpoint), "say in SURFACES what is planted in a new endpoint, in each direction"


@pytest.fixture(scope="module")
def walked(target: Target) -> Walked:
    done = Walked(Plant(), time.time() - 1)
    _prepare(target)
    with Line(target.gateway) as line:
        for endpoint, walk in SURFACES.items():
            for number, answer in enumerate(walk(line, target, done.plant)):
                done.told[f"{endpoint} {number}: {answer.status}"] = answer.everything
    _control(target, done)
    _settled(target)
    return done


def _prepare(target: Target) -> None:
    """Open to A what an unmodified client asks for, but for privacy, which is at its default; and deploy a table's model."""
    with Line(target.control) as line:
        for file in demo_rules.documents():
            if file.kind.name != "privacy":
                path = f"/api/tenants/{target.a.id}/rules/{file.kind.name}/ceiling"
                data = {"document": file.document, "expected": 0, "reason": "test"}
                assert line.ask("PUT", path, key=target.operator.secret, data=data).status == 200
        releases = line.ask("GET", "/api/models", key=target.operator.secret).json()["data"]
        digest = next(each["digest"] for each in releases if each["kind"] == "infer")
        made = {"environment": "dev", "name": TABULAR, "release": digest}
        assert (
            line.ask("POST", f"/api/tenants/{target.a.id}/deployments", key=target.operator.secret, data=made).status
            < 300
        )
    settle(target.gateway, target.a.dev, TABULAR)


def _control(target: Target, done: Walked) -> None:
    """Walk every route of the control port as its own description names them: as nobody with a planted credential, as the
    tenant's administrator with planted bodies, and every GET with planted names and as the operator.
    """
    plant, admin = done.plant, target.a.admin.secret
    with Line(target.control) as line:
        described = line.ask("GET", "/api/openapi.json", key=target.operator.secret).json()
        assert len(described["paths"]) > 60
        for path, operations in described["paths"].items():
            for method, operation in operations.items():
                named = f"{method.upper()} {path}"
                odd = path.replace("{tenant}", target.a.id)
                for parameter in operation.get("parameters", []):
                    if parameter["in"] == "path" and parameter["name"] != "tenant":
                        odd = odd.replace(
                            f"{{{parameter['name']}}}", quote(plant.email(f"{named} {parameter['name']}"), safe="")
                        )
                stranger = line.ask(method.upper(), odd, key=plant.email(f"{named} credential"))
                done.told[f"{named}, a stranger: {stranger.status}"] = stranger.everything
                if method == "get":
                    told = line.ask("GET", odd, key=target.operator.secret)
                    done.told[f"{named}: {told.status}"] = told.everything
                elif "requestBody" in operation:
                    text = plant(f"{named} body")
                    told = line.ask(
                        method.upper(), odd, key=admin, data={plant.email(f"{named} field"): text, "reason": 1}
                    )
                    assert told.status >= 400, named  # nothing that is planted is taken for a wish
                    done.told[f"{named}: {told.status}"] = told.everything
        for path in (
            "/",
            "/signin",
            "/tenants",
            "/audit",
            "/models",
            "/metrics",
        ):  # pages, as a browser without a session
            shown = line.ask(
                "GET", f"{path}?q={quote(plant.email('page ' + path), safe='')}", fields={"accept": "text/html"}
            )
            done.told[f"page {path}: {shown.status}"] = shown.everything


def _settled(target: Target) -> None:
    """Wait until the gateways' last words have come to the log: they write in batches."""
    with Line(target.gateway) as gateway:
        last = gateway.ask("GET", "/v1/models/last", key=target.a.dev.secret).request_id
    deadline = time.monotonic() + 20
    with Line(target.control) as line:
        while (
            last.encode()
            not in line.ask("GET", f"/api/tenants/{target.a.id}/audit?limit=200", key=target.a.admin.secret).body
        ):
            assert time.monotonic() < deadline, "the gateway's refusals do not reach the log"


def test_the_walk_was_let_in(walked: Walked) -> None:
    for endpoint in (
        Endpoint.CHAT,
        Endpoint.COMPLETION,
        Endpoint.EMBEDDING,
        Endpoint.MESSAGES,
        Endpoint.COUNT,
        Endpoint.RESPONSES,
        Endpoint.RESPONSE,
    ):
        assert any(name.startswith(f"{endpoint} ") and name.endswith(": 200") for name in walked.told), endpoint
    assert len(walked.plant.planted) > 200


async def test_nothing_that_was_planted_is_written_anywhere(
    installation: Installation, walked: Walked, target: Target
) -> None:
    plant, needles = walked.plant, walked.plant.needles()
    marks = [mark.encode() for mark in (plant.mark, plant.key_mark, plant.card_mark)]
    found, looked_at, by_intent = list[str](), list[str](), list[str]()
    for name, content in await written(installation, since=walked.since):
        looked_at.append(name)
        by_intent += [name] if target.canary.encode() in content else []
        if any(
            mark in content for mark in marks
        ):  # what is planted begins alike, so that all is searched in three passes
            found += [f"{place} in {name}" for place, needle in needles.items() if needle in content]
    assert not found
    assert "rows" in by_intent  # the search sees what is stored by intent
    for part in (
        "rows",
        "/pg/data/pg_wal/",
        "/logs/gateway-1.log",
        "/logs/control.log",
        "/logs/supervisor.log",
        "/spool/",
    ):
        assert any(part in name for name in looked_at), part


def test_nothing_that_was_planted_is_told_to_anybody(walked: Walked) -> None:
    needles = walked.plant.needles()
    found = [
        f"{place} in {name}"
        for name, content in walked.told.items()
        for place, needle in needles.items()
        # Who sends the control API a field that it does not know is told its name, and nobody else is.
        if needle in content and not (place.startswith(f"{name.partition(':')[0]} field") and name.endswith(": 400"))
    ]
    assert not found


def test_no_command_shows_it(
    installation: Installation,
    walked: Walked,
    target: Target,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRONGROOM_HOME", str(installation.home))
    shown = ""
    for words in (
        ("records", "list", "--tenant", target.a.id, "--limit", "200", "--json"),
        ("audit", "list", "--tenant", target.a.id, "--json"),
        ("audit", "list", "--json"),
        ("capture", "list", "--tenant", target.a.id, "--json"),
        ("retention", "status", "--json"),
        ("logs", "-n", "1000", "--json"),
        ("support", "bundle", "--dry-run", "--part", "refusals.json"),
        ("support", "bundle", "--dry-run", "--part", "logs/gateway-1.jsonl"),
    ):
        assert main.run(words) == 0, words
        said = capfd.readouterr()
        shown += said.out + said.err
    assert "chat" in shown
    assert not [place for place, needle in walked.plant.needles().items() if needle.decode() in shown]


def test_it_never_came_to_a_workers_memory(installation: Installation, walked: Walked) -> None:
    """What is masked before it is sent is nowhere in the processes that answer, whatever those keep."""
    if os.geteuid() != 0:
        return  # the kernel shows a sandboxed process to root alone
    looked = 0
    for process in installation.processes():
        try:
            command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        except FileNotFoundError:  # a scan's, which has ended since they were listed
            continue
        if b"_worker" in command and b"bwrap" not in command.split(b"\0")[0]:
            assert not residue.count(process.pid, walked.plant.mark.encode()), command
            looked += 1
    assert looked >= 3


def test_the_planted_is_what_it_is_taken_for() -> None:
    plant = Plant()
    kinds = {span.kind for span in Engine(lexicon=False).find(plant("here"))}
    assert {"email", "credit_card"} <= kinds
    assert len(kinds) == 3
