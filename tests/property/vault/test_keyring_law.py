"""Rotating any number of times keeps every fingerprint that was ever made."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.vault import Keyring, Purpose, PurposeKeys


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["rotate", "reopen", "make"]), max_size=12), st.binary(max_size=64))
def test_every_fingerprint_stays_known(steps: list[str], message: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "keyring.json"
        keyring = Keyring.open(path)
        made: dict[int, bytes | None] = {}
        for step in steps:
            if step == "rotate":
                keyring.rotate()
            elif step == "reopen":
                keyring = Keyring.open(path)
            else:
                keys = keyring.derive(Purpose.KEY_PEPPER)
                made[keys.current] = keys.mac(Purpose.KEY_PEPPER, message)
        handed = PurposeKeys.parse(Keyring.open(path).derive(Purpose.KEY_PEPPER).dump())
        for version, fingerprint in made.items():
            assert handed.mac(Purpose.KEY_PEPPER, message, version=version) == fingerprint
        assert len(set(made.values())) == len(made)
