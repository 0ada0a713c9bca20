"""Where a log stands in the anchor, as the control API tells it."""

from __future__ import annotations

from typing import Any

import msgspec

from strongroom.audit.export import AnchorPart, PublishedPart


class MemberDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The log's own place in an epoch of the anchor. `blind` is a secret of the log's own people."""

    epoch: int
    index: int
    path: list[str]
    blind: str
    checkpoint: str


class AnchorDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The entry of the anchor's epoch, its receipt (C2SP tlog-proof), and the log's place in the epoch."""

    record: str
    receipt: str
    member: MemberDocument


class PublishedDocument(AnchorDocument, frozen=True, kw_only=True):
    """The log's place in a head of the anchor that was put outside; `timestamp`: an authority's answer (RFC 3161, base64)."""

    timestamp: bytes | None


def anchored(part: AnchorPart) -> AnchorDocument:
    """Return a log's place in the anchor."""
    return AnchorDocument(**_fields(part))


def published(part: PublishedPart) -> PublishedDocument:
    """Return a log's place in a head that was put outside."""
    return PublishedDocument(**_fields(part.anchor), timestamp=part.timestamp)


def _fields(part: AnchorPart) -> dict[str, Any]:
    member = msgspec.convert(msgspec.to_builtins(part.member), MemberDocument)
    return {"record": part.record.decode(), "receipt": str(part.receipt), "member": member}
