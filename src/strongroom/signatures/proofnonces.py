"""Nonces that a server gives for proofs of possession (RFC 9449 §8): so none is made long before it is shown. No I/O.

Always true here:
- nothing is kept: a nonce is the minute that it was given in and a keyed digest of that, so every process of an installation
  takes what any other gave;
- one counts for five minutes, whoever it was given to: it says when a proof was made, and the key says by whom;
- it is given only to who has shown a proof that is right but for it.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from typing import Final

SLOT_S: Final = 60
SLOTS: Final = 5
"""How many minutes a nonce counts, the one that it was given in included."""

CODE: Final = "use_dpop_nonce"
FIELD: Final = b"dpop-nonce"

_CONTEXT: Final = b"strongroom/dpop-nonce/v1\x00"
_BYTES: Final = 16
_LENGTH: Final = 28  # base64url of 5 + 16 bytes
_MINUTE: Final = 5


class ProofNonces:
    """Gives nonces and knows its own. Any thread."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take the keys, the one in use first: nonces by the others are taken until their time is over."""
        self._keys: Final = tuple(keys)

    def give(self, now: float) -> str:
        """Return the nonce of this minute; `now` in Unix seconds."""
        return _nonce(self._keys[0], int(now) // SLOT_S)

    def takes(self, nonce: str | None, now: float) -> bool:
        """Return whether a proof says one that was given within the last minutes."""
        if nonce is None or len(nonce) != _LENGTH or not nonce.isascii():
            return False
        slot = int(now) // SLOT_S
        wanted = [_nonce(key, slot - back) for key in self._keys for back in range(-1, SLOTS)]  # -1: clocks differ
        return any([hmac.compare_digest(nonce, each) for each in wanted])  # noqa: C419 - all of them, whichever it is


def _nonce(key: bytes, slot: int) -> str:
    minute = slot.to_bytes(_MINUTE, "big")
    content = minute + hmac.digest(key, _CONTEXT + minute, "sha256")[:_BYTES]
    return base64.urlsafe_b64encode(content).decode("ascii")
