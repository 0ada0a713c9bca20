"""The rules of tier 0: patterns that find, and validators that confirm. One file a family; `base.py` says how a rule is written."""

from __future__ import annotations

from typing import Final

from strongroom.privacy.rules import addresses, bodies, contact, dates, keyed, money, numbers, phones, secrets
from strongroom.privacy.rules.base import Hit, Rule

PATTERNS: Final[tuple[Rule, ...]] = (
    *contact.RULES,
    *phones.RULES,
    *money.RULES,
    *numbers.RULES,
    *dates.RULES,
    *secrets.RULES,
    *keyed.RULES,
    *addresses.RULES,
    *bodies.RULES,
)

__all__ = ["PATTERNS", "Hit", "Rule"]
