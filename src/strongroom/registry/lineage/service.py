"""Asking for lineage, and saying what is not seen. Each method asks the gate first and does its work inside the answer."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry.datasets import Datasets
from strongroom.registry.lineage import openlineage, tables
from strongroom.registry.lineage.claims import LINKABLE
from strongroom.registry.lineage.model import Edge, Graph, Node, Served, served
from strongroom.registry.lineage.openlineage import BadEvent, Data, RunEvent
from strongroom.registry.lineage.recording import RunState, end_run, link, record_run
from strongroom.store import TenantTx

_MOST_REASON: Final = 1000
_OURS: Final = "strongroom/"
_STATES: Final = {"COMPLETE": RunState.COMPLETED, "FAIL": RunState.FAILED, "ABORT": RunState.ABORTED}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What lineage says of one thing: all that went into it, and all that it went into."""

    about: Node
    graph: Graph


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What came of events that somebody told: each a claim."""

    events: int
    runs: int
    edges: int


class Lineage:
    """Answers what was made from what, for one tenant at a time."""

    def __init__(self, gate: Gate, datasets: Datasets, clock: Clock) -> None:
        self._gate: Final = gate
        self._datasets: Final = datasets
        self._clock: Final = clock

    async def of(
        self, who: Principal, tenant: TenantId, kind: str, called: str, ask: Ask, *, at: datetime | None = None
    ) -> Found:
        """Return the lineage of a release or data set, by NAME@VERSION or digest, as it stands or as it stood.

        Raises:
            Refused: hidden when there is no such thing, or was none then.
        """
        async with self._gate.permit(who, Action.LINEAGE_READ, _resource(tenant, called), ask) as tx:
            graph = await self._graph(tx)
            if at is not None:
                graph = graph.at(at)
            about = _found(graph, kind, called)
            return Found(about=about, graph=graph.around(about.id))

    async def offered(
        self, who: Principal, tenant: TenantId, kinds: Collection[str], ask: Ask, *, most: int = 100
    ) -> list[Node]:
        """Return the things of which something is known, the newest first, of some kinds."""
        async with self._gate.permit(who, Action.LINEAGE_READ, _resource(tenant, "every"), ask) as tx:
            graph = await self._graph(tx)
        ends = {end for each in graph.edges for end in (each.source, each.target)}
        found = [each for each in graph.nodes if each.kind in kinds and each.id in ends and each.at is not None]
        return sorted(found, key=lambda each: str(each.at), reverse=True)[:most]

    async def which_serves(
        self, who: Principal, tenant: TenantId, dataset: str, ask: Ask, *, kind: str = "dataset"
    ) -> list[Served]:
        """Return every deployment that a data set, or a training file, has reached: through derivatives, runs and releases.

        Raises:
            Refused: hidden when there is no such thing.
        """
        async with self._gate.permit(who, Action.LINEAGE_READ, _resource(tenant, dataset), ask) as tx:
            graph = await self._graph(tx)
            return served(graph, _found(graph, kind, dataset).id)

    async def export(self, who: Principal, tenant: TenantId, name: str, ask: Ask) -> list[dict[str, Any]]:
        """Return a tenant's lineage as OpenLineage events; `name` is what the tenant is called."""
        async with self._gate.permit(who, Action.LINEAGE_READ, _resource(tenant, "export"), ask) as tx:
            return openlineage.events(await self._graph(tx), name)

    async def link(self, who: Principal, tenant: TenantId, dataset: str, release: str, reason: str, ask: Ask) -> Found:
        """Say that a release was trained on a data set: a claim, with who and why.

        Raises:
            Refused: hidden for what there is not; INVALID for a data set that never was admitted.
        """
        if not reason.strip() or len(reason) > _MOST_REASON:
            raise Refused(invalid("Say why, in up to 1,000 characters.", param="reason"))
        async with self._gate.permit(who, Action.LINEAGE_LINK, _resource(tenant, release), ask) as tx:
            graph = await self._graph(tx)
            source, target = _found(graph, "dataset", dataset), _found(graph, "release", release)
            if source.facts.get("state") not in LINKABLE:
                tell = f"{source.name} is not admitted: nothing is trained on it. An approver says yes first."
                raise Refused(invalid(tell, param="dataset"))
            now = self._clock.now()
            await link(tx, source.id, target.id, by=str(who), at=now, observed=False, reason=reason)
            graph = await self._graph(tx)
            return Found(about=target, graph=graph.around(target.id))

    async def take(
        self, who: Principal, tenant: TenantId, environment: Environment, documents: list[msgspec.Raw], ask: Ask
    ) -> Imported:
        """Take OpenLineage run events as what they are: claims of whoever brings them.

        Raises:
            Refused: INVALID for what is no such event, or more than there is room for, CONFLICT when one is about a run that this installation saw itself, or
                that somebody else told of.
        """
        async with self._gate.permit(who, Action.LINEAGE_LINK, _resource(tenant, "import"), ask) as tx:
            try:
                events = openlineage.read(documents)
            except BadEvent as error:
                raise Refused(invalid(f"Not taken: {error}.", param="events")) from None
            told = sum(len(each.inputs) + len(each.outputs) for each in events)
            if await tables.claims(tx) + told > tables.MOST:
                tell = f"Not taken: a tenant's lineage holds {tables.MOST} links at most that somebody says."
                raise Refused(invalid(tell, param="events"))
            graph = await self._graph(tx)
            runs = sum([await self._event(tx, graph, each, environment, str(who)) for each in events])
            before = len(graph.edges)
            return Imported(events=len(events), runs=runs, edges=len((await self._graph(tx)).edges) - before)

    async def _event(self, tx: TenantTx, graph: Graph, event: RunEvent, environment: Environment, by: str) -> bool:
        run, at = event.run.runId, event.eventTime
        known = await tables.run_of(tx, run)
        if known is None:
            name = f"{event.job.namespace}/{event.job.name}"[:200]
            await record_run(tx, run, environment, name, by=by, at=at, observed=False)
        elif known[0] or known[1] != by:
            tell = f"The run {run} is known already, and not from you: what was seen is not overwritten."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, param="events"))
        for each in event.inputs:
            await link(tx, _data(graph, each), f"run:{run}", by=by, at=at, observed=False)
        for each in event.outputs:
            await link(tx, f"run:{run}", _data(graph, each), by=by, at=at, observed=False)
        if event.eventType in _STATES:
            await end_run(tx, run, _STATES[event.eventType], at)
        return known is None

    async def _graph(self, tx: TenantTx) -> Graph:
        """Return all of a tenant's lineage, from what its tables say now."""
        nodes, edges = dict[str, Node](), list[Edge]()

        def add(found: Iterable[Node]) -> None:
            nodes.update((each.id, each) for each in found)

        for kept, standing in await self._datasets.standings(tx):
            manifest, judged = standing.manifest, standing.judged
            facts = {"environment": str(kept.environment), "state": str(standing.state)}
            if standing.people:
                facts["approved by"] = ", ".join(standing.people)
            if kept.withdrawn_at is not None:
                facts["withdrawn by"] = f"{kept.withdrawn_by}: {kept.withdrawn_for}"
            node = f"dataset:{kept.digest}"
            author = "" if manifest is None else manifest.author
            called = f"{kept.name}@{kept.version}"
            add([Node(id=node, name=called, at=kept.added_at, until=kept.withdrawn_at, by=author, facts=facts)])
            if judged is not None:
                source = judged.source
                told = {"owner": source.owner, "licence": source.licence, "risk": str(source.risk)}
                add([Node(id=f"source:{source.name}", name=source.name, at=source.at, by=source.by, facts=told)])
                edges.append(Edge(source=f"source:{source.name}", target=node, observed=True, at=kept.added_at))
            if manifest is not None and manifest.derived is not None:
                derived = manifest.derived
                parent = f"dataset:{derived.parent}"
                # The record names both ends by digest; that this is how it was made is its author's word.
                edges.append(
                    Edge(source=parent, target=node, observed=False, at=kept.added_at, by=author, reason=derived.how)
                )
        add(await tables.files(tx))
        add(await tables.runs(tx))
        add(await tables.releases(tx))
        serving, ways = await tables.deployments(tx)
        add(serving)
        edges += [*ways, *await tables.edges(tx)]
        for each in edges:
            for end in (each.source, each.target):
                if end not in nodes:
                    nodes[end] = Node(id=end, name=end.partition(":")[2], at=each.at)
        return Graph(nodes=list(nodes.values()), edges=edges)


def _data(graph: Graph, data: Data) -> str:
    """Return which of our things an event means, or one elsewhere."""
    if data.namespace.startswith(_OURS):
        kind, _, called = data.name.partition("/")
        for each in graph.nodes:
            if kind in {"dataset", "file", "release"} and each.kind == kind and each.name == called:
                return each.id
    return f"external:{data.namespace} {data.name}"


def _found(graph: Graph, kind: str, called: str) -> Node:
    for each in graph.nodes:
        if each.kind == kind and called in {each.name, each.id.partition(":")[2]}:
            return each
    raise Refused(hidden(f"no {kind} {called}"))


def _resource(tenant: TenantId, called: str) -> Resource:
    """Return what the log calls it: a resource's id takes letters, digits, dots, colons and dashes."""
    return Resource(kind=Kind.DATASET, id=re.sub(r"[^A-Za-z0-9.:-]", "-", called)[:128] or "-", tenant=tenant)
