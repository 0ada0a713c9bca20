"""The documents and answers of OpenBao that the keystore reads."""

from __future__ import annotations

import msgspec


class Dek(msgspec.Struct, frozen=True):
    """A wrapped data key."""

    made_at: float
    sealed: str


class Deks(msgspec.Struct, frozen=True):
    """The wrapped data keys of one use, by generation."""

    incarnation: str
    generations: dict[str, Dek]


class Version(msgspec.Struct, frozen=True):
    """The version of a document."""

    version: int


class Kept(msgspec.Struct, frozen=True):
    """A document of data keys."""

    data: Deks
    metadata: Version


class Incarnation(msgspec.Struct, frozen=True):
    """Which incarnation a tenant's key is."""

    incarnation: str


class KeptIncarnation(msgspec.Struct, frozen=True):
    """The document of that."""

    data: Incarnation


class TransitKey(msgspec.Struct, frozen=True):
    """A tenant's key, as the transit engine tells of it."""

    latest_version: int
    min_decryption_version: int = 1


class Names(msgspec.Struct, frozen=True):
    """A listing."""

    keys: list[str] = []


class Item(msgspec.Struct, frozen=True):
    """One result of a batch."""

    ciphertext: str = ""
    plaintext: str = ""
    error: str = ""


class Items(msgspec.Struct, frozen=True):
    """The results of a batch."""

    batch_results: list[Item]
