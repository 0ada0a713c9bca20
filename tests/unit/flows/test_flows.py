"""Files of flows and what they cover; edges from records and entries, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.cli.flows import graph
from strongroom.flows.drawing import svg
from strongroom.flows.model import (
    Applied,
    Edge,
    Flow,
    FlowsError,
    digest_of,
    judged,
    parse,
    standing,
)
from strongroom.flows.seen import EXPORTS, FIELDS, Asked, Taken, gathered
from strongroom.policy import Action

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 1, 2, tzinfo=UTC)
FIRST = """
[[flows]]
from = "workload:prod/*"
to = "model:prod/support"
data = ["text", "identifier"]
why = "support answers customers"
"""


def file(number: int, text: str) -> Applied:
    return Applied(
        number=number, name="x", digest=digest_of(text), text=text, author="a", credential="", at=NOW, reason="r"
    )


def asked(**more: object) -> Asked:
    plain = Asked(
        environment="prod", workload="search", model="support", target="local", region=None, operation="chat",
        found=(("input", "email"), ("output", "api_key")), first=NOW, last=NOW,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **more)


def test_a_flow_covers_what_it_names_and_nothing_beside_it() -> None:
    flow = parse(FIRST).flows[0]
    assert flow.covers("workload:prod/search", "model:prod/support", "text")
    assert flow.covers("workload:prod/search", "model:prod/support", "email"), "a type of the class that is named"
    assert not flow.covers("workload:prod/search", "model:prod/support", "api_key"), "a secret is none"
    assert not flow.covers("workload:dev/search", "model:prod/support", "text")
    assert not flow.covers("workload:prod/search", "model:prod/other", "text")
    assert not flow.covers("model:prod/support", "workload:prod/search", "text"), "a way back is another flow"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "declares nothing"),
        ("flows = 3", "Expected"),
        ("[[flows]", "not TOML"),
        (FIRST.replace("workload:", "nowhere:"), "KIND:NAME"),
        (FIRST.replace('"identifier"', '"emial"'), "no class of data called"),
        (FIRST.replace("why =", "reason ="), "unknown field"),
        (FIRST + "#" * 40_000, "at most 32 KiB"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_and_says_why(text: str, said: str) -> None:
    with pytest.raises(FlowsError, match=said):
        parse(text)


def test_files_are_applied_in_order_and_take_back_only_what_is_there() -> None:
    gone = '[[withdraw]]\nfrom = "workload:prod/*"\nto = "model:prod/support"\nwhy = "moved"\n'
    assert len(standing([file(1, FIRST)])) == 1
    assert standing([file(2, gone), file(1, FIRST)]) == []
    with pytest.raises(FlowsError, match="could be withdrawn"):
        standing([file(1, gone)])


def test_edges_name_both_directions_the_provider_and_its_region() -> None:
    edges = gathered([asked(target="far", region="eu-west", operation="responses")], [])
    assert {(e.source, e.destination, e.data) for e in edges} == {
        ("workload:prod/search", "model:prod/support", "text"),
        ("workload:prod/search", "model:prod/support", "email"),
        ("model:prod/support", "workload:prod/search", "text"),
        ("model:prod/support", "workload:prod/search", "api_key"),
        ("model:prod/support", "provider:eu-west/far", "text"),
        ("model:prod/support", "provider:eu-west/far", "email"),
        ("model:prod/support", "store:responses", "text"),
        ("model:prod/support", "store:responses", "email"),
        ("model:prod/support", "store:responses", "api_key"),
    }
    assert not any(e.destination.startswith(("provider:", "store:")) for e in gathered([asked()], []))
    assert {e.destination for e in gathered([asked(target="far")], [])} >= {"provider:unknown/far"}


def test_every_export_that_is_looked_for_is_a_verb_and_its_path_is_described() -> None:
    verbs = {action.value for action in Action}
    assert set(EXPORTS) <= verbs
    described = " ".join(FIELDS)
    for source, _ in EXPORTS.values():
        assert source in described
    for action, (source, data) in EXPORTS.items():
        taken = Taken(action=action, actor="tenant-admin/ann", first=NOW, last=NOW)
        (edge,) = gathered([], [taken])
        assert (edge.source, edge.destination, edge.data) == (source, "account:tenant-admin/ann", data)
    sums, bundle = (
        Taken(action="records.read", actor="operator/kim", first=NOW, last=NOW, sums=sums, purpose=purpose)
        for sums, purpose in ((True, ""), (False, "support-bundle"))
    )
    assert {(e.source, e.destination, e.data) for e in gathered([], [sums, bundle])} == {
        ("store:analytics", "account:operator/kim", "figures"),
        ("store:records", "account:operator/kim", "figures"),
        ("account:operator/kim", "outside:support-bundle", "figures"),
    }
    again = gathered([asked(model="", operation="retrieve_response")], [])
    assert [(e.source, e.destination, e.data) for e in again] == [("store:responses", "workload:prod/search", "text")]
    assert gathered([], [Taken(action="key.list", actor="x", first=NOW, last=NOW)]) == []


@given(st.permutations([asked(first=NOW, last=NOW), asked(first=LATER, last=LATER), asked(workload="other")]))
def test_edges_are_the_same_in_whatever_order_they_are_met(rows: list[Asked]) -> None:
    edges = gathered(rows, [])
    assert edges == gathered([*rows, *rows], [])
    first = next(e for e in edges if e.source == "workload:prod/search")
    assert (first.first_seen, first.last_seen) == (NOW, LATER)


@given(st.sets(st.sampled_from(["text", "email", "api_key", "figures"])), st.sampled_from(["text", "email", "secret"]))
def test_what_is_declared_only_grows_with_files(seen: set[str], more: str) -> None:
    edges = [
        Edge(source="workload:prod/a", destination="model:prod/support", data=d, first_seen=NOW, last_seen=NOW)
        for d in sorted(seen)
    ]
    before = judged(edges, standing([file(1, FIRST)]))
    after = judged(edges, standing([file(1, FIRST), file(2, FIRST.replace('"identifier"', f'"{more}"'))]))
    for old, new in zip(before, after, strict=True):
        assert new.declared is not None or old.declared is None
        assert old.declared is None or new.declared == old.declared


def test_the_picture_is_xml_and_shows_what_nobody_declared() -> None:
    edges = msgspec.to_builtins(judged(gathered([asked(workload="<b>&")], []), standing([file(1, FIRST)])))
    drawn = svg(edges)
    root = ET.fromstring(drawn)  # noqa: S314 - our own
    assert root.tag.endswith("svg")
    assert "undeclared" in drawn
    assert "<b>&" not in drawn
    assert svg([]).startswith("<svg")
    lines = graph(edges)
    assert "  -> model:prod/support: email, text" in lines
    assert any(line.endswith("api_key!, text!") for line in lines)


def test_a_star_is_any_class() -> None:
    flow = Flow(source="store:*", destination="account:auditor/*", data=("*",), why="w")
    assert flow.covers("store:audit-log", "account:auditor/eve", "log")
    assert not flow.covers("store:audit-log", "account:operator/eve", "log")
