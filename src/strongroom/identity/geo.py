"""A source of countries and networks' operators: a MaxMind DB file, as MaxMind, DB-IP, IPinfo and others publish them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

import maxminddb

_MOST_REMEMBERED: Final = 65_536


class GeoFile:
    """One file, read into memory when the process starts. It is not looked at again until the next start."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            ValueError: when it is none, or cannot be read.
        """
        try:
            self._reader: Any = maxminddb.open_database(path, maxminddb.MODE_MEMORY)  # pyright: ignore[reportUnknownMemberType]  # half typed
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            raise ValueError(f"the geo database {path} cannot be read: {error}") from None
        self._known: dict[str, tuple[str, str]] = {}

    def country(self, address: str) -> str:
        """Return the ISO 3166 code of an address's country, or nothing when it is not known."""
        return self._look(address)[0]

    def network(self, address: str) -> str:
        """Return `AS` and the number of an address's autonomous system, or nothing when it is not known."""
        return self._look(address)[1]

    def _look(self, address: str) -> tuple[str, str]:
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            known = self._known[address] = self._found(address)
        return known

    def _found(self, address: str) -> tuple[str, str]:
        try:
            found: Any = self._reader.get(address)
        except ValueError:  # no address: a unix socket
            return "", ""
        if not isinstance(found, dict):
            return "", ""
        record = cast("dict[str, Any]", found)
        code: Any = record.get("country")
        if isinstance(code, dict):
            code = cast("dict[str, Any]", code).get("iso_code")
        number: Any = record.get("autonomous_system_number")
        return (code if isinstance(code, str) else ""), (f"AS{number}" if isinstance(number, int) else "")
