"""The directory against a model of it: whatever the feed says, in whatever order, only a living key of a living tenant counts.

The feed's entries are keyed by (tenant, kind, id) and delivered in order of version, as the store room delivers them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from strongroom.identity import Directory, documents, secretkey
from strongroom.identity.documents import CredentialDocument, TenantDocument
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.store.feed import FeedEntry
from strongroom.vault import Purpose, PurposeKeys

PEPPERS = PurposeKeys(2, {Purpose.KEY_PEPPER: {1: b"1" * 32, 2: b"2" * 32}})
TENANTS = [TenantId(UUID(int=number)) for number in (1, 2)]
WORKLOAD = UUID(int=9)


@dataclass
class Clock:
    seconds: float = 1_000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def boottime(self) -> float:
        return self.seconds


@dataclass
class Held:
    """A key as the model knows it."""

    secret: secretkey.SecretKey
    owner: TenantId
    expires_at: float
    version: int
    networks: tuple[str, ...]
    told: bool = True
    strangers: set[TenantId] = field(default_factory=set)


class DirectoryMachine(RuleBasedStateMachine):
    keys = Bundle("keys")

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.directory = Directory(PEPPERS, self.clock, allow_demo=True)
        self.rows: dict[tuple[TenantId, str, str], FeedEntry] = {}
        self.alive: set[TenantId] = set()
        self.held: list[Held] = []

    def put(self, tenant: TenantId, kind: str, name: str, body: bytes | None) -> None:
        entry = FeedEntry(
            tenant=tenant, kind=kind, id=name, version=len(self.rows) + 1, body=body or b"", deleted=body is None
        )
        self.rows.pop((tenant, kind, name), None)  # the newest version comes last
        self.rows[tenant, kind, name] = entry
        self.directory.apply([entry], full=False)

    def document(self, key: Held, tenant: TenantId, role: Role = Role.INFERENCE) -> bytes:
        fingerprint = PEPPERS.mac(Purpose.KEY_PEPPER, key.secret.text.encode(), version=key.version)
        return documents.encode(
            CredentialDocument(
                fingerprint=fingerprint or b"0" * 32,
                pepper_version=key.version,
                role=role,
                name=f"of-{tenant.int}",
                expires_at=key.expires_at,
                tenant=tenant,
                environment=Environment.DEV,
                workload=WORKLOAD,
                networks=key.networks,
            )
        )

    @rule(tenant=st.sampled_from(TENANTS))
    def tenant_made(self, tenant: TenantId) -> None:
        self.alive.add(tenant)
        self.put(PLATFORM, documents.TENANT, str(tenant), documents.encode(TenantDocument(name=f"t{tenant.int}")))

    @rule(tenant=st.sampled_from(TENANTS))
    def tenant_gone(self, tenant: TenantId) -> None:
        self.alive.discard(tenant)
        self.put(PLATFORM, documents.TENANT, str(tenant), None)

    @rule(tenant=st.sampled_from(TENANTS), other=st.sampled_from(TENANTS))
    def tenant_speaks_of_tenants(self, tenant: TenantId, other: TenantId) -> None:
        self.put(tenant, documents.TENANT, str(other), documents.encode(TenantDocument(name="mine")))

    @rule(
        target=keys,
        owner=st.sampled_from(TENANTS),
        lives=st.integers(min_value=-5, max_value=50),
        version=st.sampled_from([1, 2, 3]),
        networks=st.sampled_from([(), ("127.0.0.0/8",)]),
    )
    def key_made(self, owner: TenantId, lives: int, version: int, networks: tuple[str, ...]) -> object:
        key = Held(
            secretkey.mint(Role.INFERENCE, Environment.DEV), owner, self.clock.seconds + lives, version, networks
        )
        self.held.append(key)
        self.put(owner, documents.CREDENTIAL, key.secret.id, self.document(key, owner))
        return multiple(key)

    @rule(key=keys)
    def key_withdrawn(self, key: Held) -> None:
        key.told = False
        self.put(key.owner, documents.CREDENTIAL, key.secret.id, None)

    @rule(key=keys)
    def key_told_again(self, key: Held) -> None:
        key.told = True
        self.put(key.owner, documents.CREDENTIAL, key.secret.id, self.document(key, key.owner))

    @rule(key=keys, thief=st.sampled_from(TENANTS))
    def another_claims_it_for_the_owner(self, key: Held, thief: TenantId) -> None:
        if thief != key.owner:
            self.put(thief, documents.CREDENTIAL, key.secret.id, self.document(key, key.owner))
            key.strangers.discard(thief)

    @rule(key=keys, thief=st.sampled_from(TENANTS))
    def another_claims_it_for_itself(self, key: Held, thief: TenantId) -> None:
        if thief != key.owner:
            self.put(thief, documents.CREDENTIAL, key.secret.id, self.document(key, thief))
            key.strangers.add(thief)

    @rule(key=keys, thief=st.sampled_from(TENANTS))
    def another_withdraws_it(self, key: Held, thief: TenantId) -> None:
        if thief != key.owner:
            self.put(thief, documents.CREDENTIAL, key.secret.id, None)
            key.strangers.discard(thief)

    @rule(key=keys, role=st.sampled_from([Role.OPERATOR, Role.APPROVER, Role.TENANT_ADMIN]))
    def a_tenant_makes_people(self, key: Held, role: Role) -> None:
        self.put(key.owner, documents.CREDENTIAL, key.secret.id, self.document(key, key.owner, role))
        key.told = False

    @rule(key=keys, garbage=st.sampled_from([b"", b"{}", b"\xff", b'{"v":"credential/9"}', b"[" * 5000]))
    def garbage_comes(self, key: Held, garbage: bytes) -> None:
        self.put(key.owner, documents.CREDENTIAL, key.secret.id, garbage)
        key.told = False

    @rule(seconds=st.integers(min_value=1, max_value=30))
    def time_passes(self, seconds: int) -> None:
        self.clock.seconds += seconds

    @rule()
    def everything_is_read_again(self) -> None:
        self.directory.apply(list(self.rows.values()), full=True)

    @rule()
    def another_process_starts(self) -> None:
        self.directory = Directory(PEPPERS, self.clock, allow_demo=True)
        self.directory.apply(list(self.rows.values()), full=True)

    def expected(self, key: Held, peer: str) -> TenantId | None:
        """Whom the key stands for: one document speaks of it, of a tenant that lives, and it has not ended."""
        speaking = [*([key.owner] if key.told else []), *key.strangers]
        counts = len(speaking) == 1 and speaking[0] in self.alive and key.expires_at > self.clock.seconds
        if not counts or key.version not in {1, 2} or (key.networks and not peer.startswith("127.")):
            return None
        return speaking[0]

    @invariant()
    def the_directory_agrees_with_the_model(self) -> None:
        for key in self.held:
            for peer in ("127.0.0.1", "10.0.0.1", ""):
                found = self.directory.authenticate(key.secret.text, peer)
                expected = self.expected(key, peer)
                assert isinstance(found, Principal) == (expected is not None)
                if isinstance(found, Principal):
                    assert (found.tenant, found.role, found.credential) == (expected, Role.INFERENCE, key.secret.id)
                    assert isinstance(self.directory.still(key.secret.id, peer), Principal)

    @invariant()
    def no_other_secret_opens_a_known_id(self) -> None:
        for key in self.held[-2:]:
            head, _, tail = key.secret.text.rpartition("_")
            other = head + "_" + tail[::-1]
            assert not isinstance(self.directory.authenticate(other, "127.0.0.1"), Principal)

    @invariant()
    def tenants_are_found_by_name_and_id_while_they_live(self) -> None:
        for tenant in TENANTS:
            expected = tenant if tenant in self.alive else None
            assert self.directory.find_tenant(f"t{tenant.int}") == expected
            assert self.directory.find_tenant(str(tenant)) == expected
            assert self.directory.find_tenant(str(tenant).upper().replace("0", "\uff10")) is None
        assert self.directory.find_tenant("mine") is None


TestDirectory = DirectoryMachine.TestCase
TestDirectory.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
