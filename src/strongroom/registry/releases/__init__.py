"""Releases that people bring: received into quarantine, scanned, signed, kept, taken out and deleted.

Always true here:
- bytes come in through the control port, in chunks, from a credential that may bring a release there; nothing else writes
  to the store;
- what arrives is in quarantine until this installation's own scanner has called it clean, over the very bytes that were
  hashed on the way in; what it refuses is removed, and why is told to who brought it;
- a release is the installation's, or one tenant's own. The second kind is in tables and a store of that tenant alone: no
  other tenant can see it, meet its name or its digest, or tell from an answer that the same bytes are there;
- admitted is not approved: where it may serve is `admission`'s answer, as for every release;
- deleting frees files that nothing of the same owner refers to, and refuses while the release is deployed.
"""

from strongroom.registry.releases.keeping import Keeping, Shelf
from strongroom.registry.releases.model import NewRelease, Progress
from strongroom.registry.releases.overview import Overview
from strongroom.registry.releases.service import Releases

__all__ = ["Keeping", "NewRelease", "Overview", "Progress", "Releases", "Shelf"]
