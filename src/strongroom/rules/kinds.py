"""Every kind of document there is. To add one: write it in a file of its own and name it here."""

from __future__ import annotations

from typing import Any, Final

from strongroom.rules.access import ACCESS
from strongroom.rules.approval import APPROVAL
from strongroom.rules.disclosure import DISCLOSURE
from strongroom.rules.exports import EXPORTS
from strongroom.rules.kind import Kind
from strongroom.rules.limits import LIMITS
from strongroom.rules.policy import POLICY
from strongroom.rules.privacy import PRIVACY
from strongroom.rules.records import RECORDS
from strongroom.rules.residency import RESIDENCY
from strongroom.rules.retention import RETENTION
from strongroom.rules.signing import SIGNING
from strongroom.rules.tools import TOOLS

_ALL: Final[tuple[Kind[Any, Any], ...]] = (
    DISCLOSURE,
    TOOLS,
    LIMITS,
    SIGNING,
    RECORDS,
    RESIDENCY,
    ACCESS,
    POLICY,
    PRIVACY,
    APPROVAL,
    RETENTION,
    EXPORTS,
)

KINDS: Final[dict[str, Kind[Any, Any]]] = {kind.name: kind for kind in _ALL}
"""By name, in the order in which they are shown."""

CEDAR: Final = frozenset({ACCESS.name, POLICY.name})
"""Kinds whose documents are policies."""
