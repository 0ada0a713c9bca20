"""What identity publishes to the feed for every process that authenticates callers.

Persisted and read across versions: fields are only added, with a default, and golden files hold the bytes. One that was
added later is left out where it says nothing, so that what was written before is written the same.
No secret is in them: a fingerprint is keyed and 256 bits wide.
"""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

import msgspec

from strongroom.identity.bindings import Bindings
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Elevation, Environment, Proof, Role

TENANT: Final = "tenant"
CREDENTIAL: Final = "credential"


class TenantDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag="tenant/1"):
    """A tenant that exists. The installation publishes it; the entry's id is the tenant's."""

    name: str


class ElevationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a credential that was made for an elevation covers; it does nothing besides."""

    id: str
    ticket: str
    tenant: UUID
    actions: tuple[str, ...]
    break_glass: bool = False

    def told(self) -> Elevation:
        """Return it as a principal has it."""
        return Elevation(
            id=self.id,
            ticket=self.ticket,
            tenant=TenantId(self.tenant),
            actions=frozenset(self.actions),
            break_glass=self.break_glass,
        )


class CredentialDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag="credential/1"):
    """A credential that counts until `expires_at` (Unix seconds) unless it is withdrawn.

    `networks`: where it may be used from; empty means anywhere. `tenant` is None for accounts of the installation.
    `proof` and `thumbprint`: what its holder must prove to have; both or neither.
    `replaced_at`: since when (Unix seconds) it has a successor, `replaced_by`, and counts for its overlap only.
    `elevation`: what an operator's credential is bound to.
    `honeytoken`: it was laid out to be found, and counts for nothing.
    `signed_on_at`: when (Unix seconds) the person whose session hangs on it signed on; no table has such a credential.
    `proven_at`: when (Unix seconds) they proved who they are, if the provider said. `subject`: a digest of who they are there.
    `sign_on`: of what a command line holds: the credential of the sign-on that it came of, with which it ends.
    """

    fingerprint: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    pepper_version: int
    role: Role
    name: str
    expires_at: float
    tenant: UUID | None = None
    environment: Environment | None = None
    workload: UUID | None = None
    networks: tuple[str, ...] = ()
    demo: bool = False
    replaced_at: float | msgspec.UnsetType = msgspec.UNSET
    replaced_by: str | msgspec.UnsetType = msgspec.UNSET
    proof: Proof | msgspec.UnsetType = msgspec.UNSET
    thumbprint: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)] | msgspec.UnsetType = msgspec.UNSET
    elevation: ElevationDocument | msgspec.UnsetType = msgspec.UNSET
    bindings: Bindings | msgspec.UnsetType = msgspec.UNSET
    signed_on_at: float | msgspec.UnsetType = msgspec.UNSET
    honeytoken: bool | msgspec.UnsetType = msgspec.UNSET
    proven_at: float | msgspec.UnsetType = msgspec.UNSET
    subject: str | msgspec.UnsetType = msgspec.UNSET
    sign_on: str | msgspec.UnsetType = msgspec.UNSET


def encode(document: TenantDocument | CredentialDocument) -> bytes:
    """Return `document` as JSON, fields in order of definition."""
    return msgspec.json.encode(document)
