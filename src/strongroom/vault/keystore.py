"""What a keystore is: it holds a key for each tenant, under it keys for purposes, and can destroy the first.

Always true of every keystore:
- a tenant's key (KEK) is random, belongs to one tenant, and never leaves the keystore; destroyed, it is not made again;
- a data key (DEK) serves one tenant and one use; it has generations, and older ones stay for what they sealed;
- a subject's key is random, serves one subject of one tenant and one use, and can be destroyed alone: what it sealed is then
  gone in every copy, and a list outside every backup of the database says of whom and when;
- a keystore that cannot be reached, is sealed or refuses is `VaultUnavailable`, whose message says to an operator what
  to do; nothing is then sealed or opened;
- a filed secret is a sealed text by tenant, use, name and version; it goes with its tenant's key;
- none of it is in a backup of the database, or a restore would bring back what was erased.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final, Protocol

from strongroom.kernel.ids import TenantId
from strongroom.vault.signing import SigningKeys

SETTLES_S: Final = 60.0
"""How long a new generation is known before anything is sealed under it: as long as any process remembers the old ones."""

_UNIT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
_FILED: Final = re.compile(r"[a-z0-9-]{1,64}")


def is_unit(text: str) -> bool:
    """Whether a text can be a business unit's name: it becomes part of paths."""
    return _UNIT.fullmatch(text) is not None


def is_filed_name(text: str) -> bool:
    """Whether a text can be a filed secret's name: it becomes part of paths."""
    return _FILED.fullmatch(text) is not None


@unique
class Use(StrEnum):
    """What a data key is for; one key never serves two."""

    KEPT_RESPONSE = "kept-response"  # answers that a workload asked to have kept
    PROVIDER_SECRET = "provider-secret"  # noqa: S105 - a name; what providers are asked with
    PRIVACY_TOKEN = "privacy-token"  # noqa: S105 - a name; what stands behind a token in the place of personal data
    AUDIT_SIDECAR = "audit-sidecar"  # what of an audit entry could identify a person
    SUBJECT_NAME = "subject-name"  # what people are called by in the place of their names
    SUBJECT_KEY = "subject-key"  # what subjects' own keys are wrapped with
    SUBJECT_REQUEST = "subject-request"  # what was said of a person's request
    DATASET = "dataset"  # training data at rest
    WEIGHTS = "weights"  # a release's files at rest
    EVIDENCE = "evidence"  # documents of others about releases
    CAPTURE = "capture"  # raw requests and answers that two others allowed to be captured
    VALUE_LIST = "value-list"  # what values of a tenant's own lists are hashed with
    WEBHOOK = "webhook"  # what notices are signed with
    SYSTEM_PROMPT = "system-prompt"  # what deployments tell their models before anybody's request


class VaultUnavailable(Exception):  # noqa: N818 - said to an operator, who does not read class names
    """The keystore does not answer, is sealed, or refuses. The message says which, and what to do."""


class NoUnits(VaultUnavailable):
    """The keystore has no business units, and will have none later: asking again helps nobody."""


class KeysDestroyed(Exception):  # noqa: N818 - named for what happened
    """The tenant's keys were destroyed; what they sealed is gone for good, and no new ones are made."""


@dataclass(frozen=True, slots=True)
class Material:
    """The data keys of one tenant for one use.

    Attributes:
        incarnation: names the tenant's key that they hang from; 32 hexadecimal characters.
        generations: 32-byte keys by generation, counted from 1.
        current: the generation to seal under.
    """

    incarnation: str
    generations: dict[int, bytes] = field(repr=False)
    current: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is held of one tenant.

    Attributes:
        tenant: whose; `PLATFORM` for what belongs to the installation itself.
        destroyed: whether its keys were destroyed.
        version: the tenant's key's version; 0 when destroyed.
        uses: for how many uses there are data keys.
        pending: whether something still hangs from an older root or an older version of the tenant's key.
        unit: the business unit in whose namespace they are; empty: none.
    """

    tenant: TenantId
    destroyed: bool
    version: int
    uses: int
    pending: bool
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a keystore is: which it is, what it says of itself, and what it holds."""

    kind: str
    detail: str
    holdings: tuple[Holding, ...]


class Keystore(Protocol):
    """Where tenants' keys are. Every method raises `VaultUnavailable` when it cannot say."""

    @property
    def signing(self) -> SigningKeys:
        """The keys that sign models: the installation's own, and no tenant's."""
        ...

    async def open(self, tenant: TenantId, use: Use) -> Material:
        """Return the data keys of `tenant` for `use`, making them at the first call; raise `KeysDestroyed` when gone."""
        ...

    async def open_subject(self, tenant: TenantId, subject: str, use: Use, *, make: bool) -> Material:
        """Return the key of one subject for `use`; made at the first call if `make`, else `KeysDestroyed` when there is none."""
        ...

    async def destroy_subject(self, tenant: TenantId, subject: str, at: float | None = None) -> list[str]:
        """Destroy every key of a subject, note when it was erased, and return the uses that it had keys of.

        Args:
            tenant: whose.
            subject: the subject.
            at: when it was erased, in seconds since 1970, where a note of that was lost; None: now.
        """
        ...

    async def erased(self, tenant: TenantId) -> dict[str, float]:
        """Return when each subject of `tenant` was erased last, in seconds since 1970."""
        ...

    async def put_secret(self, tenant: TenantId, use: Use, name: str, sealed: bytes) -> int:
        """File a version of a sealed secret, and return its number, counted from 1."""
        ...

    async def secret(self, tenant: TenantId, use: Use, name: str, version: int) -> bytes:
        """Return a version of a filed secret; `KeysDestroyed` when it was dropped."""
        ...

    async def drop_secret(self, tenant: TenantId, use: Use, name: str, before: int | None) -> None:
        """Destroy the versions of a filed secret below `before`; None: all of them, and that there were any."""
        ...

    async def settle(self, tenant: TenantId, unit: str) -> None:
        """Say, before a tenant has keys, in which business unit's namespace they will stand; `KeysDestroyed`: it is dissolved."""
        ...

    async def dissolve(self, unit: str) -> int:
        """Destroy the keys of every tenant of a business unit, for good; return how many tenants had been put there."""
        ...

    async def renew(self, tenant: TenantId) -> None:
        """Give `tenant` a new key and each of its uses a new generation; older generations hang from the new key."""
        ...

    async def turn(self) -> None:
        """Add a version of what tenants' keys themselves hang from. What older versions hold stays until `rewrap`."""
        ...

    async def rewrap(self, most: int) -> int:
        """Bring up to `most` tenants under the newest version; return how many are still to be brought."""
        ...

    async def destroy(self, tenant: TenantId) -> None:
        """Destroy the key of `tenant`, for good; once more changes nothing."""
        ...

    async def check(self) -> str:
        """Return a few words on what it is, when it can be used now."""
        ...

    async def condition(self) -> Condition:
        """Say how it is and what it holds. No key is in the answer."""
        ...
