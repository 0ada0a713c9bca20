"""Whether a document is CycloneDX 1.6, by the standard's own schema."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclonedx.validation.json import JsonStrictValidator

_MOST = 300


class NotCycloneDx(ValueError):  # noqa: N818 - said to a person
    """The document does not follow the schema; the message says where."""


def validate(document: str) -> None:
    """Refuse what is no CycloneDX 1.6 in JSON. The first call takes some two seconds of CPU, for the schema.

    Raises:
        NotCycloneDx: when it is none.
    """
    try:
        wrong = _validator().validate_str(document)
    except (ValueError, RecursionError):
        raise NotCycloneDx("It is no CycloneDX 1.6: it is no JSON.") from None
    if wrong is not None:
        # Its own text would be the whole schema and the whole document, and takes seconds to write.
        data: object = getattr(wrong, "data", None)
        message = " ".join(str(getattr(data, "message", "it does not follow the schema")).split())
        raise NotCycloneDx(f"It is no CycloneDX 1.6: {message[:_MOST]}")


@cache
def _validator() -> JsonStrictValidator:
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - takes a second, and only documents need it
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415 - as above

    return JsonStrictValidator(SchemaVersion.V1_6)
