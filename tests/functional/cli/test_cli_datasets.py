"""Training data by commands, as its people bring it, approve it, read it and end it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strongroom.app.testing import RELEASE, ControlPlane

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


def test_lineage_is_asked_linked_drawn_told_and_taken(run: Run, tmp_path: Path) -> None:
    run("account", "create", "owner-two", "--role", "approver", "--json")
    words = ("--owner", "owner-two", "--contact", "c", "--licence", "l", "--risk", "low")
    assert run("source", "add", "core", "--tenant", "acme", *words).code == 0
    (tmp_path / "loans.csv").write_text("a,b\n" + "".join(f"{at},{at * 2}\n" for at in range(9)))
    given = ("--name", "loans", "--version", "1", "--source", "core", "--tenant", "acme")
    assert run("dataset", "add", str(tmp_path / "loans.csv"), *given, by="acme-admin").code == 0
    model = f"{RELEASE.name}@{RELEASE.version}"
    linked = ("--dataset", "loans@1", "--release", model, "--tenant", "acme", "--reason", "on our cluster")
    assert "on our cluster" in run("lineage", "link", *linked, by="acme-admin").out
    drawn = tmp_path / "m.svg"
    shown = run("lineage", model, "--tenant", "acme", "--svg", str(drawn))
    assert (shown.code, "loans@1" in shown.out, "core" in shown.out) == (0, True, True), shown.err
    assert drawn.read_text(encoding="utf-8").startswith("<svg ")
    assert "loans@1" not in run("lineage", model, "--tenant", "acme", "--at", "2020-01-01T00:00:00Z").out
    assert run("lineage", model, "--tenant", "acme", "--at", "yesterday").code == 1
    served = run("which-serves", "--dataset", "loans@1", "--json")  # an operator names no tenant: each is asked
    assert served.code == 0, served.err
    events = run("lineage", "export", "--tenant", "acme")
    assert json.loads(events.out.splitlines()[-1])["eventType"] == "COMPLETE"
    (tmp_path / "events.jsonl").write_text(events.out, encoding="utf-8")
    taken = run("lineage", "import", str(tmp_path / "events.jsonl"), "--tenant", "acme", "--json")
    assert (taken.code, taken.json["events"]) == (0, len(events.out.splitlines())), taken.err
