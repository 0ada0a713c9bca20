"""An entry as the bytes that are logged: an OCSF API Activity (class 6003), in JSON, always the same for the same entry.

Always true here:
- fields stand in the order of definition, and there is no float: the same entry gives the same bytes on every machine;
- the format only grows: `metadata.log_version` names it, and what was logged once is read for ever;
- an event has at most 65,535 bytes, as a bundle of C2SP tlog-tiles gives a length in 16 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

import msgspec

from strongroom.audit.model import Entry, Outcome
from strongroom.audit.tlog.tiles import ENTRY_LIMIT
from strongroom.kernel.clock import rfc3339

VERSION: Final = "strongroom-audit/1"
OCSF: Final = "1.5.0"

_CLASS: Final = 6003
_CATEGORY: Final = 6
_INFORMATIONAL, _LOW, _MEDIUM = 1, 2, 3
_SUCCESS, _FAILURE = 1, 2
_OTHER: Final = 99
_EPOCH_MS: Final = 1000

_ACTIVITIES: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(("create", "add", "admit", "issue", "append", "open", "begin_epoch", "seal_records"), 1),
        **dict.fromkeys(("read", "list", "see", "show", "explain", "whoami", "read_platform", "export", "prove"), 2),
        **dict.fromkeys(("update", "write", "write_ceiling", "restore", "rotate", "promote", "recover"), 3),
        **dict.fromkeys(("delete", "revoke", "withdraw", "erase", "drop"), 4),
    }
)
"""OCSF `activity_id` of API Activity by the last word of an action: 1 create, 2 read, 3 update, 4 delete, 99 other."""


class Product(msgspec.Struct, frozen=True):
    """OCSF `product`."""

    name: str = "Strongroom"
    vendor_name: str = "Strongroom"


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """OCSF `metadata`."""

    version: str = OCSF
    log_version: str = VERSION
    product: Product = Product()
    uid: str


class User(msgspec.Struct, frozen=True, kw_only=True):
    """OCSF `user`: `role/name`, and the public id of the key that was shown."""

    name: str
    credential_uid: str


class Actor(msgspec.Struct, frozen=True):
    """OCSF `actor`."""

    user: User


class RequestUid(msgspec.Struct, frozen=True):
    """OCSF `request`."""

    uid: str


class Api(msgspec.Struct, frozen=True):
    """OCSF `api`."""

    operation: str
    request: RequestUid


class Subject(msgspec.Struct, frozen=True):
    """OCSF `resource_details`: the path of what it was about."""

    uid: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged. The order of these fields is part of the format."""

    metadata: Metadata
    category_uid: int = _CATEGORY
    class_uid: int = _CLASS
    activity_id: int
    type_uid: int
    severity_id: int
    time: int
    time_dt: str
    status_id: int
    status: str
    status_detail: str
    actor: Actor
    api: Api
    resources: tuple[Subject]
    unmapped: dict[str, str]


_DECODER: Final = msgspec.json.Decoder(Event)
_SEVERITY: Final = {Outcome.ALLOWED: _INFORMATIONAL, Outcome.REFUSED: _LOW, Outcome.FAILED: _MEDIUM}


def encode(entry: Entry) -> bytes:
    """Return the bytes that are logged for `entry`.

    Raises:
        ValueError: when they are more than a log takes; no entry that `Entry` lets through is.
    """
    activity = activity_of(entry.action)
    event = Event(
        metadata=Metadata(uid=str(entry.id)),
        activity_id=activity,
        type_uid=_CLASS * 100 + activity,
        severity_id=_SEVERITY[entry.outcome],
        time=_millis(entry.at),
        time_dt=rfc3339(entry.at),
        status_id=_SUCCESS if entry.outcome is Outcome.ALLOWED else _FAILURE,
        status=entry.outcome.value,
        status_detail=entry.reason,
        actor=Actor(User(name=entry.actor, credential_uid=entry.credential)),
        api=Api(entry.action, RequestUid(entry.request_id)),
        resources=(Subject(entry.resource),),
        unmapped=dict(entry.detail),
    )
    content = msgspec.json.encode(event)
    if len(content) > ENTRY_LIMIT:
        raise ValueError(f"an event has at most {ENTRY_LIMIT} bytes")
    return content


def activity_of(action: str) -> int:
    """Return OCSF's `activity_id` of an action."""
    return _ACTIVITIES.get(action.rpartition(".")[2], _OTHER)


def decode(content: bytes) -> Event:
    """Return what was logged.

    Raises:
        ValueError: when it is no event.
    """
    try:
        return _DECODER.decode(content)
    except msgspec.MsgspecError:
        raise ValueError("this is no event of an audit log") from None


def _millis(moment: datetime) -> int:
    """Return milliseconds since 1970 without a float on the way."""
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * _EPOCH_MS + moment.microsecond // _EPOCH_MS
