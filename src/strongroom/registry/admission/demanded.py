"""What the installation demands of releases: read from its sealed document, and held against what there is.

Always true here:
- the document of the kind `approval` counts by its seal, which the installation makes when a version is put in force: a row
  that somebody wrote or changed is not taken, and then nothing is admitted;
- where there is no document, the product's own demands hold, and no document goes below its floor;
- when somebody approved stands in what was signed, and not in a row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final, Protocol

import msgspec

from strongroom.kernel.clock import rfc3339
from strongroom.kernel.principal import Environment
from strongroom.registry import dsse
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.model import Reason, Risk
from strongroom.rules import tables as rules_tables
from strongroom.rules.approval import APPROVAL, CLOSED, ApprovalRule, Demands, demanded
from strongroom.rules.kind import Document, digest, encode
from strongroom.rules.model import DocumentError, Version
from strongroom.store import OperatorTx, TenantTx

SEALED: Final = "application/vnd.strongroom.approval-policy+json"


class Passed(Protocol):
    """What a suite that was passed is told by."""

    @property
    def suite(self) -> str:
        """Its name and version."""
        ...

    @property
    def suite_digest(self) -> str:
        """Digest of its bytes."""
        ...


class Passing(Protocol):
    """Tells which evaluations of a release count (`Counting.passing`)."""

    async def passing(self, tx: OperatorTx | TenantTx, release: str) -> Collection[Passed]:
        """Return them."""
        ...


@cache
def product_suites() -> Mapping[str, str]:
    """Return the digests of the product's own suites, by name."""
    place = files("strongroom.registry.evaluations").joinpath("suites")
    return {
        each.name.removesuffix(".jsonl"): f"sha256:{hashlib.sha256(each.read_bytes()).hexdigest()}"
        for each in place.iterdir()
        if each.name.endswith(".jsonl")
    }


def told(passed: Iterable[Passed]) -> frozenset[str]:
    """Return suites by name and by digest. A suite of somebody's that is named as one of the product's is not that one."""
    found: set[str] = set()
    for each in passed:
        name = each.suite.partition("@")[0]
        found.add(each.suite_digest)
        if product_suites().get(name, each.suite_digest) == each.suite_digest:
            found.add(name)
    return frozenset(found)


class _Seal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sealed of a version."""

    kind: str
    version: int
    digest: str
    withdrawn: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Policy:
    """The document in force, or why what is demanded cannot be told.

    Attributes:
        document: None: there is none, and the product's own demands hold.
        trouble: why nothing is admitted; empty: nothing is wrong.
    """

    document: Document[ApprovalRule] | None = None
    trouble: str = ""

    def of(self, environment: Environment, risk: Risk) -> Demands:
        """Return what is demanded in an environment of releases of a risk."""
        return CLOSED if self.trouble else demanded(self.document, environment, risk.value)


def seal(version: Version, keys: RegistryKeys) -> bytes:
    """Return the seal of a version that is put in force."""
    return dsse.sign(msgspec.json.encode(_sealed(version)), [keys.policymaker()], SEALED)


async def policy(tx: OperatorTx | TenantTx, keys: RegistryKeys) -> Policy:
    """Return the document in force."""
    found = await rules_tables.sealed(tx, APPROVAL.name)
    return Policy() if found is None else believed(*found, keys)


def believed(version: Version, sealed: bytes | None, keys: RegistryKeys) -> Policy:
    """Return a version as it counts: by a seal of the installation over exactly it."""
    try:
        payload, _ = dsse.verify(sealed or b"", keys.policymakers(), SEALED)
        document = None if version.withdrawn else APPROVAL.read(version.document)
        said = msgspec.json.decode(payload, type=_Seal)
    except (dsse.BadEnvelope, DocumentError, msgspec.MsgspecError):
        return Policy(trouble="the document about approvals is not as the installation sealed it")
    body = b"" if document is None else encode(document)
    if said != _sealed(version) or digest(body) != said.digest:
        return Policy(trouble="the document about approvals is not the one that was sealed")
    return Policy(document)


def unreadable(policy: Policy) -> Reason:
    """Return the one thing to say where what is demanded cannot be told."""
    said = f"What is demanded cannot be told: {policy.trouble}."
    return Reason(demand="policy", met=False, because=said, untold=True)


def missing_groups(demands: Demands, people: Collection[str]) -> list[str]:
    """Return of which groups somebody has still to approve, in plain words."""
    found = [(each, len(set(each.accounts).intersection(people))) for each in demands.groups]
    return [
        f"{there} of {group.approvals} approvals by {group.name}" for group, there in found if there < group.approvals
    ]


def further(
    demands: Demands, wanted: int, people: Mapping[str, datetime], passed: Collection[str], now: datetime
) -> Iterator[Reason]:
    """Yield what is demanded beside approvals: evaluations and the cool-off. Nothing where neither is demanded."""
    for suite in demands.evaluations:
        met = suite in passed
        said = f"It has passed the evaluation {suite}." if met else f"The evaluation {suite} is missing."
        yield Reason(demand="evaluation", met=met, because=said)
    if not demands.cool_off_hours:
        return
    settled = _settled(demands, wanted, people)
    if settled is None:
        said = f"The cool-off of {demands.cool_off_hours} hours begins when enough have approved."
        yield Reason(demand="cool-off", met=False, because=said)
        return
    until = settled + timedelta(hours=demands.cool_off_hours)
    said = f"Cool-off until {rfc3339(until)}." if now < until else f"Its cool-off ended at {rfc3339(until)}."
    yield Reason(demand="cool-off", met=until <= now, because=said)


def _settled(demands: Demands, wanted: int, people: Mapping[str, datetime]) -> datetime | None:
    """Return when enough had approved, of each group too."""
    so_far: set[str] = set()
    for name, at in sorted(people.items(), key=lambda each: each[1]):
        so_far.add(name)
        if len(so_far) >= wanted and not missing_groups(demands, so_far):
            return at
    return None


def _sealed(version: Version) -> _Seal:
    return _Seal(
        kind=version.kind, version=version.version, digest=version.digest, withdrawn=version.withdrawn,
        at=version.at,
    )  # fmt: skip
