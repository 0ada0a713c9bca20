"""What can be done to a key besides making and ending it: give it a successor, and hand one over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NoReturn

import msgspec

from strongroom.identity import deliveries, issuing, publish
from strongroom.identity import tables as identity
from strongroom.identity.bindings import Bindings, Geo
from strongroom.identity.model import MAX_KEY_DAYS, Key, NewKey, confirmation_of, key_expiry
from strongroom.identity.rotation import tables
from strongroom.identity.rotation.model import Rotated, lives, overlap
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.store import TenantTx
from strongroom.vault import PurposeKeys, SealBroken

REOPENED: Final = "delivery-reopened"
_DAY_S: Final = 86_400.0


class Rotation:
    """Rotates keys and opens deliveries."""

    def __init__(
        self, gate: Gate, keys: PurposeKeys, clock: Clock, geo: Geo | None = None, *, production: bool = False
    ) -> None:
        self._geo: Final = geo
        self._production: Final = production
        self._gate: Final = gate
        self._keys: Final = keys
        self._clock: Final = clock

    async def rotate(
        self,
        who: Principal,
        tenant: TenantId,
        key_id: KeyId,
        *,
        overlap_s: float | None = None,
        compromised: bool = False,
        days: float | None = None,
        deliver_s: float | None = None,
        ask: Ask,
    ) -> Rotated:
        """Make a key's successor, of the same workload, and let the old one count for its overlap only.

        Args:
            who: the caller.
            tenant: whose key it is.
            key_id: the old key.
            overlap_s: for how long both count; the longest allowed in the environment if not given.
            compromised: the old key is in wrong hands: no overlap.
            days: how long the successor lives; as long as the old one was to if not given.
            deliver_s: hand the successor over by a delivery that opens once, within so many seconds; None: in this answer.
            ask: what goes into the audit entry.

        Raises:
            Refused: INVALID for an overlap or a life that is too long, CONFLICT for a key that counts no more or has a
                successor already, hidden when there is no such key.
        """
        resource = Resource(kind=Kind.KEY, id=key_id, tenant=tenant)
        async with self._gate.permit(who, Action.KEY_ROTATE, resource, ask) as tx:
            held, now = await tables.held(tx, key_id), self._clock.now()
            old = None if held is None else await identity.key(tx, key_id, now)
            if held is None or old is None:
                raise Refused(hidden(f"no key {key_id} in this tenant"))
            _fit(old)
            holder = await identity.workload_by_id(tx, held.workload)
            if holder is None:
                raise Refused(hidden(f"the workload of key {key_id} is gone"))
            needed = replace(resource, environment=old.environment, holder=old.role)
            self._gate.demand(
                who, Action.KEY_ROTATE, needed, "The policies let no such workload hold a credential there."
            )
            self._demand_bound(old, old.bindings)
            until = now + timedelta(seconds=_overlap(old, overlap_s, compromised=compromised))
            made, secret = await issuing.issue(
                tx,
                self._keys,
                holder,
                now=now,
                expires_at=_expiry(now, old, days, await _max_days(tx, old)),
                label=old.label,
                owner=old.owner,
                purpose="" if old.purpose == holder.purpose else old.purpose,
                exception=old.exception,
                bound=confirmation_of(old),
                bindings=old.bindings,
                honeytoken=old.honeytoken,
            )
            delivery = None
            if deliver_s is not None:
                delivery = await issuing.deliver(
                    tx, self._keys, made, held.workload, secret, now=now, for_s=issuing.delivery_life(deliver_s)
                )
            ended = await self._retire(tx, old, made, held, now=now, until=until, compromised=compromised)
        return Rotated(old=ended, key=made, secret="" if delivery else secret.text, delivery=delivery)

    async def bind(self, who: Principal, tenant: TenantId, key_id: KeyId, bindings: Bindings, ask: Ask) -> Key:
        """Say anew where, by what, when and for what a key may be used; empty bindings take the old ones away.

        Raises:
            Refused: INVALID for what cannot be held to, CONFLICT for a key that counts no more, hidden when there is none.
        """
        resource = Resource(kind=Kind.KEY, id=key_id, tenant=tenant)
        async with self._gate.permit(who, Action.KEY_BIND, resource, ask) as tx:
            held = await tables.held(tx, key_id)
            old = None if held is None else await identity.key(tx, key_id, self._clock.now())
            if held is None or old is None:
                raise Refused(hidden(f"no key {key_id} in this tenant"))
            if old.status != "active":
                _conflict(f"This key is {old.status}: there is nothing to bind.")
            self._demand_bound(old, bindings)
            bound = None if bindings.empty else issuing.bindable(bindings, self._geo)
            await tables.bind_key(tx, key_id, bound)
            made = msgspec.structs.replace(old, bindings=bound)
            await publish.key(tx, made, held.workload, held.fingerprint, held.pepper_version)
        return made

    def _demand_bound(self, old: Key, bindings: Bindings | None) -> None:
        """Refuse to leave a key of prod free in production, where one was made before it was production."""
        if self._production and old.environment is Environment.PROD and old.exception is None:
            issuing.demand_bound(confirmation_of(old), bindings)

    async def _retire(
        self, tx: TenantTx, old: Key, made: Key, held: tables.Held, *, now: datetime, until: datetime, compromised: bool
    ) -> Key:
        old_id = KeyId(old.id)
        await tables.replace_key(tx, old_id, made.id, now, until)
        if until <= now:
            reason = f"compromised; replaced by {made.id}" if compromised else f"replaced by {made.id}"
            await issuing.end(tx, await identity.revoke_keys(tx, now, reason, key_id=old_id))
        else:
            retiring = msgspec.structs.replace(old, replaced_by=made.id, replaced_at=now, retires_at=until)
            await publish.key(tx, retiring, held.workload, held.fingerprint, held.pepper_version)
        ended = await identity.key(tx, old_id, now)
        if ended is None:
            raise AssertionError("a locked key is gone")
        return ended

    async def open(self, who: Principal, token: str, ask: Ask) -> NewKey:
        """Take a key out of the delivery that `who` is and whose text is `token`. It opens once.

        Raises:
            Refused: CONFLICT when it was opened before: then somebody else may hold the key.
        """
        resource = Resource(kind=Kind.KEY, tenant=who.tenant, environment=who.environment)
        if who.tenant is None:
            async with self._gate.permit_platform(who, Action.KEY_OPEN, resource, ask):
                raise Refused(hidden("an account of the installation is no delivery"))
        async with self._gate.permit(who, Action.KEY_OPEN, resource, ask) as tx:
            now = self._clock.now()
            found = await deliveries.take(tx, who.credential, now)
            if found is None:
                carried = await deliveries.carries(tx, who.credential)
                raise Refused(_opened_before(who.credential, carried))
            key_id, sealed = found
            made = await identity.key(tx, key_id, now)
            try:
                secret = issuing.opened(token, sealed, tx.tenant, key_id)
            except SealBroken as error:
                raise Refused(hidden(f"delivery {who.credential} of key {key_id}: {error}")) from None
            if made is None or made.status != "active":
                raise Refused(hidden(f"delivery {who.credential}: its key {key_id} counts no more"))
        return NewKey(key=made, secret=secret)


def _fit(old: Key) -> None:
    """Refuse to rotate what counts no more or has a successor.

    Raises:
        Refused: CONFLICT.
    """
    if old.replaced_by is not None:
        _conflict(f"This key has a successor, {old.replaced_by}: rotate that one.")
    if old.status != "active":
        _conflict(f"This key is {old.status}: there is nothing to rotate. Issue another to its workload.")


def _overlap(old: Key, asked_s: float | None, *, compromised: bool) -> float:
    try:
        return overlap(old.environment, asked_s, compromised=compromised)
    except ValueError as error:
        raise Refused(invalid(f"{error}.", param="overlap_s")) from None


def _expiry(now: datetime, old: Key, days: float | None, limit_days: int) -> datetime:
    if days is None:
        days = min(float(limit_days), lives(now, old).total_seconds() / _DAY_S)
    try:
        return key_expiry(now, days, limit_days)
    except ValueError as error:
        raise Refused(invalid(f"{error}.", param="days")) from None


async def _max_days(tx: TenantTx, old: Key) -> int:
    own = [each.max_key_days for each in await identity.environments(tx) if each.name is old.environment]
    return min([MAX_KEY_DAYS[old.environment], *own])


def _opened_before(delivery: KeyId, key_id: KeyId | None) -> Refusal:
    return Refusal(
        kind=RefusalKind.CONFLICT,
        reason=f"delivery {delivery} of key {key_id} was opened before",
        tell="This delivery was opened before. If that was not you, somebody else holds the key: have it revoked.",
        signal=REOPENED,
    )


def _conflict(tell: str) -> NoReturn:
    raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
