"""Signing keys on OpenBao: ECDSA keys of a transit engine of their own, which the server never gives out.

They stand under the mount `<mount>-signing` in the client's own namespace, apart from tenants' keys: so the role's policy lets
them be made, turned and signed by, and neither exported nor backed up, reconfigured or deleted.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from datetime import datetime
from typing import Annotated, Final

import msgspec

from strongroom.vault.keystore import VaultUnavailable
from strongroom.vault.openbao.client import Client
from strongroom.vault.openbao.engines import mounted
from strongroom.vault.openbao.places import Place, as_shape
from strongroom.vault.openbao.shapes import Names
from strongroom.vault.signing import (
    MOST_KEYS,
    SigningKeyState,
    SigningKeyVersion,
    SigningRefused,
    check_signable,
    is_signing_name,
    no_such,
    taken,
)

_TYPE: Final = "ecdsa-p256"
_SAFE: Final = {"type": _TYPE, "exportable": False, "allow_plaintext_backup": False}


class _Version(msgspec.Struct, frozen=True):
    public_key: str
    creation_time: datetime | None = None


class _Key(msgspec.Struct, frozen=True):
    """A key, as the engine tells of it. What it does not say counts as the worst."""

    type: str
    keys: Annotated[dict[str, _Version], msgspec.Meta(min_length=1)]
    exportable: bool = True
    allow_plaintext_backup: bool = True


class _Foreign(msgspec.Struct, frozen=True):
    """A key of whatever kind: what tells whether it is one of ours."""

    type: str


class _Signature(msgspec.Struct, frozen=True):
    signature: str


class TransitSigning:
    """The signing keys of an installation on its OpenBao server."""

    def __init__(self, client: Client, mount: str) -> None:
        """Use the engine `mount`-signing in the namespace of `client`; it is made with the first key."""
        self._place: Final = Place(client, "", "")
        self._mount: Final = f"{mount}-signing"
        self._making: Final = asyncio.Lock()

    async def make(self, name: str) -> SigningKeyState:
        """Make a key."""
        async with self._making:
            await mounted(self._place, {self._mount: ("cache-config", {"type": "transit"})})
            names = await self._names()
            if name in names:
                raise taken(name)
            if len(names) >= MOST_KEYS:
                raise SigningRefused(f"there are {MOST_KEYS} signing keys already, which is as many as are kept")
            await self._place.ask("POST", f"{self._mount}/keys/{name}", _SAFE)
            return await self.one(name)

    async def every(self) -> list[SigningKeyState]:
        """Return all of them."""
        return [await self.one(name) for name in sorted(await self._names())]

    async def one(self, name: str) -> SigningKeyState:
        """Return one."""
        found = await self._place.ask("GET", f"{self._mount}/keys/{name}")
        if found is None:
            raise no_such(name)
        kind = as_shape(found, _Foreign).type
        if kind != _TYPE:
            raise SigningRefused(f"the key {name} at OpenBao is one of another purpose ({kind}), and signs no model")
        key = as_shape(found, _Key)
        if key.exportable or key.allow_plaintext_backup:
            raise SigningRefused(
                f"the key {name} at OpenBao can be taken out of it, so it signs no model; make another"
            )
        versions = (
            SigningKeyVersion(
                version=int(number), public_key=_pem(each.public_key),
                made_at=0.0 if each.creation_time is None else each.creation_time.timestamp(),
            )
            for number, each in key.keys.items()
        )  # fmt: skip
        return SigningKeyState(name=name, versions=tuple(sorted(versions, key=lambda each: each.version)))

    async def turn(self, name: str) -> SigningKeyState:
        """Add a version."""
        await self.one(name)
        await self._place.ask("POST", f"{self._mount}/keys/{name}/rotate", {})
        return await self.one(name)

    async def sign(self, name: str, version: int, message: bytes) -> bytes:
        """Return a signature."""
        state = await self.one(name)
        held = next((each for each in state.versions if each.version == version), None)
        if held is None:
            raise SigningRefused(f"the signing key {name} has no version {version}")
        check_signable(message, held.key)
        body: dict[str, object] = {
            "input": base64.b64encode(message).decode(), "key_version": version, "prehashed": False,
            "marshaling_algorithm": "asn1",
        }  # fmt: skip
        found = await self._place.ask("POST", f"{self._mount}/sign/{name}/sha2-256", body)
        text = as_shape(found or {}, _Signature).signature
        try:
            return base64.b64decode(text.removeprefix(f"vault:v{version}:"), validate=True)
        except (binascii.Error, ValueError):
            raise VaultUnavailable("OpenBao's signature cannot be read, or is by another version") from None

    async def _names(self) -> list[str]:
        found = await self._place.ask("LIST", f"{self._mount}/keys")
        names = [] if found is None else as_shape(found, Names).keys
        return [each for each in names if is_signing_name(each)]


def _pem(text: str) -> str:
    return f"{text.strip()}\n"
