"""Attacks on a channel by whoever has some of its online keys: each document is signed as it should be, and still refused.

What the bytes that are named keep out already is in `test_channel_attacks`; here the names are the attacker's own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest
from tests.unit.registry.test_channel_attacks import DAY, NOW, House, key, promoted, root_document, signed

from strongroom.registry.channels.client import Stale, Untrusted, root_of
from strongroom.registry.channels.model import Channel, Content, Revoked, RevokedKind
from strongroom.registry.channels.paths import files_of
from strongroom.registry.channels.signing import FRESH, tuf_key
from strongroom.registry.channels.tuf import MetaFile, Role, Snapshot, Targets, Timestamp
from strongroom.signatures.keys import SecretKey


@pytest.fixture
def house() -> House:
    made = House()
    made.publish(Content(promoted=(promoted(),)))
    made.publish(Content(promoted=(promoted(current=False), promoted(version="2"))))
    return made


def put(
    house: House,
    listed: bytes,
    named: int,
    *,
    snapshot: int = 9,
    told: int | None = None,
    now: datetime = NOW,
    ends: datetime | None = None,
    **more: bytes,
) -> None:
    """Put a list in a house's channel, with a snapshot and a timestamp over it, by the keys of both.

    Args:
        house: the channel's.
        listed: the list.
        named: which version of it the snapshot names.
        snapshot: the snapshot's own version.
        told: which version of the snapshot the timestamp names; None: its own.
        now: when the timestamp is signed.
        ends: when the snapshot ends.
        more: what else the snapshot names.
    """
    meta = {"targets.json": MetaFile.from_data(named, listed, ["sha256"])}
    meta |= {f"{name}.json": MetaFile.from_data(1, data, ["sha256"]) for name, data in more.items()}
    over = signed(Snapshot(version=snapshot, expires=ends or NOW + 30 * DAY, meta=meta), key(house, "snapshot"))
    stamp = MetaFile.from_data(told or snapshot, over, ["sha256"])
    house.stamp = signed(Timestamp(9, None, now + FRESH, stamp), key(house, "timestamp"))
    place = len(house.targets)
    house.targets[place], house.snapshots[place] = listed, over


def list_of(house: House, version: int, content: Content, ends: datetime = NOW + 30 * DAY) -> bytes:
    return signed(Targets(version=version, expires=ends, targets=files_of(content)), key(house, "targets"))


def an_older_list(house: House) -> str:
    """Who has the keys of snapshot and timestamp, and not the list's, brings back what was promoted before."""
    put(house, house.targets[1], 1)
    return "its list went back from version 2 to 1"


def another_list_of_the_same_version(house: House) -> str:
    put(house, list_of(house, 2, Content(promoted=(promoted(version="evil"),))), 2)
    return "there are two lists of version 2"


def a_list_that_is_named_as_newer_than_it_is(house: House) -> str:
    put(house, house.targets[1], 3)
    return "its list is not the one that the snapshot names"


def a_snapshot_that_is_named_as_newer_than_it_is(house: House) -> str:
    put(house, house.targets[2], 2, snapshot=1, told=9)
    return "its snapshot is not the one that the timestamp names"


def a_snapshot_that_names_more_lists(house: House) -> str:
    put(house, house.targets[2], 2, more=b"{}")
    return "its snapshot is not the one that the timestamp names"


def a_snapshot_that_names_no_list(house: House) -> str:
    over = signed(Snapshot(version=9, expires=NOW + 30 * DAY, meta={}), key(house, "snapshot"))
    stamp = MetaFile.from_data(9, over, ["sha256"])
    house.stamp = signed(Timestamp(9, None, NOW + FRESH, stamp), key(house, "timestamp"))
    house.snapshots[2] = over
    return "its snapshot is not the one that the timestamp names"


def a_snapshot_named_without_its_hash(house: House) -> str:
    document = Timestamp(9, None, NOW + FRESH, MetaFile(2))
    house.stamp = signed(document, key(house, "timestamp"))
    return "named without length and hash"


def what_is_promoted_under_the_path_of_another(house: House) -> str:
    files = files_of(Content(promoted=(promoted(version="3"),)))
    (held,) = files.values()
    document = Targets(version=3, expires=NOW + 30 * DAY, targets={"releases/m/2": held})
    put(house, signed(document, key(house, "targets")), 3)
    return "about something else"


THEFTS = [
    an_older_list, another_list_of_the_same_version, a_list_that_is_named_as_newer_than_it_is,
    a_snapshot_that_is_named_as_newer_than_it_is, a_snapshot_that_names_more_lists, a_snapshot_that_names_no_list,
    a_snapshot_named_without_its_hash, what_is_promoted_under_the_path_of_another,
]  # fmt: skip


@pytest.mark.parametrize("theft", THEFTS, ids=lambda each: each.__name__)
def test_what_some_of_the_right_keys_signed_is_refused_all_the_same(
    theft: Callable[[House], str], house: House
) -> None:
    said = theft(house)
    with pytest.raises(Untrusted, match=said):
        house.read()


def test_what_the_thief_did_is_what_was_refused(house: House) -> None:
    """The control: the same hand, with nothing wrong, is believed."""
    put(house, list_of(house, 3, Content(promoted=(promoted(version="3"),))), 3)
    assert house.read().content.current("m") == promoted(version="3")


@pytest.mark.parametrize("which", ["list", "snapshot"])
def test_what_was_held_back_by_new_timestamps_ends(house: House, which: str) -> None:
    """Who has the timestamp's key alone, or the snapshot's with it, holds a channel back for a month at most."""
    later = NOW + 29 * DAY
    listed = list_of(house, 3, Content(), NOW + (28 if which == "list" else 30) * DAY)
    put(house, listed, 3, now=later, ends=NOW + (28 if which == "snapshot" else 30) * DAY)
    with pytest.raises(Stale, match=f"its {which} ended"):
        house.read(later)
    house.seen = None
    assert house.read(NOW + 27 * DAY).seen.targets == 3


def test_what_was_revoked_and_is_still_known_is_no_trouble() -> None:
    house = House(channel=Channel.REVOCATIONS)
    gone = Revoked(kind=RevokedKind.DIGEST, of=promoted().digest, by="olga", at=NOW, reason="poisoned")
    house.publish(Content(revoked=(gone,)))
    second = msgspec.structs.replace(gone, of=promoted(version="2").digest)
    assert set(house.publish(Content(revoked=(gone, second))).content.revoked) == {gone, second}


# ---- roots, by who has the root key, or by nobody's mistake ------------------------------------------------------------


def first_root(house: House, change: Callable[[Any], None], *keys: SecretKey) -> None:
    document = root_document(house, 1)
    change(document)
    house.roots, house.seen = {1: signed(document, key(house, "root"), *keys)}, None


def test_the_first_root_is_held_to_what_every_later_one_is(house: House) -> None:
    """It is signed by a key of the installation, and so is believed; and yet it must be sound."""
    one = key(house, "timestamp")

    def twice(document: Any) -> None:
        document.keys["other-id"] = tuf_key(one.public)
        document.keys["other-id"].keyid = "other-id"
        document.roles["timestamp"] = Role([one.public.id, "other-id"], 2)

    def too_many(document: Any) -> None:
        document.roles["timestamp"] = Role([one.public.id], 2)

    stranger = SecretKey.of_seed(b"s" * 32)

    def two_signers(document: Any) -> None:
        document.keys[stranger.public.id] = tuf_key(stranger.public)
        document.roles["root"] = Role([key(house, "root").public.id, stranger.public.id], 2)

    for change, said in (
        (twice, "names one key twice for timestamp"),
        (too_many, "demands more keys for timestamp than it names"),
        (two_signers, "its root is not signed by its own keys"),
    ):
        first_root(house, change)
        with pytest.raises(Untrusted, match=said):
            house.read()
    first_root(house, two_signers, stranger)
    assert house.read().content.promoted


def test_a_root_stands_where_its_version_says(house: House) -> None:
    first_root(house, lambda document: setattr(document, "version", 2))
    with pytest.raises(Untrusted, match="its root of version 1 is another"):
        house.read()
    with pytest.raises(Untrusted, match="its root of version 1 is another"):
        root_of(house.roots, house.anchors)


def test_roots_below_the_first_one_and_beyond_a_gap_are_refused(house: House) -> None:
    """Both are left out of the walk from root to root, and what is left out was never looked at."""
    for number in (0, 3):
        house.roots[number] = signed(root_document(house, number or 1), key(house, "root"))
        with pytest.raises(Untrusted, match="do not follow from one another"):
            house.read()
        del house.roots[number]
    house.roots[2] = signed(root_document(house, 2), key(house, "root"))
    assert house.read().seen.root == 2
    house.roots = {2: house.roots[2], 4: signed(root_document(house, 4), key(house, "root"))}
    with pytest.raises(Untrusted, match="do not follow from one another"):
        house.read()
