"""Making a key, and the delivery that hands one over: what creating and rotating have in common.

Always true here: a key's text leaves either in the answer that made it or inside a delivery, sealed under the delivery's own
text. In neither case is it kept.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from strongroom.identity import deliveries, publish, secretkey, tables
from strongroom.identity.bindings import Bindings, Geo, checked
from strongroom.identity.model import Delivery, Key, KeyException, Workload, key_ends, key_status, thumbprint_text
from strongroom.identity.networks import narrow_networks
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Confirmation, Role
from strongroom.kernel.refusal import Refused, invalid
from strongroom.store import TenantTx
from strongroom.vault import Purpose, PurposeKeys, seal, unseal

DELIVERY_S: Final = 24 * 3600.0
"""For how long a delivery can be opened, at most and where nobody says otherwise."""

_FREE: Final = (
    "In production a static key of prod is bound to a key or a certificate of its holder: name its public half. Tokens by "
    "exchange need no such key."
)
_ANYWHERE: Final = "In production a static key of prod is bound to networks, too: name those that its holder asks from."

_MIN_DELIVERY_S: Final = 60.0
_VERSION: Final = 1


def fingerprint_of(secret: secretkey.SecretKey, keys: PurposeKeys) -> bytes:
    """Return what is kept of `secret`: its HMAC-SHA256 under the current pepper."""
    fingerprint = keys.mac(Purpose.KEY_PEPPER, secret.text.encode("ascii"))
    if fingerprint is None:  # the current version is always held
        raise AssertionError("the current pepper is missing")
    return fingerprint


async def issue(
    tx: TenantTx,
    keys: PurposeKeys,
    holder: Workload,
    *,
    now: datetime,
    expires_at: datetime,
    label: str = "",
    owner: str = "",
    purpose: str = "",
    exception: KeyException | None = None,
    bound: Confirmation | None = None,
    bindings: Bindings | None = None,
    honeytoken: bool = False,
) -> tuple[Key, secretkey.SecretKey]:
    """Make a key of `holder`, bound to what is given, and tell of it. `owner` and `purpose`: the workload's where they are empty."""
    secret = secretkey.mint(holder.role, holder.environment)
    made = Key(
        id=secret.id,
        environment=holder.environment,
        workload=holder.name,
        role=holder.role,
        label=label,
        owner=owner or holder.owner,
        created_at=now,
        expires_at=expires_at,
        status=key_status(now, key_ends(expires_at, exception), None),
        exception=exception,
        team=holder.team,
        pager=holder.pager,
        purpose=purpose or holder.purpose,
        proof=None if bound is None else bound.proof,
        thumbprint=None if bound is None else thumbprint_text(bound.thumbprint),
        bindings=bindings,
        honeytoken=honeytoken,
    )
    fingerprint = fingerprint_of(secret, keys)
    await tables.insert_key(tx, WorkloadId(holder.id), made, fingerprint, keys.current, purpose=purpose)
    await publish.key(tx, made, holder.id, fingerprint, keys.current)
    return made, secret


async def deliver(
    tx: TenantTx,
    keys: PurposeKeys,
    made: Key,
    workload: UUID,
    secret: secretkey.SecretKey,
    *,
    now: datetime,
    for_s: float,
) -> Delivery:
    """Seal a new key into a delivery that opens once, within `for_s` seconds."""
    token = secretkey.mint(Role.DELIVERY, made.environment)
    delivery = Delivery(id=token.id, token=token.text, expires_at=now + timedelta(seconds=for_s))
    sealed = seal(_keys(token.text), Purpose.DELIVERY, secret.text.encode("ascii"), str(tx.tenant), made.id)
    await deliveries.insert(tx, delivery, made.id, sealed, now)
    await publish.delivery(tx, delivery, made, workload, fingerprint_of(token, keys), keys.current)
    return delivery


def bindable(bindings: Bindings, geo: Geo | None) -> Bindings:
    """Return bindings that can be held to.

    Raises:
        Refused: INVALID, saying what cannot.
    """
    try:
        return checked(bindings, geo)
    except ValueError as error:
        raise Refused(invalid(f"Not what a key can be bound to: {error}.", param="bindings")) from None


def demand_bound(bound: Confirmation | str | None, bindings: Bindings | None) -> None:
    """Refuse what a static key of prod must not be in production: free of its holder, or usable from half of the world.

    Raises:
        Refused: INVALID.
    """
    if bound is None:
        raise Refused(invalid(_FREE, param="bound_to"))
    try:
        networks = () if bindings is None else narrow_networks(bindings.networks)
    except ValueError as error:
        raise Refused(invalid(f"Not what a key can be bound to: {error}.", param="bindings")) from None
    if not networks:
        raise Refused(invalid(_ANYWHERE, param="bindings"))


def delivery_life(seconds: float) -> float:
    """Return for how long a delivery can be opened.

    Raises:
        Refused: INVALID beyond a day, or below a minute.
    """
    if not _MIN_DELIVERY_S <= seconds <= DELIVERY_S:
        raise Refused(invalid("A delivery can be opened for a minute at least and a day at most.", param="deliver_s"))
    return seconds


def opened(token: str, sealed: bytes, tenant: TenantId, key_id: KeyId) -> str:
    """Return the key's text.

    Raises:
        SealBroken: when it was sealed for another delivery, tenant or key.
    """
    return unseal(_keys(token), Purpose.DELIVERY, sealed, str(tenant), key_id).decode("ascii")


async def end(tx: TenantTx, ended: list[KeyId]) -> None:
    """Tell that keys no longer count, and with them the deliveries that hand them over."""
    await publish.gone(tx, [*ended, *(await deliveries.of_keys(tx, ended) if ended else [])])


def _keys(token: str) -> PurposeKeys:
    """Return the key of one delivery: a digest of its text, whose secret part has 256 random bits."""
    root = hashlib.sha256(b"strongroom/delivery/1\0" + token.encode("ascii")).digest()
    return PurposeKeys(_VERSION, {Purpose.DELIVERY: {_VERSION: root}})
