"""Who may do what: the verbs, the policies, and the one gate that every transaction comes through.

Always true here:
- what is not permitted is refused; what cannot be decided is refused; a refusal that fails to apply is a refusal;
- no decision looks at anything but the principal, the action, the resource and the context it is given;
- nothing outside `gate.py` may ask the store for a transaction.
"""

from strongroom.policy.engine import NO_CONTEXT, Decides, Decision, Engine, PolicyError
from strongroom.policy.events import EntryLost, Passed
from strongroom.policy.freshness import FRESH_PROOF, FRESH_S
from strongroom.policy.gate import Gate
from strongroom.policy.logs import LogReader
from strongroom.policy.model import EVERY, KNOWN_BY, Action, BadId, Kind, Resource, Sensitivity
from strongroom.policy.narrowing import Beside, Narrowing
from strongroom.policy.reading import AuditReader
from strongroom.policy.recorder import Ask
from strongroom.policy.taking import Surface, octets_of

__all__ = [
    "EVERY",
    "FRESH_PROOF",
    "FRESH_S",
    "KNOWN_BY",
    "NO_CONTEXT",
    "Action",
    "Ask",
    "AuditReader",
    "BadId",
    "Beside",
    "Decides",
    "Decision",
    "Engine",
    "EntryLost",
    "Gate",
    "Kind",
    "LogReader",
    "Narrowing",
    "Passed",
    "PolicyError",
    "Resource",
    "Sensitivity",
    "Surface",
    "octets_of",
]
