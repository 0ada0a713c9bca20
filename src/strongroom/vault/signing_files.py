"""Signing keys of the embedded keystore: a file for each, its private halves sealed under the keyring's root.

Always true here:
- a private half is opened for one signature, in the process that holds the keystore, and is in no answer;
- a file is 0600, written whole and synced; one that is damaged or readable by others is `VaultUnavailable`, never replaced;
- a sealed half is bound to its key's name and version: it opens in no other place.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from strongroom.kernel.clock import Clock
from strongroom.vault import box
from strongroom.vault.box import SealBroken
from strongroom.vault.keyring import Keyring, KeyringBroken, Purpose
from strongroom.vault.keystore import VaultUnavailable
from strongroom.vault.private import MEND, read_private, write_private
from strongroom.vault.signing import (
    MOST_KEYS,
    SigningKeyState,
    SigningKeyVersion,
    SigningRefused,
    check_signable,
    no_such,
    pem_of,
    taken,
)

_FORMAT: Final = 1
_LABEL: Final = b"strongroom/vault/signing/1"


class _Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version. `root` is the version of the keyring that `sealed` is under."""

    public_key: str
    made_at: float
    root: int
    sealed: bytes

    def __repr__(self) -> str:
        """Show nothing of it."""
        return "_Version()"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is on disk of one key."""

    format: int
    name: str
    versions: dict[int, _Version]

    def __repr__(self) -> str:
        """Show nothing of it."""
        return f"_File({self.name})"


class SigningFiles:
    """Signing keys in `directory`, under `keyring`. One event loop, one process: the supervisor's."""

    def __init__(self, directory: Path, keyring: Keyring, clock: Clock) -> None:
        self._directory: Final = directory
        self._keyring: Final = keyring
        self._clock: Final = clock
        self._writing: Final = asyncio.Lock()

    async def make(self, name: str) -> SigningKeyState:
        """Make a key."""
        async with self._writing:
            return await asyncio.to_thread(self._made, name)

    async def every(self) -> list[SigningKeyState]:
        """Return all of them."""
        async with self._writing:
            return await asyncio.to_thread(lambda: [_state(each) for each in self._every()])

    async def one(self, name: str) -> SigningKeyState:
        """Return one."""
        async with self._writing:
            return await asyncio.to_thread(lambda: _state(self._read(name)))

    async def turn(self, name: str) -> SigningKeyState:
        """Add a version."""
        async with self._writing:
            return await asyncio.to_thread(self._turned, name)

    async def sign(self, name: str, version: int, message: bytes) -> bytes:
        """Return a signature."""
        async with self._writing:
            return await asyncio.to_thread(self._signed, name, version, message)

    async def rewrap(self) -> None:
        """Bring every private half under the newest root."""
        async with self._writing:
            await asyncio.to_thread(self._rewrapped)

    # --- in a thread, one at a time

    def _made(self, name: str) -> SigningKeyState:
        if self._path(name).exists():
            raise taken(name)
        if len(self._every()) >= MOST_KEYS:
            raise SigningRefused(f"there are {MOST_KEYS} signing keys already, which is as many as are kept")
        return self._written(_File(format=_FORMAT, name=name, versions={1: self._new(name, 1)}))

    def _turned(self, name: str) -> SigningKeyState:
        file = self._read(name)
        number = max(file.versions) + 1
        versions = {**file.versions, number: self._new(name, number)}
        return self._written(msgspec.structs.replace(file, versions=versions))

    def _signed(self, name: str, version: int, message: bytes) -> bytes:
        file = self._read(name)
        held = file.versions.get(version)
        if held is None:
            raise SigningRefused(f"the signing key {name} has no version {version}")
        key = self._key(file.name, version, held)
        check_signable(message, key.public_key())
        return key.sign(message, ec.ECDSA(hashes.SHA256()))

    def _rewrapped(self) -> None:
        newest = self._keyring.current
        for file in self._every():
            if all(each.root == newest for each in file.versions.values()):
                continue
            versions = {
                number: self._sealed(file.name, number, self._opened(file.name, number, each), each.made_at)
                for number, each in file.versions.items()
            }
            self._written(msgspec.structs.replace(file, versions=versions))

    def _new(self, name: str, number: int) -> _Version:
        plain = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return self._sealed(name, number, plain, self._clock.now().timestamp())

    def _sealed(self, name: str, number: int, plain: bytes, made_at: float) -> _Version:
        root = self._keyring.derive(Purpose.VAULT)
        sealed = box.close(root.key(Purpose.VAULT), _LABEL, plain, _bound(name, number))
        return _Version(pem_of(_private(plain).public_key()), made_at, root.current, sealed)

    def _key(self, name: str, number: int, held: _Version) -> ec.EllipticCurvePrivateKey:
        key = _private(self._opened(name, number, held))
        if pem_of(key.public_key()) != held.public_key:
            raise VaultUnavailable(f"{self._path(name)} shows another public key than the one that it holds; {MEND}")
        return key

    def _opened(self, name: str, number: int, held: _Version) -> bytes:
        root = self._keyring.derive(Purpose.VAULT).key_of(Purpose.VAULT, held.root)
        try:
            if root is None:
                raise SealBroken
            return box.disclose(root, _LABEL, held.sealed, _bound(name, number))
        except SealBroken:
            raise VaultUnavailable(f"{self._path(name)} does not open under this keyring; {MEND}") from None

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.json"

    def _every(self) -> list[_File]:
        try:
            names = sorted(path.stem for path in self._directory.glob("*.json"))
        except OSError as error:
            raise VaultUnavailable(f"{self._directory} cannot be read: {error.strerror}") from None
        return [self._read(name) for name in names]

    def _read(self, name: str) -> _File:
        path = self._path(name)
        try:
            file = read_private(path, _File)
        except FileNotFoundError:
            raise no_such(name) from None
        if file.format != _FORMAT or file.name != name or not file.versions:
            raise VaultUnavailable(f"{path} is of another format, or another key's; {MEND}")
        return file

    def _written(self, file: _File) -> SigningKeyState:
        try:
            for directory in (self._directory.parent, self._directory):
                directory.mkdir(mode=0o700, exist_ok=True)
            write_private(self._path(file.name), msgspec.json.encode(file), replace=True)
        except (OSError, KeyringBroken) as error:
            raise VaultUnavailable(f"{self._directory} cannot be written ({type(error).__name__})") from None
        return _state(file)


def _private(plain: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_der_private_key(plain, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - this module alone seals what is opened here
    return key


def _state(file: _File) -> SigningKeyState:
    versions = tuple(
        SigningKeyVersion(version=number, public_key=each.public_key, made_at=each.made_at)
        for number, each in sorted(file.versions.items())
    )
    return SigningKeyState(name=file.name, versions=versions)


def _bound(name: str, number: int) -> bytes:
    return box.framed("signing", name, str(number))
