"""`strongroom exports`, and what a person is told whose export is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Run = Any
FEW = 'kind = "exports"\n\n[[rules]]\nname = "few"\nsurfaces = ["audit"]\ntimes_per_day = 3\n'


def test_who_takes_too_much_is_told_and_seen(run: Run, tmp_path: Path) -> None:
    assert run("tenant", "create", "exporting").code == 0
    whose = ("--tenant", "exporting")
    empty = run("exports", "show", *whose)
    assert empty.code == 0
    assert "Nothing was taken out of exporting today." in empty.out + empty.err
    assert run("audit", "list", *whose).code == 0
    [first] = [
        each
        for each in run("exports", "show", *whose, "--json").json["data"]
        if each["measure"] == "rows_per_hour" and each["taker"] != "tenant"
    ]
    assert (first["surface"], first["limit"], first["used"] >= 1) == ("audit", 5_000_000, True)

    (tmp_path / "few.toml").write_text(FEW, encoding="utf-8")
    rehearsed = run("rules", "dry-run", str(tmp_path / "few.toml"), *whose, "--ceiling", "--json")
    assert rehearsed.code == 0, rehearsed.err
    assert run("rules", "set", str(tmp_path / "few.toml"), *whose, "--ceiling", "--reason", "few").code == 0
    ends = [run("audit", "list", *whose) for _ in range(3)]
    assert [each.code for each in ends] == [0, 0, 1], "one was taken before the rule was written"
    assert "You may take 3 takings of entries of the audit log a day; 3 were taken" in ends[2].err
    shown = run("exports", "show", *whose)
    assert "times_per_day" in shown.out
    incidents = run("incident", "list", *whose, "--json").json["data"]
    assert [(each["kind"], each["status"]) for each in incidents] == [("export-limit", "open")]
    assert run("records", "list", *whose).code == 0, "another store is counted apart"
    assert run("tenant", "create", "beside").code == 0
    assert run("audit", "list", "--tenant", "beside").code == 0, "and so is another tenant"
