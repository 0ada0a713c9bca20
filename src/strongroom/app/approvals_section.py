"""The settings of approvals, and of what production demands besides."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from strongroom.app.vault_section import Section
from strongroom.rules.approval import SuiteName

SIMULATED: Final = ("extraction", "isolation")
"""The product's own suites that every release can be asked: what production demands of prod."""

_KEY = r"^[0-9a-f]{32}$(?!\n)"


class ApprovalsSection(Section, frozen=True, kw_only=True):
    """Whose keys count under approvals, and what a release has passed before it serves in prod."""

    own_keys: Annotated[
        bool | None,
        Meta(
            description=(
                "Whether an approval (of a release, a system prompt, a data set) counts only when its approver signed it with a "
                "key of their own; null: in production."
            )
        ),
    ] = None
    keys: Annotated[
        tuple[Annotated[str, Meta(pattern=_KEY, max_length=32)], ...],
        Meta(
            description=(
                "Ids of the own keys that count; none: every registered one. Named here, outside database and keyring, no "
                "other key makes an approval, whoever registered it."
            )
        ),
    ] = ()
    evaluations: Annotated[
        tuple[SuiteName, ...] | None,
        Meta(
            description=(
                "Suites that a release must have passed before it is promoted to prod, or deployed there, besides what rules of the "
                "kind `approval` demand: by name, or by a suite's digest. null: in production `extraction` and `isolation`, "
                "elsewhere none."
            )
        ),
    ] = None
