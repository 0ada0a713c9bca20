"""Filed secrets on disk: a file for each, with its versions, sealed before they come here.

Always true here:
- a file is 0600, written whole and synced;
- a version's number is used once, also when the versions before it were removed;
- a file that is damaged or readable by others is `VaultUnavailable`, and never replaced.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import msgspec

from strongroom.kernel.ids import TenantId
from strongroom.vault.keyring import KeyringBroken
from strongroom.vault.keystore import KeysDestroyed, VaultUnavailable
from strongroom.vault.private import read_private, write_private


class _Filed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The versions of one secret that are still there, and the number of the newest that ever was."""

    newest: int
    versions: dict[int, bytes]

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "_Filed()"


class SecretFiles:
    """Filed secrets of all tenants below `directory`. Blocking; its owner calls it from one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory: Final = directory

    def put(self, tenant: TenantId, use: str, name: str, sealed: bytes) -> int:
        """Add a version, and return its number."""
        path = self._path(tenant, use, name)
        before = self._read(path) or _Filed(0, {})
        number = before.newest + 1
        self._write(path, _Filed(number, {**before.versions, number: sealed}))
        return number

    def get(self, tenant: TenantId, use: str, name: str, version: int) -> bytes:
        """Return one version; `KeysDestroyed` when it is not there any more."""
        found = self._read(self._path(tenant, use, name))
        if found is None or version not in found.versions:
            raise KeysDestroyed("this version of a secret was destroyed, or never filed")
        return found.versions[version]

    def drop(self, tenant: TenantId, use: str, name: str, before: int | None) -> None:
        """Remove the versions below `before`; None: all of them."""
        path = self._path(tenant, use, name)
        if before is None:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise VaultUnavailable(f"{path} cannot be removed: {error.strerror}") from None
            return
        found = self._read(path)
        if found is not None and min(found.versions, default=before) < before:
            self._write(path, _Filed(found.newest, {n: each for n, each in found.versions.items() if n >= before}))

    def drop_all(self, tenant: TenantId) -> None:
        """Remove every secret of a tenant whose own keys are gone."""
        shutil.rmtree(self._directory / str(tenant), ignore_errors=True)

    def _path(self, tenant: TenantId, use: str, name: str) -> Path:
        return self._directory / str(tenant) / use / f"{name}.json"

    @staticmethod
    def _read(path: Path) -> _Filed | None:
        try:
            return read_private(path, _Filed)
        except FileNotFoundError:
            return None

    def _write(self, path: Path, filed: _Filed) -> None:
        try:
            for directory in (self._directory, path.parents[1], path.parent):
                directory.mkdir(mode=0o700, exist_ok=True)
            write_private(path, msgspec.json.encode(filed), replace=True)
        except (OSError, KeyringBroken) as error:
            raise VaultUnavailable(f"{path.parent} cannot be written ({type(error).__name__})") from None
