"""What a channel says: which releases are promoted to an environment, what is frozen there, and what is revoked anywhere."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated, Final

import msgspec

from strongroom.kernel.clock import rfc3339
from strongroom.kernel.principal import Environment


@unique
class Channel(StrEnum):
    """A channel: one for each environment, and one for what may serve nowhere."""

    DEV = "dev"
    TEST = "test"
    PROD = "prod"
    REVOCATIONS = "revocations"

    @classmethod
    def of(cls, environment: Environment) -> Channel:
        """Return an environment's channel."""
        return cls(str(environment))


@unique
class FreezeKind(StrEnum):
    """What is frozen in an environment."""

    ENVIRONMENT = "environment"
    NAME = "name"
    TENANT = "tenant"


@unique
class RevokedKind(StrEnum):
    """What is revoked."""

    DIGEST = "digest"
    SIGNER = "signer"


class Promoted(msgspec.Struct, frozen=True, kw_only=True):
    """A release that may serve in an environment.

    Attributes:
        name: of the release.
        version: of the release.
        digest: SHA-256 of its manifest.
        size: of its manifest, in bytes.
        current: whether it is the one of its name that may be deployed anew; an earlier one goes on serving.
        by: who promoted it last, or went back to it.
        at: when.
        reason: why.
        evaluated: suites that it had passed by then, by name.
    """

    name: str
    version: str
    digest: str
    size: int
    current: bool
    by: str
    at: datetime
    reason: str
    evaluated: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """Return what people call it."""
        return f"{self.name}@{self.version}"


class Freeze(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is promoted, rolled back or deployed there until it ends; what serves goes on.

    Attributes:
        kind: what is frozen.
        of: the name, or the tenant's id; empty for the whole environment.
        by: who said so.
        at: when.
        reason: why.
    """

    kind: FreezeKind
    of: str
    by: str
    at: datetime
    reason: str

    @property
    def said(self) -> str:
        """Return it in a sentence."""
        what = {FreezeKind.ENVIRONMENT: "The environment", FreezeKind.TENANT: "The tenant"}.get(self.kind, self.of)
        return f"{what} is frozen by {self.by} since {rfc3339(self.at)}: {self.reason}"


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """What may serve nowhere any more, for good: a release by its digest, or what a signer has signed."""

    kind: RevokedKind
    of: str
    by: str
    at: datetime
    reason: str

    @property
    def said(self) -> str:
        """Return it in a sentence."""
        whose = "It" if self.kind is RevokedKind.DIGEST else "Its signer"
        return f"{whose} was revoked by {self.by} at {rfc3339(self.at)}: {self.reason}"


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """All that one channel says."""

    promoted: tuple[Promoted, ...] = ()
    frozen: tuple[Freeze, ...] = ()
    revoked: tuple[Revoked, ...] = ()

    def current(self, name: str) -> Promoted | None:
        """Return the release of `name` that may be deployed anew."""
        return next((each for each in self.promoted if each.name == name and each.current), None)

    def of_digest(self, digest: str) -> Promoted | None:
        """Return what is promoted by its digest."""
        return next((each for each in self.promoted if each.digest == digest), None)

    def freeze_on(self, name: str, tenant: str | None) -> Freeze | None:
        """Return what keeps `name` from being changed for `tenant`, by id, if anything does."""
        for each in self.frozen:
            if (
                each.kind is FreezeKind.ENVIRONMENT
                or (each.kind is FreezeKind.NAME and each.of == name)
                or (each.kind is FreezeKind.TENANT and each.of == tenant)
            ):
                return each
        return None

    def revocation_of(self, digest: str) -> Revoked | None:
        """Return why a digest may serve nowhere, if so."""
        return self._revoked(RevokedKind.DIGEST, digest)

    def revoked_signer(self, signer: str) -> Revoked | None:
        """Return why nothing of a signer counts, if so."""
        return self._revoked(RevokedKind.SIGNER, signer)

    def _revoked(self, kind: RevokedKind, of: str) -> Revoked | None:
        return next((each for each in self.revoked if each.kind is kind and each.of == of), None)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a channel last: nothing older is taken again, however well it is signed.

    Attributes:
        root: its version.
        root_digest: SHA-256 of its bytes.
        timestamp: its version.
        timestamp_digest: SHA-256 of its bytes.
        snapshot: its version.
        targets: its version.
        targets_digest: SHA-256 of its bytes.
        keys: ids of the keys of each online role, so that a change of them is told.
        revoked: what was revoked by then; it stays revoked whatever is restored.
    """

    root: int
    root_digest: str
    timestamp: int
    timestamp_digest: str
    snapshot: int
    targets: int
    targets_digest: str
    keys: dict[str, tuple[str, ...]]
    revoked: tuple[Revoked, ...] = ()


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A channel's metadata as it lies there: nothing of it is believed yet.

    Attributes:
        roots: every root by its version.
        timestamp: the one there is.
        snapshot: the one that the timestamp names.
        targets: the one that the snapshot names.
    """

    roots: dict[int, bytes]
    timestamp: bytes
    snapshot: bytes
    targets: bytes


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a release may serve somewhere now, and in plain words why or why not."""

    may_serve: bool
    because: str


Why = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, description="Why, in your words.")]
"""A reason, which everything that changes a channel takes."""

ENVIRONMENTS: Final = (Channel.DEV, Channel.TEST, Channel.PROD)
