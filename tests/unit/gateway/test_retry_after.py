"""For how long a provider asks to be left alone, as it says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from strongroom.gateway.attempt import _wait_of

NOW = b"Fri, 27 Nov 2026 11:00:00 GMT"


@dataclass
class Said:
    after: bytes | None
    date: bytes | None = NOW

    def header(self, name: bytes) -> bytes | None:
        return self.after if name == b"retry-after" else self.date


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (Said(b"7"), 7.0),
        (Said(b" 120 "), 120.0),
        (Said(b"Fri, 27 Nov 2026 11:00:30 GMT"), 30.0),
        (Said(b"Friday, 27-Nov-26 11:01:00 GMT"), 60.0),  # RFC 850, which recipients must read
        (Said(b"Fri, 27 Nov 2026 10:00:00 GMT"), 0.0),
        (Said(b"Fri, 27 Nov 2026 11:00:30 GMT", date=None), None),  # against our own clock it would mean anything
        (Said(b"Fri, 27 Nov 2026 11:00:30 GMT", date=b"now"), None),
        (Said(b"soon"), None),
        (Said(b"-5"), None),
        (Said(b"\xff"), None),
        (Said(b"9999999999"), None),
        (Said(None), None),
    ],
)
def test_retry_after_is_read_in_both_of_its_forms(said: Any, seconds: float | None) -> None:
    assert _wait_of(said) == seconds
