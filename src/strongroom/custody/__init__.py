"""What keys reach and what they did: before one is ended, when scopes are looked over, and after one has leaked.

Always true here:
- what a key reaches is asked of the policies, deployment by deployment, as a request would be; nothing is guessed;
- what it did is read from records and from what the gateways noted: figures, names, addresses and times, no content;
- reading it is an act of its own, permitted and recorded as that.
"""

from strongroom.custody.model import PATIENCE, Impact, Patience, Review
from strongroom.custody.service import Custody

__all__ = ["PATIENCE", "Custody", "Impact", "Patience", "Review"]
