"""What providers are asked with, as a gateway process holds it: leased, opened once, and gone when the lease cannot be renewed.

Always true here:
- a secret is used for `LEASE_S` after the vault last gave it, and the data key that opens it as long after it was given: a
  vault that is sealed, cut off, or has dropped the secret ends its use within that minute;
- a version is never used in another's place: which one counts, the registration says;
- what is missing is asked for as soon as a request needs it, at most once a second while the vault does not answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias
from uuid import UUID

from strongroom.kernel.clock import Clock
from strongroom.providers import ProviderDocument, open_secret
from strongroom.providers.secrets import SCOPE, Secret, filed_as
from strongroom.vault import LEASE_S, KeysDestroyed, SealBroken, Vault, VaultUnavailable, version_of

_RETRY_S: Final = 1.0
_WAIT_S: Final = 3.0  # a request does not wait longer for a secret that nobody here has asked for yet
_log: Final = logging.getLogger(__name__)
Known: TypeAlias = Callable[[], Iterable[tuple[UUID, ProviderDocument]]]


class ProviderSecrets:
    """The secrets of all providers. One event loop."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault: Final = vault
        self._clock: Final = clock
        self._opened: Final[dict[UUID, tuple[ProviderDocument, Secret | None]]] = {}
        self._failed_at: Final[dict[UUID, float]] = {}

    def held(self, provider: UUID, document: ProviderDocument) -> Secret | None:
        """Return the secret of a provider while its lease lasts; None: it is not at hand, or does not open.

        It is the same object for as long as the registration is.
        """
        keys, sealed = self._vault.held(SCOPE), self._sealed(provider, document)
        if keys is None or sealed is None:
            return None
        before = self._opened.get(provider)
        if before is not None and before[0] is document:
            return before[1]
        if not keys.holds(sealed):
            return None  # sealed under a key that is younger than what is held; `keep` brings it
        try:
            secret = open_secret(keys, sealed, provider, document.secret_version, document.kind, document.base_url)
        except SealBroken as error:
            _log.error("provider %s cannot be used: %s", document.name, error)
            secret = None
        self._opened[provider] = document, secret
        return secret

    async def fetch(self, provider: UUID, document: ProviderDocument) -> None:
        """Ask for what is missing of a secret, unless that failed a moment ago; what cannot be had stays missing."""
        if document.secret is None or self.held(provider, document) is not None:
            return
        now, failed = self._clock.boottime(), self._failed_at.get(provider)
        if failed is not None and now - failed < _RETRY_S:
            return
        try:
            async with asyncio.timeout(_WAIT_S):
                await self._renew(provider, document)
        except (VaultUnavailable, KeysDestroyed, TimeoutError) as error:
            self._failed_at[provider] = now
            _log.error("provider %s cannot be used: %s %s", document.name, type(error).__name__, error)
        else:
            self._failed_at.pop(provider, None)
            if (
                self.held(provider, document) is None
            ):  # it is there, and does not open: asking at each request mends nothing
                self._failed_at[provider] = now

    async def keep(self, known: Known) -> None:
        """Renew the lease of every secret until cancelled; a vault that is away is asked again each second."""
        while True:
            all_had = await self.renew(known())
            await asyncio.sleep(LEASE_S / 3 if all_had else _RETRY_S)

    async def renew(self, known: Iterable[tuple[UUID, ProviderDocument]]) -> bool:
        """Ask once for every secret, and forget those that nobody registers; return whether all were had."""
        wanted = {provider: document for provider, document in known if document.secret is not None}
        for provider in [each for each in self._opened if each not in wanted]:
            del self._opened[provider]
        versions = {
            (SCOPE, filed_as(provider), version)
            for provider, document in wanted.items()
            if (version := version_of(document.secret or b"")) is not None
        }
        self._vault.filing.forget_but(versions)
        all_had = True
        for provider, document in wanted.items():
            try:
                await self._renew(provider, document)
            except KeysDestroyed as error:  # the registration that follows says why; there is nothing to ask again for
                _log.error("provider %s cannot be used: %s", document.name, error)
            except VaultUnavailable as error:
                all_had = False
                if self._failed_at.get(provider) is None:
                    _log.error("provider %s: its secret's lease cannot be renewed: %s", document.name, error)
                self._failed_at[provider] = self._clock.boottime()
            else:
                self._failed_at.pop(provider, None)
        return all_had

    async def _renew(self, provider: UUID, document: ProviderDocument) -> None:
        version = version_of(document.secret or b"")
        if version is not None:
            await self._vault.filing.read(SCOPE, filed_as(provider), version)
        keys, sealed = await self._vault.keys(SCOPE), self._sealed(provider, document)
        if sealed is not None and not keys.holds(sealed):
            await self._vault.again(SCOPE)

    def _sealed(self, provider: UUID, document: ProviderDocument) -> bytes | None:
        stored = document.secret
        version = None if stored is None else version_of(stored)
        if version is None:
            return stored  # as earlier versions of Strongroom kept them, until `vault move-secrets` has come by
        return self._vault.filing.held(SCOPE, filed_as(provider), version)
