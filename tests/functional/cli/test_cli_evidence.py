"""What others found, by the commands that people use: signed, demanded, taken in, explained and verified again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.unit.registry.evidence_samples import PARTS, cyclonedx

from strongroom.app.environment import environment
from strongroom.cli.releases import deployments_said

Run = Any

RULES = """kind = "approval"

[[rules]]
name = "what is known"
environments = ["test"]

[[rules.evidence]]
about = "release"
bill = true
keys = ['''{key}''']

[[rules.evidence]]
about = "runtime"
bill = true
digests = ["{runtime}"]
keys = ['''{key}''']
"""


def test_evidence_is_signed_demanded_taken_in_and_verified(run: Run, inside: Run, tmp_path: Path) -> None:
    keys, bill, runtime = (tmp_path / name for name in ("scanner.pem", "bill.cdx.json", "runtime.cdx.json"))
    made = inside("signing", "new-key", str(keys))
    assert made.code == 0, made.err
    bill.write_text(json.dumps(cyclonedx(components=PARTS)))
    release = run("model", "list", "--json").json["data"][0]
    called, digest = f"{release['name']}@{release['version']}", release["digest"]
    rules = tmp_path / "approval.toml"
    rules.write_text(RULES.format(key=Path(f"{keys}.pub").read_text().strip(), runtime=environment(None)))
    assert inside("rules", "check", str(rules)).code == 0
    assert run("rules", "set", str(rules), "--reason", "as agreed").code == 0
    explain = ("model", "explain", called, "--env", "test")
    assert "A bill of materials of the release is missing" in run(*explain).out
    envelope = tmp_path / "bill.intoto.json"
    signed = inside("evidence", "sign", str(bill), "--subject", digest, "--key", str(keys), "--out", str(envelope))
    assert signed.code == 0, signed.err
    refused = run("evidence", "add", str(bill), "--release", called)
    assert (refused.code, "strongroom evidence sign" in refused.err) == (1, True)
    wrong = run("evidence", "add", str(envelope), "--runtime", "this")
    assert (wrong.code, "about something else" in wrong.err) == (1, True)
    added = run("evidence", "add", str(envelope), "--release", called, "--json")
    assert added.code == 0, added.err
    assert inside("runtime", "bom", "--out", str(runtime)).code == 0
    subject = ("--subject", environment(None), "--key", str(keys), "--out", str(tmp_path / "runtime.intoto.json"))
    assert inside("evidence", "sign", str(runtime), *subject).code == 0
    assert run("evidence", "add", str(tmp_path / "runtime.intoto.json"), "--runtime", "this").code == 0
    said = run(*explain).out
    assert "There is a bill of materials of the release (parts: 1)." in said
    assert "is allowed." in said
    assert "is missing" not in said
    listed = run("evidence", "list", "--json").json
    assert {each["about"] for each in listed["data"]} == {"release", "runtime"}
    assert listed["runtime"] == environment(None)
    piece = added.json["id"]
    assert run("evidence", "verify", piece, by="approver").code == 0
    assert run("evidence", "show", piece, "--json").json["piece"]["parts"] == 1
    rules.write_text('kind = "approval"\n[[rules]]\nenvironments = ["test"]\napprovers = 1\n')
    assert run("rules", "set", str(rules), "--reason", "over").code == 0
    gone = run("evidence", "verify", piece)
    assert (gone.code, "not named any more" in gone.err) == (1, True)
    assert run("evidence", "list", by="acme-admin").code == 0
    other = run("evidence", "show", piece, by="acme-admin")
    assert (other.code, piece in other.out) == (1, False)


def test_what_was_said_of_a_deployment_is_told_as_older_where_nothing_is_lacking_by_now() -> None:
    serving = [{"environment": "dev", "deployment": "desk", "tenant": "an-id", "said": "It is stopped."}]
    stopped = "dev: deployment desk of tenant acme: It is stopped."
    assert deployments_said([{"environment": "dev", "may_serve": False}], serving, "acme") == [stopped]
    first, older = deployments_said([{"environment": "dev", "may_serve": True}], serving, "acme")
    assert (first, "at the last look" in older) == (stopped, True)
    assert "an-id" in deployments_said([], serving, None)[0]
