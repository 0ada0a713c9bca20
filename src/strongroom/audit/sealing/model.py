"""Values of sealing: heads of logs, what the notary is asked and answers, and how things stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.ids import TenantId

ANCHOR: Final = TenantId(UUID(int=(1 << 128) - 1))
"""Stands in the tenant's place for the anchor log. No tenant can have it: ids are version 7."""

BATCH: Final = 1024
"""The most entries that one transaction seals."""


@unique
class Trouble(StrEnum):
    """What stands in the way of sealing or signing."""

    NONE = ""
    NOTARY = "notary"  # it does not answer
    FORKED = "forked"  # it has signed more than the database has, or something else
    CONTENDED = "contended"  # another keeper holds the lock
    FAULT = "fault"  # the database, the disk, or a bug


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the logs stand.

    Attributes:
        sound_for_s: how long ago everything that had been written by then was sealed and signed; None: never, or the clock
            of the database was set back.
        trouble: what stands in the way.
        said: about it, for an operator.
        vkey: the installation's verifier key; empty before the first start.
    """

    sound_for_s: float | None
    trouble: Trouble
    said: str
    vkey: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A log as the database has it."""

    tenant: TenantId
    epoch: int
    origin: str
    blind: bytes
    size: int
    root: bytes
    signed_size: int
    note: str | None
    begun_at: datetime


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """The first entry of a log that begins anew, with the path that shows it to be the first."""

    entry: bytes
    path: tuple[bytes, ...]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A head that the notary is asked to sign.

    Attributes:
        origin: the log's name.
        size: how many entries it has.
        root: over them.
        old: the size of the head that `proof` begins with.
        proof: that the log with this head begins with that one.
        begins: for a log that follows another.
    """

    origin: str
    size: int
    root: bytes
    old: int
    proof: tuple[bytes, ...] = ()
    begins: Beginning | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the notary says of one head: the signed note, or why not.

    Attributes:
        note: the signed checkpoint, empty if it was refused.
        known: the size that the notary has signed before, None if it knows no such log.
        root: of that size.
        why: the refusal: `stale` (ask again with a proof from `known`), or `forked`, or `malformed`.
    """

    note: str = ""
    known: int | None = None
    root: bytes = b""
    why: str = ""
