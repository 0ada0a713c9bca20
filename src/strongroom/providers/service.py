"""Registering providers. Every change is one transaction: the row, the document that gateways follow, the audit entry."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

import msgspec
from cryptography import x509

from strongroom.identity import approvals
from strongroom.identity.approvals.second import SecondPerson
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import Name, TenantId, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import EVERY, Action, Ask, Gate, Kind, Resource
from strongroom.providers import tables
from strongroom.providers.documents import PROVIDER
from strongroom.providers.model import Engine, Offer, Provider, ProviderKind
from strongroom.providers.secrets import SCOPE, as_filed, filed_as, is_secret, seal_secret
from strongroom.providers.tables import Row
from strongroom.store import Conflict, OperatorTx, feed
from strongroom.vault import KeysDestroyed, PurposeKeys, SealBroken, Vault, VaultUnavailable, reference, version_of
from strongroom.wire.addresses import AddressRefused, LookUp, Networks, Resolver, parse_base, system_look_up

_RESOLVE_S: Final = 5.0
_LOOKS: Final = "This credential does not permit destroying what ended providers left in the vault."
_log: Final = logging.getLogger(__name__)
_DROP: Final = {ProviderKind.OPENAI: "/v1", ProviderKind.ANTHROPIC: "/v1", ProviderKind.OIP: "/v2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is said of a provider; None: nothing, so it stays. `open_to_all` takes the place of `open_to`."""

    base_url: str | None = None
    owner: str | None = None
    engine: Engine | None = None
    ca: str | None = None
    secret: str | None = None
    open_to: Sequence[UUID] | None = None
    open_to_all: bool = False
    region: str | None = None
    agreement: str | None = None
    assessed_on: date | None = None
    assessed_until: date | None = None

    def __repr__(self) -> str:
        """Show nothing: one of the fields is a secret."""
        return "Change()"

    @property
    def said(self) -> str:
        """The names of what changes, for the audit log."""
        return ",".join(name for name in self.__slots__ if getattr(self, name) not in (None, False))


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """How many secrets were moved to the vault, how many are left, and how many do not open and so stay."""

    moved: int
    left: int
    broken: int


class Providers:
    """Registers, shows, changes and ends providers.

    `networks` and `look_up` are those of the gateways: an address that they would refuse is refused at registration.
    """

    def __init__(
        self,
        gate: Gate,
        vault: Vault,
        clock: Clock,
        networks: Networks,
        look_up: LookUp = system_look_up,
        *,
        before: PurposeKeys,
        second: Callable[[bytes], bytes | None] | None = None,
    ) -> None:
        """Wire it.

        `before`: what the first versions of Strongroom sealed secrets under.

        `second`: where registering and changing take a second person, what returns a keyed digest, by which a proposal
        knows its secret again without holding it; None: they take one.
        """
        self._gate = gate
        self._digest = second
        self.second: Final = SecondPerson(gate, clock, approvals.Kind.PROVIDER, demanded=second is not None)
        """For surfaces: `second.asked` does an act, or proposes it where it waits."""
        self._vault = vault
        self._before = before
        self._clock = clock
        self._networks = networks
        self._look_up = look_up

    async def add(
        self,
        who: Principal,
        name: Name,
        kind: ProviderKind,
        change: Change,
        ask: Ask,
        approved: UUID | None = None,
    ) -> Provider:
        """Register a provider. `approved`: the proposal of exactly this, where it takes a second person.

        Raises:
            Refused: INVALID for an address that is refused or a text that is no secret or certificate, CONFLICT when
                the name is taken.
            Waits: in production: where requests go is not one person's to say.
        """
        now = self._clock.now()
        blank = Row(
            id=new_uuid(), name=name, kind=kind, engine=Engine.OTHER, base_url="", ca=None, secret=None,
            secret_version=1, open_to=None, region=None, agreement=None, assessed_on=None, assessed_until=None,
            owner=change.owner or "", version=0, created_at=now, changed_at=now,
        )  # fmt: skip
        try:
            # Within the permit, so that no resolver and no certificate parser works for who may not register.
            async with self._gate.permit_platform(who, Action.PROVIDER_CREATE, _resource(name), ask) as tx:
                row = await self._changed(blank, change)
                await self._two(tx, who, "register", row, change, approved)
                await tables.insert(tx, row)  # before anything is filed: a name that is taken leaves nothing behind
                if change.secret is not None:
                    row = await self._filed(row)
                    await tables.update(tx, row)
                await _publish(tx, row)
        except Conflict:
            tell = f"There is a provider called {name} already."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None
        return row.shown(now)

    async def change(
        self, who: Principal, name: Name, change: Change, ask: Ask, approved: UUID | None = None
    ) -> Provider:
        """Change a provider; what the change does not name stays. `approved`: as in `add`.

        Raises:
            Refused: as `add`; INVALID too for another address without the secret.
            Waits: as `add`.
        """
        noted = replace(ask, detail={**ask.detail, "changes": change.said})
        async with self._gate.permit_platform(who, Action.PROVIDER_UPDATE, _resource(name), noted) as tx:
            row = await self._changed(await _one(tx, name), change)
            await self._two(tx, who, "change", row, change, approved)
            if change.secret is not None:
                row = await self._filed(row)
            await tables.update(tx, row)
            await _publish(tx, row)
        if row.secret is not None and change.secret is not None:
            await self._dropped(row, version_of(row.secret))
        return row.shown(self._clock.now())

    async def show(self, who: Principal, name: Name, ask: Ask) -> Provider:
        """Return one provider, without its secret."""
        async with self._gate.permit_platform(who, Action.PROVIDER_READ, _resource(name), ask) as tx:
            return (await _one(tx, name)).shown(self._clock.now())

    async def every(self, who: Principal, ask: Ask) -> list[Provider]:
        """Return every provider, without secrets."""
        async with self._gate.permit_platform(who, Action.PROVIDER_LIST, _resource(EVERY), ask) as tx:
            return [row.shown(self._clock.now()) for row in await tables.every(tx)]

    async def offers(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Offer]:
        """Return the providers that a tenant's deployments may name."""
        resource = Resource(kind=Kind.PROVIDER, tenant=tenant)
        async with self._gate.permit(who, Action.PROVIDER_LIST, resource, ask) as tx:
            return await tables.offers(tx, self._clock.now())

    async def end(self, who: Principal, name: Name, ask: Ask) -> None:
        """End a provider: gateways stop routing to it at once, and its secret is destroyed, with what told of its versions.

        A vault that is away has it destroyed by the next `move_secrets`.
        """
        async with self._gate.permit_platform(who, Action.PROVIDER_DELETE, _resource(name), ask) as tx:
            row = await _one(tx, name)
            await tables.end(tx, row, self._clock.now())
            await feed.withdraw(tx, PROVIDER, str(row.id))
        if row.secret is not None and version_of(row.secret) is not None:
            await self._destroy(who, row, ask)

    async def move_secrets(self, who: Principal, most: int, ask: Ask) -> Moved:
        """Move up to `most` secrets out of the database into the vault, one a transaction; say what is left.

        One that does not open stays as it is: it opened nowhere before, either. What providers that have ended left in the
        vault, because it was away then, and what a rotation left that was killed before its end, is destroyed on the way.

        Raises:
            Refused: UNAVAILABLE when the vault cannot be used; what was moved until then is.
        """
        async with self._gate.permit_platform(who, Action.PROVIDER_LIST, _resource(EVERY), ask) as tx:
            every = await tables.every(tx)
            old = [Name(row.name) for row in every if _is_unfiled(row)]
            filed = [row for row in every if row.secret is not None and not _is_unfiled(row)]
            ended = await tables.undropped(tx)
            if ended or filed:  # not for who may only look
                self._gate.demand(who, Action.PROVIDER_DELETE, _resource(EVERY), _LOOKS)
        for row in ended:
            await self._destroy(who, row, ask)
        for row in filed:  # whoever is killed between a rotation and the end of what it replaced leaves both
            await self._dropped(row, version_of(row.secret or b""))
        moved = broken = 0
        for name in old:
            if moved == most:  # those that do not open are looked at again in the next step, and hold up nobody
                break
            if await self._move(who, name, ask):
                moved += 1
            else:
                broken += 1
        return Moved(moved=moved, left=len(old) - moved - broken, broken=broken)

    async def _move(self, who: Principal, name: Name, ask: Ask) -> bool:
        noted = replace(ask, detail={**ask.detail, "changes": "secret's place"})
        async with self._gate.permit_platform(who, Action.PROVIDER_UPDATE, _resource(name), noted) as tx:
            row = await _one(tx, name)
            if row.secret is None or not _is_unfiled(row):
                return True  # another run was here
            place = row.id, row.secret_version, row.kind, row.base_url
            try:
                sealed = as_filed(self._before, await self._vault.again(SCOPE), row.secret, *place)
            except SealBroken:
                return False
            except (VaultUnavailable, KeysDestroyed) as error:
                raise _no_vault(error) from None
            row = await self._filed(replace(row, secret=sealed, changed_at=self._clock.now()))
            await tables.update(tx, row)
            await _publish(tx, row)
        return True

    async def _destroy(self, who: Principal, row: Row, ask: Ask) -> None:
        """Destroy what a provider that has ended left in the vault, and note that it was."""
        if await self._dropped(row, None):
            noted = replace(ask, detail={**ask.detail, "changes": "secret destroyed"})
            async with self._gate.permit_platform(who, Action.PROVIDER_DELETE, _resource(row.name), noted) as tx:
                await tables.forget(tx, row.id)

    async def _filed(self, row: Row) -> Row:
        """File the sealed secret of `row` and return the row as it refers to it.

        Raises:
            Refused: UNAVAILABLE when the vault is.
        """
        if row.secret is None:
            return row
        try:
            version = await self._vault.filing.put(SCOPE, filed_as(row.id), row.secret)
        except (VaultUnavailable, KeysDestroyed) as error:
            raise _no_vault(error) from None
        return replace(row, secret=reference(version))

    async def _dropped(self, row: Row, before: int | None) -> bool:
        """Destroy versions of a secret that do not count any more; a vault that is away keeps them, and nobody refers to them."""
        try:
            await self._vault.filing.drop(SCOPE, filed_as(row.id), before)
        except (VaultUnavailable, KeysDestroyed) as error:
            _log.warning("provider %s: what its older secret was could not be destroyed yet: %s", row.name, error)
            return False
        return True

    async def _two(
        self, tx: OperatorTx, who: Principal, act: str, row: Row, change: Change, approved: UUID | None
    ) -> None:
        """Demand a second person for exactly this change of exactly this version; secrets as keyed digests."""
        if self._digest is None:
            return
        given = {name: getattr(change, name) for name in Change.__slots__ if getattr(change, name) not in (None, False)}
        secret = given.pop("secret", None)
        keyed = None if secret is None else self._digest(f"provider|{row.name}|{secret}".encode())
        subject = {
            "summary": f"{act} the provider {row.name} at {row.base_url}",
            "act": act,
            "name": row.name,
            "kind": str(row.kind),
            "version": row.version,
            "gives": msgspec.to_builtins(given),
            "secret": None if keyed is None else f"hmac-sha256:{keyed.hex()}",
        }
        await self.second.use(tx, who, subject, approved)

    async def _changed(self, row: Row, change: Change) -> Row:
        """Return `row` with `change` applied, checked; its secret sealed to where it now belongs."""
        base = row.base_url if change.base_url is None else await self._checked_base(change.base_url, row.kind)
        if row.secret is not None and base != row.base_url and change.secret is None:
            raise Refused(invalid("Another address takes the secret anew: give `secret` with it.", param="secret"))
        row = replace(
            row,
            base_url=base,
            owner=change.owner or row.owner,
            engine=change.engine or row.engine,
            ca=row.ca if change.ca is None else _checked_ca(change.ca),
            open_to=None if change.open_to_all else row.open_to if change.open_to is None else tuple(change.open_to),
            region=change.region or row.region,
            agreement=change.agreement or row.agreement,
            assessed_on=change.assessed_on or row.assessed_on,
            assessed_until=change.assessed_until or row.assessed_until,
            version=row.version + 1,
            changed_at=self._clock.now(),
        )
        _check_days(row)
        if change.secret is None:
            return row
        if not is_secret(change.secret):
            raise Refused(invalid("A secret is printable ASCII without spaces.", param="secret"))
        try:
            keys = await self._vault.keys(SCOPE)
        except (VaultUnavailable, KeysDestroyed) as error:
            raise _no_vault(error) from None
        sealed = seal_secret(keys, change.secret, row.id, row.version, row.kind, row.base_url)
        return replace(row, secret=sealed, secret_version=row.version)

    async def _checked_base(self, text: str, kind: ProviderKind) -> str:
        try:
            place = parse_base(text, drop=_DROP[kind])
            async with asyncio.timeout(_RESOLVE_S):
                await Resolver(place, self._networks, self._look_up).addresses()
        except TimeoutError:
            raise Refused(invalid("The host could not be resolved in time.", param="base_url")) from None
        except AddressRefused as refused:
            raise Refused(invalid(f"This address is not one to connect to: {refused}.", param="base_url")) from None
        except ValueError as error:
            raise Refused(invalid(str(error), param="base_url")) from None
        return place.url


def _resource(name: str) -> Resource:
    return Resource(kind=Kind.PROVIDER, id=name)


def _is_unfiled(row: Row) -> bool:
    return row.secret is not None and version_of(row.secret) is None


def _no_vault(error: Exception) -> Refused:
    tell = "The vault cannot be used at the moment, so no secret can be taken. Try again shortly."
    return Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=f"the vault: {error}", tell=tell, audited=True))


def _check_days(row: Row) -> None:
    if (row.assessed_on is None) != (row.assessed_until is None):
        raise Refused(invalid("`assessed_on` and `assessed_until` go together.", param="assessed_until"))
    if row.assessed_on is not None and row.assessed_until is not None and row.assessed_until < row.assessed_on:
        raise Refused(invalid("An assessment does not end before it begins.", param="assessed_until"))


def _checked_ca(text: str) -> str:
    try:
        x509.load_pem_x509_certificates(text.encode("ascii"))
    except (ValueError, UnicodeEncodeError):
        raise Refused(invalid("This is no PEM of certificates.", param="ca")) from None
    return text


async def _one(tx: OperatorTx, name: Name) -> Row:
    row = await tables.one(tx, name)
    if row is None:
        raise Refused(hidden(f"no provider {name}"))
    return row


async def _publish(tx: OperatorTx, row: Row) -> None:
    await feed.publish(tx, PROVIDER, str(row.id), msgspec.json.encode(row.document))
