"""What a request asks for, in whatever dialect: the endpoints by name, and what a model must offer to be asked there."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Self

from strongroom.registry import Operation


@unique
class Endpoint(StrEnum):
    """The endpoints; the value is what records and metrics call them (OpenTelemetry GenAI operation names, where there are).

    Beside it stands what a model must offer to be asked there; nothing, where no model is asked.
    """

    needs: Operation | None

    def __new__(cls, value: str, needs: Operation | None = None) -> Self:
        """Make a member: a word, with what it needs beside it."""
        made = str.__new__(cls, value)
        made._value_ = value
        made.needs = needs
        return made

    CHAT = "chat", Operation.CHAT
    COMPLETION = "text_completion", Operation.CHAT
    EMBEDDING = "embeddings", Operation.EMBEDDING
    MODERATION = "moderations", Operation.MODERATION
    MESSAGES = "messages", Operation.CHAT
    COUNT = "count_tokens", Operation.CHAT
    RESPONSES = "responses", Operation.CHAT
    RESPONSE = "retrieve_response"
    DROP_RESPONSE = "delete_response"
    INFER = "infer", Operation.INFER
    DESCRIBE = "describe_model", Operation.INFER
    READY = "model_ready"
    MODELS = "list_models"
    MODEL = "retrieve_model"
