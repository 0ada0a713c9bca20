"""Who exists and who is asking: tenants, environments, workloads, keys, accounts.

Always true here:
- a credential holds one role, belongs to one workload or account, has an owner and an expiry, and is kept as a keyed
  fingerprint only: its text exists once, in the answer that made it;
- a `Principal` comes out of `Directory.authenticate` and from nowhere else;
- every change and the notice that tells the gateways of it commit together, so a revocation cannot be lost;
- a name can be used again after deletion, an id never: what belonged to the old tenant stays dead.
"""

from strongroom.identity.accounts import Accounts
from strongroom.identity.directory import Directory
from strongroom.identity.door import Door
from strongroom.identity.finding import Finder
from strongroom.identity.model import Account, Delivery, Environments, Key, KeyException, NewKey, Tenant, Workload
from strongroom.identity.service import Identity

__all__ = [
    "Account",
    "Accounts",
    "Delivery",
    "Directory",
    "Door",
    "Environments",
    "Finder",
    "Identity",
    "Key",
    "KeyException",
    "NewKey",
    "Tenant",
    "Workload",
]
