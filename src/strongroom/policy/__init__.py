"""Who may do what: the verbs, the policies, and the one gate that every transaction comes through.

Always true here:
- what is not permitted is refused; what cannot be decided is refused; a refusal that fails to apply is a refusal;
- no decision looks at anything but the principal, the action, the resource and the context it is given;
- nothing outside `gate.py` may ask the store for a transaction.
"""

from strongroom.policy.engine import NO_CONTEXT, Decision, Engine
from strongroom.policy.model import EVERY, Action, Kind, Resource, Sensitivity

__all__ = ["EVERY", "NO_CONTEXT", "Action", "Decision", "Engine", "Kind", "Resource", "Sensitivity"]
