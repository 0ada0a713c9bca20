"""`schema.sql` is what the migrations add up to."""

from __future__ import annotations

from pathlib import Path

from strongroom.store import schema
from strongroom.store.testing import TestDatabase

COMMITTED = Path(__file__).resolve().parents[3] / schema.FILE


async def test_the_committed_schema_is_the_real_one(database: TestDatabase) -> None:
    assert await schema.text(database.admin) == COMMITTED.read_text(), (
        f"the migrations have changed; run `{schema.COMMAND}` and commit {schema.FILE}"
    )
