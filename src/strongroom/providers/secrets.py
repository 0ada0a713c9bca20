"""What a provider is asked with: sealed, filed with the vault, opened in the gateway, and shown nowhere.

Always true here:
- the database holds which version of a secret counts, and no secret, sealed or not, but for those of earlier versions of
  Strongroom until they were moved;
- a sealed secret belongs to one provider, one version of it, one protocol and one address: whoever moves the row's
  address elsewhere gets a secret that does not open, and an operator who changes it must give the secret anew;
- an opened one has no repr, no text form and no place in an exception.
"""

from __future__ import annotations

from typing import Final, NoReturn
from uuid import UUID

from strongroom.kernel.ids import PLATFORM
from strongroom.providers.model import ProviderKind
from strongroom.vault import DataKeys, Purpose, PurposeKeys, Scope, Use, is_under_keyring, unseal

MAX_SECRET_BYTES: Final = 4096
SCOPE: Final = Scope(PLATFORM, Use.PROVIDER_SECRET)
"""A provider is the installation's, and so are the keys of what it is asked with."""


class Secret:
    """An opened secret. Only `reveal`, at the moment of sending, gives it out."""

    __slots__ = ("_text",)

    def __init__(self, text: bytes) -> None:
        self._text = text

    def __repr__(self) -> str:
        """Show nothing."""
        return "Secret()"

    def __reduce__(self) -> NoReturn:
        """Never leave this process.

        Raises:
            TypeError: always.
        """
        raise TypeError("a secret is not to be pickled")

    def reveal(self) -> bytes:
        """Return it, to be put into a header field."""
        return self._text


def filed_as(provider: UUID) -> str:
    """Return the name that a provider's secret is filed under in the vault."""
    return str(provider)


def is_secret(text: str) -> bool:
    """Whether `text` may be a provider's secret: printable ASCII without spaces, as it must stand in a header field."""
    return 0 < len(text) <= MAX_SECRET_BYTES and text.isascii() and text.isprintable() and " " not in text


def seal_secret(keys: DataKeys, text: str, provider: UUID, version: int, kind: ProviderKind, base_url: str) -> bytes:
    """Return a secret sealed to where it belongs; `keys` are those of `SCOPE`."""
    return keys.seal(text.encode("ascii"), *_place(provider, version, kind, base_url))


def open_secret(
    keys: DataKeys, sealed: bytes, provider: UUID, version: int, kind: ProviderKind, base_url: str
) -> Secret:
    """Return what `seal_secret` sealed for this very place.

    Raises:
        SealBroken: when it is for another provider, version, protocol or address, or was changed.
    """
    return Secret(keys.unseal(sealed, *_place(provider, version, kind, base_url)))


def as_filed(
    before: PurposeKeys,
    keys: DataKeys,
    sealed: bytes,
    provider: UUID,
    version: int,
    kind: ProviderKind,
    base_url: str,
) -> bytes:
    """Return what earlier versions of Strongroom kept in the database as it is filed: under the vault's keys.

    Raises:
        SealBroken: when it does not open.
    """
    place = _place(provider, version, kind, base_url)
    if is_under_keyring(sealed):
        return keys.seal(unseal(before, Purpose.PROVIDER_SECRET, sealed, *place), *place)
    keys.unseal(sealed, *place)
    return sealed


def _place(provider: UUID, version: int, kind: ProviderKind, base_url: str) -> tuple[str, ...]:
    return str(provider), str(version), kind.value, base_url
