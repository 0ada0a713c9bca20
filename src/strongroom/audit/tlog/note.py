"""C2SP signed-note: a text, signed by one or more keys, each with a name; Ed25519 (type 1) and witnesses' cosignatures (type 4).

Always true here:
- a signature counts only by a key that was given beforehand; who it says it is by, is nobody's word;
- a note with a bad signature by a key that is known is refused as a whole, whatever else stands under it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from strongroom.audit.tlog.merkle import Malformed

ED25519: Final = 1
COSIGNATURE: Final = 4

_NAME: Final = re.compile(r"[^\s+\x00-\x1f]{1,255}")
_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_MOST_SIGNATURES: Final = 64
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
_STAMPED: Final = 8
_FIRST_PRINTABLE: Final = " "


def decoded(text: str, what: str) -> bytes:
    """Return standard base64 as bytes, the one text that stands for them and no other.

    Raises:
        Malformed: naming `what` it should have been.
    """
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{what} is not base64") from None
    if base64.b64encode(found).decode() != text:
        raise Malformed(f"{what} is base64 with stray bits")
    return found


def encoded(content: bytes) -> str:
    """Return bytes as standard base64."""
    return base64.b64encode(content).decode()


@dataclass(frozen=True, slots=True, order=True)
class Signature:
    """One line below a note."""

    name: str
    id: bytes
    value: bytes

    def __str__(self) -> str:
        """Return the line, without its end."""
        return f"— {self.name} {encoded(self.id + self.value)}"


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key with its name: what a verifier is given. `kind` is the type of the signatures that it makes."""

    name: str
    public: bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        """Refuse what no note could carry.

        Raises:
            Malformed: saying which part.
        """
        if not _NAME.fullmatch(self.name):
            raise Malformed("a key's name has neither spaces nor '+', and is not empty")
        if len(self.public) != _KEY_BYTES or self.kind not in {ED25519, COSIGNATURE}:
            raise Malformed("a verifier key is an Ed25519 key of 32 bytes, for notes (1) or for cosignatures (4)")

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature line names it."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        """Return it as a verifier key: `name+id+base64`."""
        return f"{self.name}+{self.id.hex()}+{encoded(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Read a verifier key.

        Raises:
            Malformed: saying what is wrong.
        """
        name, _, rest = text.strip().partition("+")
        id_, _, key = rest.partition("+")
        content = decoded(key, "the key of a verifier key")
        if not content:
            raise Malformed("a verifier key is `name+id+base64`")
        found = cls(name, content[1:], content[0])
        if found.id.hex() != id_:
            raise Malformed("the id of a verifier key is not that of its name and key")
        return found

    def named(self, name: str) -> NoteKey:
        """Return the same key under another name, so with another id."""
        return NoteKey(name, self.public, self.kind)

    def verifies(self, text: str, value: bytes) -> bool:
        """Whether `value` is this key's signature of the note's text."""
        message = text.encode()
        if self.kind == COSIGNATURE:
            if len(value) <= _STAMPED:
                return False
            message = cosigned(int.from_bytes(value[:_STAMPED], "big"), text)
            value = value[_STAMPED:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(value, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def cosigned(at: int, text: str) -> bytes:
    """Return what a witness signs (C2SP tlog-cosignature): when it saw the checkpoint, in Unix seconds, and its text."""
    return f"cosignature/v1\ntime {at}\n{text}".encode()


class NoteSigner:
    """A private key with its name. Its repr shows the public half."""

    __slots__ = ("_private", "key")

    def __init__(self, name: str, seed: bytes, kind: int = ED25519) -> None:
        self._private: Final = Ed25519PrivateKey.from_private_bytes(seed)
        self.key: Final = NoteKey(name, self._private.public_key().public_bytes_raw(), kind)

    def __repr__(self) -> str:
        """Show the public half."""
        return f"NoteSigner({self.key})"

    def sign(self, text: str, *, name: str | None = None) -> Signature:
        """Return the signature of a note's text, under another name if one is given."""
        key = self.key if name is None else self.key.named(name)
        return Signature(key.name, key.id, self._private.sign(text.encode()))

    def cosign(self, text: str, at: int) -> Signature:
        """Return a witness's cosignature of a checkpoint's text, seen at `at` (Unix seconds)."""
        return Signature(
            self.key.name, self.key.id, at.to_bytes(_STAMPED, "big") + self._private.sign(cosigned(at, text))
        )


@dataclass(frozen=True, slots=True)
class Note:
    """A text with the signatures below it. The text ends with a newline."""

    text: str
    signatures: tuple[Signature, ...] = field(default=())

    def __str__(self) -> str:
        """Return the note as it is stored and sent."""
        return self.text + "\n" + "".join(f"{each}\n" for each in self.signatures)

    @classmethod
    def parse(cls, content: str) -> Note:
        """Read a note.

        Raises:
            Malformed: saying what is wrong.
        """
        if any(character < _FIRST_PRINTABLE and character != "\n" for character in content):
            raise Malformed("a note holds a control character")
        text, blank, below = content.rpartition("\n\n")
        if not blank or not below.endswith("\n"):
            raise Malformed("a note is a text, an empty line and lines with signatures")
        lines = below.removesuffix("\n").split("\n")
        if len(lines) > _MOST_SIGNATURES:
            raise Malformed("a note has too many signatures")
        return cls(text + "\n", tuple(map(_signature, lines)))

    def signed_by(self, keys: Iterable[NoteKey]) -> list[NoteKey]:
        """Return which of `keys` have signed it; none at all if the signature of any of them is bad."""
        known = {(key.name, key.id): key for key in keys}
        found: list[NoteKey] = []
        for each in self.signatures:
            key = known.get((each.name, each.id))
            if key is None:
                continue
            if not key.verifies(self.text, each.value):
                return []
            if key not in found:
                found.append(key)
        return found

    def with_signature(self, signature: Signature) -> Note:
        """Return the note with one more signature below it."""
        return Note(self.text, (*self.signatures, signature))


def _signature(line: str) -> Signature:
    found = _LINE.fullmatch(line)
    if found is None:
        raise Malformed("a line below a note is no signature")
    content = decoded(found[2], "a signature")
    if len(content) <= _ID_BYTES:
        raise Malformed("a signature is too short")
    return Signature(found[1], content[:_ID_BYTES], content[_ID_BYTES:])
