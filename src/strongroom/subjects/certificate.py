"""What an erasure or an export came to, as a document whose digest stands in the tenant's log.

Always true here:
- it says `erased` only when every holder has nothing left, the keys are destroyed and the search found nothing; else it says
  `incomplete`, and where something is;
- it says what was not looked at, and what it does not cover;
- a document is text: its digest is of exactly the bytes that people are handed. Fields are only ever added.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum, unique
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec

ERASURE: Final = "strongroom-erasure/1"
EXPORT: Final = "strongroom-subject-export/1"

NOT_COVERED: Final = (
    "What a caller sent without saying whose data it was: nothing looks for people in texts.",
    "What left: answers, exports, records of requests as they were handed to others, and what providers outside keep.",
    "The pseudonym in this certificate, and in the request and the holds that it is of, so that all of it can be shown.",
    "A worker's caches, which hold the last prompts until others take their place, and at the latest until it is started again.",
    "Copies of HOME/secrets, or of OpenBao's storage, from before: a key that is in one opens what it sealed.",
)
BACKUPS: Final = (
    "What was sealed under the destroyed keys is unreadable in every backup of the database, for the keys are in none. "
    "Pseudonyms in older backups stay there until these are deleted; a restore erases them again before the control API answers, "
    "from the list of erasures that is kept with the keys. Rows of data sets and training files are sealed under the tenant's key, not "
    "the person's: they stay readable in older backups of the content, and in what a backup that was killed left of it, until these are "
    "deleted; a restore gives them to nobody, and takes them out again."
)
_IN_THE_CLEAR: Final = (
    "Records of requests, rules, names and the audit log, which are not sealed: they hold no prompt and no answer, stand under "
    "row security, and go by their own rules of retention."
)
OF_A_TENANT: Final = (
    _IN_THE_CLEAR,
    "What left: answers, exports, and what providers outside keep.",
    "Copies of HOME/secrets, or of OpenBao's storage, from before: a key that is in one opens what it sealed.",
)
BACKUPS_OF_A_TENANT: Final = (
    "What was sealed under the tenant's key, and under every key that hangs from it, is unreadable in every backup of the "
    "database and of the content, for the key is in none."
)


@unique
class Verdict(StrEnum):
    """What it came to."""

    ERASED = "erased"
    INCOMPLETE = "incomplete"
    EXPORTED = "exported"


class PlaceErased(msgspec.Struct, frozen=True, kw_only=True):
    """One place: how much was found, how much of it was erased and how, and what is left."""

    name: str
    tables: tuple[str, ...]
    found: int
    erased: int
    left: int
    method: str


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that were destroyed, by what they sealed. `scope`: the subject's own, or the tenant's with all below it."""

    scope: str
    destroyed: tuple[str, ...]
    at: datetime
    keystore: str


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A table in which the search found something."""

    table: str
    rows: int


class Residual(msgspec.Struct, frozen=True, kw_only=True):
    """The search for what is left: for what, in which tables, which ones could not be searched, and what was found."""

    for_: tuple[str, ...] = msgspec.field(name="for")
    searched: tuple[str, ...]
    not_searched: tuple[str, ...]
    found: tuple[Left, ...]


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased, of whom, by whose request, and what that does not cover."""

    format: str = ERASURE
    verdict: Verdict
    tenant: UUID
    tenant_name: str
    scope: str
    subject: str | None
    request: UUID
    ticket: str
    requested_by: str
    requested_at: datetime
    confirmed_by: str | None
    erased_at: datetime
    places: tuple[PlaceErased, ...]
    keys: Keys
    residual: Residual
    not_covered: tuple[str, ...]
    backups: str


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a person (GDPR art. 15), place by place.

    Attributes:
        left_out: of which places there is more than is in it, and how much more: it is no whole copy then.
    """

    format: str = EXPORT
    tenant: UUID
    tenant_name: str
    subject: str
    request: UUID
    ticket: str
    exported_at: datetime
    places: dict[str, list[dict[str, Any]]]
    for_how_long: dict[str, str]
    not_covered: tuple[str, ...]
    left_out: dict[str, int] = {}


def verdict_of(places: tuple[PlaceErased, ...], residual: Residual) -> Verdict:
    """Return what an erasure whose keys are destroyed came to."""
    left = any(place.left for place in places) or bool(residual.found)
    return Verdict.INCOMPLETE if left else Verdict.ERASED


def text_of(document: Certificate | Export) -> str:
    """Return a document as the text that people are handed, and that is hashed."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def digest_of(text: str) -> str:
    """Return the digest that the log commits to, in hexadecimal."""
    return sha256(text.encode()).hexdigest()
