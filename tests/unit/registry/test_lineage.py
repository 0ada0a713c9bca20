"""What the graph of lineage says: by hand on a small one, and by its laws on any."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.registry.lineage import openlineage
from strongroom.registry.lineage.drawing import svg
from strongroom.registry.lineage.model import Edge, Graph, Node, served
from strongroom.registry.lineage.openlineage import BadEvent

DAY = datetime(2026, 11, 1, tzinfo=UTC)
RUN = "run:00000000-0000-0000-0000-000000000001"


def at(days: int) -> datetime:
    return DAY + timedelta(days=days)


def node(name: str, day: int = 0, until: int | None = None, **facts: str) -> Node:
    return Node(
        id=name, name=name.partition(":")[2], at=at(day), until=None if until is None else at(until), facts=facts
    )


def edge(source: str, target: str, day: int = 0, *, observed: bool = True) -> Edge:
    return Edge(source=source, target=target, observed=observed, at=at(day), by="somebody", reason="saw it")


GRAPH = Graph(
    nodes=[
        node("source:crm"), node("dataset:raw"), node("dataset:safe", 1), node("dataset:other"),
        node(RUN, 2, 3, state="completed"), node("release:m", 3), node("release:n"),
        node("deployment:new", 5, environment="prod"), node("deployment:old", 4, 6, environment="dev"),
        node("deployment:apart", 4),
    ],
    edges=[
        edge("source:crm", "dataset:raw"), edge("dataset:raw", "dataset:safe", 1, observed=False),
        edge("dataset:safe", RUN, 2), edge(RUN, "release:m", 3), edge("release:m", "deployment:new", 5),
        edge("release:m", "deployment:old", 4), edge("release:n", "deployment:apart", 4), edge("dataset:other", "release:n"),
    ],
)  # fmt: skip


def test_a_poisoned_set_is_followed_through_derivatives_runs_and_releases_to_what_serves_now_and_did() -> None:
    found = served(GRAPH, "dataset:raw")
    assert [(each.deployment, each.until is None, each.observed) for each in found] == [
        ("new", True, False),
        ("old", False, False),
    ]
    assert found[0].by_way_of == ("raw", "safe", RUN.partition(":")[2], "m")
    assert {each.observed for each in served(GRAPH, "dataset:safe")} == {True}
    assert [each.deployment for each in served(GRAPH, "dataset:other")] == ["apart"]


def test_a_past_moment_knows_nothing_of_what_came_later_and_shows_what_served_then() -> None:
    assert served(GRAPH.at(at(2)), "dataset:raw") == []
    assert [each.deployment for each in served(GRAPH.at(at(4)), "dataset:raw")] == ["old"]
    assert {each.deployment for each in served(GRAPH.at(at(5)), "dataset:raw")} == {"old", "new"}
    assert [each.deployment for each in served(GRAPH.at(at(6)), "dataset:raw")] == ["new"]
    ids = {each.id for each in GRAPH.around("release:m").nodes}
    assert ids == {"source:crm", "dataset:raw", "dataset:safe", RUN, "release:m", "deployment:new", "deployment:old"}


def test_a_deployment_that_was_rolled_back_is_told_by_each_release_and_only_the_last_one_serves() -> None:
    moved = msgspec.structs.replace(edge("release:m", "deployment:new", 5), until=at(7))
    others = [each for each in GRAPH.edges if (each.source, each.target) != ("release:m", "deployment:new")]
    graph = Graph(nodes=GRAPH.nodes, edges=[*others, moved, edge("release:n", "deployment:new", 7)])
    (was,) = [each for each in served(graph, "dataset:raw") if each.deployment == "new"]
    assert (was.release, was.since, was.until) == ("m", at(5), at(7))
    assert [(each.release, each.until) for each in served(graph, "dataset:other") if each.deployment == "new"] == [
        ("n", None)
    ]
    assert [each.deployment for each in served(graph.at(at(6)), "dataset:raw")] == ["new"]
    assert served(graph.at(at(7)), "dataset:raw") == []
    assert 'opacity="0.45"' in svg(graph).partition("deployments")[2].partition("<g")[0]


def test_events_are_told_as_the_specification_says_and_are_read_back() -> None:
    told = openlineage.events(GRAPH, "acme")
    runs = [each for each in told if each["run"]["runId"] == RUN.partition(":")[2]]
    assert [each["eventType"] for each in runs] == ["START", "COMPLETE"]
    assert [each["name"] for each in runs[1]["inputs"]] == ["dataset/safe"]
    assert [each["name"] for each in runs[1]["outputs"]] == ["release/m"]
    assert [each["eventTime"] for each in told] == sorted(each["eventTime"] for each in told)
    back = openlineage.read([msgspec.Raw(json.dumps(each).encode()) for each in told])
    assert {each.job.namespace for each in back} == {"strongroom/acme"}
    assert UUID(RUN.partition(":")[2]) in {each.run.runId for each in back}


@pytest.mark.parametrize("missing", ["eventTime", "producer", "schemaURL", "run", "job"])
def test_an_event_without_what_is_demanded_is_not_taken(missing: str) -> None:
    event = openlineage.events(GRAPH, "acme")[0]
    del event[missing]
    with pytest.raises(BadEvent, match=f"event 1 is no OpenLineage run event.*{missing}"):
        openlineage.read([msgspec.Raw(json.dumps(event).encode())])


@pytest.mark.parametrize(
    ("field", "value"),
    [("eventTime", "yesterday"), ("eventTime", "2026-11-27T12:00:00"), ("run", {"runId": "x"}), ("eventType", "DONE"),
     ("schemaURL", "file:///etc"), ("inputs", [{"name": "x"}]), ("job", {"namespace": "", "name": "x"})],
)  # fmt: skip
def test_an_event_that_says_it_wrongly_is_not_taken(field: str, value: object) -> None:
    event = openlineage.events(GRAPH, "acme")[0] | {field: value}
    with pytest.raises(BadEvent, match="event 1"):
        openlineage.read([msgspec.Raw(json.dumps(event).encode())])


def test_a_picture_is_xml_whatever_things_are_called_and_runs_nothing() -> None:
    evil = Node(id="dataset:x", name='</text><script>alert(1)</script>"\u202e', by="<b>", facts={"a&b": "<i>"})
    drawn = svg(Graph(nodes=[*GRAPH.nodes, evil], edges=[*GRAPH.edges, edge("dataset:x", "release:m", observed=False)]))
    tree = ET.fromstring(drawn)  # noqa: S314 - our own output
    names = {each.tag.rpartition("}")[2] for each in tree.iter()}
    assert names == {"svg", "defs", "marker", "path", "rect", "text", "g", "title"}
    assert "\u202e" not in drawn
    boxes = [each for each in tree.iter() if each.tag.endswith("}g")]
    assert len(boxes) == len(GRAPH.nodes) + 1


IDS = st.sampled_from(["dataset:a", "dataset:b", "run:c", "release:d", "release:e", "deployment:f", "deployment:g"])
EDGES = st.lists(st.tuples(IDS, IDS, st.integers(0, 9), st.booleans()), max_size=20)


@given(EDGES, st.integers(0, 9))
def test_up_and_down_agree_and_the_past_is_part_of_the_present(
    found: list[tuple[str, str, int, bool]], day: int
) -> None:
    ids = sorted({each for one, other, _, _ in found for each in (one, other)})
    graph = Graph(
        nodes=[node(each) for each in ids],
        edges=[edge(one, other, when, observed=seen) for one, other, when, seen in found],
    )
    for one in ids:
        for other in graph.downstream(one):
            assert one in graph.upstream(other)
            way = graph.way(one, other)
            if one != other:
                assert (way[0].source, way[-1].target) == (one, other)
                assert all(first.target == second.source for first, second in pairwise(way))
        assert graph.at(at(day)).downstream(one) <= graph.downstream(one)
        assert {each.deployment for each in served(graph, one)} == {
            each.partition(":")[2] for each in graph.downstream(one) if each.startswith("deployment:")
        }
