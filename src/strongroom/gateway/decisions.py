"""What the rules came to for one request, short enough to stand in its record.

For each kind of rules a fingerprint of what held: with the documents, which are kept in every version, it can be shown
later what a caller was allowed then, and two requests that were decided alike say so.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from strongroom.rules import Terms
from strongroom.rules.kinds import KINDS
from strongroom.rules.limits import FREE, LIMITS, Price
from strongroom.rules.records import RECORDS, RecordsMode

_MOST: Final = 4096
_DIGITS: Final = 16


class Stamp(msgspec.Struct, frozen=True):
    """What is the same in the record of every request that the same terms hold for.

    Attributes:
        rules_version: digest of the tenant's rules; empty: none.
        decisions: a JSON object: the mode of the records, and a fingerprint of what held of every other kind.
        mode: how surely records are kept.
        price: what the model costs.
    """

    rules_version: str
    decisions: str
    mode: RecordsMode
    price: Price


BARE: Final = Stamp("", "{}", "bounded", FREE)
"""Where no terms are known."""


class Decisions:
    """Says what terms come to, once for each terms."""

    def __init__(self) -> None:
        self._said: Final[dict[Terms, Stamp]] = {}

    def of(self, terms: Terms | None) -> Stamp:
        """Return what a record says of `terms`."""
        if terms is None:
            return BARE
        said = self._said.get(terms)
        if said is None:
            if len(self._said) >= _MOST:
                self._said.clear()
            said = self._said[terms] = Stamp(terms.version, _say(terms), terms.of(RECORDS).mode, terms.of(LIMITS).price)
        return said


def _say(terms: Terms) -> str:
    held = {name: _fingerprint(terms.of(kind)) for name, kind in KINDS.items()}
    held[RECORDS.name] = terms.of(RECORDS).mode
    return msgspec.json.encode(held, order="sorted").decode()


def _fingerprint(terms: object) -> str:
    return hashlib.sha256(msgspec.json.encode(terms, order="deterministic")).hexdigest()[:_DIGITS]
