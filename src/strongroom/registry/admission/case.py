"""What a judgement takes: gathered before, so that judging reads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from strongroom.kernel.principal import Environment
from strongroom.registry.admission.demanded import Policy
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.model import Evidence, EvidenceKind, OwnKeys, Risk, Subject
from strongroom.registry.admission.ownkeys import Certificate
from strongroom.registry.channels.client import Untrusted
from strongroom.registry.channels.model import Content, Revoked
from strongroom.registry.evidence.model import Outside
from strongroom.rules.approval import Demands


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a judgement takes.

    Attributes:
        subject: the release, as the catalogue names it.
        evidence: what there is about it, newest first.
        approvers: accounts that may approve now.
        keys: whose signatures count.
        ruleset: of today's scanner.
        now: the time.
        channels: what the environments' channels say, or why one cannot be used.
        revocations: what is revoked, or why that cannot be told.
        own: approvers' own keys, by account.
        rule: whose keys count.
        serving: whether it is only to go on: then what was promoted once may, and nothing frozen stops it.
        policy: what the installation demands.
        passed: suites that it has passed, by name.
        suites: that it must have passed before it serves in prod, whatever the installation's document says.
        outside: what is known from others; None: it cannot be told here.
        promotes: whether it must be promoted: a tenant's own is deployed where it is approved for its tenant.
    """

    subject: Subject
    evidence: tuple[Evidence, ...]
    approvers: frozenset[UUID]
    keys: RegistryKeys
    ruleset: str
    now: datetime
    channels: Mapping[Environment, Content | Untrusted] = field(default_factory=dict[Environment, Content | Untrusted])
    revocations: Content | Untrusted = field(default_factory=Content)
    own: Mapping[UUID, Sequence[Certificate]] = field(default_factory=dict[UUID, Sequence[Certificate]])
    rule: OwnKeys = field(default_factory=OwnKeys)
    policy: Policy = field(default_factory=Policy)
    passed: frozenset[str] = frozenset()
    outside: Outside | None = None
    suites: frozenset[str] = frozenset()
    promotes: bool = True
    serving: bool = False

    def demands(self, environment: Environment, risk: Risk) -> Demands:
        """Return what is demanded in an environment of releases of a risk: by the document, and by the settings."""
        found = self.policy.of(environment, risk)
        if environment is not Environment.PROD or not self.suites:
            return found
        return msgspec.structs.replace(found, evaluations=tuple(sorted({*found.evaluations, *self.suites})))

    def revoked_signer(self, signer: str) -> Revoked | None:
        """Return why nothing of a signer counts, if so."""
        return None if isinstance(self.revocations, Untrusted) else self.revocations.revoked_signer(signer)

    def of(self, kind: EvidenceKind) -> Iterator[Evidence]:
        """Yield the evidence of one kind."""
        return (each for each in self.evidence if each.kind is kind)
