"""Whether a document is CycloneDX, by the standard's own schemas."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cyclonedx.validation.json import JsonStrictValidator

_MOST = 300


class NotCycloneDx(ValueError):  # noqa: N818 - said to a person
    """The document does not follow the schema; the message says where."""


VERSIONS: Final = ("1.4", "1.5", "1.6")
"""What is read; what is written here is of the last."""


def validate(document: str, version: str = VERSIONS[-1]) -> None:
    """Refuse what is no CycloneDX of a version in JSON. The first call takes some two seconds of CPU, for the schema.

    Raises:
        NotCycloneDx: when it is none.
    """
    if version not in VERSIONS:
        raise NotCycloneDx(f"It is no CycloneDX of {', '.join(VERSIONS)}.")
    try:
        wrong = _validator(version).validate_str(document)
    except (ValueError, RecursionError):
        raise NotCycloneDx(f"It is no CycloneDX {version}: it is no JSON.") from None
    if wrong is not None:
        # Its own text would be the whole schema and the whole document, and takes seconds to write.
        data: object = getattr(wrong, "data", None)
        message = " ".join(str(getattr(data, "message", "it does not follow the schema")).split())
        raise NotCycloneDx(f"It is no CycloneDX {version}: {message[:_MOST]}")


@cache
def _validator(version: str) -> JsonStrictValidator:
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - takes a second, and only documents need it
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415 - as above

    return JsonStrictValidator(SchemaVersion.from_version(version))
