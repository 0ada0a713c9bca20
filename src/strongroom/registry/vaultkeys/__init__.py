"""Releases, signed for others by keys that stay in the vault.

Always true here:
- what is signed is a release that the registry holds, by the digests of its own manifest and under its own name: nobody brings
  a digest or a name;
- a release that today's scanner has not called clean, or that is revoked, is not signed;
- in production exactly that signature takes a second person;
- who had what signed, by which version of which key, stands in the log before the signature is handed out.
"""

from strongroom.registry.vaultkeys.service import VaultKeys

__all__ = ["VaultKeys"]
