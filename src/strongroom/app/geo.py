"""The geo source that the settings name, if they name one and it can be read."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from strongroom.identity.bindings import Geo

_log: Final = logging.getLogger(__name__)


def source(path: str | None) -> Geo | None:
    """Return the source. None: there is none, so no country is known, and keys that are bound to countries are refused."""
    if path is None:
        return None
    from strongroom.identity.geo import GeoFile  # noqa: PLC0415 - who has no such file has no use for its reader

    try:
        return GeoFile(Path(path))
    except ValueError as error:
        _log.error("%s; keys that are bound to countries are refused", error)
        return None
