"""What was seen: edges from records of requests and from entries of the log, both of which are there anyway.

Each surface is one line of `EXPORTS`, or a pair of places in `of_request`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import msgspec

from strongroom.flows.model import TEXT, Edge
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.policy import Surface

LOCAL: Final = "local"
"""What records call the workers of this machine."""

EXPORTS: Final = MappingProxyType(
    {
        "audit.read": ("store:audit-log", "log"),
        "records.read": ("store:records", "figures"),
        "subject.export": ("store:subject-data", "subject-data"),
        "model.export": ("store:releases", "weights"),
        "prompt.read": ("store:prompts", "instructions"),
        "capture.read": ("store:captures", "text"),
        "dataset.read": ("store:datasets", "training-data"),
        "dataset.export": ("store:datasets", "training-data"),
    }
)
"""What each act that hands something out takes from where, by its action."""

SURFACES: Final = MappingProxyType(
    {
        Surface.RECORDS: EXPORTS["records.read"],
        Surface.AUDIT: EXPORTS["audit.read"],
        Surface.SUBJECTS: EXPORTS["subject.export"],
        Surface.RESPONSES: ("store:responses", TEXT),
        Surface.WEIGHTS: EXPORTS["model.export"],
        Surface.CAPTURES: EXPORTS["capture.read"],
        Surface.DATASETS: EXPORTS["dataset.read"],
        Surface.PROMPTS: EXPORTS["prompt.read"],
    }
)
"""What is taken at each surface, and from where."""

FIELDS: Final = MappingProxyType(
    {
        "workload → model": {"messages, prompt, input, tools": "text and what is found in it"},
        "model → provider": {"the same, after the tenant's rules": "text and what was found in it"},
        "model → workload": {"choices, reasoning, tool calls": "text and what is found in it"},
        "model → store:responses": {"a response and its input items": "text and what is found in it"},
        "store:records → account": {"every field of a record": "figures"},
        "store:analytics → account": {"every field of a sum": "figures"},
        "store:responses → workload": {"a response that is read again": "text"},
        "account → outside:support-bundle": {"how many records ended how": "figures"},
        "store:audit-log → account": {"every field of an entry": "log"},
        "store:subject-data → account": {"every place of the registry": "subject-data"},
        "store:releases → account": {"every file": "weights"},
        "store:prompts → account": {"text": "instructions"},
        "store:captures → account": {"raw requests and answers": "text and what is found in it"},
        "store:datasets → account": {"every record": "training-data"},
    }
)
"""Which field of which path holds which class of data."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one kind, gathered: who asked which model where, who answered, and what was found in which direction."""

    environment: str
    workload: str
    model: str
    target: str
    region: str | None
    operation: str
    found: tuple[tuple[str, str], ...]
    first: datetime
    last: datetime


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Acts of one kind by one account, gathered.

    Attributes:
        sums: whether records were taken as sums, out of the analytics.
        purpose: what for, where the command said it: `support-bundle`.
    """

    action: str
    actor: str
    first: datetime
    last: datetime
    sums: bool = False
    purpose: str = ""


def of_request(asked: Asked) -> Iterator[Edge]:
    """Yield the edges that requests have been along."""
    workload, model = f"workload:{asked.environment}/{asked.workload}", f"model:{asked.environment}/{asked.model}"
    if asked.operation == Endpoint.RESPONSE:
        source = SURFACES[Surface.RESPONSES][0]
        yield Edge(source=source, destination=workload, data=TEXT, first_seen=asked.first, last_seen=asked.last)
    if not asked.model:
        return
    sent = (TEXT, *(kind for direction, kind in asked.found if direction == "input"))
    told = (TEXT, *(kind for direction, kind in asked.found if direction == "output"))
    paths = [(workload, model, sent), (model, workload, told)]
    if asked.target not in {"", LOCAL}:
        paths.append((model, f"provider:{asked.region or 'unknown'}/{asked.target}", sent))
    if asked.operation.startswith("responses"):
        paths.append((model, "store:responses", (*sent, *told)))
    for source, destination, classes in paths:
        for data in dict.fromkeys(classes):
            yield Edge(source=source, destination=destination, data=data, first_seen=asked.first, last_seen=asked.last)


def of_export(taken: Taken) -> Iterator[Edge]:
    """Yield the edge of what an account was handed, and the one to where it said that it takes it."""
    found = EXPORTS.get(taken.action)
    if found is None:
        return
    source, data = ("store:analytics", found[1]) if taken.sums else found
    path = [source, f"account:{taken.actor}", *([f"outside:{taken.purpose}"] if taken.purpose else [])]
    for before, after in pairwise(path):
        yield Edge(source=before, destination=after, data=data, first_seen=taken.first, last_seen=taken.last)


def gathered(asked: Iterable[Asked], taken: Iterable[Taken]) -> list[Edge]:
    """Return every edge once, from when it was seen first to when last, in order."""
    edges: dict[tuple[str, str, str], Edge] = {}
    for edge in (*(e for each in asked for e in of_request(each)), *(e for each in taken for e in of_export(each))):
        key = edge.source, edge.destination, edge.data
        before = edges.get(key, edge)
        edges[key] = msgspec.structs.replace(
            edge,
            first_seen=min(before.first_seen, edge.first_seen),
            last_seen=max(before.last_seen, edge.last_seen),
        )
    return [edges[key] for key in sorted(edges)]
