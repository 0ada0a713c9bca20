"""Every credential that counts, in memory, and the check of one against it.

1. The text must have the shape and checksum of a key (garbage costs no cryptography).
2. Its keyed fingerprint is computed whether or not the id is known, and compared in constant time, so that an unknown
   id and a wrong secret take the same path.
3. Only after the secret was right do expiry and network count; the caller is told the same in every case.

What the caller still owes: that the feed's lease is valid (`Follower.valid`) at the moment of the check.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import msgspec

from strongroom.identity import documents, secretkey
from strongroom.identity.documents import CredentialDocument, TenantDocument
from strongroom.identity.model import Network, parse_networks
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import PLATFORM, KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.store.feed import FeedEntry
from strongroom.vault import Purpose, PurposeKeys

_NOBODY: Final = bytes(32)  # compared against when the id is unknown; no fingerprint can be asked to match it
_TELL: Final = "The API key is missing, malformed, unknown, expired or not allowed here."


class _Credential(msgspec.Struct, frozen=True):
    """A credential ready for checking: parsed networks, and the principal it stands for."""

    fingerprint: bytes
    pepper_version: int
    expires_at: float
    networks: tuple[Network, ...]
    principal: Principal
    demo: bool


class Directory:
    """The credentials and tenants that the feed has told of. One thread; never blocks."""

    def __init__(self, keys: PurposeKeys, clock: Clock, *, allow_demo: bool) -> None:
        self._keys = keys
        self._clock = clock
        self._allow_demo = allow_demo
        self._credentials: dict[KeyId, _Credential] = {}
        self._tenants: dict[TenantId, str] = {}
        self._by_name: dict[str, TenantId] = {}

    def apply(self, entries: Iterable[FeedEntry], *, full: bool) -> None:
        """Take in what the feed delivered; `full` means that nothing else exists."""
        if full:
            self._credentials.clear()
            self._tenants.clear()
            self._by_name.clear()
        for entry in entries:
            if entry.kind == documents.CREDENTIAL:
                self._apply_credential(entry)
            elif entry.kind == documents.TENANT:
                self._apply_tenant(entry)

    def _apply_credential(self, entry: FeedEntry) -> None:
        key_id = KeyId(entry.id)
        self._credentials.pop(key_id, None)
        if entry.deleted:
            return
        document = msgspec.json.decode(entry.body, type=CredentialDocument)
        tenant = None if document.tenant is None else TenantId(document.tenant)
        # A row speaks for its own tenant only, or for the installation (accounts). The database enforces the same.
        if entry.tenant not in {PLATFORM, tenant}:
            return
        self._credentials[key_id] = _Credential(
            document.fingerprint,
            document.pepper_version,
            document.expires_at,
            parse_networks(document.networks),
            Principal(
                role=document.role,
                name=document.name,
                credential=key_id,
                tenant=tenant,
                environment=document.environment,
                workload=None if document.workload is None else WorkloadId(document.workload),
            ),
            document.demo,
        )

    def _apply_tenant(self, entry: FeedEntry) -> None:
        if entry.tenant != PLATFORM:  # which tenants there are is the installation's to say
            return
        tenant = TenantId(UUID(entry.id))
        name = self._tenants.pop(tenant, None)
        if name is not None and self._by_name.get(name) == tenant:
            del self._by_name[name]
        if not entry.deleted:
            document = msgspec.json.decode(entry.body, type=TenantDocument)
            self._tenants[tenant] = document.name
            self._by_name[document.name] = tenant

    def authenticate(self, presented: str | None, peer: str) -> Principal | Refusal:
        """Return who holds the key `presented`, used from address `peer`, or why nobody does."""
        key_id = None if presented is None else secretkey.read(presented)
        if presented is None or key_id is None:
            return _refused("no key" if presented is None else "not a key: shape or checksum")
        known = self._credentials.get(key_id)
        version = self._keys.current if known is None else known.pepper_version
        # presented is ASCII: it matched the pattern
        fingerprint = self._keys.mac(Purpose.KEY_PEPPER, presented.encode("ascii"), version=version)
        expected = _NOBODY if known is None else known.fingerprint
        if not hmac.compare_digest(fingerprint or b"", expected) or known is None:
            return _refused(f"key {key_id}: " + ("unknown or withdrawn" if known is None else "wrong secret"))
        reason = self._unusable(known, peer)
        if reason is not None:
            return _refused(f"key {key_id}: {reason}")
        return known.principal

    def still(self, key_id: KeyId, peer: str) -> Principal | Refusal:
        """Return whom the key `key_id` stands for, if it still counts.

        For a session that began with the whole key (`authenticate`): what ends the key ends the session.
        """
        known = self._credentials.get(key_id)
        reason = "unknown or withdrawn" if known is None else self._unusable(known, peer)
        if known is None or reason is not None:
            return _refused(f"key {key_id}: {reason}")
        return known.principal

    def expires_at(self, key_id: KeyId) -> float | None:
        """Return when a living key ends, in Unix seconds."""
        known = self._credentials.get(key_id)
        return None if known is None else known.expires_at

    def _unusable(self, known: _Credential, peer: str) -> str | None:
        tenant = known.principal.tenant
        if known.expires_at <= self._clock.now().timestamp():
            return "expired"
        if tenant is not None and tenant not in self._tenants:
            return "its tenant is gone"
        if known.demo and not self._allow_demo:
            return "demo accounts are refused in production mode"
        if known.networks and not _within(peer, known.networks):
            return "used from outside its networks"
        return None

    def find_tenant(self, text: str) -> TenantId | None:
        """Return the living tenant that `text` names, by name or by id."""
        found = self._by_name.get(text)
        if found is None:
            with contextlib.suppress(ValueError):
                found = TenantId(UUID(text))
        return found if found in self._tenants else None

    def tenant_name(self, tenant: TenantId) -> str | None:
        """Return what `tenant` is called, if it lives."""
        return self._tenants.get(tenant)

    def holder(self, key_id: KeyId) -> Principal | None:
        """Return whom a living key stands for, without proof: to find it, never to let it in."""
        known = self._credentials.get(key_id)
        return None if known is None else known.principal

    def has(self, role: Role) -> bool:
        """Whether anybody holds a credential of `role` that counts now, from anywhere."""
        return any(
            known.principal.role is role and not known.networks and self._unusable(known, "") is None
            for known in self._credentials.values()
        )

    def __len__(self) -> int:
        """Return how many credentials count."""
        return len(self._credentials)


def _within(peer: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:  # a unix socket has no address: a network-bound key cannot be used over it
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def _refused(reason: str) -> Refusal:
    return Refusal(kind=RefusalKind.UNAUTHENTICATED, reason=reason, tell=_TELL)
