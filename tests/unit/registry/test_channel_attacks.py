"""Attacks on a channel, as `tuf-conformance` has them: each is refused, and the honest channel is read, here and by python-tuf's
own client."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tuf.api.exceptions import DownloadHTTPError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater

from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.channels.client import Opened, Stale, Untrusted, verify
from strongroom.registry.channels.memory import Memory
from strongroom.registry.channels.model import (
    Channel,
    Content,
    Freeze,
    FreezeKind,
    Promoted,
    Revoked,
    RevokedKind,
    Seen,
    Stored,
)
from strongroom.registry.channels.signing import FRESH, Last, Publisher, anchors, tuf_key
from strongroom.registry.channels.tuf import Metadata, Role, Root, Signature, Timestamp
from strongroom.signatures.keys import SecretKey
from strongroom.vault import Purpose, PurposeKeys

PROD = Channel.PROD
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


def keyring(*roots: int) -> RegistryKeys:
    """Return the keys of a keyring with these root keys, the newest first."""
    current = len(roots)
    held = {current - place: bytes([root]) * 32 for place, root in enumerate(roots)}
    return RegistryKeys(PurposeKeys(current, {Purpose.REGISTRY: held}))


def promoted(name: str = "m", version: str = "1", *, current: bool = True) -> Promoted:
    digest = hashlib.sha256(f"{name}{version}".encode()).hexdigest()
    return Promoted(
        name=name,
        version=version,
        digest=f"sha256:{digest}",
        size=7,
        current=current,
        by="olga",
        at=NOW,
        reason="because",
    )


@dataclass
class House:
    """A channel's database, who signs it and who reads it."""

    keys: RegistryKeys = field(default_factory=lambda: keyring(1))
    channel: Channel = PROD
    roots: dict[int, bytes] = field(default_factory=dict)
    snapshots: dict[int, bytes] = field(default_factory=dict)
    targets: dict[int, bytes] = field(default_factory=dict)
    stamp: bytes = b""
    seen: Seen | None = None

    def publish(self, content: Content, now: datetime = NOW) -> Opened:
        before = None if not self.stamp else verify(self.stored, self.anchors, None, now, renewing=True)
        root, last = (None, Last()) if before is None else (before.root, Last.of(before.seen))
        written = Publisher(self.keys).publish(self.channel, content, root, last, now)
        if written.root is not None:
            self.roots[written.root[0]] = written.root[1]
        assert written.targets is not None
        assert written.snapshot is not None
        self.targets[written.targets[0]] = written.targets[1]
        self.snapshots[written.snapshot[0]] = written.snapshot[1]
        self.stamp = written.timestamp
        return self.read(now)

    def read(self, now: datetime = NOW) -> Opened:
        opened = verify(self.stored, self.anchors, self.seen, now)
        self.seen = opened.seen
        return opened

    @property
    def anchors(self) -> frozenset[str]:
        return anchors(self.keys, self.channel)

    @property
    def stored(self) -> Stored:
        number = len(self.targets)
        return Stored(
            roots=dict(self.roots), timestamp=self.stamp, snapshot=self.snapshots[number], targets=self.targets[number]
        )


@pytest.fixture
def house() -> House:
    made = House()
    made.publish(Content(promoted=(promoted(),)))
    made.publish(Content(promoted=(promoted(current=False), promoted(version="2"))))
    return made


def signed(document: Any, *keys: SecretKey, ids: tuple[str, ...] = ()) -> bytes:
    whole = Metadata(document)
    message = whole.signed_bytes
    for place, key in enumerate(keys):
        named = ids[place] if ids else key.public.id
        whole.signatures[named] = Signature(named, key.sign(message).hex())
    return whole.to_bytes()


def stamped(house: House) -> Timestamp:
    return Timestamp.from_dict(msgspec.json.decode(house.stamp)["signed"])


def key(house: House, role: str) -> SecretKey:
    return house.keys.channel(house.channel, role)[0]


def root_document(house: House, version: int, threshold: int = 1, *extra: SecretKey) -> Root:
    roles = {role: key(house, role) for role in ("root", "timestamp", "snapshot", "targets")}
    everyone = [*roles.values(), *extra]
    return Root(
        version=version,
        expires=NOW + 30 * DAY,
        keys={each.public.id: tuf_key(each.public) for each in everyone},
        roles={
            role: Role(
                [one.public.id, *(each.public.id for each in extra)] if role == "root" else [one.public.id],
                threshold if role == "root" else 1,
            )
            for role, one in roles.items()
        },
        consistent_snapshot=True,
    )


# ---- the honest channel ------------------------------------------------------------------------------------------------


def test_what_is_published_is_read_and_going_back_is_a_higher_version(house: House) -> None:
    assert house.read().content.current("m") == promoted(version="2")
    went_back = house.publish(Content(promoted=(promoted(),)))
    assert went_back.content.current("m") == promoted()
    assert went_back.seen.targets == 3


class _Database(FetcherInterface):
    """Serves a house's documents to python-tuf's own client."""

    def __init__(self, house: House) -> None:
        self._house = house

    def _fetch(self, url: str) -> Any:
        name = urlparse(url).path.rpartition("/")[2]
        number, _, role = name.removesuffix(".json").partition(".")
        held = {"root": self._house.roots, "snapshot": self._house.snapshots, "targets": self._house.targets}
        body = self._house.stamp if name == "timestamp.json" else held[role].get(int(number))
        if body is None:
            raise DownloadHTTPError("none", 404)
        return iter([body])


def followed(house: House, place: Path, bootstrap: bytes | None = None) -> Updater:
    client = Updater(
        str(place),
        "https://strongroom.example/",
        fetcher=_Database(house),
        bootstrap=bootstrap if bootstrap is not None else house.roots[1],
    )
    client.refresh()
    return client


def test_python_tufs_own_client_follows_the_channel_through_a_new_root(house: House, tmp_path: Path) -> None:
    assert followed(house, tmp_path).get_targetinfo("releases/m/2") is not None
    house.keys = keyring(2, 1)
    house.publish(Content(promoted=(promoted(version="3"),)))
    assert sorted(house.roots) == [1, 2]
    found = followed(house, tmp_path).get_targetinfo("releases/m/3")
    assert found is not None
    assert found.hashes == {"sha256": promoted(version="3").digest.removeprefix("sha256:")}


# ---- attacks -----------------------------------------------------------------------------------------------------------


def rollback(house: House) -> str:
    old = House()
    old.publish(Content(promoted=(promoted(),)))
    house.stamp, house.targets, house.snapshots = old.stamp, {1: house.targets[1]}, {1: house.snapshots[1]}
    return "went back"


def older_list(house: House) -> str:
    """A new timestamp, by the right key, over an older snapshot."""
    first = House()
    first.publish(Content(promoted=(promoted(),)))
    house.stamp = signed(Timestamp(9, None, NOW + FRESH, stamped(first).snapshot_meta), key(house, "timestamp"))
    house.targets, house.snapshots = first.targets, first.snapshots
    return "older snapshot"


def mixed(house: House) -> str:
    house.targets[2] = house.targets[1]
    return "parts of two states are mixed"


def mixed_snapshot(house: House) -> str:
    house.snapshots[2] = house.snapshots[1]
    return "parts of two states are mixed"


def same_version_other_list(house: House) -> str:
    """Two states of one version, each signed by the right keys."""
    other = House()
    other.publish(Content(promoted=(promoted(),)))
    other.publish(Content(promoted=(promoted(version="evil"),)))
    house.stamp, house.targets, house.snapshots = other.stamp, other.targets, other.snapshots
    return "two timestamps of version 2"


def wrong_timestamp_key(house: House) -> str:
    found = stamped(house)
    house.stamp = signed(Timestamp(9, None, NOW + FRESH, found.snapshot_meta), key(house, "snapshot"))
    return "its timestamp is not signed"


def key_of_another_channel(house: House) -> str:
    found = stamped(house)
    house.stamp = signed(
        Timestamp(9, None, NOW + FRESH, found.snapshot_meta), house.keys.channel("dev", "timestamp")[0]
    )
    return "its timestamp is not signed"


def whole_of_another_channel(house: House) -> str:
    dev = House(channel=Channel.DEV)
    dev.publish(Content(promoted=(promoted(),)))
    dev.publish(Content(promoted=(promoted(version="untested"),)))
    house.roots, house.stamp, house.targets, house.snapshots = dev.roots, dev.stamp, dev.targets, dev.snapshots
    return "not the one that was seen"


def edited_list(house: House) -> str:
    edited = house.targets[2].replace(b'"version":"2"', b'"version":"9"')
    assert edited != house.targets[2]
    house.targets[2] = edited
    return "parts of two states are mixed"


def foreign_root(house: House) -> str:
    """The next root, by a key of the attacker's."""
    mine = SecretKey.of_seed(b"x" * 32)
    document = root_document(house, 2)
    document.keys[mine.public.id] = tuf_key(mine.public)
    document.roles["root"] = Role([mine.public.id], 1)
    house.roots[2] = signed(document, mine)
    return "not signed by enough keys of the one before"


def one_key_as_two(house: House) -> str:
    """A root that demands two keys and names one under two ids; python-tuf counts ids, and would take it."""
    one = key(house, "root")
    document = root_document(house, 2, threshold=2)
    document.keys["other-id"] = tuf_key(one.public)
    document.keys["other-id"].keyid = "other-id"
    document.roles["root"] = Role([one.public.id, "other-id"], 2)
    house.roots[2] = signed(document, one, one, ids=(one.public.id, "other-id"))
    return "is not signed by enough keys"


def skipped_root(house: House) -> str:
    house.roots[3] = signed(root_document(house, 3), key(house, "root"))
    return "do not follow from one another"


def misnumbered_root(house: House) -> str:
    house.roots[2] = signed(root_document(house, 7), key(house, "root"))
    return "is another"


def lost_root(house: House) -> str:
    house.roots.clear()
    return "its root of version 1 is missing"


def another_kind(house: House) -> str:
    house.stamp = house.snapshots[2]
    return "another kind"


def garbage(house: House) -> str:
    house.stamp = b"{"
    return "does not hold"


ATTACKS = [
    rollback, older_list, mixed, mixed_snapshot, same_version_other_list, wrong_timestamp_key, key_of_another_channel,
    whole_of_another_channel, edited_list, foreign_root, one_key_as_two, skipped_root, misnumbered_root, lost_root,
    another_kind, garbage,
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.__name__)
def test_an_attack_is_refused_and_the_channel_is_read_again_without_it(
    attack: Callable[[House], str], house: House
) -> None:
    before = msgspec.structs.replace(house.stored)
    said = attack(house)
    with pytest.raises(Untrusted, match=said):
        house.read()
    assert verify(before, house.anchors, house.seen, NOW).content.current("m") == promoted(version="2")


@pytest.mark.parametrize("attack", [rollback, wrong_timestamp_key, key_of_another_channel, foreign_root])
def test_the_reference_client_refuses_the_same(attack: Callable[[House], str], house: House, tmp_path: Path) -> None:
    followed(house, tmp_path)
    attack(house)
    with pytest.raises(RepositoryError):
        followed(house, tmp_path)


@pytest.mark.parametrize("attack", [mixed, mixed_snapshot, edited_list])
def test_the_reference_client_refuses_the_same_when_it_is_new(
    attack: Callable[[House], str], house: House, tmp_path: Path
) -> None:
    followed(house, tmp_path / "honest")
    attack(house)
    with pytest.raises(RepositoryError):
        followed(house, tmp_path / "attacked")


def test_a_lowered_threshold_is_refused_though_every_key_has_signed_it(house: House) -> None:
    second = SecretKey.of_seed(b"2" * 32)
    house.roots[2] = signed(root_document(house, 2, 2, second), key(house, "root"), second)
    house.read()
    house.roots[3] = signed(root_document(house, 3, 1, second), key(house, "root"), second)
    with pytest.raises(Untrusted, match="demands fewer keys for root"):
        house.read()
    house.roots[3] = signed(root_document(house, 3, 1, second), key(house, "root"))
    with pytest.raises(Untrusted, match="not signed by enough keys"):
        house.read()


def test_one_key_under_two_names_meets_no_threshold_of_two(house: House) -> None:
    """The threshold was met before by two keys; now one signs under both names."""
    second = SecretKey.of_seed(b"2" * 32)
    house.roots[2] = signed(root_document(house, 2, 2, second), key(house, "root"), second)
    house.read()
    one = key(house, "root")
    house.roots[3] = signed(root_document(house, 3, 2, second), one, one, ids=(one.public.id, second.public.id))
    with pytest.raises(Untrusted, match="not signed by enough keys"):
        house.read()


def test_a_channel_that_is_held_back_ends_within_its_hour(house: House) -> None:
    assert house.read(NOW + FRESH - timedelta(seconds=1)).content.promoted
    with pytest.raises(Stale, match="its timestamp ended"):
        house.read(NOW + FRESH)
    assert verify(house.stored, house.anchors, house.seen, NOW + 2 * FRESH, renewing=True).content.promoted


@pytest.mark.parametrize("days", [366, 4000])
def test_nothing_counts_for_ever_though_its_timestamp_is_new(house: House, days: int) -> None:
    later = NOW + days * DAY
    found = stamped(house)
    house.stamp = signed(Timestamp(9, None, later + FRESH, found.snapshot_meta), key(house, "timestamp"))
    with pytest.raises(Stale, match="its root ended"):
        house.read(later)


def test_a_stolen_timestamp_key_that_ran_ahead_is_left_behind_by_new_keys(house: House) -> None:
    found = stamped(house)
    house.stamp = signed(Timestamp(2**31, None, NOW + FRESH, found.snapshot_meta), key(house, "timestamp"))
    house.read()
    good = Timestamp(3, None, NOW + FRESH, found.snapshot_meta)
    house.stamp = signed(good, key(house, "timestamp"))
    with pytest.raises(Untrusted, match="went back"):
        house.read()
    house.keys = keyring(2, 1)
    assert house.publish(Content(promoted=(promoted(),))).seen.timestamp == 4


def test_who_has_seen_nothing_begins_at_a_key_of_the_installation_and_at_no_other(house: House) -> None:
    house.seen = None
    assert house.read().content.promoted
    with pytest.raises(Untrusted, match="no key of this installation"):
        verify(house.stored, anchors(keyring(9), PROD), None, NOW)


def test_what_was_revoked_is_not_forgotten_by_a_newer_list() -> None:
    house = House(channel=Channel.REVOCATIONS)
    gone = Revoked(kind=RevokedKind.DIGEST, of=promoted().digest, by="olga", at=NOW, reason="poisoned")
    house.publish(Content(revoked=(gone,)))
    with pytest.raises(Untrusted, match="does not know any more"):
        house.publish(Content())


def test_what_a_list_says_must_be_about_the_file_that_it_names(house: House) -> None:
    document = Metadata.from_bytes(house.targets[2])
    document.signed.targets["releases/m/2"].unrecognized_fields["custom"]["digest"] = promoted(version="evil").digest  # type: ignore[attr-defined]
    body = signed(document.signed, key(house, "targets"))
    number = len(house.targets)
    publisher = Publisher(house.keys)
    house.targets[number] = body
    house.snapshots[number] = publisher._snapshot(PROD, number, body, NOW)
    house.stamp = publisher._timestamp(PROD, 9, number, house.snapshots[number], NOW)
    house.seen = None
    with pytest.raises(Untrusted, match="about something else"):
        house.read()


# ---- memory ------------------------------------------------------------------------------------------------------------


def test_memory_is_shared_survives_a_restart_and_only_grows(house: House, tmp_path: Path) -> None:
    old = house.read().seen
    new = house.publish(Content()).seen
    one, two = Memory(tmp_path), Memory(tmp_path)
    one.keep(PROD, new)
    two.keep(PROD, old)
    assert one.seen(PROD) == two.seen(PROD) == Memory(tmp_path).seen(PROD) == new
    (tmp_path / "prod.json").write_bytes(b"{")
    with pytest.raises(Untrusted, match="remembers"):
        Memory(tmp_path).seen(PROD)
    one.forget(PROD)
    assert two.seen(PROD) is None


NAMES = st.text('aZ9-_.:@+~/\\"\u00e9\u4e2d\U0001f600 ', min_size=1, max_size=12)
HOLDS = st.builds(
    Freeze, kind=st.sampled_from(FreezeKind), of=NAMES, by=NAMES, at=st.just(NOW), reason=NAMES
)  # fmt: skip


@given(
    st.lists(NAMES, unique=True, max_size=5), st.lists(HOLDS, max_size=3, unique_by=lambda each: (each.kind, each.of))
)
@settings(max_examples=25, deadline=None)
def test_whatever_a_channel_says_is_read_as_it_was_said(names: list[str], frozen: list[Freeze]) -> None:
    frozen = [each for each in frozen if each.kind is not FreezeKind.ENVIRONMENT]
    content = Content(promoted=tuple(promoted(name) for name in names), frozen=tuple(frozen))
    read = House().publish(content).content
    assert set(read.promoted) == set(content.promoted)
    assert set(read.frozen) == set(content.frozen)
