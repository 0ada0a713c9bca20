"""The settings of the audit logs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from strongroom.app.vault_section import Section


class AuditSection(Section, frozen=True, kw_only=True):
    """The audit logs."""

    grace_s: Annotated[
        int,
        Meta(
            ge=1,
            le=86_400,
            description=(
                "How long the logs may go unsealed or unsigned before the control port refuses changes (503); reading goes "
                "on, and so does what takes away: revoking, deleting."
            ),
        ),
    ] = 300
    anchor_every_s: Annotated[
        int, Meta(ge=1, le=86_400, description="How often, at most, the anchor commits to the heads of all logs.")
    ] = 5
