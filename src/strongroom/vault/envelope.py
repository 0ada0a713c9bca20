"""A tenant's envelope: what is sealed under the tenant's own keys, and opens in its own place alone.

The chain: the tenant's key (in the keystore, never here) → a data key for one use → a key for one object
(HKDF) → AES-256-GCM. A sealed text is bound to tenant, incarnation, environment, use, object and generation, each framed
by its length, and commits to its key: another tenant's text pasted into a row does not open (isolation test 31), and
when the tenant's key is destroyed nothing opens, in a restored backup as little as in the live rows (test 32).
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.vault import box
from strongroom.vault.box import SealBroken
from strongroom.vault.keystore import Material, Use

_FORMAT: Final = 2
_HEAD: Final = struct.Struct(">BI16s")  # format, generation, incarnation; the rest is the box's
_LABEL: Final = b"strongroom/envelope/2"
_DERIVED: Final = b"strongroom/derived/1"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose keys, and what for.

    Attributes:
        tenant: whose; `PLATFORM` for what belongs to the installation itself.
        use: what is sealed.
        environment: where it lives; None when it belongs to all of the tenant's environments.
        subject: about whom it is, by pseudonym; such a thing is sealed under a key of that subject's own.
    """

    tenant: TenantId
    use: Use
    environment: Environment | None = None
    subject: str = ""


class DataKeys:
    """The open data keys of one scope. Held for a bounded time (`Vault`); it has no text form and no way out."""

    __slots__ = ("_material", "_scope")

    def __init__(self, scope: Scope, material: Material) -> None:
        self._scope = scope
        self._material = material

    def __repr__(self) -> str:
        """Name whose they are, never a key."""
        return f"DataKeys({self._scope.tenant}, {self._scope.use})"

    def seal(self, plain: bytes, *name: str) -> bytes:
        """Return `plain` sealed for the object that `name` names within the scope."""
        held = self._material
        bound = self._bound(held.current, name)
        head = _HEAD.pack(_FORMAT, held.current, bytes.fromhex(held.incarnation))
        return head + box.close(held.generations[held.current], _LABEL, plain, bound)

    def holds(self, sealed: bytes) -> bool:
        """Whether the generation that sealed this is among the keys; when not, younger keys may have it."""
        if len(sealed) <= _HEAD.size:
            return False
        _, generation, incarnation = _HEAD.unpack_from(sealed)
        held = self._material
        return generation in held.generations and (not self._scope.subject or incarnation.hex() == held.incarnation)

    def pseudonym(self, name: str) -> str:
        """Return what stands for `name` within the scope: the same for ever, and computable with the key alone.

        Under the oldest generation, so that renewing a tenant's keys parts nobody from what is kept of them.
        """
        root = self._material.generations[min(self._material.generations)]
        message = box.framed("strongroom/subject/1", str(self._scope.tenant), name)
        return f"sub_{hmac.digest(root, message, 'sha256').hex()[:32]}"

    def derived(self, *name: str) -> bytes:
        """Return a 32-byte key for the construction that `name` names within the scope: HKDF-SHA256 (RFC 5869).

        Under the oldest generation, so that renewing a tenant's keys leaves what was made with it as it is; it goes with the
        tenant's key, as everything under that does.
        """
        oldest = min(self._material.generations)
        info = _DERIVED + self._bound(oldest, name)
        return HKDF(SHA256(), box.KEY_BYTES, None, info).derive(self._material.generations[oldest])

    def unseal(self, sealed: bytes, *name: str) -> bytes:
        """Return what was sealed for the same scope and name.

        Raises:
            SealBroken: when it was changed, belongs elsewhere, or its keys are not these.
        """
        if len(sealed) <= _HEAD.size:
            raise SealBroken("a sealed text is too short to be one")
        form, generation, incarnation = _HEAD.unpack_from(sealed)
        if form != _FORMAT:
            raise SealBroken("a sealed text is of another format")
        root = self._material.generations.get(generation)
        if root is None or incarnation.hex() != self._material.incarnation:
            raise SealBroken("a sealed text is under keys that are not held here: another's, or destroyed")
        return box.disclose(root, _LABEL, sealed[_HEAD.size :], self._bound(generation, name))

    def _bound(self, generation: int, name: tuple[str, ...]) -> bytes:
        scope, held = self._scope, self._material
        whose = (f"subject:{scope.subject}",) if scope.subject else ()
        return box.framed(
            str(scope.tenant), held.incarnation, scope.environment or "", scope.use, str(generation), *whose, *name
        )
