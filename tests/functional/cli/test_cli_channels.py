"""Channels and approvers' keys by the commands that people use, against a real control port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from strongroom.app.testing import ControlPlane
from strongroom.registry.channels.model import Channel

Run = Any
DEV, WHY = ("--to", "dev"), ("--reason", "a test")


def test_a_release_is_promoted_frozen_and_unfrozen_and_every_channel_shown(run: Run) -> None:
    status = run("channel", "status", "--json")
    assert status.code == 0
    assert [each["channel"] for each in status.json["data"]] == list(Channel)
    assert run("model", "promote", "tiny@1", *DEV, *WHY).code == 0
    missing = run("model", "promote", "tiny@9", *DEV, *WHY)
    assert missing.code == 1
    assert run("model", "promote", "tiny@1", *DEV, *WHY, by="approver").code == 1
    assert run("model", "freeze", "dev", "--name", "tiny", *WHY, by="approver").code == 0
    refused = run("model", "promote", "tiny@1", *DEV, *WHY)
    assert (refused.code, "tiny is frozen by approver" in refused.err) == (1, True)
    explained = run("model", "explain", "tiny@1", "--env", "dev")
    assert (explained.code, "is frozen by approver" in explained.out) == (1, True)
    shown = run("channel", "show", "dev")
    assert shown.code == 0
    assert "a test" in shown.out
    assert run("model", "unfreeze", "dev", "--name", "tiny", *WHY).code == 0
    assert run("model", "explain", "tiny@1", "--env", "dev").code == 0
    back = run("model", "rollback", "dev", "tiny", "--drill", *WHY)
    assert (back.code, "nothing to go back to" in back.err) == (1, True)
    assert run("channel", "recover", "test", *WHY, "--json").json["usable"]
    wrong = run("model", "revoke", *WHY)
    assert wrong.code == 2
    assert run("model", "revoke", "--signer", "0" * 32, "--prove", *WHY).code == 2
    unproven = run(
        "model", "revoke", f"sha256:{'0' * 64}", "--prove", *WHY
    )  # no gateway runs here: it is revoked, not proven
    assert (unproven.code, "NOT PROVEN" in unproven.out + unproven.err) == (3, True)
    assert "0" * 64 in run("channel", "show", "revocations").out
    assert run("model", "revoke", f"sha256:{'1' * 64}", "--prove", *WHY, by="acme-admin").code == 1


def test_an_approver_signs_with_a_key_of_its_own(run: Run, plane: ControlPlane, tmp_path: Path) -> None:
    key = tmp_path / "approver.pem"
    assert run("signing", "new-key", str(key)).code == 0
    approve = ("model", "approve", "tiny@1", "--env", "prod", *WHY, "--key", str(key))
    early = run(*approve, by="approver")
    assert (early.code, "No living key" in early.err) == (1, True)
    made = run("approver", "key", "add", str(key), "--json", by="approver")
    assert made.code == 0, made.err
    assert run("approver", "key", "add", str(key), by="approver").code == 1  # once
    approved = run(*approve, by="approver")
    assert approved.code == 0, approved.err
    assert plane.run(plane.services.follower.refresh(5.0))
    listed = run("approver", "key", "list", "--json", by="approver").json["data"]
    assert [(each["approver"], each["id"], each["status"]) for each in listed] == [
        ("approver", made.json["id"], "active")
    ]
    revoked = run("model", "revoke", "--signer", made.json["id"], *WHY, by="approver")
    assert (revoked.code, "is judged anew" in revoked.err, "Nothing was deployed" in revoked.err) == (0, True, False)
    assert (run(*approve, by="approver").code, run("channel", "show", "revocations").code) == (1, 0)
