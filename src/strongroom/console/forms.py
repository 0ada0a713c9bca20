"""What a browser sends: a small urlencoded form, read strictly, each field asked for by what it should be."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from strongroom.identity.model import Owner
from strongroom.kernel.ids import Name, parse_name
from strongroom.kernel.refusal import Refused, invalid

BODY_LIMIT: Final = 64 * 1024
_FIELDS: Final = 32
_TYPE: Final = "application/x-www-form-urlencoded"

Choice = TypeVar("Choice", bound=StrEnum)


def parse(content_type: str, body: bytes) -> dict[str, str]:
    """Return a form's fields.

    Raises:
        Refused: INVALID for another encoding, a long or broken body, or a field given twice.
    """
    if content_type.partition(";")[0].strip().lower() != _TYPE or len(body) > BODY_LIMIT:
        raise Refused(invalid("This is not a form of the console."))
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError:
        raise Refused(invalid("The form could not be read.")) from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refused(invalid("The form names a field twice."))
    return fields


class Form:
    """A form's fields by what they should be; each getter raises `Refused` INVALID naming the field."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields: Final = fields

    @property
    def entered(self) -> Mapping[str, str]:
        """What was typed, to show it again."""
        return self._fields

    def raw(self, field: str) -> str:
        """Return a field as it came, or nothing."""
        return self._fields.get(field, "")

    def name(self, field: str) -> Name:
        """Return the name of a tenant or workload."""
        try:
            return parse_name(self.raw(field).strip())
        except ValueError as error:
            rule = str(error)
            raise Refused(invalid(f"{rule[0].upper()}{rule[1:]}.", param=field)) from None

    def choice(self, field: str, choices: type[Choice]) -> Choice:
        """Return one of a few words."""
        try:
            return choices(self.raw(field))
        except ValueError:
            raise Refused(invalid(f"Choose one of: {', '.join(choices)}.", param=field)) from None

    def line(self, field: str, *, limit: int, required: bool = True) -> str:
        """Return one line of text without control characters."""
        text = self.raw(field).strip()
        if (required and not text) or len(text) > limit or not text.isprintable():
            least = "1" if required else "0"
            raise Refused(invalid(f"This is one line of {least} to {limit} characters.", param=field))
        return text

    def owner(self, field: str) -> str:
        """Return who answers for a thing."""
        text = self.raw(field).strip()
        try:
            return msgspec.convert(text, Owner)
        except msgspec.ValidationError:
            raise Refused(invalid("Name a person or team, in 1 to 200 characters.", param=field)) from None

    def days(self, field: str) -> float | None:
        """Return a number of days, or None for the longest allowed; its limit is the environment's to say."""
        text = self.raw(field).strip()
        if not text:
            return None
        try:
            days = float(text) if len(text) <= 8 and text.isascii() else 0.0  # noqa: PLR2004 - no day count is longer
        except ValueError:
            days = 0.0
        if not 0 < days < float("inf"):
            raise Refused(invalid("Give a number of days above zero, or leave it empty.", param=field))
        return days
