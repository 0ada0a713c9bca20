"""What a request asks for, in whatever dialect: the endpoints by name, and what a model must offer to be asked there."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final

from strongroom.registry import Operation


@unique
class Endpoint(StrEnum):
    """The endpoints; the value is what records and metrics call them (OpenTelemetry GenAI operation names, where there are)."""

    CHAT = "chat"
    COMPLETION = "text_completion"
    EMBEDDING = "embeddings"
    MODERATION = "moderations"
    MESSAGES = "messages"
    COUNT = "count_tokens"
    RESPONSES = "responses"
    RESPONSE = "retrieve_response"
    DROP_RESPONSE = "delete_response"
    INFER = "infer"
    DESCRIBE = "describe_model"
    READY = "model_ready"
    MODELS = "list_models"
    MODEL = "retrieve_model"

    @property
    def needs(self) -> Operation | None:
        """Return what a model must offer to be asked here; None where no model is asked."""
        return _NEEDS.get(self)


_NEEDS: Final = {
    Endpoint.CHAT: Operation.CHAT,
    Endpoint.COMPLETION: Operation.CHAT,
    Endpoint.EMBEDDING: Operation.EMBEDDING,
    Endpoint.MODERATION: Operation.MODERATION,
    Endpoint.MESSAGES: Operation.CHAT,
    Endpoint.COUNT: Operation.CHAT,
    Endpoint.RESPONSES: Operation.CHAT,
    Endpoint.INFER: Operation.INFER,
    Endpoint.DESCRIBE: Operation.INFER,
}
