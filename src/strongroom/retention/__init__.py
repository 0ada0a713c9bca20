"""How long things are kept: rules by class and tenant, holds and exceptions, and what was dropped.

Always true here:
- nothing is dropped without a rule, within its days, or while anything holds it; the database asks that by itself, in the one
  function that can remove a record;
- what is dropped is written into the tenant's log in the transaction of the drop: how many rows, of which day, and the root over
  them, so that the notary signs it;
- records are summed up before they go, into figures that name nobody; a day that is not summed up is not dropped;
- every table of the database says here how long its rows are kept; one that does not fails the tests.
"""

from strongroom.retention.model import Due, Hold, HoldKind, Manifest, Status, TenantRule
from strongroom.retention.service import Retention

__all__ = ["Due", "Hold", "HoldKind", "Manifest", "Retention", "Status", "TenantRule"]
