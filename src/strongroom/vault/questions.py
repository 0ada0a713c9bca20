"""What processes may ask their supervisor of the keystore, and what they are told.

Always true here:
- a grant opens what it names, and nothing else; a subject is named where one is meant, and nowhere else;
- no question shows its token, and no answer a key, when it is written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

import msgspec

from strongroom.vault.keystore import Condition, Use, is_filed_name, is_unit
from strongroom.vault.signing import SigningKeyState, is_signing_name
from strongroom.vault.subjects import is_subject

FILED: Final = frozenset({"secret", "put_secret", "drop_secret"})
SIGNING: Final = frozenset({"signing_keys", "make_signing_key", "turn_signing_key", "sign"})


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a process asks."""

    token: bytes
    verb: Literal[
        "open",
        "renew",
        "turn",
        "rewrap",
        "destroy",
        "check",
        "condition",
        "destroy_subject",
        "erased",
        "secret",
        "put_secret",
        "drop_secret",
        "settle",
        "dissolve",
        "signing_keys",
        "make_signing_key",
        "turn_signing_key",
        "sign",
    ]
    tenant: UUID = UUID(int=0)
    use: str = ""
    most: int = 0
    subject: str = ""
    make: bool = True
    name: str = ""
    version: int | None = None
    content: bytes = b""
    unit: str = ""
    at: float | None = None

    def __repr__(self) -> str:
        """Show no token."""
        return f"Question({self.verb})"


class Answer(msgspec.Struct, frozen=True):
    """What it is told: a field that its verb has, or why not."""

    no: Literal["", "unavailable", "unfit", "destroyed", "refused"] = ""
    why: str = ""
    incarnation: str = ""
    generations: dict[int, bytes] = {}
    current: int = 0
    left: int = 0
    condition: Condition | None = None
    uses: list[str] = []
    erased: dict[str, float] = {}
    version: int = 0
    content: bytes = b""
    signing: list[SigningKeyState] = []

    def __repr__(self) -> str:
        """Show no key."""
        return f"Answer({self.no})"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a process may ask: tenants' keys of these uses, subjects' keys of those, and to manage them if it `manages`."""

    uses: frozenset[Use]
    manages: bool = False
    of_subjects: frozenset[Use] = frozenset()

    def lets(self, question: Question) -> bool:
        """Whether a question is one that this process may ask. A subject is named where one is meant, and nowhere else."""
        if question.subject and not is_subject(question.subject):
            return False
        if question.verb == "open":
            return question.use in (self.of_subjects if question.subject else self.uses)
        if question.verb in FILED:
            may = self.manages or question.verb == "secret"
            return may and not question.subject and question.use in self.uses and is_filed_name(question.name)
        if question.verb in SIGNING:
            every = question.verb == "signing_keys" and not question.name
            return self.manages and not question.subject and (every or is_signing_name(question.name))
        if question.verb in {"settle", "dissolve"} and not is_unit(question.unit):
            return False
        return self.manages and (question.subject != "") == (question.verb == "destroy_subject")
