"""The installation's own keys, kept on disk by the process that may have them.

Always true here:
- a root key never leaves the keyring; processes get keys derived for one purpose each;
- every key has a version, so that it can be replaced while what it made is still in use;
- files are made 0600 in one step (no moment at which another uid could read them);
- no key appears in a repr, an error or a log.
"""

from strongroom.vault.keyring import Keyring, KeyringBroken, Purpose, PurposeKeys
from strongroom.vault.seal import SealBroken, seal, unseal

__all__ = ["Keyring", "KeyringBroken", "Purpose", "PurposeKeys", "SealBroken", "seal", "unseal"]
