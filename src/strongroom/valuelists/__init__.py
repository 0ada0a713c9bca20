"""Lists of a tenant's own values, customers' numbers and names of projects: kept as keyed hashes, found in what is asked and answered.

Always true here:
- a value is in the clear in the request that brings it and nowhere else: not in a row, the feed, a log, an answer or an error;
- a hash is an HMAC under a key of the tenant's own, derived for the list: without the vault it cannot be tested against a guess,
  two tenants' hashes of one value differ, and when the tenant's key is destroyed nothing is found by any copy of them;
- a list is the type `custom.NAME` of privacy rules; who cannot have its key answers no request of its tenant.
"""

from strongroom.valuelists.book import ListBook
from strongroom.valuelists.model import ValueList
from strongroom.valuelists.service import ValueLists

__all__ = ["ListBook", "ValueList", "ValueLists"]
