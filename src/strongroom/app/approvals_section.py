"""The settings of approvals."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from strongroom.app.vault_section import Section

_KEY = r"^[0-9a-f]{32}$(?!\n)"


class ApprovalsSection(Section, frozen=True, kw_only=True):
    """Whose keys count under approvals of releases, system prompts and data sets."""

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
