"""Canaries that were planted: which, where, by whom, and until when each is recognised.

Always true here:
- a deployment has one word in its instructions at a time; a new one takes its place and the old one is recognised for as long as
  was said, so what was copied before is still known when it turns up;
- gateways learn of each change as of any other, and of all tenants: one that comes out in another tenant's answer is a breach;
- the audit log names canaries by their ids, never by their words.
"""

from strongroom.canaries.book import NOTHING, CanaryBook, Planted
from strongroom.canaries.service import CanaryService

__all__ = ["NOTHING", "CanaryBook", "CanaryService", "Planted"]
