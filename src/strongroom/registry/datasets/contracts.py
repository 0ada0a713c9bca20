"""Holding rows against a contract."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from strongroom.privacy.matching import BadExpression, Pattern
from strongroom.registry.datasets.model import BadDataset, Column, Contract
from strongroom.registry.datasets.reading import Row, Value

_SPELLED: Final = {"true": True, "false": False}


class Held:
    """A contract, ready to hold rows against."""

    def __init__(self, contract: Contract) -> None:
        """Take a contract.

        Raises:
            BadDataset: when it names a label that it does not describe, or a pattern that is none.
        """
        self.contract: Final = contract
        self._patterns = dict[str, Pattern]()
        self._seen: dict[str, set[Value]] = {name: set() for name, column in contract.columns.items() if column.unique}
        if contract.label is not None and contract.columns and contract.label not in contract.columns:
            raise BadDataset("the contract's label is none of its columns")
        if contract.subject is not None and contract.columns and contract.subject not in contract.columns:
            raise BadDataset("the contract's subject is none of its columns")
        if contract.subject is not None and contract.subject == contract.label:
            raise BadDataset("the contract's subject is its label: a person is no label")
        for name, column in contract.columns.items():
            if column.pattern:
                try:
                    self._patterns[name] = Pattern(rf"^(?:{column.pattern})$")
                except (BadExpression, UnicodeEncodeError):
                    raise BadDataset(f"the contract's pattern of {name} is no RE2 pattern") from None

    @property
    def digest(self) -> str:
        """SHA-256 of the contract."""
        return hashlib.sha256(msgspec.json.encode(self.contract, order="sorted")).hexdigest()

    def breach(self, row: Row) -> str | None:
        """Return how a row breaks the contract, quoting none of its values; None when it keeps it."""
        columns = self.contract.columns
        if self.contract.closed and (more := sorted(set(row.values) - set(columns))):
            return f"columns that the contract does not name: {len(more)}"
        label = self.contract.label
        if label is not None and row.values.get(label) in {None, ""}:
            return "it has no label"
        for name, column in columns.items():
            if (said := self._column(name, column, row.values.get(name))) is not None:
                return f"{name}: {said}"
        return None

    def _column(self, name: str, column: Column, value: Value) -> str | None:  # noqa: PLR0911 - one answer a rule
        if value is None or value == "":
            return "it is missing" if column.required else None
        typed = _typed(column.type, value)
        if typed is None:
            return f"it is no {column.type}"
        if column.values and typed not in column.values:
            return "it is none of the values that are allowed"
        if isinstance(typed, str):
            if column.max_length is not None and len(typed) > column.max_length:
                return f"it has more than {column.max_length} characters"
            if (pattern := self._patterns.get(name)) is not None and pattern.match(_latin(typed)) is None:
                return "it does not match the pattern"
        elif (column.min is not None and typed < column.min) or (column.max is not None and typed > column.max):
            return "it is out of bounds"
        if (seen := self._seen.get(name)) is not None:
            if typed in seen:
                return "another row has the same"
            seen.add(typed)
        return None


def _latin(text: str) -> bytes:
    """Return a text as patterns see it: a letter beyond Latin-1 is byte 1, which no pattern is likely to mean."""
    return "".join(each if each <= "\xff" else "\x01" for each in text).encode("latin-1")


def _typed(wanted: str, value: Value) -> Value:  # noqa: PLR0911 - one answer a type
    """Return a value as the contract's type; None when it is none. Text may spell it: CSV has nothing else."""
    if wanted == "string":
        return value if isinstance(value, str) else None
    if wanted == "boolean":
        return value if isinstance(value, bool) else _SPELLED.get(value) if isinstance(value, str) else None
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if number != number or number in {float("inf"), float("-inf")}:  # noqa: PLR0124 - NaN is the one that differs from itself
        return None
    if wanted == "integer":
        return int(number) if number.is_integer() else None
    return number
