"""Finds personal data and secrets in text, and says what becomes of them. No I/O, no clock, no global state.

Always true here:
- Detection is a pure function of the text: spans of the original's exact characters, with a type, a confidence and a reason that
  quotes nothing.
- No backtracking pattern ever runs on a user's text (`matching.py`); the time is linear in the text.
- A later tier adds spans and takes none away.
- A stream lets nothing go that could still become part of a span, and comes to the same whatever its chunks are (`stream.py`).
"""

from __future__ import annotations

from strongroom.privacy.engine import Engine, every_kind
from strongroom.privacy.kinds import CUSTOM, DEFAULT_KINDS, KINDS, Classification, Kind, classification
from strongroom.privacy.model import Detector, Span, Tier, resolve

__all__ = [
    "CUSTOM",
    "DEFAULT_KINDS",
    "KINDS",
    "Classification",
    "Detector",
    "Engine",
    "Kind",
    "Span",
    "Tier",
    "classification",
    "every_kind",
    "resolve",
]
