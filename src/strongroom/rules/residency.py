"""Where what a caller sends may be handled outside this installation: the kind `residency`.

Always true here:
- nobody speaks: nowhere outside; workers of this installation answer all the same;
- a region is compared letter by letter with what a provider is registered with: none lies within another;
- a tenant's own document can only take regions away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from strongroom.rules.kind import FieldKind
from strongroom.rules.model import Rule

ANYWHERE: Final = "*"
MAX_REGIONS: Final = 64

RegionPattern: TypeAlias = Annotated[
    str, Meta(pattern=r"^(\*|[a-z]{2,16}(-[a-z0-9]{1,16}){0,3})$(?!\n)", examples=["eu-central"])
]


class Residency(msgspec.Struct, frozen=True, kw_only=True):
    """Where providers may handle what one caller sends to one model. `*` stands for every region."""

    regions: tuple[str, ...] = ()

    def allows(self, region: str | None) -> bool:
        """Whether a provider in `region` may be routed to. One that names no region never may."""
        return region is not None and (ANYWHERE in self.regions or region in self.regions)


class ResidencyRule(Rule, frozen=True, kw_only=True):
    """One rule of a residency document."""

    regions: Annotated[tuple[RegionPattern, ...], Meta(max_length=MAX_REGIONS)] | None = None


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    if ANYWHERE in one:
        return other
    return one if ANYWHERE in other else tuple(sorted(set(one) & set(other)))


def _said(regions: tuple[str, ...]) -> str:
    if ANYWHERE in regions:
        return "Providers in every region may be asked."
    return f"Providers in {', '.join(regions)} may be asked." if regions else "No provider outside may be asked."


NARROWER: Final[dict[str, Callable[[Any, Any], Any]]] = {"regions": _common}
WORDS: Final[dict[str, Callable[[Any], str]]] = {"regions": _said}

RESIDENCY: Final[FieldKind[ResidencyRule, Residency]] = FieldKind(
    "residency",
    "In which regions providers outside may be asked.",
    ResidencyRule,
    least=Residency(),
    most=Residency(regions=(ANYWHERE,)),
    narrower=NARROWER,
    words=WORDS,
)
