"""The seals on texts of system prompts: at rest in the registry, and on their way to the gateways."""

from __future__ import annotations

from typing import Final

from strongroom.registry.prompts.model import BadPrompt, PinnedDocument, Prompt, read
from strongroom.vault import Purpose, PurposeKeys, SealBroken, seal, unseal

_AT_REST: Final = "registry"
_PINNED: Final = "deployment"


class PromptSeals:
    """Seals and opens prompts with the keys of this process."""

    def __init__(self, keys: PurposeKeys) -> None:
        """Take keys that have `Purpose.SYSTEM_PROMPT` among them."""
        self._keys = keys

    def __repr__(self) -> str:
        """Show no key."""
        return "PromptSeals()"

    def kept(self, prompt: Prompt) -> bytes:
        """Return a prompt sealed for the registry."""
        return self._seal(prompt, _AT_REST, prompt.tenant, prompt.digest)

    def open_kept(self, sealed: bytes, tenant: str, digest: str) -> Prompt:
        """Return what the registry keeps of a tenant under a digest.

        Raises:
            BadPrompt: when it does not open there, or is another.
        """
        return self._open(sealed, tenant, digest, _AT_REST, tenant, digest)

    def pinned(self, prompt: Prompt, deployment: str) -> PinnedDocument:
        """Return a prompt as one deployment, by its id, has it in the feed."""
        digest = prompt.digest
        return PinnedDocument(digest=digest, sealed=self._seal(prompt, _PINNED, prompt.tenant, deployment, digest))

    def open_pinned(self, document: PinnedDocument, tenant: str, deployment: str) -> Prompt:
        """Return the prompt of one deployment.

        Raises:
            BadPrompt: when it was changed, or is another deployment's.
        """
        place = (_PINNED, tenant, deployment, document.digest)
        return self._open(document.sealed, tenant, document.digest, *place)

    def _seal(self, prompt: Prompt, *place: str) -> bytes:
        return seal(self._keys, Purpose.SYSTEM_PROMPT, prompt.encoded(), *place)

    def _open(self, sealed: bytes, tenant: str, digest: str, *place: str) -> Prompt:
        try:
            prompt = read(unseal(self._keys, Purpose.SYSTEM_PROMPT, sealed, *place), digest)
        except SealBroken:
            raise BadPrompt("its seal is broken") from None
        if prompt.tenant != tenant:
            raise BadPrompt("it is another tenant's")
        return prompt
