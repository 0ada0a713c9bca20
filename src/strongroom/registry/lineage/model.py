"""The values of lineage, and the walks over its graph. No I/O.

A node's id says its kind: `source:NAME`, `dataset:DIGEST`, `file:FILE-ID`, `run:ID`, `release:DIGEST`, `deployment:ID`, `external:NAME`. An
edge leads from what went in to what it went into; one that ended has a time until which it held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec

KINDS: Final = ("source", "external", "dataset", "file", "run", "release", "deployment")
"""Every kind of node, from what comes first to what serves."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One thing.

    Attributes:
        id: its kind and what it is known by.
        name: what people call it.
        at: since when it is there.
        until: when it ended, if it did.
        by: who brought, ran or said it.
        facts: what else is known, as `state` and `approved by`.
    """

    id: str
    name: str
    at: datetime | None = None
    until: datetime | None = None
    by: str = ""
    facts: dict[str, str] = {}

    @property
    def kind(self) -> str:
        """What it is."""
        return self.id.partition(":")[0]


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """One thing went into another. `observed`: this installation did or checked it itself; otherwise `by` says so.

    Attributes:
        until: when it ended, of what a deployment served; None: it holds, or the deployment itself has ended.
    """

    source: str
    target: str
    observed: bool
    at: datetime
    by: str = ""
    reason: str = ""
    until: datetime | None = None


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """What went into what."""

    nodes: list[Node]
    edges: list[Edge]

    def at(self, moment: datetime) -> Graph:
        """Return what had been written down, and was there or had been, at a moment; what serves later did not serve then."""
        nodes = [
            each
            for each in self.nodes
            if (each.at is None or each.at <= moment)
            and (each.kind != "deployment" or each.until is None or each.until > moment)
        ]
        return _between(
            nodes, [each for each in self.edges if each.at <= moment and (each.until is None or each.until > moment)]
        )

    def around(self, node: str) -> Graph:
        """Return all that went into a node, and all that it went into."""
        kept = self.upstream(node) | self.downstream(node)
        return _between([each for each in self.nodes if each.id in kept], self.edges)

    def upstream(self, node: str) -> set[str]:
        """Return what went into a node, itself included."""
        return _reached(node, ((each.target, each.source) for each in self.edges))

    def downstream(self, node: str) -> set[str]:
        """Return what a node went into, itself included."""
        return _reached(node, ((each.source, each.target) for each in self.edges))

    def way(self, source: str, target: str) -> list[Edge]:
        """Return the shortest way from one node to another; of equally long ones, one that was observed where there is one."""
        return _back(self.steps(source), target)

    def steps(self, source: str) -> Mapping[str, Edge]:
        """Return the last step of the way from one node to each that it reaches."""
        before: dict[str, Edge] = {}
        at = [source]
        onward = _onward(self.edges)
        while at:
            following = list[str]()
            for node in at:
                for edge in onward.get(node, ()):
                    if edge.target not in before and edge.target != source:
                        before[edge.target] = edge
                        following.append(edge.target)
            at = following
        return before


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment that a data set has reached, by one release; by two, one after the other, it is told twice.

    Attributes:
        deployment: what it is called.
        environment: where it is.
        release: what it serves, by name and version.
        since: from when on.
        until: when it was withdrawn, or served another release; None: it serves now.
        by_way_of: what the data went through, by name.
        observed: whether this installation saw every step itself; otherwise somebody says one of them.
    """

    deployment: str
    environment: str
    release: str
    since: datetime | None
    until: datetime | None
    by_way_of: tuple[str, ...]
    observed: bool


def served(graph: Graph, dataset: str) -> list[Served]:
    """Return every deployment that a node has reached, those that serve now first."""
    names = {each.id: each for each in graph.nodes}
    steps = graph.steps(dataset)  # once: others say how many edges there are
    reached = {dataset, *steps}
    found = [_served(names, steps, each) for each in graph.edges if each.source in reached and _serves(each)]
    if dataset.startswith("deployment:") and dataset in names:
        found.append(_told(names[dataset], [], []))
    return sorted(found, key=lambda each: (each.until is not None, each.environment, each.deployment, each.release))


def _serves(edge: Edge) -> bool:
    return edge.target.startswith("deployment:")


def _served(names: Mapping[str, Node], steps: Mapping[str, Edge], last: Edge) -> Served:
    way = [*_back(steps, last.source), last]
    return _told(names[last.target], way, [names[each.source].name for each in way])


def _told(deployment: Node, way: list[Edge], through: list[str]) -> Served:
    ends = [each for each in (way[-1].until if way else None, deployment.until) if each is not None]
    return Served(
        deployment=deployment.name,
        environment=deployment.facts.get("environment", ""),
        release=through[-1] if through else "",
        since=way[-1].at if way else deployment.at,
        until=min(ends, default=None),
        by_way_of=tuple(through),
        observed=all(each.observed for each in way),
    )


def _between(nodes: list[Node], edges: Iterable[Edge]) -> Graph:
    ids = {each.id for each in nodes}
    return Graph(nodes=nodes, edges=[each for each in edges if each.source in ids and each.target in ids])


def _back(steps: Mapping[str, Edge], target: str) -> list[Edge]:
    way = list[Edge]()
    while target in steps:
        way.append(steps[target])
        target = steps[target].source
    return way[::-1]


def _reached(start: str, steps: Iterable[tuple[str, str]]) -> set[str]:
    onward: defaultdict[str, set[str]] = defaultdict(set)
    for source, target in steps:
        onward[source].add(target)
    found, todo = {start}, [start]
    while todo:
        for each in onward.get(todo.pop(), ()):
            if each not in found:
                found.add(each)
                todo.append(each)
    return found


def _onward(edges: Iterable[Edge]) -> Mapping[str, list[Edge]]:
    onward: defaultdict[str, list[Edge]] = defaultdict(list)
    for each in sorted(edges, key=lambda each: (not each.observed, each.target)):
        onward[each.source].append(each)
    return onward
