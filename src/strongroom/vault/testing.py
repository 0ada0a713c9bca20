"""A real vault for tests: the embedded keystore, in the test's own directory and process."""

from __future__ import annotations

from pathlib import Path

from strongroom.kernel.clock import Clock, SystemClock
from strongroom.vault.cache import Vault
from strongroom.vault.files import FileKeystore
from strongroom.vault.keyring import Keyring


def embedded(directory: Path, clock: Clock | None = None) -> Vault:
    """Return a vault whose keys are in `directory`, under `keyring.json` there."""
    clock = clock or SystemClock()
    return Vault(FileKeystore(directory / "vault", Keyring.open(directory / "keyring.json"), clock), clock)
