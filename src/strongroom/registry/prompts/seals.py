"""The seals on texts of system prompts: at rest in the registry, and on their way to the gateways.

Always true here:
- a prompt is sealed under the keys of its tenant, bound to its name, version and digest, or to the one deployment and
  environment that it is pinned to: once the tenant's keys are destroyed it opens nowhere, in no copy;
- what earlier versions sealed under the installation's keyring opens while the tenant's keys can be had, and no longer.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.registry.prompts.model import BadPrompt, Destroyed, Kept, PinnedDocument, Prompt, read
from strongroom.vault import (
    KeysDestroyed,
    Purpose,
    PurposeKeys,
    Scope,
    SealBroken,
    Use,
    Vault,
    is_under_keyring,
    unseal,
)

_AT_REST: Final = "registry"
_PINNED: Final = "deployment"


class PromptSeals:
    """Seals and opens prompts. Whatever it does can end in `VaultUnavailable`."""

    def __init__(self, vault: Vault, before: PurposeKeys) -> None:
        """Take the vault, and keys with `Purpose.SYSTEM_PROMPT` for what was sealed before it was asked."""
        self._vault = vault
        self._before = before

    def __repr__(self) -> str:
        """Show no key."""
        return "PromptSeals()"

    async def kept(self, prompt: Prompt) -> bytes:
        """Return a prompt sealed for the registry.

        Raises:
            Destroyed: when its tenant's keys are gone.
        """
        scope = _scope(TenantId(UUID(prompt.tenant)))
        return await self._seal(scope, prompt, _AT_REST, prompt.name, prompt.version, prompt.digest)

    async def open_kept(self, kept: Kept, tenant: TenantId) -> Prompt:
        """Return what the registry keeps of a tenant.

        Raises:
            BadPrompt: when it does not open there, or is another.
        """
        if is_under_keyring(kept.sealed):
            return await self._open_former(_scope(tenant), kept.sealed, kept.digest, _AT_REST, str(tenant), kept.digest)
        place = _AT_REST, kept.name, kept.version, kept.digest
        return await self._open(_scope(tenant), kept.sealed, kept.digest, *place)

    async def pinned(self, prompt: Prompt, environment: Environment, deployment: str) -> PinnedDocument:
        """Return a prompt as one deployment, by its id, has it in the feed.

        Raises:
            Destroyed: when its tenant's keys are gone.
        """
        scope, digest = _scope(TenantId(UUID(prompt.tenant)), environment), prompt.digest
        return PinnedDocument(digest=digest, sealed=await self._seal(scope, prompt, _PINNED, deployment, digest))

    async def open_pinned(
        self, document: PinnedDocument, tenant: TenantId, environment: Environment, deployment: str
    ) -> Prompt:
        """Return the prompt of one deployment.

        Raises:
            BadPrompt: when it was changed, or is another deployment's.
        """
        scope, digest = _scope(tenant, environment), document.digest
        if is_under_keyring(document.sealed):
            return await self._open_former(scope, document.sealed, digest, _PINNED, str(tenant), deployment, digest)
        return await self._open(scope, document.sealed, digest, _PINNED, deployment, digest)

    def until(self, tenant: TenantId) -> float:
        """Return until when what was opened of a tenant may be used (CLOCK_BOOTTIME)."""
        return self._vault.held_until(_scope(tenant))

    async def renew(self, tenant: TenantId) -> float:
        """Ask for a tenant's keys now; return as `until`.

        Raises:
            Destroyed: when they are gone.
        """
        try:
            await self._vault.again(_scope(tenant))
        except KeysDestroyed:
            raise Destroyed from None
        return self.until(tenant)

    async def _seal(self, scope: Scope, prompt: Prompt, *place: str) -> bytes:
        try:
            return (await self._vault.keys(scope)).seal(prompt.encoded(), *place)
        except KeysDestroyed:
            raise Destroyed from None

    async def _open(self, scope: Scope, sealed: bytes, digest: str, *place: str) -> Prompt:
        try:
            return _read(await self._vault.open(scope, sealed, *place), digest, scope.tenant)
        except KeysDestroyed:
            raise Destroyed from None
        except SealBroken:
            raise BadPrompt("its seal is broken") from None

    async def _open_former(self, scope: Scope, sealed: bytes, digest: str, *place: str) -> Prompt:
        try:
            await self._vault.keys(scope)
            return _read(unseal(self._before, Purpose.SYSTEM_PROMPT, sealed, *place), digest, scope.tenant)
        except KeysDestroyed:
            raise Destroyed from None
        except SealBroken:
            raise BadPrompt("its seal is broken") from None


def _scope(tenant: TenantId, environment: Environment | None = None) -> Scope:
    return Scope(tenant, Use.SYSTEM_PROMPT, environment)


def _read(plain: bytes, digest: str, tenant: TenantId) -> Prompt:
    prompt = read(plain, digest)
    if prompt.tenant != str(tenant):
        raise BadPrompt("it is another tenant's")
    return prompt
