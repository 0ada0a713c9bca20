"""A key has leaked: what is done at once, what it could reach and did, and the cause, which must be found.

Always true here:
- the key is dead before anything else is tried; whatever fails afterwards leaves it dead;
- an incident is closed by a cause and by nothing else; until then every list shows it;
- new keys leave in deliveries only: a report that is passed around holds none.
"""

from strongroom.custody.incidents.model import Incident
from strongroom.custody.incidents.service import Incidents

__all__ = ["Incident", "Incidents"]
