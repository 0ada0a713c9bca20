"""Documents of rules: what one says, whom each of its rules is for, and which version of it holds.

Always true here:
- a rule is for everybody whom none of its selectors leaves out; a selector that is not given leaves nobody out;
- the order of rules in a document means nothing: of those that fit, the most closely aimed one speaks first;
- a document that cannot be read whole is refused whole, and is told where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Environment, Principal

MAX_RULES: Final = 200
MAX_BYTES: Final = 48 * 1024
"""The most a document may have, as canonical JSON; a body of the control API holds it with room to spare."""

NamePattern: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=63, pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$(?!\n)")
]
KeyPattern: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-z]{16}$(?!\n)")]
Title: TypeAlias = Annotated[str, Meta(max_length=100, pattern=r"^[ -~]*$(?!\n)")]
WorkloadRole: TypeAlias = Literal["inference", "evaluation", "ingestion", "training", "support", "notebook"]


@unique
class Level(StrEnum):
    """Whose word a document is."""

    DEFAULT = "default"  # the operator's, for every tenant without a ceiling of its own
    CEILING = "ceiling"  # the operator's, for one tenant, in the default's place
    OWN = "own"  # the tenant administrator's: it only narrows what the two above allow


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule of a document: whom it is for. What it says is added by each kind.

    Attributes:
        name: what it is told by; no two of a document have the same.
        environments: dev, test, prod.
        roles: of workloads.
        models: deployments by name, as callers ask for them.
        workloads: by name.
        keys: by public id.
    """

    name: Title = ""
    environments: tuple[Environment, ...] = ()
    roles: tuple[WorkloadRole, ...] = ()
    models: tuple[NamePattern, ...] = ()
    workloads: tuple[NamePattern, ...] = ()
    keys: tuple[KeyPattern, ...] = ()

    def fits(self, subject: Subject) -> bool:
        """Whether this rule is for `subject`."""
        return (
            (not self.environments or subject.environment in self.environments)
            and (not self.roles or subject.role in self.roles)
            and (not self.models or subject.model in self.models)
            and (not self.workloads or subject.workload in self.workloads)
            and (not self.keys or subject.key in self.keys)
        )

    @property
    def aim(self) -> int:
        """How closely it is aimed: by key closest, then by workload, model, role and environment."""
        given = (self.keys, self.workloads, self.models, self.roles, self.environments)
        return sum(1 << place for place, selector in enumerate(reversed(given)) if selector)

    @property
    def whom(self) -> str:
        """Say whom it is for, in plain words."""
        given = {
            "key": self.keys,
            "workload": self.workloads,
            "model": self.models,
            "role": self.roles,
            "environment": self.environments,
        }
        said = [f"{what} {' or '.join(selector)}" for what, selector in given.items() if selector]
        return ", ".join(said) or "everybody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom and what is asked about: a caller and the deployment that it asks."""

    environment: Environment
    role: str
    workload: str
    key: KeyId
    model: str

    @classmethod
    def of(cls, who: Principal, model: str) -> Subject:
        """Return the subject that a workload asking `model` is.

        Raises:
            ValueError: for a caller that is no workload; no rule is about one.
        """
        if who.environment is None or not who.role.is_workload:
            raise ValueError("rules are about workloads")
        return cls(environment=who.environment, role=who.role.value, workload=who.name, key=who.credential, model=model)


class DocumentError(ValueError):
    """A document cannot be taken.

    Attributes:
        said: one sentence that says what is wrong, without the value that is.
        place: the field, as `rules[2].top_logprobs`; empty when it is the whole.
    """

    def __init__(self, said: str, place: str = "") -> None:
        super().__init__(f"{place}: {said}" if place else said)
        self.said = said
        self.place = place


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one document: what it says, and who said so when and why.

    Attributes:
        version: 1 for the first, and one more with each.
        digest: SHA-256 over the document's canonical JSON, in hex.
        withdrawn: nothing is said any more; `document` is then empty.
        approved_by: whose word put it in force, where that took somebody else's.
    """

    kind: str
    level: Level
    version: int
    digest: str
    author: str
    credential: str
    at: datetime
    reason: str
    withdrawn: bool
    document: dict[str, Any]
    approved_by: str | None = None


def check_names(rules: Sequence[Rule]) -> None:
    """Refuse a document in which a rule cannot be told from another, or that is too long to be read.

    Raises:
        DocumentError: naming the rule.
    """
    if len(rules) > MAX_RULES:
        raise DocumentError(f"A document has at most {MAX_RULES} rules", f"rules[{MAX_RULES}]")
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.name and rule.name in seen:
            raise DocumentError("Another rule of this document has this name", f"rules[{index}].name")
        seen.add(rule.name)


def told_as(rule: Rule, index: int) -> str:
    """Return what a rule is called where it is named: its own name, or its place in the document."""
    return rule.name or f"rule {index + 1}"
