"""Every credential that counts, in memory, and the check of one against it.

1. The text must have the shape and checksum of a key (garbage costs no cryptography).
2. Its keyed fingerprint is computed whether or not the id is known, and compared in constant time, so that an unknown
   id and a wrong secret take the same path.
3. The key's own text says which role and environment it was made for, under its fingerprint. A document that says
   otherwise was changed behind our back: it raises nobody.
4. A honeytoken whose secret was right counts for nothing, and whose it is hears of it. Only after the secret was right do expiry and network count; the caller is told the same in every case.

A key that has passed all of this is known again by a keyed digest of its whole text, until anything at all changes
(`apply`): then only what depends on the moment and the caller's address is asked anew. What fails passes all steps each
time. CVE-2026-35030: such a memory is never keyed by a part of what was presented.

What the caller still owes: that the feed's lease is valid (`Follower.valid`) at the moment of the check.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from strongroom.identity import accesstoken, documents, secretkey
from strongroom.identity.bindings import Bound, Geo
from strongroom.identity.documents import CredentialDocument, TenantDocument
from strongroom.identity.federation.directory import Federation
from strongroom.identity.networks import Network, parse_networks, within
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import PLATFORM, KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Confirmation, Environment, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.store.feed import FeedEntry
from strongroom.vault import Purpose, PurposeKeys

_log: Final = logging.getLogger(__name__)
_Told = TypeVar("_Told")
_OF_TENANT: Final = frozenset({Role.TENANT_ADMIN, Role.TENANT_AUDITOR})
_NOBODY: Final = bytes(32)  # compared against when the id is unknown; no fingerprint can be asked to match it
_DIGEST: Final = 32
_ELSEWHERE: Final = "used from outside its networks"
_HONEYTOKEN: Final = "a honeytoken was used"
_SIGNALS: Final = {"expired": "ended-key-used", _ELSEWHERE: "outside-network", _HONEYTOKEN: "honeytoken-used"}
_TELL: Final = "The API key is missing, malformed, unknown, expired or not allowed here."


class _Credential(msgspec.Struct, frozen=True):
    """A credential ready for checking: parsed networks, and the principal it stands for."""

    fingerprint: bytes
    pepper_version: int
    expires_at: float
    networks: tuple[Network, ...]
    principal: Principal
    demo: bool
    bound: Bound | None = None
    honeytoken: bool = False


class _Proven(msgspec.Struct, frozen=True):
    """A credential whose whole key was presented and right, and that counted: by the state that stands now."""

    digest: bytes
    expires_at: float
    networks: tuple[Network, ...]
    principal: Principal


class Directory:
    """The credentials and tenants that the feed has told of. One thread; never blocks.

    A document that cannot be read, or that speaks for somebody else, is as if it were withdrawn: it ends itself and
    nothing of anybody else's.
    """

    def __init__(
        self,
        keys: PurposeKeys,
        clock: Clock,
        *,
        allow_demo: bool,
        token_keys: Mapping[int, bytes] | None = None,
        geo: Geo | None = None,
    ) -> None:
        """Take what credentials are checked with; without `token_keys` (`accesstoken.public_keys`) no token counts."""
        self.federation: Final = Federation(token_keys or {})
        self._keys = keys
        self._clock = clock
        self._allow_demo = allow_demo
        self.geo: Final = geo
        # Whose key an id was, of those that were withdrawn: a use of one is told to its tenant.
        self._ended: dict[KeyId, TenantId] = {}
        # By id, then by whose row it is: a row of one tenant can neither take over nor withdraw another's.
        self._credentials: dict[KeyId, dict[TenantId, _Credential]] = {}
        self._tenants: dict[TenantId, str] = {}
        self._by_name: dict[str, TenantId] = {}
        # Never more than there are credentials, since only a right key gets in. The digest's key is this process's alone.
        self._digest_key = secrets.token_bytes(_DIGEST)
        self._proven: dict[bytes, _Proven] = {}

    def apply(self, entries: Iterable[FeedEntry], *, full: bool) -> None:
        """Take in what the feed delivered; `full` means that nothing else exists."""
        entries = list(entries)
        self.federation.apply(entries, full=full)
        self._proven.clear()
        if full:
            self._credentials.clear()
            self._ended.clear()
            self._tenants.clear()
            self._by_name.clear()
        for entry in entries:
            if entry.kind == documents.CREDENTIAL:
                self._apply_credential(entry)
            elif entry.kind == documents.TENANT:
                self._apply_tenant(entry)

    def _apply_credential(self, entry: FeedEntry) -> None:
        key_id = KeyId(entry.id)
        rows = self._credentials.setdefault(key_id, {})
        rows.pop(entry.tenant, None)
        if entry.deleted and entry.tenant != PLATFORM:
            self._ended[key_id] = entry.tenant
        credential = None if entry.deleted else _readable(entry, _credential)
        if credential is not None:
            rows[entry.tenant] = credential
        if not rows:
            del self._credentials[key_id]

    def _apply_tenant(self, entry: FeedEntry) -> None:
        if entry.tenant != PLATFORM:  # which tenants there are is the installation's to say
            return
        told = None if entry.deleted else _readable(entry, _tenant)
        tenant = parse_tenant(entry.id) if told is None else told[0]
        if tenant is None:
            return
        name = self._tenants.pop(tenant, None)
        if name is not None and self._by_name.get(name) == tenant:
            del self._by_name[name]
        if told is not None:
            self._tenants[tenant] = told[1]
            self._by_name[told[1]] = tenant

    def authenticate(self, presented: str | None, peer: str) -> Principal | Refusal:
        """Return who holds the key or access token `presented`, used from address `peer`, or why nobody does.

        A principal with a `confirmation` holds only half of what it needs: the caller still owes the check of its proof.
        """
        if presented is None:
            return refused("no key")
        if presented.startswith(accesstoken.PREFIX):
            return self._by_token(presented, peer)
        if len(presented) > secretkey.LONGEST:
            return refused("not a key: shape or checksum")
        # Injective, so that no other text has a key's digest; a header's bytes may be anything.
        text = presented.encode("utf-8", "surrogatepass")
        digest = blake2b(text, digest_size=_DIGEST, key=self._digest_key).digest()
        proven = self._proven.get(digest)
        if (
            proven is not None
            and hmac.compare_digest(proven.digest, digest)
            and proven.expires_at > self._clock.now().timestamp()
            and (not proven.networks or within(peer, proven.networks))
        ):
            return proven.principal
        return self._prove(presented, peer, digest)  # which says why not, too

    def _prove(self, presented: str, peer: str, digest: bytes) -> Principal | Refusal:
        """Pass every step; remember a key that counts by the `digest` of all of it."""
        told = secretkey.parse(presented)
        if told is None:
            return refused("not a key: shape or checksum")
        key_id = told.id
        known = self._known(key_id)
        version = self._keys.current if known is None else known.pepper_version
        # presented is ASCII: it matched the pattern
        fingerprint = self._keys.mac(Purpose.KEY_PEPPER, presented.encode("ascii"), version=version)
        expected = _NOBODY if known is None else known.fingerprint
        if fingerprint is None:
            return refused(f"key {key_id}: made under a pepper that is not held here")
        if not hmac.compare_digest(fingerprint, expected) or known is None:
            return refused(f"key {key_id}: wrong secret") if known is not None else self._unknown(key_id)
        if (known.principal.role, known.principal.environment) != (told.role, told.environment):
            return refused(f"key {key_id}: its document is of another role or environment than the key")
        reason = self._unusable(known, peer)
        if reason is not None:
            tenant = known.principal.tenant
            about = None if tenant is None or tenant not in self._tenants else (tenant, key_id)
            signal = _SIGNALS.get(reason, "")
            return refused(f"key {key_id}: {reason}", signal=signal, about=about)
        self._proven[digest] = _Proven(digest, known.expires_at, known.networks, known.principal)
        return known.principal

    def _unknown(self, key_id: KeyId) -> Refusal:
        """Return the no to a key that counts no more, or never did; the tenant whose it was is to hear of its use."""
        tenant = self._ended.get(key_id)
        if tenant is None or tenant not in self._tenants:
            return refused(f"key {key_id}: unknown or withdrawn")
        return refused(f"key {key_id}: unknown or withdrawn", signal="revoked-key-used", about=(tenant, key_id))

    def _by_token(self, presented: str, peer: str) -> Principal | Refusal:
        found = self.federation.check(presented, self._clock.now().timestamp())
        if isinstance(found, str):
            return refused(found)
        rule, claims = found
        if rule.tenant not in self._tenants:
            return refused(f"token {claims.id}: its tenant is gone")
        if rule.networks and not within(peer, rule.networks):
            return refused(f"token {claims.id}: used from outside its networks")
        return rule.principal(claims)

    def _known(self, key_id: KeyId) -> _Credential | None:
        """Return what is known of a key id. One that two claim (82 random bits never collide) is nobody's."""
        rows = self._credentials.get(key_id)
        if rows is None or len(rows) != 1:
            return None
        return next(iter(rows.values()))

    def still(self, key_id: KeyId, peer: str) -> Principal | Refusal:
        """Return whom the key `key_id` stands for, if it still counts.

        For a session that began with the whole key (`authenticate`): what ends the key ends the session.
        """
        known = self._known(key_id)
        reason = "unknown or withdrawn" if known is None else self._unusable(known, peer)
        if known is None or reason is not None:
            return refused(f"key {key_id}: {reason}")
        return known.principal

    def outside(self, who: Principal, peer: str, agent: str) -> Refusal | None:
        """Return why a key that is bound may not be used like this, or nothing. For principals that are `bound`."""
        known = self._known(who.credential)
        if known is None or known.bound is None:
            return refused(f"key {who.credential}: its bindings are gone")
        broken = known.bound.broken(peer, agent, self._clock.now(), self.geo)
        if broken is None:
            return None
        about = None if who.tenant is None else (who.tenant, who.credential)
        return refused(f"key {who.credential}: {broken[1]}", signal=broken[0], about=about)

    def counts(self, key_id: KeyId) -> bool:
        """Return whether a key would be taken now from where it may be used: not whether anybody holds it."""
        known = self._known(key_id)
        if known is None or known.honeytoken or known.expires_at <= self._clock.now().timestamp():
            return False
        tenant = known.principal.tenant
        return tenant is None or tenant in self._tenants

    def expires_at(self, key_id: KeyId) -> float | None:
        """Return when a living key ends, in Unix seconds."""
        known = self._known(key_id)
        return None if known is None else known.expires_at

    def _unusable(self, known: _Credential, peer: str) -> str | None:
        """Return why a key that is right does not count. What depends on the moment or the caller `authenticate` asks, too."""
        reason = self._ended_or_idle(known)
        return reason or (_ELSEWHERE if known.networks and not within(peer, known.networks) else None)

    def _ended_or_idle(self, known: _Credential) -> str | None:
        """Return why a key counts nowhere, wherever it is used from."""
        tenant = known.principal.tenant
        if known.honeytoken:  # before its end and after: who uses it has found it
            return _HONEYTOKEN
        if known.expires_at <= self._clock.now().timestamp():
            return "expired"
        if tenant is not None and tenant not in self._tenants:
            return "its tenant is gone"
        if known.demo and not self._allow_demo:
            return "demo accounts are refused in production mode"
        return None

    def find_tenant(self, text: str) -> TenantId | None:
        """Return the living tenant that `text` names, by name or by id."""
        found = self._by_name.get(text) or parse_tenant(text)
        return found if found in self._tenants else None

    def tenant_name(self, tenant: TenantId) -> str | None:
        """Return what `tenant` is called, if it lives."""
        return self._tenants.get(tenant)

    def holder(self, key_id: KeyId) -> Principal | None:
        """Return whom a living key stands for, without proof: to find it, never to let it in."""
        known = self._known(key_id)
        return None if known is None else known.principal

    def has(self, role: Role) -> bool:
        """Whether anybody holds a standing credential of `role` that counts now, from somewhere."""
        return any(
            known.principal.role is role and known.principal.elevation is None and self._ended_or_idle(known) is None
            for rows in self._credentials.values()
            for known in rows.values()
        )

    def __len__(self) -> int:
        """Return how many credentials are known."""
        return len(self._credentials)


def _readable(entry: FeedEntry, read: Callable[[FeedEntry], _Told]) -> _Told | None:
    try:
        return read(entry)
    except (msgspec.MsgspecError, ValueError) as error:
        _log.error("feed: %s v%d cannot be used: %s", entry.kind, entry.version, type(error).__name__)
        return None


def _credential(entry: FeedEntry) -> _Credential:
    """Return what `entry` says.

    Raises:
        ValueError: when it speaks for another than whose row it is. The database enforces the same.
    """
    document = msgspec.json.decode(entry.body, type=CredentialDocument)
    tenant = None if document.tenant is None else TenantId(document.tenant)
    if document.role.is_placed:
        # A tenant's row speaks for its own workloads and for nobody else: never for a person.
        bound = entry.tenant == tenant != PLATFORM and None not in {document.environment, document.workload}
        # What the policies forbid, and the table: a second wall behind theirs, for a row that was put there by hand.
        bound = bound and not (document.role is Role.NOTEBOOK and document.environment is Environment.PROD)
    else:
        # Accounts are the installation's to say, and none of them is somewhere as a workload is.
        bound = entry.tenant == PLATFORM and document.environment is None and document.workload is None
        bound = bound and (document.role in _OF_TENANT) == (tenant is not None)
    if document.elevation:
        bound = bound and document.role is Role.OPERATOR
    if not bound:
        raise ValueError("a credential that is not this row's to tell of")
    tied = Bound(document.bindings) if document.bindings else None
    return _Credential(
        document.fingerprint,
        document.pepper_version,
        document.expires_at,
        parse_networks(document.networks),
        Principal(
            role=document.role,
            name=document.name,
            credential=KeyId(entry.id),
            tenant=tenant,
            environment=document.environment,
            workload=None if document.workload is None else WorkloadId(document.workload),
            confirmation=_confirmation(document),
            replaced_by=KeyId(document.replaced_by) if document.replaced_by else None,
            replaced_at=document.replaced_at or None,
            retires_at=document.expires_at if document.replaced_at else None,
            elevation=document.elevation.told() if document.elevation else None,
            signed_on=bool(document.signed_on_at),
            proven_at=document.proven_at or None,
            bound=tied is not None,
            models=None if tied is None else tied.models,
        ),
        document.demo,
        tied,
        document.honeytoken is True,
    )


def _confirmation(document: CredentialDocument) -> Confirmation | None:
    """Return what a credential is bound to.

    Raises:
        ValueError: when half of it is missing: what was bound must not become free by losing a field.
    """
    if document.proof is msgspec.UNSET and document.thumbprint is msgspec.UNSET:
        return None
    if document.proof is msgspec.UNSET or document.thumbprint is msgspec.UNSET:
        raise ValueError("a credential that is bound to nothing")
    return Confirmation(document.proof, document.thumbprint)


def _tenant(entry: FeedEntry) -> tuple[TenantId, str]:
    tenant = parse_tenant(entry.id)
    if tenant is None or tenant == PLATFORM:
        raise ValueError("not a tenant's id")
    return tenant, msgspec.json.decode(entry.body, type=TenantDocument).name


def parse_tenant(text: str) -> TenantId | None:
    """Return `text` as a tenant's id, in its one spelling: `UUID` would also take braces, capitals and digits of any script."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return TenantId(found) if str(found) == text else None


def refused(reason: str, *, signal: str = "", about: tuple[TenantId, KeyId] | None = None) -> Refusal:
    """Return the one no for every credential that does not count; `reason` is for the log."""
    return Refusal(kind=RefusalKind.UNAUTHENTICATED, reason=reason, tell=_TELL, signal=signal, about=about)
