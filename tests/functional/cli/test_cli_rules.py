"""`strongroom rules` and `strongroom disclosure`, as an operator and a tenant's administrator use them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from strongroom.app.testing import ControlPlane

Run = Any

CEILING = """\
kind = "disclosure"

[[rules]]
name = "everybody"
seed = true
n = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "disclosure.toml"
    path.write_text(CEILING)
    return path


def test_a_document_is_checked_without_a_server(inside: Run, file: Path) -> None:
    fine = inside("rules", "check", str(file))
    assert (fine.code, fine.out) == (0, f"{file}: a disclosure document with 1 rules\n")
    file.write_text(CEILING + "top_logprobs = 99\n")
    bad = inside("rules", "check", str(file))
    assert bad.code == 1
    assert f"{file}:7: rules[0].top_logprobs: Expected `int` <= 20." in bad.err
    told = inside("rules", "check", str(file), "--json")
    assert (told.code, told.json["line"]) == (1, 7)
    assert inside("rules", "check", str(file.with_name("none.toml"))).code == 2


def test_ceilings_are_written_read_back_compared_and_withdrawn(run: Run, file: Path, tmp_path: Path) -> None:
    ceiling = ("--tenant", "acme", "--ceiling")
    differs = run("rules", "diff", str(file), *ceiling)
    assert (differs.code, "+seed = true" in differs.out) == (1, True)
    done = run("rules", "set", str(file), *ceiling, "--reason", "they asked")
    assert done.code == 0, done.err
    assert "as version 1" in done.err
    assert run("rules", "diff", str(file), *ceiling).code == 0
    shown = run("rules", "show", "disclosure", *ceiling)
    again = tmp_path / "again.toml"
    again.write_text(shown.out)
    assert run("rules", "diff", str(again), *ceiling).code == 0
    stale = run("rules", "set", str(file), *ceiling, "--reason", "late", "--expected", "0")
    assert (stale.code, "Another version" in stale.err) == (1, True)
    listed = run("rules", "list", "--tenant", "acme")
    assert "version 1" in next(line for line in listed.out.splitlines() if line.startswith("disclosure"))
    assert run("rules", "set", str(file), *ceiling, "--reason", "no", by="acme-admin").code == 1
    gone = run("rules", "withdraw", "disclosure", *ceiling, "--reason", "over")
    assert (gone.code, "withdrawn as version 2" in gone.err) == (0, True)
    assert run("rules", "show", "disclosure", *ceiling).code == 1
    history = run("rules", "history", "disclosure", *ceiling, "--json").json["data"]
    assert [(each["version"], each["reason"]) for each in history] == [(2, "over"), (1, "they asked")]
    assert run("rules", "set", str(file), "--ceiling", "--reason", "whose?").code == 2


def test_what_a_caller_can_learn_is_said_in_plain_words(
    plane: ControlPlane, run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("rules", "set", str(file), "--tenant", "globex", "--ceiling", "--reason", "a test").code == 0
    own = file.with_name("own.toml")
    own.write_text('kind = "disclosure"\n[[rules]]\nname = "fewer"\nn = 1\n')
    assert run("rules", "set", str(own), "--tenant", "globex", "--reason", "a test", by="globex-admin").code == 0
    key = plane.key_ids["globex"]
    said = run("disclosure", "explain", "--key", key, "--model", "tiny", by="globex-admin")
    assert said.code == 0, said.err
    assert "The caller may name a seed" in said.out
    assert "the tenant's ceiling, version 1, “everybody”" in said.out
    assert "the tenant's own document, version 1, “fewer”" in said.out
    assert "nobody said more: the least" in said.out
    assert key in said.err
    # The whole key comes on standard input alone, and only its id goes on.
    whole = plane.tokens["globex-evaluation"]
    monkeypatch.setattr("sys.stdin", io.StringIO(whole + "\n"))
    piped = run("disclosure", "explain", "--key", "-", "--model", "tiny", "--json")
    assert piped.code == 0, piped.err
    assert piped.json["key"] == key
    assert whole not in piped.out + piped.err
    argued = run("disclosure", "explain", "--key", whole, "--model", "tiny")
    assert (argued.code, whole in argued.err) == (2, False)
    assert run("rules", "explain", "tools", "--key", key, "--model", "tiny").code == 0
    assert run("disclosure", "explain", "--key", key, "--model", "tiny", by="acme-admin").code == 1
