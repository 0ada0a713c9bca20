"""Each online command, as a person and as a script uses it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from strongroom.app.testing import RELEASE, ControlPlane

Run = Any


def test_a_tenant_is_made_shown_and_ended(run: Run) -> None:
    made = run("tenant", "create", "initech", "--json")
    assert made.code == 0, made.err
    assert made.json["name"] == "initech"
    shown = run("tenant", "show", "initech")
    assert shown.code == 0
    assert made.json["id"] in shown.out
    listed = run("tenant", "list")
    assert listed.out.splitlines()[0].split() == ["NAME", "ID", "CREATED", "AT"]
    assert {"acme", "globex", "initech"} <= set(re.findall(r"^\S+", listed.out, re.MULTILINE))

    refused = run("tenant", "delete", "initech")
    assert refused.code == 2
    assert "--yes" in refused.err
    gone = run("tenant", "delete", "initech", "--yes")
    assert (gone.code, gone.out) == (0, "")
    assert "initech is gone" in gone.err
    missing = run("tenant", "show", "initech")
    assert missing.code == 1
    assert re.search(r"There is no such thing here\.\n.*\(request req_[0-9a-f]{32}\)", missing.err)


def test_environments_take_their_tenant_either_way(run: Run) -> None:
    named, placed = (
        run("environment", "list", "--tenant", "acme", "--json"),
        run("environment", "list", "acme", "--json"),
    )
    assert named.json == placed.json
    assert [each["name"] for each in named.json["data"]] == ["dev", "test", "prod"]
    assert "90" in run("environment", "list", "acme").out


def test_a_workload_and_its_key(run: Run) -> None:
    words = ("--tenant", "acme", "--env", "prod")
    made = run("workload", "create", "search", *words, "--role", "inference", "--owner", "Team Search", "--json")
    assert made.code == 0, made.err
    assert made.json["owner"] == "Team Search"
    assert "search" in run("workload", "list", "--tenant", "acme").out
    assert run("workload", "list", "acme", "--json").json["data"][0]["environment"] in {"dev", "prod"}

    key = run("key", "create", *words, "--workload", "search", "--days", "2", "--label", "ci", "--json")
    assert key.code == 0, key.err
    secret, key_id = key.json["secret"], key.json["key"]["id"]
    assert run("whoami", by=secret).code == 0
    assert run("key", "show", key_id, "--json").json == key.json["key"]
    assert key_id in run("key", "list", "--tenant", "acme").out
    everywhere = run("key", "list", "--json").json["data"]
    assert {"acme", "globex"} == {each["tenant"] for each in everywhere}
    assert secret not in run("key", "list").out + run("key", "show", key_id).out

    revoked = run("key", "revoke", key_id, "--reason", "found in a paste", "--json")
    assert revoked.json["revoked_reason"] == "found in a paste"
    assert run("whoami", by=secret).code == 1
    assert run("key", "revoke", key_id, "--tenant", "acme").code == 0
    assert run("key", "show", key_id).code == 1  # dead: the operator says whose
    assert "revoked" in run("key", "show", key_id, "--tenant", "acme").out

    shown = run("key", "create", *words, "--workload", "search")
    assert re.search(r"^secret +srk_inf_prod_\w+$", shown.out, re.MULTILINE)
    assert "shown this once" in shown.err
    assert run("workload", "delete", "search", *words).code == 0


def test_accounts(run: Run) -> None:
    made = run("account", "create", "ada", "--role", "tenant-admin", "--tenant", "acme", "--json")
    assert made.code == 0, made.err
    assert run("whoami", "--json", by=made.json["token"]).json["tenant_name"] == "acme"
    assert "ada" in run("account", "list").out
    newer = run("account", "token", "ada", "--json")
    assert run("whoami", by=made.json["token"]).code == 1
    assert run("tenant", "list", by=newer.json["token"]).out.count("acme") == 1
    assert run("account", "delete", "ada").code == 0
    assert run("account", "delete", "ada").code == 1
    assert "token" in run("account", "create", "eve", "--role", "approver").out


def test_models_and_deployments(run: Run) -> None:
    assert RELEASE.digest in run("model", "list").out
    place = ("--tenant", "globex", "--environment", "test")
    for release in ("tiny", "tiny@1", RELEASE.digest):
        made = run("deployment", "create", "mine", *place, "--release", release, "--json")
        assert made.code == 0, made.err
        assert made.json["release"] == RELEASE.digest
        assert "mine" in run("deployment", "list", "globex").out
        assert run("deployment", "delete", "mine", *place).code == 0
    assert run("deployment", "create", "mine", *place, "--release", "nosuch").code == 1


def test_the_logs(run: Run) -> None:
    page = run("audit", "list", "--tenant", "acme", "--limit", "3", "--json").json["data"]
    assert len(page) == 3
    older = run("audit", "list", "--tenant", "acme", "--limit", "3", "--before", page[-1]["id"], "--json").json["data"]
    assert not {each["id"] for each in page} & {each["id"] for each in older}
    assert "audit.read_platform" in run("audit", "list").out
    assert run("audit", "list", "--limit", "0").code == 1


def test_the_records(run: Run) -> None:
    for since in ("24h", "2026-01-31T12:00:00Z"):
        found = run("records", "list", "--tenant", "acme", "--since", since, "--status", "429", "--outcome", "refused")
        assert (found.code, found.out, found.err) == (0, "", "There is no record.\n")
    assert run("records", "list", "--tenant", "acme", "--json").json == {"data": []}
    assert run("records", "list", "--tenant", "acme", by="acme-admin").code == 0
    assert run("records", "list", "--tenant", "globex", by="acme-admin").code == 1
    for wrong in (("--limit", "0"), ("--status", "1000")):
        assert run("records", "list", "--tenant", "acme", *wrong).code == 1, wrong
    for since in ("yesterday", "2026-01-31T12:00:00", "999999d"):
        bad = run("records", "list", "--tenant", "acme", "--since", since)
        assert (bad.code, "24h" in bad.err or "shorter" in bad.err) == (2, True), since


def test_who_one_is_and_by_which_token(plane: ControlPlane, run: Run) -> None:
    quiet, loud = run("whoami"), run("whoami", "-v")
    assert re.search(r"^role +operator$", quiet.out, re.MULTILINE)
    assert quiet.err == ""
    assert plane.url in loud.err
    assert "STRONGROOM_TOKEN" in loud.err
    assert plane.tokens["operator"] not in loud.out + loud.err


def test_a_tenants_administrator_sees_its_own(run: Run) -> None:
    assert {each["tenant"] for each in run("key", "list", "--json", by="acme-admin").json["data"]} == {"acme"}
    foreign, missing = (
        run("workload", "list", "globex", by="acme-admin"),
        run("workload", "list", "nowhere", by="acme-admin"),
    )
    assert foreign.code == missing.code == 1
    assert re.sub(r"req_\w+", "", foreign.err) == re.sub(r"req_\w+", "", missing.err)


def test_a_provider_is_registered_by_a_file_shown_named_and_ended(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sk-canary-cli-9f2\n")
    words = ("provider", "add", "outside", "--kind", "openai", "--url", "http://127.0.0.1:9/v1", "--owner", "Team")
    made = run(*words, "--secret-file", str(secret))
    assert made.code == 0, made.err
    assert "not routed to: no assessment" in made.out
    changed = run(
        "provider", "update", "outside", "--region", "eu-central", "--agreement", "DPA-1", "--assessed-on", "2026-01-01",
        "--assessed-until", "2099-12-31", "--json",
    )  # fmt: skip
    assert (changed.code, changed.json["obstacle"], changed.json["has_secret"]) == (0, None, True)
    listed, offered = run("provider", "list"), run("provider", "list", "--tenant", "acme")
    assert "may be routed to" in listed.out
    assert "127.0.0.1" not in offered.out
    assert all("sk-canary" not in done.out + done.err for done in (made, changed, listed, offered))
    where = ("--tenant", "acme", "--env", "prod")
    deployed = run("deployment", "create", "out", *where, "--target", "outside=gpt-x,weight=3,fallback=1", "--json")
    assert deployed.code == 0, deployed.err
    assert deployed.json["targets"] == [{"provider": "outside", "model": "gpt-x", "weight": 3, "fallback": 1}]
    assert "provider=outside" in run("deployment", "list", "acme").out
    for bad in (("--target", "nonsense"), (), ("--release", "tiny", "--target", "outside=m")):
        assert run("deployment", "create", "no", *where, *bad).code == 2
    assert run("deployment", "delete", "out", *where).code == 0
    assert run("provider", "update", "outside").code == 2
    assert run("provider", "update", "outside", "--assessed-until", "tomorrow").code == 2
    assert run("provider", "delete", "outside").code == 2
    assert run("provider", "delete", "outside", "--yes").code == 0
    assert run("provider", "show", "outside").code == 1


def test_a_vault_is_rotated_and_a_tenant_shredded_by_operators_alone(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sk-1")
    words = ("--kind", "openai", "--url", "http://127.0.0.1:9", "--owner", "team", "--secret-file", str(secret))
    made = run("provider", "add", "sealed", *words)
    assert made.code == 0, made.err
    assert run("vault", "status", "--json").json["kind"] == "embedded"
    rotated = run(
        "vault", "rotate", "--json"
    ).json  # the installation's, and those of tenants in which somebody wrote a reason
    assert (rotated["rewrapped"] >= 1, rotated["left"]) == (True, 0)
    state = run("vault", "status", "--json").json
    assert (state["detail"], state["pending"]) == ("root key version 2", 0)
    assert run("vault", "rotate", "--tenant", "acme").code == 0
    for attempt in (("vault", "status"), ("vault", "rotate"), ("tenant", "shred", "globex", "--yes")):
        assert run(*attempt, by="acme-admin").code == 1
    tenant = run("tenant", "create", "gone", "--json").json["id"]
    assert run("tenant", "shred", "gone").code == 2  # nobody can be asked
    assert run("tenant", "shred", "gone", "--yes").code == 0
    assert run("tenant", "show", "gone").code == 1
    assert run("tenant", "shred", tenant, "--yes").code == 0  # once more, by its id
    gone = [each["tenant"] for each in run("vault", "status", "--json").json["tenants"] if each["destroyed"]]
    assert gone == [tenant]
    log = run("audit", "list", "--json").json["data"]
    assert [each["outcome"] for each in log if each["action"] == "tenant.shred" and tenant in each["resource"]] == [
        "allowed",
        "allowed",
    ]


def test_an_elevation_goes_from_the_request_to_its_end_by_commands(run: Run) -> None:
    asked = ("--tenant", "acme", "--action", "audit.read", "--ticket", "SUP-7", "--reason", "a customer asks")
    wanted = run("elevation", "request", *asked, "--minutes", "5", "--json")
    assert wanted.code == 0, wanted.err
    request = wanted.json["id"]
    for by, code in (("operator", 1), ("acme-admin", 1), ("approver", 0), ("approver", 1)):
        assert run("elevation", "approve", request, "--reason", "fine", by=by).code == code
    second = run("account", "create", "approver-2", "--role", "approver", "--json").json["token"]
    seen = run("elevation", "approve", request, "--reason", "too", by=second)
    assert (seen.code, "audit.read in tenant acme" in seen.err) == (0, True)
    begun = run("elevation", "begin", request, "--json")
    token = begun.json["token"]
    assert run("audit", "list", "--tenant", "acme", by=token).code == 0
    for words in (("key", "list", "--tenant", "acme"), ("audit", "list", "--tenant", "globex"), ("tenant", "list")):
        assert run(*words, by=token).code == 1
    mine = [
        each for each in run("audit", "list", "--tenant", "acme", "--json").json["data"] if each["detail"].get("ticket")
    ]
    assert [each["detail"]["ticket"] for each in mine] == ["SUP-7"]
    assert run("elevation", "end", request, "--reason", "done").code == 0
    assert run("audit", "list", "--tenant", "acme", by=token).code == 1
    (listed,) = [each for each in run("elevation", "list", "--json").json["data"] if each["id"] == request]
    assert (listed["phase"], listed["approvals"], token in str(listed)) == ("ended", 2, False)


def test_canaries_are_planted_in_copies_listed_rotated_and_found_again(run: Run, tmp_path: Path) -> None:
    text, records = tmp_path / "handbook.txt", tmp_path / "cases.jsonl"
    text.write_text("first line\nsecond line\n")
    records.write_text('{"n": 1, "text": "short"}\n{"n": 2, "text": "a longer one"}\n')
    words = ("--tenant", "acme")
    made = None
    for file, copy in ((text, "planted.txt"), (records, "planted.jsonl")):
        made = run("canary", "plant", str(file), *words, "--output", str(tmp_path / copy), "--json")
        assert made.code == 0, made.err
        assert made.json["label"] == file.name
        assert made.json["word"] in (tmp_path / copy).read_text()
        assert run("canary", "check", str(file), *words).code == 0
        found = run("canary", "check", str(tmp_path / copy), *words, "--json")
        assert found.code == 1
        assert [each["id"] for each in found.json["found"]] == [made.json["id"]]
        assert made.json["word"] not in found.out
        assert run("canary", "plant", str(file), *words, "--output", str(tmp_path / copy)).code == 1, "not overwritten"
    assert made is not None
    rotated = run("canary", "rotate", made.json["id"], *words, "--keep-days", "7", "--json")
    assert rotated.code == 0, rotated.err
    assert rotated.json["word"] != made.json["word"]
    assert run("canary", "check", str(tmp_path / "planted.jsonl"), *words).code == 1, "the old one is still recognised"
    listed = run("canary", "list", *words)
    assert "recognised" in listed.out
    assert rotated.json["word"] in listed.out
    assert run("canary", "rotate", made.json["id"], *words).code == 1
    assert run("canary", "plant", *words, "--env", "prod").code == 2
    assert run("canary", "plant", *words, "--env", "prod", "--model", "nowhere").code == 1
    assert run("canary", "plant", str(records), *words, "--field", "no", "--output", str(tmp_path / "x")).code == 1
    assert run("canary", "list", "--tenant", "globex", "--json").json["data"] == []


def test_a_business_unit_that_the_keystore_has_none_of_is_a_wrong_word_and_not_worth_another_try(run: Run) -> None:
    refused = run("tenant", "create", "shop", "--business-unit", "retail")
    assert refused.code == 1
    assert "business_unit: " in refused.err
    assert "namespaces of OpenBao" in refused.err
    assert "leave the business unit out" in refused.err
    assert "Try again" not in refused.err
    assert run("tenant", "show", "shop").code == 1, "and nothing was made"
    dissolved = run("vault", "dissolve-unit", "retail", "--yes")
    assert (dissolved.code, "Try again" in dissolved.err) == (1, False)


def test_what_is_wrong_with_a_command_line_or_a_request_says_what_to_do(run: Run, tmp_path: Path) -> None:
    text = tmp_path / "desk.txt"
    text.write_text("You are the desk.")
    missing = run("prompt", "list")
    assert (missing.code, missing.err) == (
        2, 'strongroom: Command "prompt list" needs --tenant.\nSee `strongroom prompt list --help`.\n',
    )  # fmt: skip
    added = run("prompt", "add", str(text), "--name", "desk", "--version", "1", "--tenant", "acme")
    assert "An approver, who is not you" in added.err
    assert "--token-file approver.token" in added.err
    # Who may not is told whose credential may; what another credential would be told, too, has no such hint.
    no = run("prompt", "approve", "desk@1", "--tenant", "acme", "--env", "dev", "--reason", "read")
    assert "approving is an approver's" in no.err
    release = f"{RELEASE.name}@{RELEASE.version}"
    words = ("--tenant", "acme", "--env", "dev", "--release", release, "--prompt", "desk@1")
    unapproved = run("deployment", "create", "desk", *words)
    assert "0 of 1 approvals that dev demands of a prompt" in unapproved.err
    assert "credential" not in unapproved.err
    label = run("model", "label", "x", "--tenant", "acme", "--env", "dev", "--label", "1", "--predicted", "1")
    assert "labels[0].request: A request's id is `req_`" in label.err
    version = run("prompt", "add", str(text), "--name", "desk", "--version", "one two", "--tenant", "acme")
    assert "version: A version is up to 64" in version.err
    name = run("prompt", "add", str(text), "--name", "Big Desk", "--version", "1", "--tenant", "acme")
    assert "name: A name is 1 to 63" in name.err


def test_a_workload_that_evaluates_tells_labels_and_one_that_asks_does_not(run: Run) -> None:
    words = (
        "model",
        "label",
        f"req_{'0' * 32}",
        "--tenant",
        "acme",
        "--env",
        "dev",
        "--label",
        "1",
        "--predicted",
        "1",
    )
    told = run(*words, by="acme-evaluation")
    assert (told.code, told.err) == (0, "Told. Which requests there were is not said to a workload.\n")
    assert run(*words, "--json", by="acme-evaluation").json == {"told": 1, "kept": None}
    assert run(*words, by="acme-inference").code == 1
    assert run(*words, by="globex-evaluation").code == 1
    assert run(*words[:4], "globex", *words[5:], by="acme-evaluation").code == 1
