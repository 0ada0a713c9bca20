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
    assert (fine.code, fine.out) == (0, f"{file}: a document of the kind disclosure, rules: 1\n")
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


def test_without_a_tenant_a_file_is_tried_as_the_default_on_all_of_them_with_progress(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "disclosure.toml"
    file.write_text('kind = "disclosure"\n\n[[rules]]\nseed = true\n')
    told = run("rules", "dry-run", str(file), "--days", "30")
    assert told.code == 0, told.err
    assert "2 of 2 tenants" in told.err
    assert run("rules", "dry-run", str(file), "--json").json["unread"] == {}
    own = run("rules", "dry-run", str(file), by="acme-admin")
    assert (own.code, "1 of 1 tenants" in own.err) == (0, True), own.err
    for days in ("0", "367"):
        assert run("rules", "dry-run", str(file), "--tenant", "acme", "--days", days).code == 1


def test_a_document_about_retention_is_said_to_drop_nothing_and_not_that_nobody_gains(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "retention.toml"
    file.write_text('kind = "retention"\n\n[[rules]]\nname = "ten years"\nrecords = 3650\n')
    for words in (("--tenant", "acme"), ()):
        told = run("rules", "dry-run", str(file), *words)
        assert told.code == 0, told.err
        assert "No day of rows would be dropped that is kept today" in told.err
        assert "gain or lose" not in told.err
        assert "callers" not in told.err


ACCESS = """\
kind = "access"

[[rules]]
name = "no new keys"
forbid = '''
@id("no-new-keys")
forbid (principal is TenantAdmin, action == Action::"key.create", resource);
'''
"""


def test_a_tenants_own_policies_are_tried_on_what_happened_then_bind_its_people_alone(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "access.toml"
    file.write_text(ACCESS)
    key = ("key", "create", "--tenant", "acme", "--env", "dev", "--workload", "inference")
    assert run(*key, by="acme-admin").code == 0
    tried = run("rules", "dry-run", str(file), "--tenant", "acme", "--json", by="acme-admin")
    assert tried.code == 0, tried.err
    (loses,) = [each for each in tried.json["data"] if each["what"] == "key.create"]
    assert (loses["change"], loses["times"], loses["before"]["allowed"]) == ("loses", 1, True)
    assert "no-new-keys" in loses["after"]["reason"]
    assert run(*key, by="acme-admin").code == 0  # nothing was put in force
    assert run("rules", "dry-run", str(file), "--tenant", "globex", by="acme-admin").code == 1

    assert run("rules", "set", str(file), "--tenant", "acme", "--reason", "by CI alone", by="acme-admin").code == 0
    refused = run(*key, by="acme-admin")
    assert (refused.code, "does not permit key.create" in refused.err) == (1, True)
    entry = next(
        each
        for each in run("audit", "list", "--tenant", "acme", "--json").json["data"]
        if (each["action"], each["outcome"]) == ("key.create", "refused")
    )
    assert "the tenant's own policies: forbidden by no-new-keys" in entry["reason"]
    assert run(*key).code == 0  # the operator's word is not the tenant's to take
    assert (
        run("key", "create", "--tenant", "globex", "--env", "dev", "--workload", "inference", by="globex-admin").code
        == 0
    )
    assert run("rules", "withdraw", "access", "--tenant", "acme", "--reason", "done", by="acme-admin").code == 0
    assert run(*key, by="acme-admin").code == 0

    file.write_text(ACCESS.replace("forbid (", "permit ("))
    no = run("rules", "set", str(file), "--tenant", "acme", "--reason", "more", by="acme-admin")
    assert (no.code, "only forbid" in no.err) == (1, True)


def test_policies_are_checked_tested_compared_and_explained_without_a_server(inside: Run, tmp_path: Path) -> None:
    held = inside("policy", "check", "--json")
    assert (held.code, held.json["holds"], held.json["digest"][:7]) == (0, True, "sha256:")
    own = tmp_path / "own.cedar"
    own.write_text('@id("x") permit (principal, action, resource);')
    assert inside("policy", "check", str(own), "--own", "--json").json["holds"] is False
    own.write_text('@id("x") forbid (principal is Notebook, action, resource);')
    assert inside("policy", "check", str(own), "--own").code == 0
    cases = tmp_path / "cases.toml"
    line = '[[case]]\nrole = "inference"\naction = "model.invoke"\nenvironment = "prod"\ntenant = "{}"\nexpect = "{}"\n'
    cases.write_text(line.format("own", "allow") + line.format("other", "deny"))
    assert inside("policy", "test", str(cases), "--json").json == {"cases": 2, "failed": []}
    cases.write_text(line.format("other", "allow"))
    assert inside("policy", "test", str(cases)).code == 1
    cases.write_text("nothing = 1")
    assert inside("policy", "test", str(cases)).code == 2
    why = inside(
        "policy", "explain", "--role", "notebook", "--action", "model.invoke", "--environment", "prod", "--json"
    )
    assert (why.code, why.json["allowed"]) == (1, False)
    assert why.json["policies"]
    assert inside("policy", "explain", "--role", "king", "--action", "whoami").code == 2
