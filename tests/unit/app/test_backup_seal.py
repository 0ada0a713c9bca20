"""The seal of a backup: this keyring's, of this manifest, under any key that it still holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.app.backup import seal_of
from strongroom.app.layout import layout
from strongroom.app.refusals import CannotStart
from strongroom.vault import Keyring


@pytest.fixture
def home(tmp_path: Path) -> Path:
    places = layout(tmp_path)
    places.keyring.parent.mkdir(parents=True)
    Keyring.open(places.keyring)
    return tmp_path


def test_a_seal_fits_its_manifest_and_no_other(home: Path) -> None:
    seal = seal_of(layout(home))
    made = seal.make(b"manifest")
    assert seal.fits(b"manifest", made)
    assert not seal.fits(b"Manifest", made)
    assert not seal.fits(b"manifest", made.replace(b"1:", b"2:"))
    for wrong in (
        b"",
        b":",
        b"1:",
        b"1:00",
        made[:-1],
        made + b"0",
        made.upper(),
        b"-1" + made[1:],
        b"9" * 5000 + b":x",
    ):
        assert not seal.fits(b"manifest", wrong)


def test_an_older_key_of_the_same_keyring_still_fits(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    old = seal_of(layout(home)).make(b"manifest")
    Keyring.open(layout(home).keyring).rotate()
    assert seal_of(layout(home)).fits(b"manifest", old)
    assert seal_of(layout(home)).make(b"manifest") != old
    other = layout(tmp_path_factory.mktemp("other"))
    other.keyring.parent.mkdir(parents=True)
    Keyring.open(other.keyring)
    assert not seal_of(other).fits(b"manifest", old)


def test_without_a_keyring_there_is_no_seal_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="no keyring"):
        seal_of(layout(tmp_path))
    assert list(tmp_path.iterdir()) == []
