"""What stands in a spool, and how one frame follows another.

A frame is a head (length, checksum, number) and a msgspec-encoded struct. Persisted: fields are added at the end with a
default, a new kind gets a new tag, and nothing is ever taken away (`tests/functional/golden/spool`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from struct import Struct as Layout
from typing import Final, TypeAlias
from uuid import UUID
from zlib import crc32

import msgspec

from strongroom.kernel.ids import TenantId

_SUM: Final = Layout("<I")
_ABOUT: Final = Layout("<IQ")
_HEAD: Final = _SUM.size + _ABOUT.size
"""CRC-32 of everything behind it; length of the body, number."""

MAX_FRAME: Final = 64 * 1024
"""The largest frame, in bytes: a length above it is damage, not a length."""


class Opened(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A request that was let in: who asks what, under which rules.

    Attributes:
        id: the request's, version 7 UUID; what the caller is told, without its prefix.
        tenant: whose request it is.
        at: when it was received.
        environment: dev, test or prod.
        workload: who asks.
        key: public id of the key that was shown.
        operation: the endpoint, in OpenTelemetry's words.
        dialect: of which API.
        policy_version: digest of the policies that decided.
        deployment: which model was asked; None where none is.
        release: what stands behind it; None where the target is no release of ours.
        rules_version: digest of the tenant's rules that held; empty: none.
        decisions: what these rules came to, as a JSON object.
        subject: the pseudonym of whose data it is about; empty: it names nobody.
    """

    id: UUID
    tenant: TenantId
    at: datetime
    environment: str
    workload: UUID
    key: str
    operation: str
    dialect: str
    policy_version: str
    deployment: UUID | None = None
    release: str | None = None
    rules_version: str = ""
    decisions: str = "{}"
    subject: str = ""


class Closed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=2):
    """What became of a request.

    Attributes:
        id: the request's.
        outcome: completed, refused, failed or cancelled.
        phase: the last stage that it passed.
        status: HTTP status.
        duration_us: from being received to the end of the answer.
        input_tokens: as they were counted, rows for tabular models.
        output_tokens: likewise.
        cost_micro: millionths of the installation's unit of cost.
        first_byte_us: from being received to the first byte of the answer; None: none has left.
        target: who answered: `local`, or a provider's name; empty: nobody was asked.
        refusal: the kind of no, where it was one.
        opened: its opening, when that is not in the spool already.
        findings: what the guard met, a JSON object of directions, types and numbers; empty: nothing.
    """

    id: UUID
    outcome: str
    phase: str
    status: int
    duration_us: int
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micro: int = 0
    first_byte_us: int | None = None
    target: str = ""
    refusal: str = ""
    opened: Opened | None = None
    findings: str = ""


class Denied(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=3):
    """A refusal for a tenant's audit log (`PLATFORM`: nobody was recognised). Fields as in `audit.Entry`."""

    tenant: TenantId
    id: UUID
    at: datetime
    actor: str
    credential: str
    action: str
    resource: str
    reason: str
    request_id: str
    detail: dict[str, str]


class Lost(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=4):
    """Records of a tenant that could not be kept. `count` None: how many is not known."""

    tenant: TenantId
    id: UUID
    count: int | None
    since: datetime
    until: datetime
    cause: str


class Ended(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=5):
    """The process ended in order; nothing was on its way."""

    at: datetime


Frame: TypeAlias = Opened | Closed | Denied | Lost | Ended

_encode: Final = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_pack_sum: Final = _SUM.pack
_pack_about: Final = _ABOUT.pack
_decode: Final = msgspec.msgpack.Decoder(Frame).decode
_unpack_head: Final = Layout("<IIQ").unpack_from  # both parts of it


def write(frame: Frame, number: int) -> bytes:
    """Return `frame` as it stands in a segment."""
    body = _encode(frame)
    about = _pack_about(len(body), number)
    return _pack_sum(crc32(body, crc32(about))) + about + body


def read(data: bytes, offset: int = 0) -> Iterator[tuple[int, int, Frame]]:
    """Yield (end, number, frame) of each whole frame from `offset` on; the first that is not whole ends it.

    `end` is the offset after the frame, so the last one yielded says where whole frames end.
    """
    view, size = memoryview(data), len(data)
    while offset + _HEAD <= size:
        checksum, length, number = _unpack_head(data, offset)
        end = offset + _HEAD + length
        if length > MAX_FRAME or end > size or crc32(view[offset + _SUM.size : end]) != checksum:
            return
        try:
            frame = _decode(view[offset + _HEAD : end])
        except msgspec.MsgspecError:
            return
        yield end, number, frame
        offset = end
