"""A database that broke a promise: production does not start on it, elsewhere it is said."""

from __future__ import annotations

import asyncpg
import msgspec
import pytest

from strongroom.app.refusals import CannotStart
from strongroom.app.settings import Installation, Settings
from strongroom.app.shape import shape_of_database
from strongroom.store.testing import TestDatabase

PRODUCTION = msgspec.structs.replace(Settings(), installation=Installation(mode="production"))


async def test_production_refuses_what_development_is_told_of(database: TestDatabase) -> None:
    told: list[str] = []
    for settings in (Settings(), PRODUCTION):
        await shape_of_database(database.admin, settings, told.append)
    assert told == []
    admin: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**database.admin.arguments())
    await admin.execute("alter table identity.key no force row level security")
    await admin.close()
    await shape_of_database(database.admin, Settings(), told.append)
    (line,) = told
    assert line.startswith("warning: ")
    assert "row-security: identity.key" in line
    with pytest.raises(CannotStart, match=r"row-security: identity\.key"):
        await shape_of_database(database.admin, PRODUCTION, told.append)
