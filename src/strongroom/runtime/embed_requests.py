"""What an embeddings request may ask: OpenAI's fields, typed and bounded (no I/O)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from strongroom.runtime.errors import invalid

MAX_INPUTS: Final = 512
MAX_CHARACTERS: Final = 16_384
"""Of one text: far more than fit the model, and little enough to be tokenized in a few milliseconds."""

_Text = Annotated[str, Meta(min_length=1, max_length=MAX_CHARACTERS)]
_Item = str | list[int]


class EmbeddingRequest(msgspec.Struct, kw_only=True):
    """POST /v1/embeddings."""

    input: _Text | Annotated[list[int | str | list[int]], Meta(min_length=1, max_length=1 << 16)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


def read(body: bytes, *, dimensions: int, vocabulary: int) -> tuple[list[_Item], bool]:
    """Return the inputs, each a text or bare tokens, and whether vectors are wanted as base64.

    Raises:
        ProblemError: a 400 that names the field.
    """
    try:
        request = msgspec.json.decode(body, type=EmbeddingRequest)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        raise invalid(f"{message}.", param=place.rstrip("`").lstrip(".") or None) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise invalid("The body is not valid JSON.") from None
    if request.dimensions not in {None, dimensions}:
        raise invalid(f"This model's vectors have {dimensions} dimensions.", param="dimensions")
    items = _items(request.input)
    for item in items:
        _check(item, vocabulary)
    return items, request.encoding_format == "base64"


def _items(value: str | list[int | str | list[int]]) -> list[_Item]:
    if isinstance(value, str):
        return [value]
    if all(isinstance(item, int) for item in value):
        return [[item for item in value if isinstance(item, int)]]
    items = [item for item in value if not isinstance(item, int)]
    if len(items) != len(value):
        raise invalid("input is a text, an array of texts, or tokens; not a mixture.", param="input")
    if len(items) > MAX_INPUTS:
        raise invalid(f"At most {MAX_INPUTS} inputs fit one request.", param="input")
    return items


def _check(item: _Item, vocabulary: int) -> None:
    if not item:
        raise invalid("An input must not be empty.", param="input")
    if isinstance(item, str):
        if len(item) > MAX_CHARACTERS:
            raise invalid(f"A text has at most {MAX_CHARACTERS} characters.", param="input")
    elif not all(0 <= token < vocabulary for token in item):
        raise invalid(f"Tokens are numbers from 0 to {vocabulary - 1}.", param="input")
