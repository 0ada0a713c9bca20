"""Providers that speak the Open Inference Protocol v2 over REST: Triton, KServe and others.

The binary extension is never asked for, and what an engine says of a request that it refused stays here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from strongroom.gateway.exchange.asks import Ask
from strongroom.gateway.exchange.ports import Outgoing
from strongroom.gateway.protocols import provider_noes
from strongroom.gateway.protocols.oip import OpenInferenceEngine
from strongroom.kernel.refusal import Refusal
from strongroom.registry import in_path

_PLAIN: Final = ((b"accept-encoding", b"identity"),)


class OpenInferenceProvider(OpenInferenceEngine):
    """A provider behind `/v2/models/NAME`, or `/v2/models/NAME/versions/N` where the target's model is written so."""

    def outgoing(self, ask: Ask, model: str) -> Outgoing:
        """Write `ask`.

        Raises:
            ValueError: when the model's name or version is not one part of a path.
        """
        written = super().outgoing(ask, in_path(model))
        return replace(written, headers=(*written.headers, *_PLAIN))

    def no(self, status: int, body: bytes) -> Refusal:
        """Return what an answer other than 200 means; the engine's words stay here."""
        del body
        return provider_noes.meaning(status)
