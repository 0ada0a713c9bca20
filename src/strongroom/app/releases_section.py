"""The settings of releases that people bring."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from strongroom.app.vault_section import Section


class ReleasesSection(Section, frozen=True, kw_only=True):
    """Releases that people bring."""

    tenant_gib: Annotated[
        int, Meta(ge=1, le=1_048_576, description="Room for each tenant's own releases and uploads, in GiB.")
    ] = 100
    upload_hours: Annotated[
        int, Meta(ge=1, le=8760, description="How long an upload that nobody goes on with is kept, in hours.")
    ] = 24
