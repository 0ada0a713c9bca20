"""The log of a running installation, from the command line: searched, proven, exported, checked by the export's own program."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from strongroom.app.rig import Installation

Run: TypeAlias = Callable[..., Any]


def test_an_auditor_gets_a_tenants_log_and_checks_it_alone(
    installation: Installation, inside: Run, tmp_path: Path
) -> None:
    env = {"STRONGROOM_HOME": str(installation.home)}
    key = inside("audit", "key", env=env).out.strip()
    out = tmp_path / "acme"
    done = inside("audit", "export", "--tenant", "acme", "--out", str(out), env=env)
    assert done.code == 0, done.err
    assert inside("audit", "export", "--tenant", "acme", "--out", str(out), env=env).code == 2, (
        "nothing is written over"
    )

    def check(folder: Path, *words: str) -> tuple[int, str]:
        alone = [sys.executable, "-I", "-S", str(folder / "strongroom_verify.py"), str(folder), *words]
        said = subprocess.run(alone, capture_output=True, text=True, check=False)  # noqa: S603 - what was exported
        return said.returncode, said.stdout

    assert check(out, "--trust", key)[0] == 0
    assert check(out)[0] == 3
    assert inside("audit", "verify", str(out), "--trust", key, env=env).code == 0
    own = inside("audit", "key", "--tenant", "acme", env=env).out.strip()
    assert check(out, "--trust", own)[0] == 0
    foreign = inside("audit", "key", "--tenant", "globex", env=env).out.strip()
    assert check(out, "--trust", foreign)[0] == 1, "the key of another tenant's log is no key for this one"

    bundle = next((out / "log/1/tile/entries").rglob("000*"))
    bundle = bundle if bundle.is_file() else next(bundle.iterdir())
    bundle.write_bytes(bundle.read_bytes().replace(b"workload.create", b"workload.delete", 1))
    code, said = check(out, "--trust", key)
    assert (code, said.partition(",")[0]) == (1, "BROKEN. EDITED at log/1"), said
    shutil.rmtree(out)


def test_what_was_done_is_found_and_proven(installation: Installation, inside: Run, tmp_path: Path) -> None:
    env = {"STRONGROOM_HOME": str(installation.home)}
    found = inside("audit", "search", "--tenant", "acme", "--action", "key.*", "--limit", "1", "--json", env=env).json
    (row,) = found["data"]
    assert row["action"].startswith("key.")
    receipt = tmp_path / "entry.tlog-proof"
    assert inside("audit", "prove", row["id"], "--tenant", "acme", "--out", str(receipt), env=env).code == 0
    key = inside("audit", "key", env=env).out.strip()
    assert inside("audit", "verify", str(receipt), "--trust", key, env=env).code == 0
    entry = receipt.with_name("entry.tlog-proof.entry")
    entry.write_bytes(entry.read_bytes().replace(b"allowed", b"refused"))
    assert inside("audit", "verify", str(receipt), "--trust", key, env=env).code == 1
    assert inside("audit", "verify", str(receipt), env=env).code == 2
    assert inside("audit", "verify", str(tmp_path / "nothing"), "--trust", key, env=env).code == 2

    assert row["id"] in inside("audit", "tail", "--tenant", "acme", "-n", "200", "--json", env=env).out
    nothing = inside("audit", "search", "--tenant", "acme", "--action", "%", env=env)
    assert "no entry" in nothing.err, "what is special to the database is not special here"


def test_nobody_gets_anothers_log(installation: Installation, inside: Run) -> None:
    """What proves a log is as closed as the log: a workload's key gets the answer for what does not exist."""
    demo = installation.demo
    env = {"STRONGROOM_CONTROL": demo.control, "STRONGROOM_TOKEN": demo.tenants["globex"]["dev"]["inference_key"]}
    for words in (("key",), ("search",), ("prove", "01a20612-2907-769c-b786-f526efaa9026"), ("tail",)):
        done = inside("audit", *words, "--tenant", "acme", env=env)
        assert done.code == 1, words
        assert "no such thing" in done.err
    assert inside("audit", "recover", "--yes", "--reason", "x", env=env).code == 1
    shown = inside(
        "audit", "search", "--action", "audit.recover", "--json", env={"STRONGROOM_HOME": str(installation.home)}
    )
    assert shown.json["data"][0]["outcome"] == "refused"
