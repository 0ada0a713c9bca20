"""The values of identity, and the rules that need no database.

They are msgspec structs because they are also what the control API shows: one definition for code, API and CLI.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec

from strongroom.identity.bindings import Bindings
from strongroom.kernel.principal import Confirmation, Environment, Proof, Role

MAX_KEY_DAYS: Final = {Environment.DEV: 7, Environment.TEST: 30, Environment.PROD: 90}
"""Longest life of a static key, by environment."""

MAX_ACCOUNT_KEY_DAYS: Final = 30

PURPOSES: Final = {
    Role.INFERENCE: "asks models",
    Role.EVALUATION: "measures models",
    Role.INGESTION: "brings data in",
    Role.TRAINING: "trains on admitted data",
    Role.SUPPORT: "serves tickets",
    Role.NOTEBOOK: "tries models by hand",
}
"""What a workload is for, by its role."""

MIN_KEY_DAYS: Final = 60 / 86_400
"""Shortest life of a key: a minute. What is shorter ends before it can be used, or before it was made."""

_ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$(?!\n)"
Owner = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=_ONE_LINE)]
"""A person or team that answers for a thing, in words."""


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """A customer or a part of a company: the wall that everything else stands behind.

    `business_unit`: in whose namespace of the vault its keys are; null: in its own place.
    """

    id: UUID
    name: str
    created_at: datetime
    business_unit: str | None = None


class Environments(msgspec.Struct, frozen=True, kw_only=True):
    """One environment of a tenant, with the longest life its static keys may have."""

    name: Environment
    max_key_days: int


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """A program of a tenant, in one environment and one role, and who answers for it.

    Attributes:
        owner: the person or team that answers for it.
        team: the team it belongs to; the owner where nobody said otherwise.
        pager: whom to wake; the owner where nobody said otherwise.
        purpose: what it is for; what its role is for where nobody said otherwise.
    """

    id: UUID
    environment: Environment
    name: str
    role: Role
    owner: str
    created_at: datetime
    team: str = ""
    pager: str = ""
    purpose: str = ""


class KeyException(msgspec.Struct, frozen=True, kw_only=True):
    """A departure from the rules for keys: visible, with a reason and an end, and bound to networks.

    Once it has ended the key no longer works: an exception is never silently permanent.
    """

    reason: str
    networks: tuple[str, ...]
    expires_at: datetime


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What may be known of a key after it was made: everything but its text."""

    id: str
    environment: Environment
    workload: str
    role: Role
    label: str
    owner: str
    created_at: datetime
    expires_at: datetime
    status: str
    """`active`, `expired` or `revoked`."""
    revoked_at: datetime | None = None
    revoked_reason: str | None = None
    exception: KeyException | None = None
    team: str = ""
    pager: str = ""
    purpose: str = ""
    replaced_by: str | None = None
    """The public id of its successor."""
    replaced_at: datetime | None = None
    proof: Proof | None = None
    """How its holder shows that it has what the key is bound to."""
    thumbprint: str | None = None
    """What it is bound to: SHA-256 of a public key (RFC 7638) or of a certificate, in base64url."""
    retires_at: datetime | None = None
    """When a replaced key stops counting, if it has not ended before."""
    bindings: Bindings | None = None
    honeytoken: bool = False
    """Whether it was laid out to be found: it never counts, and its use opens an incident."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A key on its way to who will hold it, as a link's text that opens once."""

    id: str
    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        """Show the public part only."""
        return f"Delivery({self.id})"


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key in the one answer that carries its text, or the delivery that does."""

    key: Key
    secret: str = ""
    """Empty where the delivery carries it."""
    delivery: Delivery | None = None

    def __repr__(self) -> str:
        """Show the key's public part only."""
        return f"NewKey({self.key.id})"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person's standing in the installation. `tenant` is set for tenant administrators."""

    id: UUID
    name: str
    role: Role
    demo: bool
    created_at: datetime
    tenant: UUID | None = None


class Ties(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's token is bound to.

    Attributes:
        confirmation: what its holder proves to have, with each request.
        networks: where it may be used from (CIDR); empty: from anywhere.
        exception: why it counts in production without the two; empty: it does not.
    """

    confirmation: Confirmation | None = None
    networks: tuple[str, ...] = ()
    exception: str = ""

    @property
    def whole(self) -> bool:
        """Whether a copy of the token is worth nothing by itself, nor from elsewhere."""
        return self.confirmation is not None and bool(self.networks)


class AccountToken(msgspec.Struct, frozen=True, kw_only=True):
    """What may be known of an account's token after it was made."""

    id: str
    account: str
    created_at: datetime
    expires_at: datetime
    status: str
    """`active`, `expired` or `revoked`."""
    revoked_at: datetime | None = None
    revoked_reason: str | None = None
    proof: Proof | None = None
    """How its holder shows that it has what the token is bound to."""
    thumbprint: str | None = None
    """What it is bound to, as of a key (`Key.thumbprint`)."""
    networks: tuple[str, ...] = ()
    exception: str | None = None
    """Why it counts in production without being bound."""


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account in the one answer that carries its token."""

    account: Account
    key_id: str
    token: str
    expires_at: datetime
    proof: Proof | None = None
    thumbprint: str | None = None
    networks: tuple[str, ...] = ()
    exception: str | None = None

    def __repr__(self) -> str:
        """Show the account only."""
        return f"NewAccount({self.account.name})"


def key_ends(expires_at: datetime, exception: KeyException | None, retires_at: datetime | None = None) -> datetime:
    """Return when a key stops counting: with its exception or as it retires, whatever else was said of it."""
    ends = expires_at if exception is None else min(expires_at, exception.expires_at)
    return ends if retires_at is None else min(ends, retires_at)


def key_status(now: datetime, expires_at: datetime, revoked_at: datetime | None) -> str:
    """Return `revoked`, `expired` or `active`, in that order of weight."""
    if revoked_at is not None:
        return "revoked"
    return "expired" if expires_at <= now else "active"


def key_expiry(now: datetime, days: float | None, limit_days: int) -> datetime:
    """Return when a key made now for `days` (None: the longest allowed) ends.

    Raises:
        ValueError: when `days` is under a minute or beyond the environment's limit.
    """
    if days is None:
        days = limit_days
    if not MIN_KEY_DAYS <= days <= limit_days:
        raise ValueError(f"a key here lives at least a minute and at most {limit_days} days")
    return now + timedelta(days=days)


def confirmation_of(key: Key) -> Confirmation | None:
    """Return what `key` is bound to, if it is."""
    if key.proof is None or key.thumbprint is None:
        return None
    return Confirmation(key.proof, base64.urlsafe_b64decode(key.thumbprint + "="))


def thumbprint_text(thumbprint: bytes) -> str:
    """Return a thumbprint as people and RFC 7800 write it."""
    return base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode("ascii")
