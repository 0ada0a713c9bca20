"""A key's successor: made beside it, handed over once, and the old one's end.

Always true here:
- a key has one successor at most, of the same workload, role, owner and exception: what is limited by workload is limited
  as before;
- the old key counts for its overlap and no longer, and is known to be old to whoever uses it meanwhile;
- a delivery carries its key sealed under its own text, which is kept nowhere: a copy of the database opens none;
- what a delivery carried is gone with its first opening, in the transaction that opens it.
"""

from strongroom.identity.rotation.model import MAX_OVERLAP_S, Rotated
from strongroom.identity.rotation.service import Rotation

__all__ = ["MAX_OVERLAP_S", "Rotated", "Rotation"]
