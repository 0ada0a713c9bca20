"""Putting a version in force: the row and the notice to every process, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias
from uuid import UUID

import msgspec

from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.rules import tables
from strongroom.rules.documents import PREFIX, RulesDocument
from strongroom.rules.kind import Kind
from strongroom.rules.model import DocumentError, Level, Version
from strongroom.rules.resolve import Held, Standing
from strongroom.store import feed
from strongroom.store.tx import Tx

Seals: TypeAlias = Mapping[str, Callable[[Version], bytes]]
"""For each kind whose documents are believed by a seal alone, what seals a version."""


async def put(
    tx: Tx, version: Version, body: bytes, *, seals: Seals | None = None, request: UUID | None = None
) -> Version:
    """Add a version and tell the gateways, in one transaction; return it. `request`: what it was approved by.

    Raises:
        Refused: CONFLICT when it does not follow what is in force.
    """
    if await tables.last(tx, version.kind, version.level) != version.version - 1:
        moved()
    seal = (seals or {}).get(version.kind)
    await tables.insert(tx, version, body, request, None if seal is None else seal(version))
    if version.withdrawn:
        await feed.withdraw(tx, PREFIX + version.kind, version.level.value)
    else:
        told = RulesDocument(version=version.version, digest=version.digest, document=msgspec.Raw(body))
        await feed.publish(tx, PREFIX + version.kind, version.level.value, msgspec.json.encode(told))
    return version


def held(kind: Kind[Any, Any], version: Version) -> Held[Any] | None:
    """Return a version as the gateways hold it: one that was withdrawn is none, one that cannot be read is not."""
    if version.withdrawn:
        return None
    try:
        document = kind.read(version.document)
    except DocumentError:
        document = None
    return Held(level=version.level, version=version.version, digest=version.digest, document=document)


def standing_of(kind: Kind[Any, Any], versions: Sequence[Version]) -> Standing[Any]:
    """Return the documents of one kind among the last versions of all."""
    found = {each.level: held(kind, each) for each in versions if each.kind == kind.name}
    return Standing(default=found.get(Level.DEFAULT), ceiling=found.get(Level.CEILING), own=found.get(Level.OWN))


def moved() -> NoReturn:
    """Refuse what was written against a version that is no longer the last.

    Raises:
        Refused: CONFLICT.
    """
    tell = "Another version is in force than the one that was expected. Read it, and write again from there."
    raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, param="expected")) from None
