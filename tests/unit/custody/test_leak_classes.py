"""Which classes of data a leaked key is told to have reached: by endpoint, by what was found, by data set."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from strongroom.audit import Entry, Outcome
from strongroom.custody.incidents.classes import data_sets, of_endpoint, touched
from strongroom.flows.model import Declared, Edge, Flow
from strongroom.gateway.using import Found
from strongroom.kernel.principal import Environment
from strongroom.registry.datasets.tables import Granted

NOW, DEV = datetime(2026, 5, 1, tzinfo=UTC), Environment.DEV
CHAT = UUID(int=1)


def edge(source: str, destination: str, data: str) -> Edge:
    return Edge(source=source, destination=destination, data=data, first_seen=NOW, last_seen=NOW)


def entry(credential: str, resource: str, outcome: Outcome = Outcome.ALLOWED) -> Entry:
    return Entry(
        id=UUID(int=2), at=NOW, actor="training/w", credential=credential, action="dataset.read", resource=resource,
        outcome=outcome, reason="", request_id="", detail={},
    )  # fmt: skip


def test_an_endpoint_has_what_was_seen_and_declared_there_and_nothing_of_another_environment() -> None:
    edges = [
        edge("workload:dev/bot", "model:dev/chat", "email"),
        edge("model:dev/chat", "workload:dev/bot", "text"),
        edge("workload:prod/bot", "model:prod/chat", "iban"),
    ]
    wide = Flow(source="workload:dev/*", destination="model:dev/*", data=("indirect", "phone"), why="x")
    elsewhere = Flow(source="workload:dev/*", destination="model:prod/*", data=("custom",), why="x")
    declared = [Declared(file=1, flow=wide), Declared(file=2, flow=elsewhere)]
    assert of_endpoint(DEV, "chat", edges, declared) == (
        "email (identifier)",
        "indirect",
        "phone (identifier)",
        "text",
    )
    assert of_endpoint(DEV, "other", edges, []) == ()


def test_what_was_found_stands_the_most_sensitive_first() -> None:
    rows = [
        Found(deployment=CHAT, direction=way, kind=kind, findings=2, requests=1, last_at=NOW)
        for way, kind in (("input", "email"), ("output", "api_key"))
    ]
    found = touched(rows, {CHAT: "dev/chat"})
    assert [(each.data, each.classification, each.direction) for each in found] == [
        ("api_key", "secret", "output"),
        ("email", "identifier", "input"),
    ]
    assert {each.endpoint for each in found} == {"dev/chat"}


def test_a_data_set_was_read_by_this_key_where_the_log_says_so_of_it() -> None:
    granted = {"rows:1": Granted("rows", "1"), "cells:1": Granted("cells", "1")}
    reads = [
        entry("k" * 16, "tenant/t/dev/dataset/rows:1"),
        entry("o" * 16, "tenant/t/dev/dataset/cells:1"),
        entry("k" * 16, "tenant/t/dev/dataset/cells:1", Outcome.REFUSED),
    ]
    assert [(each.name, each.last_read_at) for each in data_sets(granted, "k" * 16, reads)] == [
        ("rows", NOW),
        ("cells", None),
    ]
