"""Which claims make somebody what: `CLAIM=VALUE -> ROLE [TENANT] [until DATE]`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Claims
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, cast

from strongroom.kernel.principal import Role

PEOPLE: Final = frozenset({Role.OPERATOR, Role.APPROVER, Role.TENANT_ADMIN, Role.AUDITOR, Role.TENANT_AUDITOR})
"""Roles that a person can have."""

OF_TENANT: Final = frozenset({Role.TENANT_ADMIN, Role.TENANT_AUDITOR})
"""Those that belong to one tenant."""

TIME_BOXED: Final = frozenset({Role.AUDITOR, Role.TENANT_AUDITOR})
"""Those whose end the installation says."""

_FORM: Final = re.compile(
    r"(?P<claim>[^\s=]{1,128})=(?P<value>\S[^\x00-\x1f]{0,255}?)\s*->\s*(?P<role>[a-z-]+)"
    r"(?:\s+(?P<tenant>[a-z0-9][a-z0-9.-]*))??(?:\s+until\s+(?P<until>\d{4}-\d\d-\d\d))?"
)
_RULE: Final = "write CLAIM=VALUE -> ROLE [TENANT] [until YYYY-MM-DD]"
_NOT_A_NAME: Final = re.compile(r"[^a-z0-9.-]+")
_LONGEST_NAME: Final = 48


class MappingError(ValueError):
    """A mapping cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line: whoever has this claim has that role. `until`: the moment at which it ends."""

    claim: str
    value: str
    role: Role
    tenant: str | None = None
    until: datetime | None = None

    def fits(self, claims: Claims[str, Any]) -> bool:
        """Whether a verified token has the claim, as its value or among its values."""
        found = claims.get(self.claim)
        if self.claim == "email" and claims.get("email_verified") is not True:
            return False  # at some providers anybody can write anybody's address into their profile
        if isinstance(found, list):
            return self.value in cast("list[object]", found)
        return isinstance(found, str) and found == self.value


def parse_mapping(text: str) -> Mapping:
    """Return one line of the settings.

    Raises:
        MappingError: when it is none, or gives a role that it may not.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise MappingError(_RULE)
    try:
        role = Role(match["role"])
        until = None if match["until"] is None else date.fromisoformat(match["until"])
    except ValueError:
        raise MappingError(_RULE) from None
    if role not in PEOPLE:
        raise MappingError(f"{role} is no role of a person's")
    if (role in OF_TENANT) != (match["tenant"] is not None):
        raise MappingError(f"{role} {'needs' if role in OF_TENANT else 'has no'} tenant")
    if role in TIME_BOXED and until is None:
        raise MappingError(f"{role} is time-boxed: say `until YYYY-MM-DD`")
    ends = None if until is None else datetime.combine(until + timedelta(days=1), time(0), UTC)
    return Mapping(match["claim"], match["value"], role, match["tenant"], ends)


def first_fitting(mappings: Iterable[Mapping], claims: Claims[str, Any], now: datetime) -> Mapping | None:
    """Return the first mapping that fits somebody and has not ended."""
    return next((each for each in mappings if each.fits(claims) and (each.until is None or now < each.until)), None)


def name_of(claims: Claims[str, Any], subject_digest: str) -> str:
    """Return what somebody is called in logs: a readable part that anybody could choose, and one that nobody can."""
    said = next(
        (claims[each] for each in ("preferred_username", "email") if isinstance(claims.get(each), str)), "person"
    )
    plain = _NOT_A_NAME.sub("-", cast("str", said).lower().partition("@")[0]).strip("-.") or "person"
    return f"{plain[:_LONGEST_NAME]}-{subject_digest[:8]}".replace("..", ".")
