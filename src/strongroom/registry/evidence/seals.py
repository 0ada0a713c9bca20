"""What the installation seals of a piece that it took in: what was read of it, of which digest, by whose key."""

from __future__ import annotations

from typing import Final

import msgspec

from strongroom.registry import dsse
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.evidence.model import Taken

TAKEN: Final = "application/vnd.strongroom.evidence+json"


def sealed(taken: Taken, keys: RegistryKeys) -> bytes:
    """Return the seal over a piece."""
    return dsse.sign(msgspec.json.encode(taken), [keys.receiver()], TAKEN)


def read(seal: bytes, keys: RegistryKeys) -> Taken | None:
    """Return what a seal is over; None when this installation did not make it: such a row counts for nothing."""
    try:
        payload, _ = dsse.verify(seal, keys.receivers(), TAKEN)
        return msgspec.json.decode(payload, type=Taken)
    except (dsse.BadEnvelope, msgspec.MsgspecError):
        return None
