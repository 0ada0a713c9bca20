"""Cases 47 to 49: metrics tell of no tenant, nothing that a caller sends makes or moves them, and none sees another's load.

47 labels are bounded, under attack too, and hold no tenant, key, workload, model or word of a caller;
48 a spoofed `baggage`, `traceparent` or `X-Scope-OrgID` changes neither whose request it is nor what is counted;
49 what A may look at does not move while B is busy.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Any
from uuid import UUID

import msgspec
import pytest

from strongroom.attack import Target
from strongroom.attack.http import Answer, Line
from strongroom.audit import Trouble
from strongroom.gateway.metrics import (
    ACTION,
    BREAKER,
    DIALECT,
    DIRECTION,
    DURATION_S,
    ENVIRONMENT,
    FIRST_S,
    FOUND,
    OPERATION,
    OUTCOME,
    READING,
    REASON,
    STATE,
    TARGET,
    TOKEN,
)
from strongroom.kernel.metrics import OTHER

SERIES = re.compile(r"^([a-z_:]+)(?:\{(.*)\})? (\S+)$")
LABELS = (
    DIALECT, ENVIRONMENT, OPERATION, OUTCOME, REASON, TOKEN, TARGET, STATE, BREAKER, DIRECTION, FOUND, ACTION, READING,
)  # fmt: skip
ALLOWED: dict[str, set[str]] = {label.name: {OTHER} for label in LABELS}
for label in LABELS:  # two labels are called `state`, two `outcome`
    ALLOWED[label.name] |= {str(value) for value in label.values}
ALLOWED["process"] = {"gateway-1", "gateway-2", "keeper"}
ALLOWED["kind"] = {each.value for each in Trouble if each.value} | {"file_away", "file_differs", "authority_away"}
ALLOWED["le"] = {str(bound) for bound in (*DURATION_S, *FIRST_S, "+Inf")} | {"1", "5", "10"}
SAY = [{"role": "user", "content": "hi"}]


def scrape(target: Target) -> str:
    with Line(target.control) as line:
        answer = line.ask("GET", "/metrics", key=target.operator.secret)
    assert answer.status == 200
    assert dict(answer.fields)["content-type"].startswith("text/plain; version=0.0.4")
    return answer.body.decode()


def series(text: str) -> dict[str, float]:
    """Return every series with its value; each line of the page is a comment or a series."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("# "):
            assert line.split()[1] in {"HELP", "TYPE"}
            continue
        match = SERIES.match(line)
        assert match, line
        assert line.rpartition(" ")[0] not in found
        found[line.rpartition(" ")[0]] = float(match[3])
    return found


def requests(found: dict[str, float]) -> float:
    return sum(value for name, value in found.items() if name.startswith("strongroom_requests_total"))


def until_counted(target: Target, least: float) -> dict[str, float]:
    """Scrape until so many requests are counted: two processes count, and the answer may be out before its count."""
    deadline = time.monotonic() + 10
    while requests(found := series(scrape(target))) < least:
        assert time.monotonic() < deadline
    return found


def attack(target: Target, line: Line) -> list[str]:
    """Put a new word into everything that a caller can say, and return the words."""
    words = [f"canary{secrets.token_hex(8)}" for _ in range(12)]
    key = target.a.dev.secret
    fields = {
        "user-agent": words[0], "baggage": f"tenant={words[1]}", "x-scope-orgid": words[2], "x-tenant": words[3],
        "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01", "tracestate": f"{words[4]}=1",
        "openai-organization": words[5],
    }  # fmt: skip
    for path, data in (
        ("/v1/chat/completions", {"model": words[6], "messages": SAY}),
        ("/v1/chat/completions", {"model": target.chat, "messages": SAY, words[7]: 1}),
        ("/v1/chat/completions", {"model": target.chat, "messages": [{"role": words[8], "content": "x"}]}),
        ("/v1/embeddings", {"model": target.embedding, "input": "x", "encoding_format": words[9]}),
    ):
        assert line.ask("POST", path, key=key, data=data, fields=fields).status in {400, 404}
    assert line.ask("GET", f"/v1/models/{words[10]}", key=key, fields=fields).status == 404
    assert line.ask("GET", f"/{words[11]}", key=key, fields=fields).status == 404
    assert line.ask("GET", "/v1/models", key=words[11], fields=fields).status == 401
    assert line.ask("GET", "/v1/models", key=key, fields=fields).status == 200
    return words


def test_47_labels_are_bounded_and_name_nobody(target: Target) -> None:
    words: list[str] = []
    before = series(scrape(target))
    with Line(target.gateway) as line:
        for _ in range(10):
            words += attack(target, line)
    counted = until_counted(target, requests(before) + 60)  # 6 of 8 are a workload's: the other two are nobody's
    for name in counted:
        for label, value in re.findall(r'(\w+)="([^"]*)"', name):
            assert value in ALLOWED[label], name
    text = scrape(target)
    needles = [*words, target.canary]  # the deployments are called `chat` and `embed`, as operations are
    for tenant in (target.a, target.b):
        needles += [tenant.name, tenant.id, UUID(tenant.id).hex, tenant.own, tenant.prod_only, tenant.deployment]
        needles += [part for key in tenant.keys.values() for part in (key.id, key.secret)]
    labels = " ".join(re.findall(r"\{(.*)\}", text))
    assert not [needle for needle in needles if needle in labels]
    assert not [needle for needle in needles if needle not in {target.a.name, target.b.name} and needle in text]
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-|srk_", text)
    # The page is worth something: what was asked is on it.
    assert any('outcome="refused"' in name for name in counted)
    assert {name for name in counted if name.startswith("strongroom_process_up")} == {
        'strongroom_process_up{process="gateway-1"}',
        'strongroom_process_up{process="gateway-2"}',
        'strongroom_process_up{process="keeper"}',
    }


def test_47_metrics_are_an_operators(target: Target) -> None:
    with Line(target.control) as line:
        assert line.ask("GET", "/metrics").status == 401
        assert line.ask("GET", "/metrics", key="0" * 64).status == 401
        for key in (target.a.admin, target.a.dev, target.a.evaluator):
            assert line.ask("GET", "/metrics", key=key.secret).status == 404
        assert line.ask("GET", "/metrics", key=target.operator.secret).status == 200
    with Line(target.gateway) as line:
        assert line.ask("GET", "/metrics", key=target.operator.secret).status == 404


def records(target: Target, tenant: Any, **query: Any) -> list[dict[str, Any]]:
    asked = "&".join(f"{name}={value}" for name, value in {"limit": 200, **query}.items())
    with Line(target.control) as line:
        answer: Answer = line.ask("GET", f"/api/tenants/{tenant.id}/records?{asked}", key=tenant.admin.secret)
    assert answer.status == 200
    found: list[dict[str, Any]] = msgspec.json.decode(answer.body)["data"]
    return found


def until_recorded(target: Target, tenant: Any, request: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        rows = records(target, tenant)
        if any(row["request_id"] == request for row in rows):
            return rows
    pytest.fail("the record does not arrive")


def test_48_whose_request_it_is_stands_in_no_header_of_it(target: Target) -> None:
    spoofed = {
        "baggage": f"tenant={target.b.id},strongroom.tenant={target.b.name}",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": f"strongroom={target.b.id}",
        "x-scope-orgid": target.b.id,
        "x-tenant-id": target.b.id,
        "x-request-id": "req_" + "0" * 32,
    }
    with Line(target.gateway) as line:
        plain = line.ask("GET", "/v1/models", key=target.a.dev.secret)
        answer = line.ask("GET", "/v1/models", key=target.a.dev.secret, fields=spoofed)
    assert answer.body == plain.body
    assert answer.request_id not in {spoofed["x-request-id"], plain.request_id}
    assert b"4bf92f3577b34da6a3ce929d0e0e4736" not in answer.everything
    assert target.b.id.encode() not in answer.everything
    rows = until_recorded(target, target.a, answer.request_id)
    assert not any(row["request_id"] == spoofed["x-request-id"] for row in rows)
    assert not any(row["request_id"] == answer.request_id for row in records(target, target.b))
    with Line(target.control) as line:  # nor does one open another's metrics or records
        for path in ("/metrics", f"/api/tenants/{target.b.id}/records"):
            assert line.ask("GET", path, key=target.a.admin.secret, fields=spoofed).status == 404
    assert "4bf92f3577b34da6" not in scrape(target)


def test_49_what_a_sees_does_not_move_with_the_load_of_b(target: Target) -> None:
    with Line(target.gateway) as line:
        last = line.ask("GET", "/v1/models", key=target.a.dev.secret).request_id
    seen = [row["request_id"] for row in until_recorded(target, target.a, last)]
    before = requests(series(scrape(target)))
    with Line(target.gateway) as line:
        busy = [line.ask("GET", "/v1/models", key=target.b.dev.secret).request_id for _ in range(40)]
    until_counted(target, before + len(busy))
    theirs = until_recorded(target, target.b, busy[-1])
    assert set(busy) <= {row["request_id"] for row in theirs}  # B was busy, and B can see it
    assert [row["request_id"] for row in records(target, target.a)] == seen
