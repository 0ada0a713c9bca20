"""Where and by what keys are used, noted off the request's way.

Always true here:
- a request pays for one look at what this process has noted already; what is new waits for the recorder's next round;
- what was new at all is found by inserting it: the gateways read nothing back, so one that was taken over learns nothing;
- whoever holds a key cannot make it note without bound: agents and addresses of a key are counted by the hour, and the
  rest is told as `(more)`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from strongroom.identity.bindings import Geo
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.principal import Principal
from strongroom.store import AppendTx

SLOT_S: Final = 3600
"""Uses are told apart by the hour."""

_MOST_OF_A_KEY: Final = 64
_MOST: Final = 100_000
_MOST_PENDING: Final = 10_000
_MORE: Final = "(more)"
_AGENT: Final = re.compile(r"[!-~]{1,64}")
_VERSION: Final = re.compile(r"/[^ ]*")
_V4_BITS, _V6_BITS = 24, 48

_INSERT_USES: Final = """
    INSERT INTO gateway.key_use (tenant_id, key_id, slot, address, agent, country)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
    ON CONFLICT DO NOTHING
"""
_INSERT_FIRST: Final = """
    INSERT INTO gateway.key_first (tenant_id, key_id, kind, value, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""


class Use(Struct, frozen=True):
    """A key used from an address by an agent in an hour."""

    tenant: TenantId
    key: KeyId
    slot: datetime
    address: str
    agent: str
    country: str
    who: Principal


class First(Struct, frozen=True):
    """Something that a key was not known to do: `kind` is network, agent, country, asn or scope."""

    tenant: TenantId
    key: KeyId
    kind: str
    value: str
    at: datetime
    who: Principal
    asked: float
    """When the request came (CLOCK_BOOTTIME): what one request tells of a key may be written in two rounds."""


class Uses:
    """What this process has noted of keys, and what it has yet to write. One thread."""

    def __init__(self, clock: Clock, geo: Geo | None = None) -> None:
        self._clock: Final = clock
        self.geo = geo
        self._slot = 0
        self._seen: set[tuple[KeyId, str, str]] = set()
        self._scopes: set[tuple[KeyId, str]] = set()
        self._of_key: dict[KeyId, int] = {}
        self._known: set[tuple[KeyId, str, str]] = set()
        self._ever: set[KeyId] = set()
        self.uses: list[Use] = []
        self.firsts: list[First] = []
        self.begun: dict[KeyId, float] = {}
        """Keys whose very first use was written by this process, and when that request came."""

    def note(self, who: Principal, address: str, agent: str, at: float) -> bool:
        """Take note of a use at `at` (CLOCK_BOOTTIME); return whether there is something new to write."""
        slot = int(at) // SLOT_S
        if slot != self._slot or len(self._seen) > _MOST:
            self._slot, self._seen, self._of_key = slot, set(), {}
        key = (who.credential, address, agent)
        if key in self._seen:
            return False
        self._seen.add(key)
        return self._new(who, address, agent, at)

    def scope(self, who: Principal, value: str, at: float) -> bool:
        """Take note of what a key is used for: an operation and a model; return whether it is new to this process."""
        key = (who.credential, value)
        if key in self._scopes:
            return False
        if len(self._scopes) > _MOST:
            self._scopes.clear()
        self._scopes.add(key)
        return self._first(who, "scope", value[:128], at)

    def superseded(self, who: Principal) -> bool:
        """Whether `who` uses an old key although its successor was used in this process."""
        return who.replaced_by is not None and who.replaced_by in self._ever

    def take(self) -> tuple[list[Use], list[First]]:
        """Return what is to be written, and forget it: what cannot be written is given back by `give_back`."""
        uses, self.uses = self.uses, []
        firsts, self.firsts = self.firsts, []
        return uses, firsts

    def give_back(self, uses: Sequence[Use], firsts: Sequence[First]) -> None:
        """Keep what could not be written for the next round, within a bound."""
        self.uses = [*uses, *self.uses][:_MOST_PENDING]
        self.firsts = [*firsts, *self.firsts][:_MOST_PENDING]

    def _new(self, who: Principal, address: str, agent: str, at: float) -> bool:
        if who.tenant is None or not who.role.is_workload:
            return False
        count = self._of_key[who.credential] = self._of_key.get(who.credential, 0) + 1
        if count > _MOST_OF_A_KEY:
            if count > _MOST_OF_A_KEY + 1:
                return False
            address, agent = _MORE, _MORE
        country, operator = "", ""
        if self.geo is not None and address != _MORE:
            country, operator = self.geo.country(address), self.geo.network(address)
        if len(self._ever) > _MOST:
            self._ever.clear()
        self._ever.add(who.credential)
        now = self._clock.now()
        hour = datetime.fromtimestamp(now.timestamp() // SLOT_S * SLOT_S, UTC)
        if len(self.uses) < _MOST_PENDING:
            self.uses.append(Use(who.tenant, who.credential, hour, address[:64], plain_agent(agent), country, who))
        for kind, value in _facts(address, agent, country, operator):
            self._first(who, kind, value, at)
        return True

    def _first(self, who: Principal, kind: str, value: str, at: float) -> bool:
        known = (who.credential, kind, value)
        if who.tenant is None or known in self._known or len(self.firsts) >= _MOST_PENDING:
            return False
        if len(self._known) > _MOST:
            self._known.clear()
        self._known.add(known)
        self.firsts.append(First(who.tenant, who.credential, kind, value, self._clock.now(), who, at))
        return True


def plain_agent(text: str) -> str:
    """Return the first word of a `User-Agent` (RFC 9110 §10.1.5), if it is a plain one; nothing that could be content."""
    match = _AGENT.match(text)
    return match[0] if match else ""


def family(agent: str) -> str:
    """Return an agent without its version: a new release of a client is no new client."""
    return _VERSION.sub("", plain_agent(agent))


def network_of(address: str) -> str:
    """Return the network that an address is told by where no source knows better: a /24, or a /48."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    bits = _V4_BITS if parsed.version == 4 else _V6_BITS  # noqa: PLR2004 - of IP
    return str(ipaddress.ip_network((parsed, bits), strict=False))


def _facts(address: str, agent: str, country: str, operator: str) -> Iterator[tuple[str, str]]:
    if address != _MORE:
        network, client = network_of(address), family(agent)
        yield "use", ""
        if operator:
            yield "asn", operator
        elif network:
            yield "network", network
        yield "agent", client or "(none)"
    if country:
        yield "country", country


async def insert_uses(tx: AppendTx, uses: Sequence[Use]) -> None:
    """Add `uses`; what is there already is left alone."""
    columns = zip(*((u.tenant, u.key, u.slot, u.address, u.agent, u.country) for u in uses), strict=True)
    await tx.execute(_INSERT_USES, *(list(column) for column in columns))


async def insert_firsts(tx: AppendTx, firsts: Sequence[First], begun: dict[KeyId, float]) -> list[First]:
    """Add `firsts`, and return those that are news of a key which was used before.

    A key's first use is no news, and neither is what comes with it: in this round, or by the same request in the next one.
    `begun` holds the requests of first uses from round to round.
    """
    news: list[First] = []
    round_: set[KeyId] = set()
    for first in firsts:
        fresh = await tx.execute(_INSERT_FIRST, first.tenant, first.key, first.kind, first.value, first.at)
        if fresh.endswith(" 0"):
            continue
        if first.kind == "use":
            round_.add(first.key)
            if len(begun) > _MOST:
                begun.clear()
            begun[first.key] = first.asked
        elif first.key not in round_ and begun.get(first.key) != first.asked:
            news.append(first)
    return news
