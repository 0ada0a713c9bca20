"""Sealing under the installation's own keys: bound to what it belongs to, and to the version of the root key.

Always true here:
- a sealed text opens only with the same purpose and the same context: moved to another row, version or address, it is
  of no use; the context's parts are framed by their lengths, so no two contexts meet;
- it names the version of the root key, so that the keyring can be rotated while what it sealed is still in use.

What belongs to a tenant is sealed under the tenant's own keys (`envelope.py`), which can be destroyed. Texts that an
earlier version of Strongroom sealed here still open.
"""

from __future__ import annotations

import struct
from typing import Final

from strongroom.vault import box
from strongroom.vault.box import SealBroken
from strongroom.vault.keyring import Purpose, PurposeKeys

_FORMAT: Final = 1
_HEAD: Final = struct.Struct(">BI")  # format, key version; salt, commitment and text are the box's
_LABEL: Final = b"strongroom/seal/1"


def seal(keys: PurposeKeys, purpose: Purpose, plain: bytes, *context: str) -> bytes:
    """Return `plain` sealed under the current key of `purpose`, bound to `context`.

    Args:
        keys: those of this process; `purpose` must be among them.
        purpose: what it is sealed for.
        plain: what nobody else may read.
        context: what it belongs to, such as an id and a version; the same must be said to open it.
    """
    bound = box.framed(purpose, *context)
    return _HEAD.pack(_FORMAT, keys.current) + box.close(keys.key(purpose), _LABEL, plain, bound)


def unseal(keys: PurposeKeys, purpose: Purpose, sealed: bytes, *context: str) -> bytes:
    """Return what was sealed for `purpose` and `context`.

    Raises:
        SealBroken: when it was changed, belongs elsewhere, or was made under a key that is not held here.
    """
    if len(sealed) <= _HEAD.size:
        raise SealBroken("a sealed text is too short to be one")
    form, version = _HEAD.unpack_from(sealed)
    root = keys.key_of(purpose, version) if form == _FORMAT else None
    if root is None:
        raise SealBroken("a sealed text is of another format, or under a key that is not held here")
    return box.disclose(root, _LABEL, sealed[_HEAD.size :], box.framed(purpose, *context))


def is_under_keyring(sealed: bytes) -> bool:
    """Whether a text was sealed here, rather than under a tenant's keys."""
    return sealed[:1] == bytes([_FORMAT])
