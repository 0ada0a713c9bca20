"""The embedded keyring: versioned root keys in one file, purpose keys derived from them (HKDF-SHA256, RFC 5869)."""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from enum import StrEnum, unique
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom.vault.private import OTHERS, write_private

_FORMAT: Final = 1
_ROOT_BYTES: Final = 32


@unique
class Purpose(StrEnum):
    """What a derived key may be used for; one key never serves two."""

    KEY_PEPPER = "key-pepper"  # fingerprints of credentials at rest
    TOKEN_SIGNING = "token-signing"  # noqa: S105 - a name; seeds of the keys that sign access tokens
    BACKUP = "backup"  # the seal on a backup's manifest
    CACHE_SCOPE = "cache-scope"  # names of prompt-cache scopes inside a worker
    ANSWER_SIGNING = "answer-signing"  # seeds of the keys that sign answers; their public halves are published
    KEPT_RESPONSE = "kept-response"  # seals answers that a workload asked to have kept
    DELIVERY = "delivery"  # what a delivery carries; its key comes from the delivery's own text and never from here
    PROVIDER_SECRET = "provider-secret"  # noqa: S105 - a name; seals what providers are asked with
    REGISTRY = "registry"  # signs what is known of releases: verdicts, models, approvals
    SYSTEM_PROMPT = (
        "system-prompt"  # opens texts of system prompts of before they were sealed under their tenants' keys
    )
    DPOP_NONCE = "dpop-nonce"  # nonces that are given for proofs of possession
    VAULT = "vault"  # seals tenants' keys in the embedded keystore


class KeyringBroken(Exception):  # noqa: N818 - said to an operator, who does not read class names
    """The keyring file cannot be used; the message says why and what to do."""


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is on disk. `keys` maps a version (1, 2, …) to 32 random bytes."""

    format: int
    current: int
    keys: dict[int, bytes]

    def __repr__(self) -> str:
        """Show no key."""
        return f"_KeyFile(current={self.current})"


class _Header(msgspec.Struct, frozen=True):
    """What every format has in common."""

    format: int


class _Purposes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a process is given: derived keys only."""

    format: int
    current: int
    purposes: dict[Purpose, dict[int, bytes]]

    def __repr__(self) -> str:
        """Show no key."""
        return f"_Purposes(current={self.current})"


class PurposeKeys:
    """Derived keys of the purposes that one process may use."""

    __slots__ = ("_current", "_purposes")

    def __init__(self, current: int, purposes: dict[Purpose, dict[int, bytes]]) -> None:
        self._current = current
        self._purposes = purposes

    def __repr__(self) -> str:
        """Name the purposes, never the keys."""
        return f"PurposeKeys({', '.join(sorted(self._purposes))})"

    @property
    def current(self) -> int:
        """The version that new values are made under."""
        return self._current

    def mac(self, purpose: Purpose, message: bytes, *, version: int | None = None) -> bytes | None:
        """Return HMAC-SHA256 of `message`, 32 bytes, or nothing when `version` is not held."""
        key = self._purposes[purpose].get(self._current if version is None else version)
        return None if key is None else hmac.digest(key, message, "sha256")

    def key(self, purpose: Purpose) -> bytes:
        """Return the current 32-byte key of `purpose`, for code that keys its own construction."""
        return self._purposes[purpose][self._current]

    def key_of(self, purpose: Purpose, version: int) -> bytes | None:
        """Return the key of `purpose` that `version` names, or nothing when it is not held."""
        return self._purposes[purpose].get(version)

    def versions(self, purpose: Purpose) -> dict[int, bytes]:
        """Return every key of `purpose` by its version, the current one first."""
        held = self._purposes[purpose]
        return {version: held[version] for version in sorted(held, key=lambda each: (each != self._current, -each))}

    def dump(self) -> bytes:
        """Return the keys as bytes, to be handed to the process that may have them, over a pipe and nowhere else."""
        return msgspec.json.encode(_Purposes(_FORMAT, self._current, self._purposes))

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read what `dump` wrote.

        Raises:
            KeyringBroken: when it is damaged or of another format.
        """
        try:
            document = msgspec.json.decode(content, type=_Purposes)
        except msgspec.MsgspecError:
            raise KeyringBroken("the keys that were handed over cannot be read") from None
        if document.format != _FORMAT or not all(_sound(document.current, keys) for keys in document.purposes.values()):
            raise KeyringBroken("the keys that were handed over are not whole, or of another version of Strongroom")
        return cls(document.current, document.purposes)


class Keyring:
    """The root keys. Only the supervisor opens it."""

    __slots__ = ("_current", "_keys", "_path")

    def __init__(self, path: Path, current: int, keys: dict[int, bytes]) -> None:
        self._path = path
        self._current = current
        self._keys = keys

    def __repr__(self) -> str:
        """Name the file and the version, never a key."""
        return f"Keyring({self._path.name}, current={self._current})"

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the keyring at `path`, making it on first use.

        Raises:
            KeyringBroken: when the file is damaged, of another format or readable by others. A new one is never made
                in its place: every key at rest depends on it.
        """
        if not os.path.lexists(path):
            first = _KeyFile(_FORMAT, 1, {1: secrets.token_bytes(_ROOT_BYTES)})
            # Somebody else may have been first: theirs counts then, and both read it.
            with contextlib.suppress(FileExistsError):
                write_private(path, msgspec.json.encode(first), replace=False)
        document = _read(path)
        return cls(path, document.current, document.keys)

    def rotate(self) -> None:
        """Add a root key and make it current; older ones stay, for what was made under them."""
        version = max(self._keys) + 1
        keys = {**self._keys, version: secrets.token_bytes(_ROOT_BYTES)}
        write_private(self._path, msgspec.json.encode(_KeyFile(_FORMAT, version, keys)), replace=True)
        self._current, self._keys = version, keys

    def derive(self, *purposes: Purpose) -> PurposeKeys:
        """Return keys for `purposes`, one per version held."""
        return PurposeKeys(
            self._current,
            {
                purpose: {version: _derive(root, purpose) for version, root in self._keys.items()}
                for purpose in purposes
            },
        )

    @property
    def current(self) -> int:
        """The version that new keys are derived from."""
        return self._current

    def identity(self) -> str:
        """Return a short public name of this keyring, to tell whether two files belong together."""
        return sha256(b"strongroom/keyring-id" + _derive(self._keys[min(self._keys)], "identity")).hexdigest()[:16]


def _derive(root: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"strongroom/v1/" + purpose.encode()).derive(root)


def _sound(current: int, keys: dict[int, bytes]) -> bool:
    return current in keys and min(keys) > 0 and all(len(key) == _ROOT_BYTES for key in keys.values())


def _read(path: Path) -> _KeyFile:
    mend = "restore it from its own backup"
    try:
        content, mode = path.read_bytes(), path.stat().st_mode
        found = msgspec.json.decode(content, type=_Header).format
        if found != _FORMAT:
            raise KeyringBroken(f"{path} has format {found}; this version of Strongroom reads format {_FORMAT}")
        document = msgspec.json.decode(content, type=_KeyFile)
    except FileNotFoundError:
        raise KeyringBroken(f"{path} is missing; {mend}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        raise KeyringBroken(f"{path} cannot be read ({type(error).__name__}); {mend}") from None
    if not _sound(document.current, document.keys):
        raise KeyringBroken(f"{path} is damaged; {mend}")
    if mode & OTHERS:
        raise KeyringBroken(f"{path} can be read or written by others (mode {mode & 0o777:o}); chmod 600 it and rotate")
    return document
