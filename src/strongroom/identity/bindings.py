"""Where, by what, when and for what a key may be used, beyond what its role allows: each takes away and none adds.

Always true here:
- every binding of a key holds at every request; what cannot be determined does not hold;
- a country is what a configured source says of the socket's own address; without a source none is known, and a key that is
  bound to countries is refused;
- a client's name is what it says of itself: a wire to trip over for who copied a key, and no proof of anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Protocol

import msgspec

from strongroom.identity.networks import Network, parse_networks, within

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW: Final = re.compile(
    r"(?:(mon|tue|wed|thu|fri|sat|sun)(?:-(mon|tue|wed|thu|fri|sat|sun))? )?([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)",
    re.ASCII,
)
_MOST: Final = 32
_DAY: Final = 24 * 60

Few = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=63)], ...], msgspec.Meta(max_length=_MOST)]


class Geo(Protocol):
    """A source that says where an address is."""

    def country(self, address: str) -> str:
        """Return the ISO 3166 code of the country, or nothing when it is not known."""
        ...

    def network(self, address: str) -> str:
        """Return a word for the network's operator, such as `AS64500`, or nothing when it is not known."""
        ...


class Bindings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a key is bound to. An empty part binds nothing.

    Attributes:
        networks: CIDR.
        countries: ISO 3166 codes, two capitals.
        agents: names of clients, as the first word of `User-Agent` begins, without a version.
        hours: windows in UTC, such as `mon-fri 08:00-18:00` or `22:00-06:00`.
        models: deployments by name: the key may ask no other.
    """

    networks: Few = ()
    countries: Few = ()
    agents: Few = ()
    hours: Few = ()
    models: Few = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is bound."""
        return not (self.networks or self.countries or self.agents or self.hours or self.models)


class Bound:
    """Bindings ready for checking. What cannot be read raises as it is made, and nothing is bound by halves."""

    __slots__ = ("_agents", "_countries", "_hours", "_networks", "models")

    def __init__(self, bindings: Bindings) -> None:
        """Parse.

        Raises:
            ValueError: naming what is wrong.
        """
        self._networks: tuple[Network, ...] = parse_networks(bindings.networks)
        self._countries = frozenset(bindings.countries)
        self._agents = tuple(bindings.agents)
        self._hours = tuple(_window(text) for text in bindings.hours)
        self.models = frozenset(bindings.models) or None
        if not all(re.fullmatch(r"[A-Z]{2}", each) for each in bindings.countries):
            raise ValueError("a country is its ISO 3166 code, two capitals")
        if not all(re.fullmatch(r"[!-.0-~]+", each) for each in bindings.agents):
            raise ValueError("an agent is a client's name, one word without a version")

    @property
    def asks_country(self) -> bool:
        """Whether a source of countries is needed."""
        return bool(self._countries)

    def broken(self, peer: str, agent: str, now: datetime, geo: Geo | None) -> tuple[str, str] | None:
        """Return a word for who watches and a reason when a use is outside, else nothing."""
        if self._networks and not within(peer, self._networks):
            return "outside-network", "used from outside its networks"
        if self._countries:
            found = "" if geo is None else geo.country(peer)
            if not found:
                why = "no geo source is configured" if geo is None else "the geo source does not know the address"
                return "outside-country", f"bound to countries, and {why}"
            if found not in self._countries:
                return "outside-country", f"used from {found}"
        if self._agents and agent.split(" ", 1)[0].partition("/")[0] not in self._agents:
            return "outside-agent", "used by another client than it is bound to"
        if self._hours and not any(_inside(now, *window) for window in self._hours):
            return "outside-hours", "used outside its hours"
        return None


def _window(text: str) -> tuple[frozenset[int], int, int]:
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError("hours are written like `mon-fri 08:00-18:00`, in UTC")
    first, last, *clock = match.groups()
    begin, end = int(clock[0]) * 60 + int(clock[1]), int(clock[2]) * 60 + int(clock[3])
    if end > _DAY or begin == end:
        raise ValueError("hours end by 24:00, and not when they begin")
    if first is None:
        return frozenset(range(7)), begin, end
    start, stop = _DAYS.index(first), _DAYS.index(last or first)
    return frozenset((start + step) % 7 for step in range((stop - start) % 7 + 1)), begin, end


def _inside(now: datetime, days: frozenset[int], begin: int, end: int) -> bool:
    here = now.astimezone(UTC)
    minute, day = here.hour * 60 + here.minute, here.weekday()
    if begin < end:
        return day in days and begin <= minute < end
    return (day in days and minute >= begin) or ((day - 1) % 7 in days and minute < end)  # over midnight


def checked(bindings: Bindings, geo: Geo | None) -> Bindings:
    """Return bindings that can be held to.

    Raises:
        ValueError: when they cannot be read, or name countries where no source knows any.
    """
    if Bound(bindings).asks_country and geo is None:
        raise ValueError(
            "no geo source is configured (`identity.geo_database`), so a key bound to countries would never work"
        )
    return bindings


def narrowed(old: Bindings, new: Bindings) -> Sequence[str]:
    """Return the names of the parts that `new` states, for a log."""
    return [name for name in new.__struct_fields__ if getattr(new, name) != getattr(old, name)]
