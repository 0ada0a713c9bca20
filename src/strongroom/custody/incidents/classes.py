"""Which classes of data a leaked key could reach and did touch, from what flows, records and grants tell.

- Could reach, by endpoint: what was seen to go to that model or to come out of it, whoever asked, and what the tenant's files
  declare of it. What one key put in, an answer to another may hold.
- Did touch: what the guard found in this key's own requests and answers, by type. No value, only numbers.
- Data sets: those that its workload may read, and when this key last did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final, Literal
from uuid import UUID

import msgspec

from strongroom.audit import Entry
from strongroom.flows.model import OTHERS, Declared, Edge
from strongroom.gateway.using import Found
from strongroom.kernel.principal import Environment
from strongroom.privacy import Classification, classification
from strongroom.registry.datasets.tables import Granted

_RANK: Final = {each.value: rank for rank, each in enumerate(Classification)}


class DataTouched(msgspec.Struct, frozen=True, kw_only=True):
    """A type of data that was found in what the key asked or was answered.

    Attributes:
        endpoint: where.
        direction: `input`: it stood in what was asked; `output`: in what came back.
        data: the type, such as `email`.
        classification: how sensitive that is.
        findings: how many were found.
        requests: in how many requests.
        last_at: when last.
    """

    endpoint: str
    direction: Literal["input", "output"]
    data: str
    classification: str
    findings: int
    requests: int
    last_at: datetime


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    """A data set that the key's workload may read. `last_read_at` null: this key did not, as far as the log's newest entries tell."""

    name: str
    version: str
    last_read_at: datetime | None


def of_endpoint(
    environment: Environment, name: str, edges: Iterable[Edge], declared: Iterable[Declared]
) -> tuple[str, ...]:
    """Return the classes of data at an endpoint, as `CLASS (CLASSIFICATION)`, in order."""
    place = f"model:{environment}/{name}"
    found = {each.data for each in edges if place in {each.source, each.destination}}
    for each in declared:
        if fnmatchcase(place, each.flow.source) or fnmatchcase(place, each.flow.destination):
            found.update(each.flow.data)
    return tuple(_said(each) for each in sorted(found))


def touched(found: Iterable[Found], names: dict[UUID, str]) -> tuple[DataTouched, ...]:
    """Return what the guard found in a key's requests, the most sensitive first."""
    rows = [
        DataTouched(
            endpoint="" if each.deployment is None else names.get(each.deployment, str(each.deployment)),
            direction="input" if each.direction == "input" else "output",
            data=each.kind,
            classification=classification(each.kind).value,
            findings=each.findings,
            requests=each.requests,
            last_at=each.last_at,
        )
        for each in found
    ]
    return tuple(sorted(rows, key=lambda each: (_RANK[each.classification], each.endpoint, each.data, each.direction)))


def data_sets(granted: Mapping[str, Granted], key: str, reads: Iterable[Entry]) -> tuple[DataSet, ...]:
    """Return the data sets that a key's workload may read, each with when this key last did.

    Args:
        granted: what its workload may read, by what the log calls it.
        key: its id.
        reads: entries of the log about reading data sets.
    """
    last: dict[str, datetime] = {}
    for each in reads:
        if each.credential == key and each.outcome.value == "allowed":
            what = each.resource.rpartition("/")[2]
            last[what] = max(each.at, last.get(what, each.at))
    return tuple(
        DataSet(name=each.name, version=each.version, last_read_at=last.get(called)) for called, each in granted.items()
    )


def _said(data: str) -> str:
    if data in OTHERS or data == "*" or data in _RANK:
        return data
    return f"{data} ({classification(data).value})"
