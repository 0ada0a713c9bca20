"""Every table of the database says for how long its rows are kept, and every class of rows has a tier, a rule and a drop."""

from __future__ import annotations

import re

from strongroom.retention.model import KEPT, TIERS, RuleClass
from strongroom.rules.retention import CLASSES
from strongroom.store import migrate
from strongroom.store.testing import TestDatabase


async def test_a_table_without_a_retention_rule_fails(database: TestDatabase) -> None:
    async with migrate.administrator(database.admin) as admin:
        rows = await admin.fetch(
            # Whatever holds rows, in whatever schema but PostgreSQL's own: one that was made outside our list is found too.
            "select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname !~ '^(pg_|information_schema$)' and c.relkind in ('r', 'p', 'm', 'f')"
        )
    there = {row["name"] for row in rows}
    assert there - set(KEPT) == set(), "say in strongroom/retention/model.py for how long its rows are kept"
    assert set(KEPT) - there == set(), "the table is gone: take its rule off the list"


async def test_every_class_has_a_tier_a_rule_a_hold_and_a_way_to_drop_it(database: TestDatabase) -> None:
    classes = {each.value for each in RuleClass}
    assert {each.value for each in TIERS} == classes
    async with migrate.administrator(database.admin) as admin:
        checks = await admin.fetch(
            "select conname, pg_get_constraintdef(oid) as said from pg_constraint where conname = 'hold_class_check'"
        )
        drops = await admin.fetch(
            "select proname from pg_proc where pronamespace = 'retention'::regnamespace and proname ~ '^drop_'"
        )
    assert set(CLASSES) == classes, "the document of rules speaks of each"
    assert {row["conname"] for row in checks} == {"hold_class_check"}
    for row in checks:
        assert set(re.findall(r"'([a-z]+)'::text", row["said"])) == classes, row["conname"]
    assert {row["proname"] for row in drops} == {f"drop_{each}" for each in classes}
