"""Tokens that stand for a value: typed, stable, safe in text, JSON, code and addresses, and worth nothing elsewhere.

`srt_email_mfzwizltoq2gk4tf`: the type and 80 bits of HMAC-SHA256 under a tenant's key over type and normalised value. The same
value gives the same token, so a model can tell two people apart; without the key nobody can compute or test one. A token says
nothing of its value: the way back is a `Vault` that its maker holds, for as long and as far as it chooses. A token that is not
in the vault stays what it is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from typing import Final

from strongroom.privacy.matching import Pattern

_PREFIX: Final = "srt_"
_BYTES: Final = 10  # 80 bits: 16 characters of base32, no padding
_TOKEN: Final = Pattern(r"srt_[a-z][a-z0-9_]{1,60}_[a-z2-7]{16}")
LONGEST: Final = len(_PREFIX) + 61 + 1 + 16
_KEY_BYTES: Final = 16

# Types whose separators carry nothing.
_NUMERIC: Final = frozenset(
    {
        "credit_card",
        "phone",
        "us_ssn",
        "us_itin",
        "us_ein",
        "uk_nhs",
        "aba_routing",
        "device_id",
        "bank_account",
        "pin",
        "card_code",
    }
)
_ALPHANUMERIC: Final = frozenset(
    {"iban", "uk_nino", "passport", "driver_licence", "national_id", "tax_id", "mac_address", "postal_code", "us_mbi"}
)


def normalise(kind: str, value: str) -> str:
    """Return the form in which two ways of writing a value are the same."""
    plain = unicodedata.normalize("NFKC", value).casefold().strip()
    if kind in _NUMERIC:
        return "".join(c for c in plain if c.isdigit())
    if kind in _ALPHANUMERIC:
        return "".join(c for c in plain if c.isalnum())
    return " ".join(plain.split())


class Tokens:
    """Makes tokens under one key."""

    def __init__(self, key: bytes) -> None:
        if len(key) < _KEY_BYTES:
            raise ValueError("a key for tokens has at least 16 bytes")
        self._key = key

    def __repr__(self) -> str:
        """Show no key."""
        return "Tokens()"

    def token(self, kind: str, value: str) -> str:
        """Return the token of a value."""
        name = kind.replace(".", "_").replace("-", "_")
        return f"{_PREFIX}{name}_{base64.b32encode(self.digest(kind, value)[:_BYTES]).decode().lower()}"

    def digest(self, kind: str, value: str) -> bytes:
        """Return the whole HMAC of a value, from which other stable choices may be drawn."""
        message = kind.encode() + b"\0" + normalise(kind, value).encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).digest()


class Vault:
    """Which token stands for what, for one conversation of one caller; its maker decides who may ask it."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._values: dict[str, str] = {}

    def __repr__(self) -> str:
        """Show no value."""
        return f"Vault({len(self._values)} tokens)"

    def __len__(self) -> int:
        """Return how many tokens it knows."""
        return len(self._values)

    def put(self, kind: str, value: str) -> str:
        """Return the token of a value, and remember it."""
        token = self._tokens.token(kind, value)
        self._values.setdefault(token, value)
        return token

    def known(self) -> Mapping[str, str]:
        """Return every token with its value, to be kept where nobody else reads."""
        return self._values

    def remember(self, values: Mapping[str, str]) -> None:
        """Take over what an earlier part of the same conversation has put; what is not a token is not taken."""
        for token, value in values.items():
            if _TOKEN.match(token.encode("utf-8", "surrogatepass")) == ((0, len(token)),):
                self._values.setdefault(token, value)

    def restore(self, text: str) -> str:
        """Return `text` with the tokens that this vault knows put back; others stay, letter for letter."""
        if not self._values or _PREFIX not in text:
            return text
        data = text.encode("utf-8", "surrogatepass")
        out, at = bytearray(), 0
        for match in _TOKEN.each(data):
            start, end = match[0]
            value = self._values.get(data[start:end].decode("ascii"))
            if value is not None:
                out += data[at:start] + value.encode("utf-8", "surrogatepass")
                at = end
        return (bytes(out) + data[at:]).decode("utf-8", "surrogatepass")


def find(text: str) -> list[tuple[int, int, str]]:
    """Return where tokens stand in a text of ASCII or more, and the type each names."""
    if _PREFIX not in text:
        return []
    data = "".join(c if c.isascii() else "\x01" for c in text).encode("ascii")
    found: list[tuple[int, int, str]] = []
    for match in _TOKEN.each(data):
        start, end = match[0]
        found.append((start, end, text[start + len(_PREFIX) : end - 17]))
    return found
