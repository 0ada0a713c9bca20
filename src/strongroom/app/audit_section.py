"""The settings of the audit logs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from strongroom.app.vault_section import Section
from strongroom.audit.sealing.cosigning import WitnessAddress
from strongroom.audit.sealing.publishing import Authority


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

    anchor_file: Annotated[
        str | None,
        Meta(
            description=(
                "A file that signed heads of the anchor are added to, and never taken from, best on a medium of its own that "
                "takes nothing else; or a directory there, for a file each. Where root starts it, the kernel is told that the "
                "file takes additions alone (`chattr +a`). Its directory must let the keeper's uid through."
            )
        ),
    ] = None
    timestamp_url: Annotated[
        str | None,
        Meta(description="A timestamp authority (RFC 3161 over HTTP) that stamps signed heads of the anchor."),
    ] = None
    publish_every_s: Annotated[
        int,
        Meta(
            ge=1,
            le=86_400,
            description="How often, at most, a head of the anchor goes into `anchor_file` and to `timestamp_url`.",
        ),
    ] = 300

    def __post_init__(self) -> None:
        """Refuse a witness that could not be asked.

        Raises:
            ValueError: saying what is wrong.
        """
        for each in self.witnesses:
            WitnessAddress.parse(each)
        if self.timestamp_url is not None:
            Authority(self.timestamp_url)
        if self.anchor_file is not None and not self.anchor_file.startswith("/"):
            raise ValueError("the anchor file is named from the root: /mnt/worm/anchor.jsonl")
