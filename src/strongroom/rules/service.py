"""What can be done with documents of rules. Each method asks the gate first and does its work inside the answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, TypeAlias

import msgspec

from strongroom.identity import tables as identity_tables
from strongroom.identity.approvals import Request
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Resource
from strongroom.policy import Kind as Thing
from strongroom.rules import tables
from strongroom.rules.documents import PREFIX
from strongroom.rules.kind import Document, Kind, digest, encode
from strongroom.rules.kinds import KINDS
from strongroom.rules.model import DocumentError, Level, Subject, Version
from strongroom.rules.proposing import Proposing
from strongroom.rules.putting import Seals, moved, put, standing_of
from strongroom.rules.resolve import Held, Standing, Why, explain
from strongroom.store import Conflict, TenantTx, feed
from strongroom.store.tx import Tx

_MANY: Final = "all"

Look: TypeAlias = Callable[[Principal, object, Ask], Awaitable[bytes]]
"""Returns as JSON what a document would change, to who may look."""


class Rules:
    """Documents of the installation and of its tenants. `tenant` None means the installation."""

    def __init__(
        self,
        gate: Gate,
        clock: Clock,
        proposing: Proposing | None = None,
        seals: Seals | None = None,
        looks: Mapping[str, Look] | None = None,
    ) -> None:
        """Wire it.

        Args:
            gate: decides.
            clock: dates versions.
            proposing: how a document waits for a second person, where it has to; None: it is in force at once.
            seals: what seals versions of kinds that are believed by a seal alone.
            looks: for kinds that concern many tenants, what a document would change: it goes with a proposal.
        """
        self._looks: Final = looks or {}
        self._gate = gate
        self._clock = clock
        self._proposing = proposing
        self._seals = seals

    async def in_force(self, who: Principal, tenant: TenantId | None, ask: Ask, kind: str = _MANY) -> list[Version]:
        """Return the last version of every document that concerns `tenant`, withdrawn ones included.

        Args:
            who: the caller.
            tenant: whose; for a tenant, the installation's defaults are among them.
            ask: what goes into the audit entry.
            kind: of this kind only, which stands in the audit entry then.

        Raises:
            Refused: hidden for a kind that there is none of.
        """
        resource = Resource(kind=Thing.RULES, id=kind if kind == _MANY else kind_named(kind).name, tenant=tenant)
        if tenant is None:
            async with self._gate.permit_platform(who, Action.RULES_READ, resource, ask) as platform:
                found = await tables.in_force(platform)
        else:
            async with self._gate.permit(who, Action.RULES_READ, resource, ask) as tx:
                found = await tables.in_force(tx)
        return [version for version in found if kind in {_MANY, version.kind}]

    async def explain(
        self, who: Principal, tenant: TenantId, kind: str, subject: Subject, ask: Ask
    ) -> tuple[Standing[Any], list[Why]]:
        """Return the documents of one kind in force for `tenant`, and field by field what they come to for `subject`."""
        standing = await self.standing(who, tenant, kind, ask)
        return standing, explain(kind_named(kind), standing, subject)

    async def standing(self, who: Principal, tenant: TenantId, kind: str, ask: Ask) -> Standing[Any]:
        """Return the documents of one kind in force for `tenant`."""
        return standing_of(kind_named(kind), await self.in_force(who, tenant, ask, kind))

    async def history(
        self,
        who: Principal,
        tenant: TenantId | None,
        kind: str,
        level: Level,
        ask: Ask,
        *,
        limit: int,
        before: int | None = None,
    ) -> list[Version]:
        """Return versions of one document, the newest first, those below `before` if it is given."""
        resource = Resource(kind=Thing.RULES, id=f"{kind_named(kind).name}.{level}", tenant=tenant)
        if tenant is None:
            async with self._gate.permit_platform(who, Action.RULES_READ, resource, ask) as platform:
                return await tables.history(platform, kind, level, limit, before)
        async with self._gate.permit(who, Action.RULES_READ, resource, ask) as tx:
            return await tables.history(tx, kind, level, limit, before)

    async def write(
        self,
        who: Principal,
        tenant: TenantId | None,
        kind: str,
        level: Level,
        document: object,
        *,
        expected: int,
        reason: str,
        ask: Ask,
    ) -> Version:
        """Put a document in force, as the version after `expected`.

        Args:
            who: the caller.
            tenant: whose; None goes with the level `default` and with no other.
            kind: the document's kind.
            level: whose word it is.
            document: what JSON or TOML came to; None withdraws what is in force.
            expected: the version that the caller has seen last; 0: none.
            reason: why, for the history.
            ask: what goes into the audit entry.

        Raises:
            Refused: INVALID naming the field, CONFLICT when `expected` is not what is in force.
        """
        async with self._permitted(who, tenant, kind, level, ask) as tx:
            version, body = self._version(who, kind, level, document, expected, reason)
            return await put(tx, version, body, seals=self._seals)

    async def propose(
        self,
        who: Principal,
        tenant: TenantId | None,
        kind: str,
        level: Level,
        document: object,
        *,
        expected: int,
        reason: str,
        at_once: bool,
        ask: Ask,
    ) -> Version | Request:
        """Put a document in force where that is one person's to do; else propose it, and return what waits.

        Args:
            who: as `write`, as are those that follow.
            tenant: whose.
            kind: its kind.
            level: whose word.
            document: the document; None withdraws.
            expected: the last version seen.
            reason: why.
            at_once: in an emergency: in force before anybody else has seen it, which only what takes away may be.
            ask: what goes into the audit entry.

        Raises:
            Refused: as `write`; CONFLICT too for what is not shown to take away and was to be at once.
        """
        waits = self._proposing
        if waits is None:
            return await self.write(who, tenant, kind, level, document, expected=expected, reason=reason, ask=ask)
        look = self._looks.get(kind)
        looked = None if look is None else await look(who, document, ask)
        noted = replace(ask, detail={**ask.detail, "proposal": "in force at once" if at_once else "to be approved"})
        async with self._permitted(who, tenant, kind, level, noted) as tx:
            version, body = self._version(who, kind, level, document, expected, reason)
            return await waits.propose(tx, who, version, body, at_once=at_once, looked=looked)

    @asynccontextmanager
    async def _permitted(
        self, who: Principal, tenant: TenantId | None, kind: str, level: Level, ask: Ask
    ) -> AsyncGenerator[Tx, None]:
        """Yield a transaction in which a document may be written.

        Raises:
            Refused: hidden for a place or kind that there is none of, CONFLICT for a version that another was quicker with.
        """
        named = kind_named(kind)
        if (level is Level.DEFAULT) != (tenant is None) or level not in named.levels:
            raise Refused(hidden(f"no level {level} there"))
        action = Action.RULES_WRITE if level is Level.OWN else Action.RULES_WRITE_CEILING
        resource = Resource(kind=Thing.RULES, id=f"{named.name}.{level}", tenant=tenant)
        try:
            if tenant is None:
                async with self._gate.permit_platform(who, action, resource, ask) as platform:
                    yield platform
            else:
                async with self._gate.permit(who, action, resource, ask) as tx:
                    await _living(tx)
                    yield tx
        except Conflict:
            moved()

    def _version(
        self, who: Principal, kind: str, level: Level, document: object, expected: int, reason: str
    ) -> tuple[Version, bytes]:
        """Parse a document; only for who may write it, as it takes a while."""
        named = kind_named(kind)
        body = b"" if document is None else encode(_read(named, document))
        return Version(
            kind=named.name,
            level=level,
            version=expected + 1,
            digest=digest(body),
            author=str(who),
            credential=who.credential,
            at=self._clock.now(),
            reason=reason,
            withdrawn=document is None,
            document=msgspec.json.decode(body) if body else {},
        ), body

    async def withdraw_all(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """Let the gateways forget the documents of a tenant, as its deletion does. The history stays."""
        resource = Resource(kind=Thing.RULES, id=_MANY, tenant=tenant)
        async with self._gate.permit(who, Action.RULES_WRITE_CEILING, resource, ask) as tx:
            for version in await tables.in_force(tx):
                if version.level is not Level.DEFAULT and not version.withdrawn:
                    await feed.withdraw(tx, PREFIX + version.kind, version.level.value)


def kind_named(text: str) -> Kind[Any, Any]:
    """Return a kind by its name.

    Raises:
        Refused: hidden.
    """
    found = KINDS.get(text)
    if found is None:
        raise Refused(hidden("no such kind of document"))
    return found


def candidate(kind: Kind[Any, Any], level: Level, document: object) -> Held[Any] | None:
    """Return a document that is not in force as if it were; None withdraws.

    Raises:
        Refused: as writing it would be.
    """
    if document is None:
        return None
    read = _read(kind, document)
    return Held(level=level, version=0, digest=digest(encode(read)), document=read)


def _read(kind: Kind[Any, Any], document: object) -> Document[Any]:
    try:
        read = kind.read(document)
        kind.prove(read)
    except DocumentError as error:
        raise Refused(invalid(f"{error.said}.", param=error.place or "document")) from None
    return read


async def _living(tx: TenantTx) -> None:
    """Refuse to add to a tenant that is gone: the directory may lag a deletion by a moment."""
    if not await identity_tables.living(tx):
        raise Refused(hidden(f"tenant {tx.tenant} is gone"))
