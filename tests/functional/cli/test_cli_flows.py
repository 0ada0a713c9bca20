"""`strongroom flows` and `strongroom privacy list`, as a person and as a script uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Run = Any
FILE = '[[flows]]\nfrom = "store:*"\nto = "account:*"\ndata = ["*"]\nwhy = "its own people read them"\n'


def test_flows_are_declared_checked_and_drawn(run: Run, tmp_path: Path) -> None:
    assert run("tenant", "create", "flowing").code == 0
    whose = ("--tenant", "flowing")
    assert run("audit", "list", *whose).code == 0
    found = run("flows", "check", *whose, "--json")
    assert found.code == 1
    assert [(each["source"], each["data"]) for each in found.json["undeclared"]] == [("store:audit-log", "log")]
    said = run("flows", "check", *whose)
    assert said.code == 1
    assert "store:audit-log" in said.out

    (tmp_path / "0001-people.toml").write_text(FILE, encoding="utf-8")
    done = run("flows", "declare", str(tmp_path), *whose, "--reason", "they may")
    assert done.code == 0, done.err
    assert run("flows", "check", *whose).code == 0
    listed = run("flows", "list", *whose, "--json").json["data"]
    assert [(each["number"], each["name"], each["text"]) for each in listed] == [(1, "people", FILE)]
    drawn = tmp_path / "flows.svg"
    shown = run("flows", "show", *whose, "--svg", str(drawn))
    assert shown.out.splitlines()[0] == "store:audit-log"
    assert drawn.read_text(encoding="utf-8").startswith("<svg")

    (tmp_path / "0001-people.toml").write_text(FILE + "# other\n", encoding="utf-8")
    changed = run("flows", "declare", str(tmp_path), *whose, "--reason", "they may")
    assert changed.code == 1
    assert "never changes" in changed.err
    (tmp_path / "0003-late.toml").write_text(FILE, encoding="utf-8")
    assert run("flows", "declare", str(tmp_path), *whose, "--reason", "they may").code == 2


def test_a_list_takes_a_file_and_tells_nothing_of_it(run: Run, tmp_path: Path) -> None:
    values, table = tmp_path / "numbers.txt", tmp_path / "crm.csv"
    values.write_text("".join(f"KD-{number}\n" for number in range(10_000, 11_200)), encoding="utf-8")
    table.write_text("name,number\nRoe,KD-10000\nPoe,KD-99999\n", encoding="utf-8")
    whose = ("--tenant", "acme")
    made = run("privacy", "list", "add", "customers", str(values), *whose, "--json")
    assert made.code == 0, made.err
    assert made.json["values"] == 1200
    assert (
        run("privacy", "list", "add", "customers", str(table), "--column", "number", *whose, "--json").json["values"]
        == 1201
    )
    assert run("privacy", "list", "add", "customers", str(table), "--column", "none", *whose).code == 2
    listed = run("privacy", "list", "list", *whose)
    assert "custom.customers" in listed.out
    values.write_text("KD\n", encoding="utf-8")
    refused = run("privacy", "list", "add", "customers", str(values), *whose)
    assert refused.code == 1
    assert "fewer than 4" in refused.err
    assert run("privacy", "list", "remove", "customers", *whose).code == 0
    assert run("privacy", "list", "remove", "customers", *whose).code == 1
