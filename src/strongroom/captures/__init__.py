"""Capture sessions: raw requests and answers of one model of one tenant, for minutes, by the word of two others.

Always true here:
- nothing raw is kept but in a session; a session covers one tenant, one environment and one model, a share of its requests, at
  most an hour and at most so many bytes, and ends by itself;
- two others approved exactly it; that it began, for which ticket and why, stands in the tenant's own log, and the tenant's
  administrators see it and can stop it;
- what is captured is sealed under the tenant's key for this use alone, and goes by the rule of the tier `investigation`;
- it is read one entry at a time, under an elevation that names that, and each reading is an entry of the tenant's log.
"""

from strongroom.captures.book import Captures
from strongroom.captures.documents import CaptureDocument
from strongroom.captures.model import Captured, Session, Wanted

__all__ = ["CaptureDocument", "Captured", "Captures", "Session", "Wanted"]
