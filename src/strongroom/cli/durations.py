"""Lengths of time as people write them: `90s`, `30m`, `24h`, `3d`."""

from __future__ import annotations

import re
from typing import Final

from strongroom.cli.failures import usage

_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION: Final = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)([smhd]?)", re.ASCII)


def seconds(text: str, option: str) -> float:
    """Return `text` in seconds.

    Raises:
        Failure: naming the option, when it is no length of time.
    """
    match = _DURATION.fullmatch(text)
    if match is None or (not match[2] and float(match[1]) != 0):
        raise usage(f"{option} takes a length of time, and this is none.", "Write it like 90s, 30m, 24h or 3d.")
    return float(match[1]) * _UNITS[match[2]]
