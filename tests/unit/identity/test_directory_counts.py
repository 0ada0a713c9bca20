"""Whose credential counts: one with the whole secret, and a demonstration's where demonstrations are allowed only."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from strongroom.identity import Directory, documents, secretkey
from strongroom.identity.documents import CredentialDocument, ElevationDocument, TenantDocument
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.kernel.principal import Elevation, Environment, Principal, Role
from strongroom.kernel.refusal import Refusal
from strongroom.store.feed import FeedEntry
from strongroom.vault import Purpose, PurposeKeys

PEPPERS = PurposeKeys(1, {Purpose.KEY_PEPPER: {1: b"1" * 32}})


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def boottime(self) -> float:
        return 1_000.0


def knowing(
    key: secretkey.SecretKey, *, demo: bool = False, allowed: bool = True, clock: Clock | None = None
) -> Directory:
    """Return a directory that has heard of an operator's `key`."""
    document = CredentialDocument(
        fingerprint=PEPPERS.mac(Purpose.KEY_PEPPER, key.text.encode(), version=1) or b"",
        pepper_version=1,
        role=Role.OPERATOR,
        name="demo",
        expires_at=2_000,
        demo=demo,
    )
    entry = FeedEntry(
        tenant=PLATFORM,
        kind=documents.CREDENTIAL,
        id=key.id,
        version=1,
        body=documents.encode(document),
        deleted=False,
    )
    directory = Directory(PEPPERS, clock or Clock(), allow_demo=allowed)
    directory.apply([entry], full=True)
    return directory


def test_an_elevation_counts_until_its_end_and_for_an_operator_alone() -> None:
    """Isolation test 21: after expiry."""
    key, clock, tenant = secretkey.mint(Role.OPERATOR, None), Clock(), UUID(int=7)
    covers = ElevationDocument(id="e", ticket="SUP-1", tenant=tenant, actions=("audit.read",))

    def told(role: Role) -> Directory:
        document = CredentialDocument(
            fingerprint=PEPPERS.mac(Purpose.KEY_PEPPER, key.text.encode(), version=1) or b"",
            pepper_version=1,
            role=role,
            name="somebody",
            expires_at=2_000,
            elevation=covers,
        )
        entry = FeedEntry(
            tenant=PLATFORM, kind=documents.CREDENTIAL, id=key.id, version=1, body=documents.encode(document),
            deleted=False,
        )  # fmt: skip
        directory = Directory(PEPPERS, clock, allow_demo=True)
        directory.apply([entry], full=True)
        return directory

    directory = told(Role.OPERATOR)
    who = directory.authenticate(key.text, "127.0.0.1")
    assert isinstance(who, Principal)
    assert who.elevation == Elevation(
        id="e", ticket="SUP-1", tenant=TenantId(tenant), actions=frozenset({"audit.read"}), break_glass=False
    )
    assert not directory.has(Role.OPERATOR)  # it is nobody's way to run the installation
    clock.seconds = 2_000
    assert isinstance(directory.authenticate(key.text, "127.0.0.1"), Refusal)  # known a moment ago, and over
    assert len(told(Role.APPROVER)) == 0


def found(*, demo: bool, allowed: bool) -> tuple[bool, bool]:
    """Return whether an operator's key counts when it is presented, and in a session that began with it."""
    key = secretkey.mint(Role.OPERATOR, None)
    directory = knowing(key, demo=demo, allowed=allowed)
    answers = directory.authenticate(key.text, "127.0.0.1"), directory.still(key.id, "127.0.0.1")
    return isinstance(answers[0], Principal), isinstance(answers[1], Principal)


@pytest.mark.parametrize(
    ("demo", "allowed", "counts"), [(True, False, False), (True, True, True), (False, False, True)]
)
def test_a_demo_credential_counts_where_demos_are_allowed_only(*, demo: bool, allowed: bool, counts: bool) -> None:
    assert found(demo=demo, allowed=allowed) == (counts, counts)


def test_a_known_id_with_another_secret_is_nobodys() -> None:
    key, other = secretkey.mint(Role.OPERATOR, None), secretkey.mint(Role.OPERATOR, None)
    kind, environment, secret = key.text.split("_")[1], key.text.split("_")[2], other.text.split("_")[4][:43]
    body = f"srk_{kind}_{environment}_{key.id}_{secret}"
    forged = body + secretkey._crc(body)
    assert secretkey.parse(forged) is not None, "the control: shape and checksum are right"
    directory = knowing(key)
    assert isinstance(directory.authenticate(key.text, "127.0.0.1"), Principal)
    assert not isinstance(directory.authenticate(forged, "127.0.0.1"), Principal)


@pytest.mark.parametrize("environment", list(Environment))
@pytest.mark.parametrize("role", [Role.NOTEBOOK, Role.TRAINING, Role.DELIVERY])
def test_a_notebook_that_was_put_into_prod_by_hand_is_nobody(role: Role, environment: Environment) -> None:
    tenant, key = TenantId(UUID(int=7)), secretkey.mint(role, environment)
    document = CredentialDocument(
        fingerprint=PEPPERS.mac(Purpose.KEY_PEPPER, key.text.encode(), version=1) or b"",
        pepper_version=1,
        role=role,
        name="w",
        expires_at=2_000,
        tenant=tenant,
        environment=environment,
        workload=UUID(int=8),
    )
    told = [
        (PLATFORM, documents.TENANT, str(tenant), documents.encode(TenantDocument(name="acme"))),
        (tenant, documents.CREDENTIAL, key.id, documents.encode(document)),
    ]
    directory = Directory(PEPPERS, Clock(), allow_demo=True)
    directory.apply(
        [FeedEntry(tenant=of, kind=kind, id=id_, version=1, body=body, deleted=False) for of, kind, id_, body in told],
        full=True,
    )
    counts = isinstance(directory.authenticate(key.text, "127.0.0.1"), Principal)
    assert counts is ((role, environment) != (Role.NOTEBOOK, Environment.PROD))


def withdrawn(key: secretkey.SecretKey) -> FeedEntry:
    return FeedEntry(tenant=PLATFORM, kind=documents.CREDENTIAL, id=key.id, version=2, body=b"", deleted=True)


def test_a_key_that_was_right_is_no_longer_once_it_is_withdrawn_or_has_expired() -> None:
    key, clock = secretkey.mint(Role.OPERATOR, None), Clock()
    directory = knowing(key, clock=clock)
    for _ in range(2):  # the second time it is known again, and not proven anew
        assert isinstance(directory.authenticate(key.text, "127.0.0.1"), Principal)
    clock.seconds = 2_000
    assert not isinstance(directory.authenticate(key.text, "127.0.0.1"), Principal)
    clock.seconds = 1_999
    assert isinstance(directory.authenticate(key.text, "127.0.0.1"), Principal), "the control"
    directory.apply([withdrawn(key)], full=False)
    assert not isinstance(directory.authenticate(key.text, "127.0.0.1"), Principal)


def test_text_that_only_looks_like_a_key_that_was_right_is_nobodys() -> None:
    key = secretkey.mint(Role.OPERATOR, None)
    directory = knowing(key)
    assert isinstance(directory.authenticate(key.text, "127.0.0.1"), Principal)
    for text in (
        key.text + " ",
        key.text[:-1],
        key.text.upper(),
        key.text[:-1] + "\ud800",
        key.text[:40],
        "",
        "x" * 9999,
    ):
        assert not isinstance(directory.authenticate(text, "127.0.0.1"), Principal)
