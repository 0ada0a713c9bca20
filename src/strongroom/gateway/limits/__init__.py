"""Limits as threat controls: reserved before a model is asked, settled after with what was used.

Always true here:
- a unit is counted in the database before a process has it, so what processes spend together is never more than was
  handed out, whatever dies at whatever moment; what dies with a process was used;
- a process keeps at most a share of each counter, so in any time T all of them together use at most
  burst + rate x T + processes x share (`shares.keep_of`; the how-to states it for people);
- no SQL and no wait while the share lasts; when it does not, one round for all who wait, bounded in time;
- a database that does not answer widens nothing: what is held may be used up, then requests are refused;
- counters are named by tenant, workload, model or environment, and by a key only where a rule says so.
"""

from strongroom.gateway.limits.claim import Claim, claim_of
from strongroom.gateway.limits.leases import Leases
from strongroom.gateway.limits.ledger import Ledger, Reservation
from strongroom.gateway.limits.meter import Meter

__all__ = ["Claim", "Leases", "Ledger", "Meter", "Reservation", "claim_of"]
