"""Every table of the database says for how long its rows are kept."""

from __future__ import annotations

from strongroom.retention.model import KEPT
from strongroom.store import migrate
from strongroom.store.rules import SCHEMAS
from strongroom.store.testing import TestDatabase


async def test_a_table_without_a_retention_rule_fails(database: TestDatabase) -> None:
    async with migrate.administrator(database.admin) as admin:
        rows = await admin.fetch(
            "select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname = any($1) and c.relkind in ('r', 'p')",
            list(SCHEMAS),
        )
    there = {row["name"] for row in rows}
    assert there - set(KEPT) == set(), "say in strongroom/retention/model.py for how long its rows are kept"
    assert set(KEPT) - there == set(), "the table is gone: take its rule off the list"
