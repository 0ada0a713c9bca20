"""The keys that sign answers, and what is published of them.

The signing key is derived from the keyring for this purpose alone, so every gateway process has the same one. When the
keyring is rotated the new version signs; the public keys of older ones stay published, for answers that were kept.
"""

from __future__ import annotations

from typing import Final

import msgspec

from strongroom.signatures.answers import AnswerSigner
from strongroom.signatures.keys import SecretKey
from strongroom.vault import Purpose, PurposeKeys
from strongroom.wire import Headers

PATH: Final = "/.well-known/strongroom/answer-keys"
"""Where the public keys stand, as a JWK set (RFC 7517 §5), the one that signs now first. For everybody."""

HEADERS: Final[Headers] = [(b"content-type", b"application/jwk-set+json"), (b"cache-control", b"public, max-age=300")]


class AnswerKeys:
    """The keys of one installation."""

    def __init__(self, keys: PurposeKeys) -> None:
        held = [SecretKey.of_seed(seed) for seed in keys.versions(Purpose.ANSWER_SIGNING).values()]
        self.signer = AnswerSigner(held[0])
        self.published: bytes = msgspec.json.encode({"keys": [key.public.jwk() for key in held]})
