"""What a derivative's record of transformation must say for the link to its parent to be believed."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from strongroom.kernel.refusal import Refused, invalid
from strongroom.registry.datasets.model import Derived, Manifest

MOST_BYTES: Final = 256 * 1024


class _Side(msgspec.Struct, frozen=True):
    sha256: str


class _File(msgspec.Struct, frozen=True):
    input: _Side
    output: _Side


class _Record(msgspec.Struct, frozen=True):
    """What is read of the record that `strongroom deidentify` writes."""

    tool: str
    action: str
    files: list[_File]


def derived_from(parent: Manifest, record: bytes, sent: str) -> Derived:
    """Return how a data set was made from another: its record names the digests of both ends.

    Raises:
        Refused: INVALID when the record is none, or about other data.
    """
    if len(record) > MOST_BYTES:
        raise Refused(invalid("The record of a transformation is shorter.", param="transformation"))
    try:
        found = msgspec.json.decode(record, type=_Record)
    except msgspec.MsgspecError:
        tell = "A derivative comes with the record of its transformation, as `strongroom deidentify` writes it."
        raise Refused(invalid(tell, param="transformation")) from None
    ends = {f"sha256:{each}" for each in (parent.sent, parent.rows)}
    if not any(each.input.sha256 in ends and each.output.sha256 == f"sha256:{sent}" for each in found.files):
        tell = f"The record is not of what was made from {parent.name}@{parent.version}: its digests are others."
        raise Refused(invalid(tell, param="transformation"))
    how = f"{found.tool}: {found.action}"
    return Derived(parent=parent.digest, how=how[:200], record=hashlib.sha256(record).hexdigest())
