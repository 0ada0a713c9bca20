"""The keyring file: made once, never replaced, never shown."""

from __future__ import annotations

import os
import stat
import traceback
from pathlib import Path

import msgspec
import pytest

from strongroom.vault import Keyring, KeyringBroken, Purpose, PurposeKeys

PEPPER = Purpose.KEY_PEPPER


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyring.json"


def test_a_keyring_is_made_once_for_its_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        made = Keyring.open(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    content = path.read_bytes()
    assert Keyring.open(path).identity() == made.identity()
    assert path.read_bytes() == content


def test_what_was_made_under_an_older_key_is_still_known_after_rotation(path: Path) -> None:
    keyring = Keyring.open(path)
    old = keyring.derive(PEPPER).mac(PEPPER, b"secret")
    identity = keyring.identity()
    keyring.rotate()
    for keys in (keyring.derive(PEPPER), Keyring.open(path).derive(PEPPER)):
        assert keys.current == 2
        assert keys.mac(PEPPER, b"secret", version=1) == old
        assert keys.mac(PEPPER, b"secret") != old
        assert keys.mac(PEPPER, b"secret", version=3) is None
    assert Keyring.open(path).identity() == identity
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_purposes_have_keys_of_their_own_and_only_those_asked_for(path: Path) -> None:
    keyring = Keyring.open(path)
    assert keyring.derive(PEPPER).key(PEPPER) != keyring.derive(Purpose.CACHE_SCOPE).key(Purpose.CACHE_SCOPE)
    with pytest.raises(KeyError):
        keyring.derive(PEPPER).key(Purpose.CACHE_SCOPE)


DAMAGED = {
    "empty": b"",
    "cut": b'{"format":1,"current":1,"keys":{"1":"AAAA',
    "not UTF-8": b'{"format":1,"current":1,"keys":{"1":"\xff"}}',
    "no key": b'{"format":1,"current":1,"keys":{}}',
    "another current": msgspec.json.encode({"format": 1, "current": 2, "keys": {1: b"k" * 32}}),
    "a short key": msgspec.json.encode({"format": 1, "current": 1, "keys": {1: b"k" * 31}}),
    "version nought": msgspec.json.encode({"format": 1, "current": 0, "keys": {0: b"k" * 32}}),
    "a field more": msgspec.json.encode({"format": 1, "current": 1, "keys": {1: b"k" * 32}, "x": 1}),
    "a newer format": msgspec.json.encode({"format": 2, "sealed": "elsewhere"}),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused_and_left_as_it_is(path: Path, case: str) -> None:
    path.touch(0o600)
    path.write_bytes(DAMAGED[case])
    with pytest.raises(KeyringBroken, match="format 2" if "newer" in case else "restore it"):
        Keyring.open(path)
    assert path.read_bytes() == DAMAGED[case]


def test_a_file_that_others_can_read_is_refused(path: Path) -> None:
    Keyring.open(path)
    path.chmod(0o640)
    with pytest.raises(KeyringBroken, match="by others"):
        Keyring.open(path)


def test_a_link_to_nowhere_is_not_an_invitation_to_make_a_new_one(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "volume-that-is-not-mounted" / "keyring.json")
    with pytest.raises(KeyringBroken, match="missing"):
        Keyring.open(path)
    assert path.is_symlink()


def test_whoever_comes_second_reads_what_the_first_one_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Keyring.open(path)
    monkeypatch.setattr(os.path, "lexists", lambda _: False)  # both looked before either wrote
    assert Keyring.open(path).identity() == first.identity()
    assert list(path.parent.iterdir()) == [path]


def test_no_key_is_in_a_repr_or_a_traceback(path: Path) -> None:
    keyring = Keyring.open(path)
    keys = keyring.derive(PEPPER)
    root = msgspec.json.decode(path.read_bytes())["keys"]["1"]
    shown = f"{keyring!r} {keyring} {keys!r} {keys}"
    path.write_bytes(path.read_bytes()[:-1])
    try:
        Keyring.open(path)
    except KeyringBroken as error:
        shown += "".join(traceback.format_exception(error))
    assert root not in shown
    assert repr(keys.key(PEPPER)) not in shown


def test_handed_over_keys_arrive_whole_or_not_at_all(path: Path) -> None:
    keys = Keyring.open(path).derive(PEPPER, Purpose.CACHE_SCOPE)
    assert PurposeKeys.parse(keys.dump()).mac(PEPPER, b"x") == keys.mac(PEPPER, b"x")
    good = msgspec.json.decode(keys.dump())
    damages: list[dict[str, object]] = [
        {"format": 2},
        {"current": 9},
        {"purposes": {"key-pepper": {"1": "AAAA"}}},
        {"purposes": {"new": {}}},
    ]
    for damage in damages:
        with pytest.raises(KeyringBroken):
            PurposeKeys.parse(msgspec.json.encode({**good, **damage}))
    for content in (b"", b"\xff", keys.dump()[:-4]):
        with pytest.raises(KeyringBroken):
            PurposeKeys.parse(content)
