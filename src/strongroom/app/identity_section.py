"""The settings of identity: other people's issuers. In a file of their own, since each says how far it may be trusted."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from strongroom.app.vault_section import Section


class IdentitySection(Section, frozen=True, kw_only=True):
    """Other people's issuers, whose tokens are exchanged."""

    issuer_networks: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Networks (CIDR) besides the public internet in which issuers may be, such as that of a cluster's API "
                "server; plain HTTP is spoken there alone. Link-local and metadata addresses are refused whatever stands here."
            )
        ),
    ] = ()
