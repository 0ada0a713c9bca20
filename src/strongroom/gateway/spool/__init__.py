"""A local, append-only spool: where records wait between a request and PostgreSQL.

Always true here:
- a frame is in the spool whole or not at all: length and checksum say which, and a torn tail is cut off when it is read;
- nothing here holds content: frames are the structs of `frames.py`, and those have figures and names only;
- the event loop never touches the disk but for one counter: a thread writes, and one `fdatasync` serves all who wait;
- what was handed over and could not be kept is counted, per tenant, and the count survives the process (`mark.py`);
- a frame has a number; one that is met a second time is the first one again.

A directory belongs to one life of one process, which holds its lock. Whoever gets the lock of another reads what a
dead one left (`recorder.py`).
"""

from strongroom.gateway.spool.frames import Closed, Denied, Lost, Opened
from strongroom.gateway.spool.segments import Place
from strongroom.gateway.spool.spool import Bounds, Spool, SpoolBroken

__all__ = ["Bounds", "Closed", "Denied", "Lost", "Opened", "Place", "Spool", "SpoolBroken"]
