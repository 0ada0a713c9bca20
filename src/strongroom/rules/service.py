"""What can be done with documents of rules. Each method asks the gate first and does its work inside the answer."""

from __future__ import annotations

from typing import Any, Final, NoReturn

import msgspec

from strongroom.identity import tables as identity_tables
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Resource
from strongroom.policy import Kind as Thing
from strongroom.rules import tables
from strongroom.rules.documents import PREFIX, RulesDocument
from strongroom.rules.kind import Document, Kind, digest, encode
from strongroom.rules.kinds import KINDS
from strongroom.rules.model import DocumentError, Level, Subject, Version
from strongroom.rules.resolve import Held, Standing, Why, explain
from strongroom.store import Conflict, TenantTx, feed
from strongroom.store.tx import Tx

_MANY: Final = "all"


class Rules:
    """Documents of the installation and of its tenants. `tenant` None means the installation."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate = gate
        self._clock = clock

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
        named = kind_named(kind)
        found = {each.level: _held(named, each) for each in await self.in_force(who, tenant, ask, kind)}
        return Standing(default=found.get(Level.DEFAULT), ceiling=found.get(Level.CEILING), own=found.get(Level.OWN))

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
        if (level is Level.DEFAULT) != (tenant is None):
            raise Refused(hidden(f"no level {level} there"))
        named = kind_named(kind)
        action = Action.RULES_WRITE if level is Level.OWN else Action.RULES_WRITE_CEILING
        resource = Resource(kind=Thing.RULES, id=f"{named.name}.{level}", tenant=tenant)

        def version() -> tuple[Version, bytes]:
            """Parse the document; only for who may write it, as it takes a while."""
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

        try:
            if tenant is None:
                async with self._gate.permit_platform(who, action, resource, ask) as platform:
                    return await _put(platform, *version())
            async with self._gate.permit(who, action, resource, ask) as tx:
                await _living(tx)
                return await _put(tx, *version())
        except Conflict:
            _moved()

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


def _held(kind: Kind[Any, Any], version: Version) -> Held[Any] | None:
    """Return a version as the gateways hold it: one that was withdrawn is none, one that cannot be read is not."""
    if version.withdrawn:
        return None
    try:
        document = kind.read(version.document)
    except DocumentError:
        document = None
    return Held(level=version.level, version=version.version, digest=version.digest, document=document)


def _read(kind: Kind[Any, Any], document: object) -> Document[Any]:
    try:
        return kind.read(document)
    except DocumentError as error:
        raise Refused(invalid(f"{error.said}.", param=error.place or "document")) from None


async def _put(tx: Tx, version: Version, body: bytes) -> Version:
    """Add a version and tell the gateways, in one transaction; return it."""
    if await tables.last(tx, version.kind, version.level) != version.version - 1:
        _moved()
    await tables.insert(tx, version, body)
    if version.withdrawn:
        await feed.withdraw(tx, PREFIX + version.kind, version.level.value)
    else:
        told = RulesDocument(version=version.version, digest=version.digest, document=msgspec.Raw(body))
        await feed.publish(tx, PREFIX + version.kind, version.level.value, msgspec.json.encode(told))
    return version


async def _living(tx: TenantTx) -> None:
    """Refuse to add to a tenant that is gone: the directory may lag a deletion by a moment."""
    if not await identity_tables.living(tx):
        raise Refused(hidden(f"tenant {tx.tenant} is gone"))


def _moved() -> NoReturn:
    tell = "Another version is in force than the one that was expected. Read it, and write again from there."
    raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, param="expected")) from None
