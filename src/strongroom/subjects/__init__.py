"""What people may ask of their data: to see what is kept about them (GDPR art. 15), and to have it erased (art. 17).

Always true here:
- a person is known by their pseudonym under the tenant's key; the name that somebody looked up is kept nowhere;
- every place where data of a person may stand says so (`HOLDERS`), and every other table says why it holds none (`EXEMPT`);
- what a hold keeps is not erased: the database asks that by itself, in the functions that alone can erase;
- an erasure ends with a search for what is left, by a way that does not trust the holders, and its certificate says what that
  found: it never claims more than was seen;
- what was erased is listed outside every backup of the database, and is erased again when a restore brings it back.
"""

from strongroom.subjects.certificate import Certificate, Verdict
from strongroom.subjects.holder import Holder
from strongroom.subjects.model import Hold, HoldKind, Request, RequestKind, State
from strongroom.subjects.service import Subjects

__all__ = ["Certificate", "Hold", "HoldKind", "Holder", "Request", "RequestKind", "State", "Subjects", "Verdict"]
