"""The settings of evidence about the installation itself."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from strongroom.app.vault_section import Section


class EvidenceSection(Section, frozen=True, kw_only=True):
    """What the installation is, where its own evidence is asked for."""

    lock: Annotated[
        str | None,
        Meta(
            description=(
                "The uv.lock that this was installed by: its digest and the hashes of wheels go into the digest of the "
                "installation, as `runtime bom --lock` tells it; null: none."
            )
        ),
    ] = None
    image: Annotated[
        Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$(?!\n)", max_length=71)] | None,
        Meta(description="Digest of the image that this runs in, for rules that demand evidence about it; null: none."),
    ] = None
