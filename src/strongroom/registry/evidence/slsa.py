"""SLSA provenance v1 (slsa.dev/spec/v1.0/provenance): who built something, from what, and how."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, cast

import msgspec

from strongroom.registry.evidence.model import BadEvidence, Facts, Form, Provenance, short

PREDICATE = "https://slsa.dev/provenance/v1"


class _Definition(msgspec.Struct, frozen=True, rename="camel"):
    build_type: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    external_parameters: dict[str, Any]


class _Builder(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    finished_on: Annotated[datetime, msgspec.Meta(tz=True)]


class _Details(msgspec.Struct, frozen=True):
    builder: _Builder
    metadata: _Metadata


class _Predicate(msgspec.Struct, frozen=True, rename="camel"):
    build_definition: _Definition
    run_details: _Details


def read(predicate: Any) -> Facts:
    """Return what provenance says.

    Raises:
        BadEvidence: when it is none, or does not say when the build ended.
    """
    try:
        found = msgspec.convert(predicate, _Predicate)
    except msgspec.ValidationError as error:
        raise BadEvidence(f"It is no SLSA provenance v1 that says enough: {short(error)}.") from None
    definition, details = found.build_definition, found.run_details
    return Facts(
        form=Form.SLSA,
        made=details.metadata.finished_on,
        tool=short(details.builder.id),
        provenance=Provenance(
            builder=details.builder.id,
            build_type=definition.build_type,
            sources=_sources(definition.external_parameters),
        ),
    )


def _sources(parameters: dict[str, Any]) -> tuple[str, ...]:
    """Return every source that the external parameters name.

    Those are what SLSA has the verifier compare; what a build resolved besides is the builder's own affair. Builders write it
    in different places: `source`, `source.uri`, and GitHub `workflow.repository`.
    """
    said = [
        parameters.get("source"),
        _member(parameters.get("source"), "uri"),
        _member(parameters.get("source"), "repository"),
        _member(parameters.get("workflow"), "repository"),
        parameters.get("repository"),
    ]
    return tuple(sorted({each for each in said if isinstance(each, str) and each}))


def _member(value: Any, name: str) -> Any:
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
