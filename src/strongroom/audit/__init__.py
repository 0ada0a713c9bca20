"""What was asked, and what became of it: entries that are appended and never changed, in logs that can be proven.

Always true here:
- the entry of a change is written in the transaction of the change;
- entries hold who, what, when and the outcome; never content, never a secret;
- each entry gets one place in one log (`sealing`), and what a log is made of is mathematics without I/O (`tlog`).
"""

from strongroom.audit.model import DETAIL_LIMIT, TEXT_LIMIT, Entry, Outcome, check_detail, plain
from strongroom.audit.sealing.model import ANCHOR, Pulse, Trouble
from strongroom.audit.strangers import Strangers
from strongroom.audit.tables import PAGE_LIMIT, append, append_as_keeper, append_batch, append_platform, recent

__all__ = [
    "ANCHOR",
    "DETAIL_LIMIT",
    "PAGE_LIMIT",
    "TEXT_LIMIT",
    "Entry",
    "Outcome",
    "Pulse",
    "Strangers",
    "Trouble",
    "append",
    "append_as_keeper",
    "append_batch",
    "append_platform",
    "check_detail",
    "plain",
    "recent",
]
