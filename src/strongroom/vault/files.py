"""The embedded keystore: one file a tenant, its key sealed under the keyring's root, its data keys under that key.

Always true here:
- a file is written whole, 0600, and synced before anything is sealed under what is in it;
- a tenant's key that was destroyed leaves a tombstone, and no other is made in its place;
- a file that is damaged, of another format or readable by others is never replaced by a new one: it is `VaultUnavailable`;
- reading a file under an older root changes nothing; only `rewrap` and `renew` write it anew.

What is overwritten or unlinked may stay on the medium, sealed under the root key of its time.
"""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.vault import box, subjects
from strongroom.vault.box import SealBroken
from strongroom.vault.keyring import Keyring, KeyringBroken, Purpose
from strongroom.vault.keystore import (
    SETTLES_S,
    Condition,
    Holding,
    KeysDestroyed,
    Material,
    NoUnits,
    Use,
    VaultUnavailable,
)
from strongroom.vault.private import MEND, read_private, write_private
from strongroom.vault.secret_files import SecretFiles
from strongroom.vault.signing_files import SigningFiles
from strongroom.vault.subject_files import SubjectFiles

_FORMAT: Final = 1
_NO_UNITS: Final = (
    "business units are namespaces of OpenBao, and this installation's keystore is the embedded one (`vault.kind`): leave the "
    "business unit out, or keep the keys in OpenBao"
)
_KEK, _DEK = b"strongroom/vault/kek/1", b"strongroom/vault/dek/1"


class _Dek(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One generation of a data key. `made_at`: seconds since 1970."""

    made_at: float
    sealed: bytes


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is on disk of one tenant. `root` is the version of the keyring that `kek` is sealed under."""

    format: int
    tenant: UUID
    incarnation: str
    version: int
    root: int
    kek: bytes
    uses: dict[str, dict[int, _Dek]]
    destroyed_at: float | None = None

    def __repr__(self) -> str:
        """Show nothing of it."""
        return f"_File({self.tenant})"


class FileKeystore:
    """Keys of tenants in `directory`, under `keyring`. One event loop, one process: the supervisor's."""

    def __init__(self, directory: Path, keyring: Keyring, clock: Clock) -> None:
        self._directory: Final = directory
        self._keyring: Final = keyring
        self._clock: Final = clock
        self._writing: Final = asyncio.Lock()
        self._subjects: Final = SubjectFiles(directory / "subjects")
        self._filed: Final = SecretFiles(directory / "filed")
        self.signing: Final = SigningFiles(directory / "signing", keyring, clock)

    async def open(self, tenant: TenantId, use: Use) -> Material:
        """Return the data keys of `tenant` for `use`, making them at the first call."""
        async with self._writing:
            return await asyncio.to_thread(self._opened, tenant, use)

    async def open_subject(self, tenant: TenantId, subject: str, use: Use, *, make: bool) -> Material:
        """Return the key of one subject for `use`."""
        async with self._writing:
            return await asyncio.to_thread(self._opened_subject, tenant, subject, use, make=make)

    async def destroy_subject(self, tenant: TenantId, subject: str, at: float | None = None) -> list[str]:
        """Mark a subject as erased and remove its keys."""
        async with self._writing:
            when = self._clock.now().timestamp() if at is None else at
            return await asyncio.to_thread(self._subjects.destroy, tenant, subject, when)

    def gone(self, tenant: TenantId) -> bool:
        """Whether a tenant's keys were destroyed here: for who brings back what they sealed. It makes none."""
        try:
            self._read(tenant)
        except KeysDestroyed:
            return True
        return False

    async def erased(self, tenant: TenantId) -> dict[str, float]:
        """Return when each subject was erased last."""
        async with self._writing:
            return await asyncio.to_thread(self._subjects.erased, tenant)

    async def put_secret(self, tenant: TenantId, use: Use, name: str, sealed: bytes) -> int:
        """File a version of a sealed secret."""
        async with self._writing:
            await asyncio.to_thread(self._read, tenant)  # `KeysDestroyed` for a tenant whose keys are gone
            return await asyncio.to_thread(self._filed.put, tenant, use, name, sealed)

    async def secret(self, tenant: TenantId, use: Use, name: str, version: int) -> bytes:
        """Return a version of a filed secret."""
        async with self._writing:
            return await asyncio.to_thread(self._filed.get, tenant, use, name, version)

    async def drop_secret(self, tenant: TenantId, use: Use, name: str, before: int | None) -> None:
        """Remove versions of a filed secret."""
        async with self._writing:
            await asyncio.to_thread(self._filed.drop, tenant, use, name, before)

    async def settle(self, tenant: TenantId, unit: str) -> None:
        """Refuse: one keyring is behind all of these files."""
        del tenant
        raise NoUnits(f"nothing is put into {unit}: {_NO_UNITS}")

    async def dissolve(self, unit: str) -> int:
        """Refuse: there are none."""
        raise NoUnits(f"{unit} is not dissolved: {_NO_UNITS}")

    async def renew(self, tenant: TenantId) -> None:
        """Give `tenant` a new key, and each of its uses a new generation."""
        async with self._writing:
            await asyncio.to_thread(self._renewed, tenant)

    async def turn(self) -> None:
        """Add a root key to the keyring."""
        async with self._writing:
            try:
                await asyncio.to_thread(self._keyring.rotate)
            except OSError as error:
                raise VaultUnavailable(f"the keyring cannot be written: {error.strerror}") from None
            await self.signing.rewrap()

    async def rewrap(self, most: int) -> int:
        """Bring up to `most` tenants' keys under the newest root, and every signing key."""
        async with self._writing:
            await self.signing.rewrap()  # where it was cut short before
            return await asyncio.to_thread(self._rewrapped, most)

    async def destroy(self, tenant: TenantId) -> None:
        """Put a tombstone in the place of a tenant's keys."""
        async with self._writing:
            await asyncio.to_thread(self._destroyed, tenant)

    async def check(self) -> str:
        """Say that it is there."""
        return f"embedded, root key version {self._keyring.current}"

    async def condition(self) -> Condition:
        """Say what is held."""
        async with self._writing:
            files = await asyncio.to_thread(lambda: list(self._every()))
        newest = self._keyring.current
        holdings = tuple(
            Holding(
                tenant=TenantId(file.tenant),
                destroyed=file.destroyed_at is not None,
                version=file.version,
                uses=len(file.uses),
                pending=file.destroyed_at is None and file.root != newest,
            )
            for file in files
        )
        return Condition(kind="embedded", detail=f"root key version {newest}", holdings=holdings)

    # --- in a thread, one at a time

    def _opened(self, tenant: TenantId, use: Use) -> Material:
        file = self._read(tenant)
        kek = secrets.token_bytes(box.KEY_BYTES) if file is None else self._kek(file)
        if file is None:
            file = self._sealed_file(tenant, secrets.token_hex(16), 1, kek, {})
        if use not in file.uses:
            file = msgspec.structs.replace(file, uses={**file.uses, use: {1: self._made(file, kek, use, 1)}})
            self._write(file)
        keys = {
            generation: self._disclosed(kek, _DEK, dek.sealed, _dek_bound(file, use, generation))
            for generation, dek in file.uses[use].items()
        }
        return Material(file.incarnation, keys, _settled(file.uses[use], self._clock.now().timestamp()))

    def _opened_subject(self, tenant: TenantId, subject: str, use: Use, *, make: bool) -> Material:
        wrapping, held = self._opened(tenant, Use.SUBJECT_KEY), self._subjects.uses(tenant, subject)
        if use not in held:
            if not make:
                raise subjects.none_there()
            held = {**held, use: subjects.made(wrapping, tenant, subject, use)}
            self._subjects.put(tenant, subject, held)
        try:
            return subjects.opened(wrapping, tenant, subject, use, held[use])
        except SealBroken:
            raise VaultUnavailable(f"a subject's key in {self._directory} does not open under its tenant's") from None

    def _renewed(self, tenant: TenantId) -> None:
        file = self._read(tenant)
        if file is None:
            return  # nothing was ever sealed for it; its first key is new by itself
        old, new = self._kek(file), secrets.token_bytes(box.KEY_BYTES)
        uses: dict[str, dict[int, _Dek]] = {}
        for use, generations in file.uses.items():
            uses[use] = {
                generation: _Dek(
                    dek.made_at,
                    box.close(
                        new,
                        _DEK,
                        self._disclosed(old, _DEK, dek.sealed, _dek_bound(file, use, generation)),
                        _dek_bound(file, use, generation),
                    ),
                )
                for generation, dek in generations.items()
            }
            youngest = max(generations) + 1
            uses[use][youngest] = self._made(file, new, use, youngest)
        self._write(self._sealed_file(tenant, file.incarnation, file.version + 1, new, uses))

    def _rewrapped(self, most: int) -> int:
        old = [f for f in self._every() if f.destroyed_at is None and f.root != self._keyring.current]
        for file in old[:most]:
            kek = self._kek(file)
            self._write(self._sealed_file(TenantId(file.tenant), file.incarnation, file.version, kek, dict(file.uses)))
        return max(0, len(old) - most)

    def _destroyed(self, tenant: TenantId) -> None:
        try:
            file = self._read(tenant)
        except KeysDestroyed:
            return
        self._write(
            _File(
                format=_FORMAT, tenant=tenant, incarnation="" if file is None else file.incarnation, version=0, root=0,
                kek=b"", uses={}, destroyed_at=self._clock.now().timestamp(),
            )
        )  # fmt: skip
        self._subjects.drop(tenant)
        self._filed.drop_all(tenant)

    def _made(self, file: _File, kek: bytes, use: str, generation: int) -> _Dek:
        plain = secrets.token_bytes(box.KEY_BYTES)
        return _Dek(self._clock.now().timestamp(), box.close(kek, _DEK, plain, _dek_bound(file, use, generation)))

    def _sealed_file(
        self, tenant: TenantId, incarnation: str, version: int, kek: bytes, uses: dict[str, dict[int, _Dek]]
    ) -> _File:
        root = self._keyring.derive(Purpose.VAULT)
        sealed = box.close(root.key(Purpose.VAULT), _KEK, kek, _kek_bound(tenant, incarnation, version))
        return _File(
            format=_FORMAT, tenant=tenant, incarnation=incarnation, version=version, root=root.current, kek=sealed,
            uses=uses,
        )  # fmt: skip

    def _kek(self, file: _File) -> bytes:
        root = self._keyring.derive(Purpose.VAULT).key_of(Purpose.VAULT, file.root)
        if root is None:
            raise VaultUnavailable(
                f"the keys of tenant {file.tenant} hang from root key {file.root}, which the keyring does not hold; "
                "restore HOME/secrets as a whole from its own backup"
            )
        return self._disclosed(root, _KEK, file.kek, _kek_bound(TenantId(file.tenant), file.incarnation, file.version))

    def _disclosed(self, key: bytes, label: bytes, sealed: bytes, bound: bytes) -> bytes:
        try:
            return box.disclose(key, label, sealed, bound)
        except SealBroken:
            raise VaultUnavailable(
                f"a key in {self._directory} does not open under this keyring; restore HOME/secrets as a whole from its "
                "own backup"
            ) from None

    def _path(self, tenant: TenantId) -> Path:
        return self._directory / f"{tenant}.json"

    def _every(self) -> list[_File]:
        try:
            return [self._parsed(path) for path in sorted(self._directory.glob("*.json"))]
        except OSError as error:
            raise VaultUnavailable(f"{self._directory} cannot be read: {error.strerror}") from None

    def _read(self, tenant: TenantId) -> _File | None:
        path = self._path(tenant)
        try:
            file = self._parsed(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VaultUnavailable(f"{path} cannot be read: {error.strerror}") from None
        if file.destroyed_at is not None:
            raise KeysDestroyed("this tenant's keys were destroyed")
        return file

    @staticmethod
    def _parsed(path: Path) -> _File:
        file = read_private(path, _File)
        if file.format != _FORMAT or f"{file.tenant}.json" != path.name:
            raise VaultUnavailable(f"{path} is of another format, or another tenant's; {MEND}")
        return file

    def _write(self, file: _File) -> None:
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            write_private(self._path(TenantId(file.tenant)), msgspec.json.encode(file), replace=True)
        except (OSError, KeyringBroken) as error:
            raise VaultUnavailable(f"{self._directory} cannot be written ({type(error).__name__})") from None


def _settled(generations: dict[int, _Dek], now: float) -> int:
    """Return the youngest generation that every process has had time to learn of, or else the oldest."""
    settled = [number for number, dek in generations.items() if now - dek.made_at >= SETTLES_S]
    return max(settled, default=min(generations))


def _kek_bound(tenant: TenantId, incarnation: str, version: int) -> bytes:
    return box.framed("kek", str(tenant), incarnation, str(version))


def _dek_bound(file: _File, use: str, generation: int) -> bytes:
    return box.framed("dek", str(file.tenant), file.incarnation, use, str(generation))
