"""One line of the audit log.

Always true here:
- an entry is frozen, and every text in it is short, printable and on one line: it cannot forge a second line;
- an entry never holds content, and never anything that looks like a Strongroom key: such a value is refused here, not
  masked later, because an audit log cannot be cleaned;
- no floats anywhere: what is hashed one day must encode to the same bytes on every machine.

The fields are those of an OCSF API Activity (class 6003), flattened; each says which one it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final
from uuid import UUID

TEXT_LIMIT: Final = 512
"""The longest text an entry takes, in characters."""

DETAIL_LIMIT: Final = 16
"""The most facts an entry's detail takes."""

_VALUE_LIMIT: Final = 256
_FACT: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KEY: Final = re.compile(r"srk_\w*", re.IGNORECASE)


@unique
class Outcome(StrEnum):
    """What became of a request (OCSF `status`)."""

    ALLOWED = "allowed"  # permitted, and done: it stands in the transaction of the change
    REFUSED = "refused"  # not permitted, or answered with a no; nothing was changed
    FAILED = "failed"  # permitted, but a fault undid it


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that was asked, and what became of it.

    Attributes:
        id: version 7 UUID, so that entries sort by time (`metadata.uid`).
        at: when, aware, UTC (`time`).
        actor: `role/name` of the caller (`actor.user`).
        credential: the public id of the key that was shown (`actor.user.credential_uid`).
        action: the verb (`api.operation`).
        resource: the path of what it was about (`resources[0].uid`).
        outcome: what became of it (`status`).
        reason: why, for the operator; empty when there is nothing to add (`status_detail`).
        request_id: what the caller was told to quote (`api.request.uid`).
        detail: a few short facts (`unmapped`).
    """

    id: UUID
    at: datetime
    actor: str
    credential: str
    action: str
    resource: str
    outcome: Outcome
    reason: str = ""
    request_id: str = ""
    detail: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Refuse what must never reach the log.

        Raises:
            ValueError: naming the field, never its value.
        """
        if self.at.tzinfo is None:
            raise ValueError("an audit entry needs an aware time")
        for name in ("actor", "credential", "action", "resource", "reason", "request_id"):
            _check(name, getattr(self, name), TEXT_LIMIT)
        object.__setattr__(self, "detail", check_detail(self.detail))


def check_detail(detail: Mapping[str, str]) -> Mapping[str, str]:
    """Return a read-only copy of `detail`, in the order of its names.

    Raises:
        ValueError: when it has more than 16 facts, or one that is no plain short text or looks like a key.
    """
    if len(detail) > DETAIL_LIMIT:
        raise ValueError(f"an audit entry takes at most {DETAIL_LIMIT} facts")
    for name, value in detail.items():
        if not _FACT.fullmatch(name):
            raise ValueError("a fact's name is 1 to 40 of a-z, 0-9 and '_', starting with a letter")
        _check(name, value, _VALUE_LIMIT)
    return MappingProxyType(dict(sorted(detail.items())))


def plain(text: str) -> str:
    """Return `text` made fit for an entry: keys masked, on one printable line, at most 512 characters.

    For reasons that come out of a library or a refusal. What a room writes itself should fit without this.
    """
    masked = _KEY.sub("[key]", text)
    line = "".join(character if character.isprintable() else " " for character in masked)
    return line if len(line) <= TEXT_LIMIT else f"{line[: TEXT_LIMIT - 1]}…"


def _check(name: str, value: object, limit: int) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{name} of an audit entry must be text")  # noqa: TRY004 - one error for one broken rule
    if len(value) > limit or not value.isprintable():
        raise ValueError(f"{name} of an audit entry must be one printable line of at most {limit} characters")
    if _KEY.search(value):
        raise ValueError(f"{name} of an audit entry looks like a key")
