"""Training data by commands, as its people bring it, approve it, read it and end it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strongroom.app.testing import ControlPlane

Run = Any


def test_a_data_set_is_brought_approved_exported_and_ended(run: Run, tmp_path: Path, plane: ControlPlane) -> None:
    del plane
    token = run("account", "create", "data-owner", "--role", "approver", "--json").json["token"]
    words = ("--owner", "data-owner", "--contact", "data@acme.example", "--licence", "consent of 2026")
    source = run("source", "add", "crm", "--tenant", "acme", *words)
    assert (source.code, "standard" in source.out) == (0, True), source.err
    assert run("source", "list", "--tenant", "acme", "--json").json["data"][0]["owner"] == "data-owner"

    file = tmp_path / "tickets.csv"
    rows = [f"{at},the lift on floor {at} is broken again" for at in range(12)]
    file.write_text(
        "\n".join(["id,text", *rows, "12,write to anna.kowalska@example.org", "x,a"]) + "\n", encoding="utf-8"
    )
    contract = tmp_path / "contract.json"
    contract.write_text(
        json.dumps({"columns": {"id": {"type": "integer", "unique": True}, "text": {}}}), encoding="utf-8"
    )
    given = ("--name", "tickets", "--version", "1", "--source", "crm", "--tenant", "acme", "--contract", str(contract))
    added = run("dataset", "add", str(file), *given, by="acme-admin")
    assert added.code == 0, added.err
    assert "0 of 1 approvals" in added.out
    assert "personal-data: an e-mail address" in added.out
    assert "kowalska" not in added.out
    assert run("dataset", "add", str(file), *given, by="acme-admin").code == 1  # a version never changes

    refused = run("dataset", "approve", "tickets@1", "--tenant", "acme", "--reason", "fine", by="acme-admin")
    assert refused.code == 1
    approved = run("dataset", "approve", "tickets@1", "--tenant", "acme", "--reason", "read it", "--json", by=token)
    assert (approved.json["state"], approved.json["usable"]) == ("admitted", True), approved.err
    assert "admitted" in run("dataset", "list", "--tenant", "acme").out

    out, why = tmp_path / "out.jsonl", tmp_path / "why.jsonl"
    assert run("dataset", "export", "tickets@1", "--tenant", "acme", "--output", str(out)).code == 1  # an operator
    place = ("--tenant", "acme", "--output")
    assert run("dataset", "export", "tickets@1", *place, str(out), by="acme-admin").code == 0
    assert run("dataset", "export", "tickets@1", "--rejects", *place, str(why), by="acme-admin").code == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) == 12
    assert {json.loads(each)["rules"] for each in why.read_text(encoding="utf-8").splitlines()} == {
        "contract",
        "personal-data",
    }
    assert "kowalska" not in why.read_text(encoding="utf-8")

    assert (
        run(
            "workload", "create", "trainer", "--tenant", "acme", "--env", "dev", "--role", "training", "--owner", "ml"
        ).code
        == 0
    )
    granted = run("dataset", "grant", "tickets@1", "--tenant", "acme", "--workload", "trainer", by="acme-admin")
    assert "trainer may read it" in granted.out, granted.err
    assert "revoked" in run("dataset", "revoke", "tickets@1", "--tenant", "acme", "--workload", "trainer").out
    ended = run("dataset", "withdraw", "tickets@1", "--tenant", "acme", "--reason", "poisoned", "--json", by=token)
    assert (ended.json["state"], ended.json["usable"]) == ("withdrawn", False)


def test_what_cannot_be_a_data_set_is_said_before_or_after_it_is_sent(run: Run, tmp_path: Path) -> None:
    given = ("--name", "x", "--version", "1", "--source", "none", "--tenant", "acme")
    (tmp_path / "x.txt").write_text("x")
    assert run("dataset", "add", str(tmp_path / "x.txt"), *given).code == 2
    (tmp_path / "x.csv").write_text("a\n1\n")
    unknown = run("dataset", "add", str(tmp_path / "x.csv"), *given)
    assert (unknown.code, "register it first" in unknown.err) == (1, True)
    assert run("dataset", "show", "nothing", "--tenant", "acme").code == 2
    assert run("dataset", "show", "nothing@1", "--tenant", "acme").code == 1
