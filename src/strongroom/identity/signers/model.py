"""What may be known of a signer, and how long one lives."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.principal import Environment

MAX_DAYS: Final = 365
DEFAULT_DAYS: Final = 90
"""Longer than a key lives: what a signing key can do never travels, so there is less of it to lose."""


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """A workload's public key. `id` is what signatures name as `keyid`; `public_key` is PEM."""

    id: str
    environment: Environment
    workload: str
    algorithm: str
    label: str
    owner: str
    created_at: datetime
    expires_at: datetime
    status: str
    """`active`, `expired` or `revoked`."""
    public_key: str
    revoked_at: datetime | None = None
    revoked_reason: str | None = None


class SignerDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag="signer/1"):
    """What the feed tells of a signer: whose it is and its SubjectPublicKeyInfo. It counts until `expires_at` (Unix seconds)."""

    workload: UUID
    public_key: bytes
    expires_at: float


def ends(now: datetime, days: float | None) -> datetime:
    """Return when a signer made now for `days` ends."""
    return now + timedelta(days=DEFAULT_DAYS if days is None else days)
