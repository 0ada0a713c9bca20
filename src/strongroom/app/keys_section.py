"""The settings of keys: how long one may lie unused before somebody is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from strongroom.app.vault_section import Section
from strongroom.custody import Patience
from strongroom.kernel.principal import Environment


class KeysSection(Section, frozen=True, kw_only=True):
    """How long keys may lie unused, in days, by environment. Nothing is ended by itself; the log is told, and the access review."""

    stale_days_dev: Annotated[int, Meta(ge=1, le=366, description="A key of dev not used for so long is stale.")] = 3
    stale_days_test: Annotated[int, Meta(ge=1, le=366, description="A key of test not used for so long is stale.")] = 14
    stale_days_prod: Annotated[int, Meta(ge=1, le=366, description="A key of prod not used for so long is stale.")] = 14
    unused_days_dev: Annotated[
        int, Meta(ge=1, le=366, description="A key of dev that was not used so long after it was made was never used.")
    ] = 1
    unused_days_test: Annotated[int, Meta(ge=1, le=366, description="The same for a key of test.")] = 3
    unused_days_prod: Annotated[int, Meta(ge=1, le=366, description="The same for a key of prod.")] = 7

    @property
    def patience(self) -> Patience:
        """These, as the review takes them."""
        stale = {
            Environment.DEV: self.stale_days_dev,
            Environment.TEST: self.stale_days_test,
            Environment.PROD: self.stale_days_prod,
        }
        unused = {
            Environment.DEV: self.unused_days_dev,
            Environment.TEST: self.unused_days_test,
            Environment.PROD: self.unused_days_prod,
        }
        return Patience(
            stale={each: timedelta(days=days) for each, days in stale.items()},
            unused={each: timedelta(days=days) for each, days in unused.items()},
        )
