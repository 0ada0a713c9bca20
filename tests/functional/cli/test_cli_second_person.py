"""What waits for a second person, by commands: proposed, looked at, approved by somebody else, in force or done."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strongroom.app.dryrun import Compared
from strongroom.rules.proposing import Proposing

if TYPE_CHECKING:
    from tests.functional.cli.conftest import Run

    from strongroom.app.testing import ControlPlane

DOCUMENT = 'kind = "disclosure"\n\n[[rules]]\nname = "a seed"\nseed = true\n'


@pytest.fixture
def waiting(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this plane hold people to a second person, as one in production does; the rest of it stays as it is."""
    services = plane.services
    proposing = Proposing(services.clock, Compared(services.engine).attached)
    monkeypatch.setattr(services.rules, "_proposing", proposing)
    monkeypatch.setattr(services.accounts.second, "demanded", True)
    monkeypatch.setattr(services.providers.second, "demanded", True)
    monkeypatch.setattr(services.providers, "_digest", lambda secret: sha256(b"keyed" + secret).digest())


@pytest.mark.usefixtures("waiting")
def test_a_document_goes_from_the_proposal_to_its_being_in_force_by_commands(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "disclosure.toml"
    file.write_text(DOCUMENT)
    ceiling = ("--tenant", "globex", "--ceiling")
    said = run("rules", "set", str(file), *ceiling, "--reason", "they measure")
    assert (said.code, "waits for somebody else" in said.err, "strongroom proposal approve" in said.err) == (
        0,
        True,
        True,
    )
    (found,) = run("proposal", "list", "--waiting", "--json", by="approver").json["data"]
    assert (found["tenant_name"], found["requester"], found["state"]) == ("globex", "operator/operator", "open")
    shown = run("proposal", "show", found["id"], by="approver")
    assert "+seed = true" in shown.out
    assert "Nobody would gain or lose." in shown.err
    assert run("rules", "history", "disclosure", *ceiling, "--json").json["data"] == []

    approve = ("proposal", "approve", found["id"], "--reason", "as agreed")
    for by in ("operator", "globex-admin", "acme-admin"):
        assert run(*approve, by=by).code == 1
    assert run(*approve, "--digest", f"sha256:{'0' * 64}", by="approver").code == 1
    assert run(*approve, by="approver").code == 0
    assert run(*approve, by="approver").code == 1
    (version,) = run("rules", "history", "disclosure", *ceiling, "--json").json["data"]
    assert (version["author"], version["approved_by"]) == ("operator/operator", "approver/approver")

    at_once = run("rules", "set", str(file), *ceiling, "--at-once", "--reason", "the same again", "--json")
    assert at_once.json["review_owed"]
    file.write_text(DOCUMENT + "n = 2\n")
    refused = run("rules", "set", str(file), *ceiling, "--at-once", "--reason", "more")
    assert (refused.code, "not shown to" in refused.err) == (1, True)
    assert run("proposal", "deny", at_once.json["id"], "--reason", "not needed", by="approver").code == 0
    assert run("proposal", "list", "--waiting", by="approver").err == "Nothing waits.\n"


@pytest.mark.usefixtures("waiting")
def test_an_approver_is_made_by_two_people_and_the_command_says_how(run: Run) -> None:
    said = run("account", "create", "third", "--role", "approver")
    assert (said.code, "--approved" in said.err, "srk_" in said.out + said.err) == (0, True, False)
    (found,) = run("proposal", "list", "--waiting", "--json", by="approver").json["data"]
    made = ("account", "create", "third", "--role", "approver", "--approved", found["id"])
    assert run(*made).code == 1
    assert run("proposal", "approve", found["id"], "--reason", "she joins us", by="approver").code == 0
    assert "srk_" in run(*made).out
    assert run(*made).code == 1
    withdrawn = run("account", "create", "fourth", "--role", "approver", "--json").json["id"]
    assert run("proposal", "withdraw", withdrawn, "--json").json["state"] == "withdrawn"


@pytest.mark.usefixtures("waiting")
def test_a_provider_is_registered_by_two_people_and_its_secret_stands_in_no_proposal(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a-secret-of-ours\n")
    add = (
        "provider", "add", "outside", "--kind", "openai", "--url", "http://127.0.0.1:9/v1", "--owner", "team",
        "--secret-file", str(secret),
    )  # fmt: skip
    said = run(*add)
    assert (said.code, "--approved" in said.err) == (0, True)
    (found,) = run("proposal", "list", "--waiting", "--json", by="approver").json["data"]
    shown = run("proposal", "show", found["id"], "--json", by="approver")
    assert "a-secret-of-ours" not in shown.out
    assert run("proposal", "approve", found["id"], "--reason", "assessed", by="approver").code == 0
    secret.write_text("another-account\n")
    assert run(*add, "--approved", found["id"]).code == 1
