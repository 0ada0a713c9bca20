"""`strongroom selftest isolation`, as an auditor runs it against an installation that serves others meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from strongroom.app.rig import Installation
from strongroom.attack import Case, Target, Verdict, isolation
from strongroom.attack.verdict import Notes
from strongroom.cli import main
from strongroom.cli.selftest import Told, ending
from strongroom.registry import dsse
from strongroom.signatures.keys import SecretKey

PROGRAM = str(Path(sys.executable).with_name("strongroom"))


def selftest(installation: Installation, *words: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
    held = {} if token is None else {"STRONGROOM_TOKEN": token}
    return subprocess.run(  # noqa: S603 - our own program
        [PROGRAM, "selftest", "isolation", *words],
        env={"PATH": "/usr/bin:/bin", "STRONGROOM_HOME": str(installation.places.home), **held},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def tenants(installation: Installation) -> set[str]:
    done = subprocess.run(  # noqa: S603 - our own program
        [PROGRAM, "tenant", "list", "--json"],
        env={"PATH": "/usr/bin:/bin", "STRONGROOM_HOME": str(installation.places.home)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    return {each["name"] for each in json.loads(done.stdout)["data"]}


def test_it_attacks_signs_what_held_and_leaves_nothing_behind(installation: Installation, tmp_path: Path) -> None:
    key, statement = tmp_path / "auditor.pem", tmp_path / "isolation.json"
    secret = SecretKey.generate()
    key.write_text(secret.pem())
    done = selftest(
        installation, "--case", "1", "--case", "2", "--key", str(key), "--statement", str(statement), "--json"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["passed"]
    assert [each["case"] for each in told["cases"]] == [1, 2]
    payload, _ = dsse.verify(statement.read_bytes(), [secret.public])
    said: dict[str, Any] = json.loads(payload)
    assert said["predicate"]["result"] == "PASSED"
    assert {f"sha256:{each['digest']['sha256']}" for each in said["subject"]} == set(told["releases"].values())
    assert len(told["tenants"]) == 2
    assert not set(told["tenants"]) & tenants(installation)
    assert installation.demo.operator.token not in done.stdout + done.stderr + payload.decode()


def test_who_may_not_make_tenants_is_told_so_and_nothing_is_called_held(installation: Installation) -> None:
    token = installation.demo.approvers["approver-1"].token
    done = selftest(installation, "--case", "1", token=token)
    assert done.returncode == 3
    assert "held" not in done.stdout
    assert "operator's token" in done.stderr


def test_what_makes_no_sense_is_refused_before_anything_is_made(installation: Installation) -> None:
    for words, said in ((("--case", "999"), "There is no case 999"), (("--key", "x.pem"), "--statement")):
        done = selftest(installation, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr


def test_a_wall_that_does_not_hold_and_a_case_that_was_not_tried_are_told_apart(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def falls(_: Target, notes: Notes) -> None:
        notes.hold(truth=False, otherwise="A got what is B's")

    def stops(_: Target, notes: Notes) -> None:
        del notes
        raise OSError("no route")

    monkeypatch.setattr(isolation, "CASES", (Case(1, "a wall", falls), Case(2, "another", stops)))
    monkeypatch.setenv("STRONGROOM_HOME", str(installation.places.home))
    monkeypatch.delenv("STRONGROOM_TOKEN", raising=False)
    assert main.run(["selftest", "isolation"]) == 1
    out = capfd.readouterr().out
    assert [line.split("  ")[0] for line in out.splitlines() if "  1  " in line or "  2  " in line] == [
        "BROKEN",
        "NOT TRIED",
    ]
    assert "A got what is B's" in out


def test_what_was_not_tried_is_undetermined_and_nothing_at_all_has_not_passed() -> None:
    held = Verdict(case=1, title="a wall", passed=True, seen=())
    undone = Verdict(case=2, title="another", passed=False, seen=("could not be carried out: OSError in ask:1",))
    broken = Verdict(case=3, title="a third", passed=False, seen=(*undone.seen, "A got what is B's"))

    def told(*cases: Verdict) -> Told:
        passed = bool(cases) and all(each.passed for each in cases)
        return Told(
            passed=passed, version="1", gateway="x", started_at="x", seconds=1, tenants=[], releases={}, cases=[*cases]
        )

    assert [ending(told(*each)) for each in ((held,), (held, undone), (held, undone, broken), ())] == [0, 3, 1, 3]
