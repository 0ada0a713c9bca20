"""Keys: the installation's own, and those of each tenant that can be destroyed.

Always true here:
- a root key never leaves the keyring; processes get keys derived for one purpose each;
- a tenant's key never leaves its keystore; processes get data keys of one use each, for a minute;
- every key has a version, so that it can be replaced while what it made is still in use;
- what cannot be asked is a no: nothing is sealed or opened without the keystore;
- what a tenant's or a provider's secret is stands with the keystore, and in the database only which version of it counts;
- files are made 0600 in one step (no moment at which another uid could read them);
- a key that signs models stays with the keystore: statements go in, signatures come out (`signing.py`);
- no key appears in a repr, an error or a log.

To seal something of a tenant: add a `Use`, take a `Vault`, and `(await vault.keys(Scope(...))).seal(plain, object id)`. What is
about one person takes a `Scope` with that `subject`: it is sealed under a key of theirs, and gone once that is destroyed.
"""

from strongroom.vault.box import SealBroken
from strongroom.vault.broker import Broker, BrokeredKeystore
from strongroom.vault.cache import LIFETIME_S, Vault
from strongroom.vault.envelope import DataKeys, Scope
from strongroom.vault.files import FileKeystore
from strongroom.vault.filing import LEASE_S, reference, version_of
from strongroom.vault.keyring import Keyring, KeyringBroken, Purpose, PurposeKeys
from strongroom.vault.keystore import (
    Condition,
    Holding,
    KeysDestroyed,
    Keystore,
    Material,
    NoUnits,
    Use,
    VaultUnavailable,
    is_unit,
)
from strongroom.vault.seal import is_under_keyring, seal, unseal
from strongroom.vault.signing import SigningKeyState, SigningKeyVersion, SigningRefused, is_signing_name
from strongroom.vault.subjects import is_subject

__all__ = [
    "LEASE_S",
    "LIFETIME_S",
    "Broker",
    "BrokeredKeystore",
    "Condition",
    "DataKeys",
    "FileKeystore",
    "Holding",
    "Keyring",
    "KeyringBroken",
    "KeysDestroyed",
    "Keystore",
    "Material",
    "NoUnits",
    "Purpose",
    "PurposeKeys",
    "Scope",
    "SealBroken",
    "SigningKeyState",
    "SigningKeyVersion",
    "SigningRefused",
    "Use",
    "Vault",
    "VaultUnavailable",
    "is_signing_name",
    "is_subject",
    "is_under_keyring",
    "is_unit",
    "reference",
    "seal",
    "unseal",
    "version_of",
]
