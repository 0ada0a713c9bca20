"""Signed answers: what one says of itself, and the making of the signature, for whole and for streamed answers.

A signature covers the status, the type and digest of the body, and what the gateway says of the answer: the digest of
the request's body, the release that answered, the model's name, the versions of policy and rules, the request's id. A
whole answer carries it in its head (RFC 9421 §3.1). A streamed one cannot: its `strongroom-…` fields stand in the head
and the rest in a comment after the last event, which every reader of event streams passes over (WHATWG HTML §9.2.6):

    : strongroom-signature {"content-digest":"…","signature-input":"…","signature":"…"}

There the digest is that of every byte of the body before the comment. An answer that failed half-way has no signature.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec

from strongroom.signatures.fields import base, content_digest, digest_field, write_input, write_signature
from strongroom.signatures.keys import SecretKey

TAG: Final = "strongroom-answer"
LABEL: Final = b"strongroom"
MARK: Final = b": strongroom-signature "

COVERED: Final = (
    "@status",
    "content-type",
    "content-digest",
    "strongroom-request-digest",
    "strongroom-release",
    "strongroom-model",
    "strongroom-policy",
    "strongroom-rules",
    "x-request-id",
)
"""What every signature of an answer covers, in this order."""


class Trailer(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What stands in the comment at the end of a signed stream."""

    content_digest: str
    signature_input: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the gateway says of an answer.

    Attributes:
        request: the digest of the request's body, as `content_digest` writes it.
        release: which release answered: its digest, or what stands for it where a provider did.
        model: the deployment's name, as it was asked for.
        policy: the version of the policies in force.
        rules: the version of the tenant's rules in force.
        request_id: as the caller is told it.
    """

    request: bytes
    release: str
    model: str
    policy: str
    rules: str
    request_id: str

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Return the fields of the head that say so; `x-request-id` is there already."""
        return [
            (b"strongroom-request-digest", self.request),
            (b"strongroom-release", self.release.encode("ascii")),
            (b"strongroom-model", self.model.encode("ascii")),
            (b"strongroom-policy", self.policy.encode("ascii")),
            (b"strongroom-rules", self.rules.encode("ascii")),
        ]


class AnswerSigner:
    """Signs answers with one key."""

    def __init__(self, key: SecretKey) -> None:
        self._key = key

    def whole(
        self, facts: Facts, status: int, content_type: bytes, body: bytes, created: int
    ) -> list[tuple[bytes, bytes]]:
        """Return the fields to add to a whole answer. `created`: Unix seconds."""
        digest = content_digest(body)
        given, signature = self._sign(facts, status, content_type, digest, created)
        own = [(b"content-digest", digest), (b"signature-input", given), (b"signature", signature)]
        return facts.fields() + own

    def stream(self, facts: Facts, status: int, content_type: bytes) -> StreamSigner:
        """Return what signs one streamed answer; `facts.fields()` go into its head."""
        return StreamSigner(self, facts, status, content_type)

    def trailer(self, facts: Facts, status: int, content_type: bytes, digest: bytes, created: int) -> bytes:
        """Return the comment that ends a streamed answer with this digest of what came before."""
        given, signature = self._sign(facts, status, content_type, digest, created)
        said = Trailer(
            content_digest=digest.decode("ascii"),
            signature_input=given.decode("ascii"),
            signature=signature.decode("ascii"),
        )
        return MARK + msgspec.json.encode(said) + b"\n\n"

    def _sign(self, facts: Facts, status: int, content_type: bytes, digest: bytes, created: int) -> tuple[bytes, bytes]:
        public = self._key.public
        text = write_input(COVERED, {"created": created, "keyid": public.id, "alg": public.algorithm.value, "tag": TAG})
        values = {name.decode("ascii"): value for name, value in facts.fields()}
        values |= {
            "@status": b"%d" % status,
            "content-type": content_type,
            "content-digest": digest,
            "x-request-id": facts.request_id.encode("ascii"),
        }
        signature = self._key.sign(base(values, (COVERED, text)))
        return LABEL + b"=" + text, write_signature(LABEL, signature)


class StreamSigner:
    """Signs one streamed answer: is shown every byte as it leaves, and has the last word."""

    __slots__ = ("_content_type", "_facts", "_hash", "_signer", "_status")

    def __init__(self, signer: AnswerSigner, facts: Facts, status: int, content_type: bytes) -> None:
        self._signer = signer
        self._facts = facts
        self._status = status
        self._content_type = content_type
        self._hash = sha256()

    def feed(self, piece: bytes) -> None:
        """Take note of what leaves."""
        self._hash.update(piece)

    def end(self, created: int) -> bytes:
        """Return the comment to send after the last event. `created`: Unix seconds."""
        digest = digest_field(self._hash.digest())
        return self._signer.trailer(self._facts, self._status, self._content_type, digest, created)
