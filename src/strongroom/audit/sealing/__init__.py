"""Sealing: every entry gets its place in a log, every log gets signed heads, and an anchor binds all of them.

Always true here:
- one keeper seals at a time (a lock in the database), and a head moves only from where it was read (compare and set);
- what is sealed is sealed in one transaction: places, bytes, hashes and head, or nothing of it;
- a head is signed by the notary alone, which has a memory of its own and takes none that does not follow from its last;
- a log that the notary has seen further than the database has is *forked*: nothing is sealed there any more until an operator
  has it begin anew, as an epoch that names what it follows.
"""

from strongroom.audit.sealing.model import ANCHOR, BATCH, Ask, Head, Pulse, Trouble, Verdict
from strongroom.audit.sealing.notary import Notary, NotaryBroken
from strongroom.audit.sealing.sequencer import NotaryClient, Sequencer

__all__ = [
    "ANCHOR",
    "BATCH",
    "Ask",
    "Head",
    "Notary",
    "NotaryBroken",
    "NotaryClient",
    "Pulse",
    "Sequencer",
    "Trouble",
    "Verdict",
]
