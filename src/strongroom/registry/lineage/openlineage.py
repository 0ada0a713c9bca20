"""OpenLineage events (spec 2-0-2), both ways: what this installation tells, and what it takes of what others tell.

Always true here:
- what is told is built from types that hold what the specification demands, and is read back by them before it leaves;
- what is taken is a claim: it becomes nothing that was observed, and it changes nothing that was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from strongroom.kernel.clock import rfc3339
from strongroom.registry.lineage.model import Edge, Graph, Node

PRODUCER: Final = "https://strongroom.example/lineage"
SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
MOST_EVENTS: Final = 1000
_FACET: Final = f"{PRODUCER}/facet.json"
_ENDS: Final = {"completed": "COMPLETE", "failed": "FAIL", "aborted": "ABORT"}
_NAMED: Final = {"dataset": "dataset/", "file": "file/", "release": "release/", "source": "source/"}

_Line = Annotated[str, Meta(min_length=1, max_length=200)]


class Run(msgspec.Struct, frozen=True):
    """Which run."""

    runId: UUID  # noqa: N815 - the specification's name
    facets: dict[str, Any] = {}


class Job(msgspec.Struct, frozen=True):
    """What ran."""

    namespace: _Line
    name: _Line


class Data(msgspec.Struct, frozen=True):
    """What went in, or came out."""

    namespace: _Line
    name: _Line
    facets: dict[str, Any] = {}


class RunEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What the specification demands of a run's event. Fields that it allows beside these are not read."""

    eventType: Literal["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"] | None = None  # noqa: N815 - the specification's
    eventTime: datetime  # noqa: N815 - the specification's name
    producer: Annotated[str, Meta(min_length=1, max_length=500, pattern="^[a-zA-Z][a-zA-Z0-9+.-]*:")]
    schemaURL: Annotated[str, Meta(min_length=1, max_length=500, pattern="^https?://")]  # noqa: N815 - the specification's
    run: Run
    job: Job
    inputs: Annotated[list[Data], Meta(max_length=200)] = []
    outputs: Annotated[list[Data], Meta(max_length=200)] = []


class BadEvent(ValueError):  # noqa: N818 - said to a person
    """A document is no OpenLineage run event; the message says what of it is not."""


def read(documents: list[msgspec.Raw]) -> list[RunEvent]:
    """Return events as others wrote them.

    Raises:
        BadEvent: saying which one, and what of it is not as the specification says.
    """
    found = list[RunEvent]()
    for number, each in enumerate(documents, 1):
        try:
            event = msgspec.json.decode(each, type=RunEvent)
        except msgspec.MsgspecError as error:
            raise BadEvent(f"event {number} is no OpenLineage run event: {error}") from None
        if event.eventTime.tzinfo is None:
            raise BadEvent(f"event {number} has a time without a zone")
        found.append(event)
    return found


def events(graph: Graph, tenant: str) -> list[dict[str, Any]]:
    """Return a graph as run events, the oldest first: of each run its beginning and its end.

    A link that was made without a run, as a derivative's, is told as a run of its own, whose id follows from its ends.
    """
    told = list(_told(graph, f"strongroom/{tenant}"))
    told.sort(key=lambda each: (each["eventTime"], each["eventType"] != "START"))
    read([msgspec.Raw(msgspec.json.encode(each)) for each in told])
    return told


def _told(graph: Graph, namespace: str) -> Iterator[dict[str, Any]]:
    nodes = {each.id: each for each in graph.nodes}
    for node in graph.nodes:
        if node.kind != "run" or node.at is None:
            continue
        run = {"runId": node.id.partition(":")[2], "facets": {"strongroom": _facet(facts=node.facts, by=node.by)}}
        ends = {
            "inputs": [_data(nodes[each.source], namespace) for each in graph.edges if each.target == node.id],
            "outputs": [_data(nodes[each.target], namespace) for each in graph.edges if each.source == node.id],
        }
        yield _event("START", node.at, run, namespace, node.name, {"inputs": ends["inputs"], "outputs": []})
        if node.until is not None:
            yield _event(_ENDS.get(node.facts.get("state", ""), "OTHER"), node.until, run, namespace, node.name, ends)
    for edge in graph.edges:
        source, target = nodes[edge.source], nodes[edge.target]
        if "run" in {source.kind, target.kind} or target.kind not in _NAMED:
            continue
        run = {"runId": _id_of(edge), "facets": {"strongroom": _facet(by=edge.by, reason=edge.reason, facts={})}}
        ends = {"inputs": [_data(source, namespace)], "outputs": [_data(target, namespace)]}
        yield _event("COMPLETE", edge.at, run, namespace, f"{source.kind}-to-{target.kind}", ends)


def _event(
    kind: str, at: datetime, run: dict[str, Any], namespace: str, job: str, ends: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": rfc3339(at),
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
        "run": run,
        "job": {"namespace": namespace, "name": job},
        **ends,
    }


def _data(node: Node, namespace: str) -> dict[str, Any]:
    if node.kind == "external":
        outside, _, name = node.name.partition(" ")
        return {"namespace": outside, "name": name or outside}
    digest = node.id.partition(":")[2]
    facets = {"version": {"_producer": PRODUCER, "_schemaURL": _FACET, "datasetVersion": digest}}
    return {"namespace": namespace, "name": f"{_NAMED.get(node.kind, '')}{node.name}", "facets": facets}


def _facet(**told: object) -> dict[str, object]:
    return {"_producer": PRODUCER, "_schemaURL": _FACET, **told}


def _id_of(edge: Edge) -> str:
    return str(UUID(bytes=hashlib.sha256(f"{edge.source}\n{edge.target}\n{edge.by}".encode()).digest()[:16]))
