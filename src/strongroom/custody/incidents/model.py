"""The values of incidents, and the rule that finds what in a key's use was abnormal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from strongroom.custody.incidents.classes import DataSet, DataTouched
from strongroom.gateway.using import FirstSeen, PlaceOfUse, Touched
from strongroom.identity import Key
from strongroom.kernel.principal import Environment

LEAK: Final = "key-leak"
"""The kind of incident that somebody opens. Those of other kinds open by themselves, by what the database sees in an entry:
`canary-leak`, `prompt-leak`, `honeytoken`, `export-limit`, `flow-undeclared`."""
LATELY: Final = timedelta(days=2)
"""What a key began to do so shortly before it was reported is abnormal, if it had been in use before."""

_REFUSALS: Final = 5
_SHARE: Final = 0.2


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint that the key could ask. `data_classes`: what was seen or declared to go there or come from there."""

    environment: Environment
    name: str
    model: str
    data_classes: tuple[str, ...] = ()


class Did(msgspec.Struct, frozen=True, kw_only=True):
    """What the key did at one endpoint."""

    endpoint: str
    operation: str
    requests: int
    refused: int
    first_at: datetime
    last_at: datetime
    input_tokens: int
    output_tokens: int


class Relative(msgspec.Struct, frozen=True, kw_only=True):
    """Another key of the same workload, and what became of it. `delivery` hands over its successor, once."""

    key: str
    outcome: Literal["rotated", "revoked", "failed"]
    successor: str = ""
    counts_until: datetime | None = None
    detail: str = ""


class LeakReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a leaked key could reach and did touch.

    Attributes:
        key: the key, revoked.
        tenants: whose data it could reach: a key stands in one tenant.
        frozen: everything that its workload gets in by was ended.
        relatives: the workload's other keys.
        could_reach: endpoints that the policies let it ask.
        did_touch: what it asked, since the records begin.
        data_touched: what the guard found in what it asked and was answered, by type, the most sensitive first.
        data_sets: those that its workload could read.
        places: addresses and clients, by the hour.
        abnormal: what in that should be looked at first, in words.
    """

    key: Key
    tenants: tuple[str, ...]
    frozen: bool
    relatives: tuple[Relative, ...]
    could_reach: tuple[Reached, ...]
    did_touch: tuple[Did, ...]
    places: tuple[PlaceOfUse, ...]
    abnormal: tuple[str, ...]
    data_touched: tuple[DataTouched, ...] = ()
    data_sets: tuple[DataSet, ...] = ()


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something that went wrong. It is open until its cause is known."""

    id: UUID
    kind: str
    subject: str
    status: Literal["open", "closed"]
    opened_at: datetime
    opened_by: str
    reason: str
    root_cause: str | None
    """What caused it; None: it is still to be found."""
    fix: str | None
    closed_at: datetime | None
    closed_by: str | None
    report: LeakReport | None = None


def abnormal(
    key: Key,
    now: datetime,
    touched: Sequence[Touched],
    places: Sequence[PlaceOfUse],
    firsts: Iterable[FirstSeen],
    names: dict[UUID, str],
) -> list[str]:
    """Return what in a key's use is to be looked at first, in words."""
    mine = [each for each in firsts if each.key == key.id]
    begun = next((each.at for each in mine if each.kind == "use"), None)
    said: list[str] = []
    if begun is not None and begun <= now - LATELY:
        said += [
            f"{each.kind} {each.value} for the first time {each.at:%Y-%m-%d %H:%MZ}"
            for each in mine
            if each.kind != "use" and each.at > now - LATELY
        ]
    addresses = {each.address for each in places}
    if len(addresses) > 1:
        said.append(f"used from {len(addresses)} addresses")
    for each in touched:
        if each.refused >= _REFUSALS and each.refused >= each.requests * _SHARE:
            where = names.get(each.deployment, "no endpoint of its own") if each.deployment else "no endpoint"
            said.append(f"{each.refused} of {each.requests} requests for {each.operation} at {where} were refused")
    if key.replaced_at is not None and any(each.last_at > key.replaced_at for each in touched):
        said.append(f"used after it was replaced by {key.replaced_by}")
    return said
