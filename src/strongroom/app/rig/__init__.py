"""A real installation for tests, benches and drills: `strongroom up` as a user runs it, watched from outside.

Always true here:
- nothing of the product is replaced or reached into: it is started by its command, told by signals, read by its files;
- whoever started one is told what of it is left after it ended, by the kernel's account;
- one that is shared lives as long as anybody uses it, and ends by itself when they are gone, however they went.
"""

from __future__ import annotations

from strongroom.app.rig.installation import Ended, Installation, NotReadyError, Up, command_as
from strongroom.app.rig.processes import Process, family, living, outlive
from strongroom.app.rig.shared import shared, verdict
from strongroom.app.rig.traces import written

__all__ = [
    "Ended",
    "Installation",
    "NotReadyError",
    "Process",
    "Up",
    "command_as",
    "family",
    "living",
    "outlive",
    "shared",
    "verdict",
    "written",
]
