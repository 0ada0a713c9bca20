"""Keys where no key should be: in trees, archives, images' layers, notebooks and logs. Needs no server.

Always true here:
- what is found is told by where it is, what it is and a digest; no message, report or exception holds it whole;
- a Strongroom key is one by its checksum, so a placeholder that looks like one is not reported;
- patterns are RE2's, so the time is linear in what is read, whoever wrote it;
- what an archive expands to is bounded, and what could not be read is told, never taken for clean.
"""

from strongroom.leaks.detect import Detector, Options
from strongroom.leaks.model import Hit, Report, Unreadable
from strongroom.leaks.scan import scan

__all__ = ["Detector", "Hit", "Options", "Report", "Unreadable", "scan"]
