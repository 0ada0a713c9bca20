"""What is known of keys together: values that the control API shows, and the rules that find what is odd in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

import msgspec

from strongroom.gateway.using import FirstSeen, PlaceOfUse, Touched
from strongroom.identity import Key
from strongroom.kernel.principal import Environment
from strongroom.registry import Deployment

Concern: TypeAlias = Literal["never-used", "stale", "unused-scope", "shared", "old-in-use", "ends-soon"]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment that a key may ask, and what the key did with it."""

    environment: Environment
    name: str
    model: str
    kind: str
    requests: int = 0
    last_used_at: datetime | None = None
    also_asked_by: tuple[str, ...] = ()
    """Other workloads with a living key that may ask it: they go on."""


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """What ends with a key, and what does not.

    Attributes:
        key: the key.
        stops: whether its workload stops: it has no other living key.
        other_keys: living keys of the same workload.
        endpoints: what it may ask, the most used first.
        places: where it was used from.
        since: what was used is counted from here.
    """

    key: Key
    stops: bool
    other_keys: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    places: tuple[PlaceOfUse, ...]
    since: datetime


class EndpointKey(msgspec.Struct, frozen=True, kw_only=True):
    """A living key that may ask an endpoint."""

    id: str
    environment: Environment
    workload: str
    role: str
    owner: str
    expires_at: datetime
    requests: int = 0
    last_used_at: datetime | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something about a key that somebody should look at. `proposal` is a command, or what to ask whom."""

    key: str
    environment: Environment
    workload: str
    owner: str
    concern: Concern
    detail: str
    proposal: str
    last_used_at: datetime | None = None


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about a tenant's living keys. `keys` is how many were looked at."""

    since: datetime
    keys: int
    findings: tuple[Finding, ...]


class Uses(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the use of a tenant's keys."""

    touched: Sequence[Touched]
    places: Sequence[PlaceOfUse]
    firsts: Sequence[FirstSeen]

    def last_of(self, key: str) -> datetime | None:
        """Return when a key was last used."""
        return max((each.last_at for each in self.touched if each.key == key), default=None)

    def places_of(self, key: str) -> list[PlaceOfUse]:
        """Return where a key was used from."""
        return [each for each in self.places if each.key == key]

    def begun(self, key: str) -> datetime | None:
        """Return when a key was first used."""
        return next((each.at for each in self.firsts if each.key == key and each.kind == "use"), None)


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long a key may lie unused, by environment.

    Attributes:
        stale: a key that was used, and not for so long, is stale.
        unused: a key that was not used for so long after it was made was never used.
    """

    stale: Mapping[Environment, timedelta]
    unused: Mapping[Environment, timedelta]

    def staler(self, days: float | None) -> Patience:
        """Return it with another number of days in every environment; None: as it is."""
        return self if days is None else Patience(dict.fromkeys(Environment, timedelta(days=days)), self.unused)


PATIENCE: Final = Patience(
    dict.fromkeys(Environment, timedelta(days=14)), dict.fromkeys(Environment, timedelta(days=1))
)
"""What holds where nobody set any other."""


def review(
    keys: Iterable[Key], reach: dict[str, Sequence[Deployment]], uses: Uses, *, now: datetime, patience: Patience
) -> list[Finding]:
    """Return what is to be looked at, key by key.

    Args:
        keys: living ones.
        reach: what each may ask, by its id.
        uses: what they did.
        now: the moment.
        patience: for how long one may lie unused.
    """
    found: list[Finding] = []
    for key in keys:
        found.extend(_of_key(key, reach.get(key.id, ()), uses, now, patience))
    return found


def neglected(keys: Iterable[Key], uses: Uses, *, now: datetime, patience: Patience) -> list[Finding]:
    """Return which of living keys nobody uses."""
    return [each for key in keys for each in _unused(key, uses, now, patience)]


def _of_key(key: Key, reach: Sequence[Deployment], uses: Uses, now: datetime, patience: Patience) -> Iterable[Finding]:
    last = uses.last_of(key.id)
    yield from _unused(key, uses, now, patience)
    if last is None and uses.begun(key.id) is None:
        return
    yield from _scopes(key, reach, uses, last)
    yield from _sharing(key, uses.places_of(key.id), last)
    successor = None if key.replaced_by is None else uses.begun(key.replaced_by)
    if successor is not None and last is not None and last > successor:
        said = f"used after its successor {key.replaced_by} was"
        yield _finding(key, "old-in-use", said, f"find what still holds {key.id}; ask {key.owner}", last)


def _unused(key: Key, uses: Uses, now: datetime, patience: Patience) -> Iterable[Finding]:
    last, begun = uses.last_of(key.id), uses.begun(key.id)
    revoke = f"strongroom key revoke {key.id} --reason unused"
    if last is None and begun is None:
        if key.created_at <= now - patience.unused[key.environment]:
            yield _finding(key, "never-used", "never used since it was made", revoke, last)
    elif last is None or last <= now - patience.stale[key.environment]:
        said = "not used in a month" if last is None else f"last used {last:%Y-%m-%d}"
        yield _finding(key, "stale", said, revoke, last)


def _scopes(key: Key, reach: Sequence[Deployment], uses: Uses, last: datetime | None) -> Iterable[Finding]:
    asked = {each.deployment for each in uses.touched if each.key == key.id}
    unused = sorted(each.name for each in reach if each.id not in asked)
    used = sorted(each.name for each in reach if each.id in asked)
    if unused and used:
        models = " ".join(f"--model {name}" for name in used)
        said = f"may ask {', '.join(unused)} and did not"
        yield _finding(key, "unused-scope", said, f"strongroom key bind {key.id} {models}", last)


def _sharing(key: Key, places: Sequence[PlaceOfUse], last: datetime | None) -> Iterable[Finding]:
    addresses = sorted({each.address for each in places})
    agents = sorted({each.agent.partition("/")[0] for each in places if each.agent})
    if len(addresses) > 1 or len(agents) > 1:
        said = f"used from {len(addresses)} addresses by {max(1, len(agents))} kinds of agents: {', '.join([*addresses, *agents][:8])}"
        split = f"a key for each: strongroom key create --workload {key.workload} --environment {key.environment}"
        yield _finding(key, "shared", said, split, last)


def _finding(key: Key, concern: Concern, detail: str, proposal: str, last: datetime | None) -> Finding:
    return Finding(
        key=key.id,
        environment=key.environment,
        workload=key.workload,
        owner=key.owner,
        concern=concern,
        detail=detail,
        proposal=proposal,
        last_used_at=last,
    )
