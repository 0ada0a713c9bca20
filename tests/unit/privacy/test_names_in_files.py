"""Names of members and columns in files: none is lost, and a value that stands where a name should is no name."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from strongroom.app.redaction import Format, Plan, Trouble, redact
from strongroom.privacy import KINDS

PLAN = Plan(frozenset(KINDS), "mask", bytes(32))


def redacted(form: Format, data: bytes, plan: Plan = PLAN) -> bytes:
    out = io.BytesIO()
    redact(plan, form, io.BytesIO(data), out)
    return out.getvalue()


def test_members_whose_names_would_become_the_same_are_all_there() -> None:
    out = json.loads(
        redacted(Format.JSON, b'{"bob@example.com": 1, "al@example.com": 2, "other": 3, "cy@example.com": 4}')
    )
    assert out == {"[EMAIL]": 1, "[EMAIL]_2": 2, "other": 3, "[EMAIL]_3": 4}


def test_a_first_record_that_is_no_heading_is_not_passed_on() -> None:
    data = b"bob@example.com,4111111111111111\nal@example.com,4111111111111111\n"
    with pytest.raises(Trouble, match="column 1") as told:
        redacted(Format.CSV, data)
    assert "bob" not in str(told.value)
    without = Plan(PLAN.kinds, "mask", PLAN.key, header=False)
    assert redacted(Format.CSV, data, without) == b"[EMAIL],[CREDIT_CARD]\n[EMAIL],[CREDIT_CARD]\n"
    assert redacted(Format.CSV, b"mail,card number\nal@example.com,x\n") == b"mail,card number\n[EMAIL],x\n"


def test_columns_that_are_not_looked_at_are_told(tmp_path: Path) -> None:
    table = pa.table(
        {"cards": pa.array([[4111111111111111]]), "price": pa.array([4.5]), "note": pa.array(["x"]), "n": pa.array([1])}
    )
    pq.write_table(table, tmp_path / "in.parquet")
    with (tmp_path / "in.parquet").open("rb") as source:
        report = redact(PLAN, Format.PARQUET, source, io.BytesIO())
    assert report.unchecked == ["cards", "price"]
