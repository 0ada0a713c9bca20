"""The settings of the audit logs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from strongroom.app.vault_section import Section
from strongroom.audit.sealing.cosigning import WitnessAddress


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
    witnesses: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Witnesses outside that cosign the anchor's heads (C2SP tlog-witness), each as `URL VKEY`; "
                "`strongroom audit witness` is one that anybody can run."
            )
        ),
    ] = ()
    anchor_every_s: Annotated[
        int, Meta(ge=1, le=86_400, description="How often, at most, the anchor commits to the heads of all logs.")
    ] = 5

    def __post_init__(self) -> None:
        """Refuse a witness that could not be asked.

        Raises:
            ValueError: saying what is wrong.
        """
        for each in self.witnesses:
            WitnessAddress.parse(each)
