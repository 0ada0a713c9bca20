"""A tenant's rules as typed documents: what it may use up, be shown, call, sign and keep.

Always true here:
- a document is validated whole, versioned, and kept with who wrote it; none is ever changed in place;
- an operator's document for a tenant is the ceiling; the tenant's own can only narrow it;
- where no document speaks, the least is allowed;
- resolving documents to what holds for one caller and one model is pure.
"""

from strongroom.rules.documents import Rulebook
from strongroom.rules.kind import FieldKind, Kind, Said
from strongroom.rules.kinds import KINDS
from strongroom.rules.model import DocumentError, Level, Rule, Subject, Version
from strongroom.rules.resolve import Standing, Terms
from strongroom.rules.service import Rules

__all__ = [
    "KINDS",
    "DocumentError",
    "FieldKind",
    "Kind",
    "Level",
    "Rule",
    "Rulebook",
    "Rules",
    "Said",
    "Standing",
    "Subject",
    "Terms",
    "Version",
]
