"""Just-in-time elevation: power over one tenant's matters, for minutes, by the word of two others.

Always true here:
- an elevation covers one tenant and named actions, at most an hour; its token does nothing else and ends by itself;
- two others approved exactly it, or the glass was broken: then it lasts half an hour at most, somebody is paged in the
  same transaction, and a review by another is due within a day and seen as owed until it is done;
- everything that is done under it stands in the logs with its ticket.
"""

from strongroom.identity.elevation.model import Elevated
from strongroom.identity.elevation.notices import Notices
from strongroom.identity.elevation.service import Elevations

__all__ = ["Elevated", "Elevations", "Notices"]
