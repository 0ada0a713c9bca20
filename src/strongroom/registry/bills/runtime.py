"""An environment as a CycloneDX 1.6 document, and read back from one that was written here."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from strongroom.kernel.clock import rfc3339
from strongroom.registry.bills.cyclonedx import SCHEMA, property_of, tool
from strongroom.registry.bills.installed import Installed, environment_bom

_FACTS: Final = "strongroom:installed"
_DIGEST: Final = "strongroom:environment"
MOST: Final = 32 << 20


class NotABill(ValueError):  # noqa: N818 - said to a person
    """The document is no bill of an environment that was written here."""


class _Property(msgspec.Struct):
    name: str
    value: str = ""


class _Component(msgspec.Struct):
    properties: list[_Property] = []


class _Metadata(msgspec.Struct):
    component: _Component


class _Bill(msgspec.Struct):
    metadata: _Metadata


def runtime_bom(found: Installed, at: datetime) -> dict[str, Any]:
    """Return the bill of materials of an environment.

    Args:
        found: what is installed.
        at: when it was looked at.
    """
    own = tool()
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{found.digest} {rfc3339(at)}')}",
        "version": 1,
        "metadata": {
            "timestamp": rfc3339(at),
            "lifecycles": [{"phase": "operations"}],
            "tools": {"components": [own]},
            "component": {
                "type": "application",
                "bom-ref": "runtime",
                "name": "strongroom-runtime",
                "version": own["version"],
                "properties": [
                    property_of("environment", found.digest),
                    property_of("program", found.program),
                    property_of("lock", found.lock or "none"),
                    property_of("installed", found),
                ],
            },
        },
        **environment_bom(found),
    }


def read_bill(document: bytes) -> Installed:
    """Return the environment that a bill tells of, as it was.

    Raises:
        NotABill: when it is none that was written here, or what it tells of is not what its digest says.
    """
    if len(document) > MOST:
        raise NotABill("It is too large for a bill of materials.")
    try:
        read = msgspec.json.decode(document, type=_Bill)
        said = {each.name: each.value for each in read.metadata.component.properties}
        found = msgspec.json.decode(said[_FACTS].encode(), type=Installed)
    except (msgspec.MsgspecError, KeyError, RecursionError):
        raise NotABill("It is no bill of an environment: `strongroom runtime bom` writes one.") from None
    if said.get(_DIGEST) != found.digest:
        raise NotABill("What it tells of is not what its digest says.")
    return found
