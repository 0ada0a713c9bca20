"""`strongroom support` and `strongroom logs`: what leaves is masked, listed and searched first."""

from __future__ import annotations

import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strongroom.app.logs.sink import Sink
from strongroom.kernel.clock import SystemClock

Run = Any
CARD = "4111 1111 1111 1111"
CANARY = "canary-9f3e1c77"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    sink = Sink(tmp_path / "logs", SystemClock())
    sink.put("gateway-1", f"a card came: {CARD}\n".encode())
    sink.put("postgres", b"2026-01-01 [1] FATAL:  out of room\n")
    sink.close()
    return tmp_path


def test_logs_are_read_by_process_level_and_time(inside: Run, logs: Path) -> None:
    lines = [json.loads(line) for line in inside("logs", "--json", "--home", str(logs)).out.splitlines()]
    assert [line["process"] for line in lines] == ["gateway-1", "postgres"]
    assert lines[0]["masked"] == {"credit_card": 1}
    assert CARD not in inside("logs", "--home", str(logs)).out
    assert "out of room" in inside("logs", "--level", "error", "--home", str(logs)).out
    assert "gateway-1" not in inside("logs", "--level", "error", "--home", str(logs)).out
    assert inside("logs", "--process", "postgres", "-n", "1", "--since", "1h", "--home", str(logs)).out.count("\n") == 1
    assert inside("logs", "--since", "2999-01-01T00:00:00Z", "--home", str(logs)).out == ""


@pytest.mark.parametrize(
    "words", [("--process", "nobody"), ("--since", "yesterday"), ("--since", "2026-01-01T00:00:00")]
)
def test_what_logs_cannot_be_asked_is_said(inside: Run, logs: Path, words: tuple[str, ...]) -> None:
    assert inside("logs", *words, "--home", str(logs)).code == 2


def test_a_bundle_holds_what_its_manifest_says_and_no_name(run: Run, logs: Path, tmp_path: Path) -> None:
    out = tmp_path / "b.tar.gz"
    done = run("support", "bundle", "--output", str(out), "--json")
    assert done.code == 0, done.err
    parts = {part["name"]: part for part in done.json["parts"]}
    assert set(parts) >= {
        "versions.json", "doctor.json", "settings.json", "logs/gateway-1.jsonl", "metrics.txt", "records.json",
        "refusals.json",
    }  # fmt: skip
    assert not [part for part in parts.values() if part.get("missing")]
    with tarfile.open(out) as tar:
        texts = {each.name: tar.extractfile(each).read() for each in tar.getmembers()}  # type: ignore[union-attr]  # each is a file
    assert {name.removeprefix("strongroom-support/") for name in texts} == {*parts, "manifest.json"}
    assert not parts["settings.json"].get("masked")  # nothing of it is this installation's to hide, nor mistaken for it
    assert b"installation.mode" in texts["strongroom-support/settings.json"]
    everything = b"".join(texts.values())
    assert CARD.encode() not in everything
    for name in (b"globex", b"acme-admin"):
        assert name not in everything
    assert logs.joinpath("logs", "gateway-1.log").exists()
    assert datetime.fromisoformat(done.json["made_at"]) <= datetime.now(UTC)
    assert run("support", "bundle", "--output", str(out)).code == 2  # nothing is overwritten


def test_a_bundle_is_looked_at_first_and_says_what_it_could_not_have(inside: Run, logs: Path) -> None:
    done = inside("support", "bundle", "--dry-run", "--json", "--home", str(logs))
    missing = {part["name"] for part in done.json["parts"] if part.get("missing")}
    assert missing == {"metrics.txt", "records.json", "refusals.json"}
    shown = inside("support", "bundle", "--dry-run", "--part", "logs/postgres.jsonl", "--home", str(logs))
    assert "out of room" in shown.out
    assert list(logs.glob("*.gz")) == []
    assert inside("support", "bundle", "--home", str(logs)).code == 2
    assert inside("support", "bundle", "--dry-run", "--part", "x", "--home", str(logs)).code == 2


def test_a_canary_in_a_log_stops_the_bundle(inside: Run, logs: Path) -> None:
    sink = Sink(logs / "logs", SystemClock())
    sink.put("gateway-1", f"somebody said {CANARY}\n".encode())
    sink.close()
    (logs / "canaries").write_text(f"{CANARY}\n\n")
    out = logs / "b.tar.gz"
    done = inside("support", "bundle", "-o", str(out), "--canary-file", str(logs / "canaries"), "--home", str(logs))
    assert done.code == 1
    assert "logs/gateway-1.jsonl holds a canary" in done.err
    assert CANARY not in done.err + done.out
    assert not out.exists()
    assert inside("support", "bundle", "-o", str(out), "--home", str(logs)).code == 0  # who names none is not stopped


def test_a_ticket_is_masked_listed_and_searched(inside: Run, tmp_path: Path) -> None:
    ticket, clean = tmp_path / "ticket.jsonl", tmp_path / "clean.jsonl"
    ticket.write_text(json.dumps({"from": "jane.roe@example.org", "text": f"my card {CARD} does not work"}) + "\n")
    looked = inside("support", "redact", str(ticket), "--dry-run", "--json")
    assert looked.json["parts"][0]["masked"]["credit_card"] == 1
    assert not clean.exists()
    assert inside("support", "redact", str(ticket), "--output", str(clean)).code == 0
    assert CARD not in clean.read_text()
    assert "does not work" in clean.read_text()
    listed = json.loads((tmp_path / "clean.jsonl.manifest.json").read_text())["parts"][0]
    assert listed["masked"] == {"credit_card": 1, "email": 1}
    ticket.write_text(json.dumps({"text": f"they said {CANARY}"}))
    (tmp_path / "canaries").write_text(CANARY)
    stopped = inside(
        "support", "redact", str(ticket), "--output", str(tmp_path / "x"), "--canary-file", str(tmp_path / "canaries")
    )
    assert stopped.code == 1
    assert not (tmp_path / "x").exists()
