"""What gateways are told of a session. Persisted and read across versions: fields are only added, with a default."""

from __future__ import annotations

from typing import Final

import msgspec

from strongroom.kernel.principal import Environment

CAPTURE: Final = "capture"


class CaptureDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag="capture/1"):
    """A session that captures until `ends_at` (Unix seconds) unless it is withdrawn; its tenant publishes it."""

    environment: Environment
    model: str
    share: int
    ends_at: float
    workload: str = ""
