"""`strongroom federation`, `strongroom token` and the Python helper, as a job of GitHub Actions and a pod use them."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from strongroom.app.testing import ControlPlane
from strongroom.client import ExchangeRefused, File, GitHubActions, Given, SubjectUnavailable, TokenSource, ambient
from strongroom.client.subjects import FILE_VARIABLE
from strongroom.identity.federation.testing import LocalIssuer, local_issuer
from strongroom.signatures import SecretKey
from strongroom.signatures.dpop import Prover
from strongroom.signatures.proofnonces import ProofNonces

Run = Callable[..., Any]
SUBJECT = "repo:octo/app:ref:refs/heads/main"


@pytest.fixture(scope="module")
def issuer() -> Generator[LocalIssuer]:
    with local_issuer() as issuer:
        yield issuer


@pytest.fixture
def rule(run: Run, issuer: LocalIssuer) -> str:
    made = run(
        "federation", "create", "--tenant", "acme", "--env", "dev", "--workload", "inference", "--issuer", issuer.url,
        "--audience", "strongroom", "--subject", SUBJECT, "--claim", "repository_id=1296269", "--json",
    )  # fmt: skip
    assert made.code == 0, made.err
    return str(made.json["id"])


def fresh(issuer: LocalIssuer, **more: Any) -> str:
    return issuer.token(**{"aud": "strongroom", "sub": SUBJECT, "repository_id": 1296269, **more})


def test_a_rule_is_made_shown_listed_and_ended(run: Run, rule: str) -> None:
    shown = run("federation", "show", rule, "--tenant", "acme")
    assert shown.code == 0
    assert "repository_id=1296269" in shown.out
    listed = run("federation", "list", "--tenant", "acme", "--json")
    assert rule in {each["id"] for each in listed.json["data"]}
    ended = run("federation", "delete", rule, "--tenant", "acme", "--json")
    assert (ended.code, ended.json["status"]) == (0, "ended")
    assert run("federation", "show", str(uuid.uuid4()), "--tenant", "acme").code == 1
    assert run("federation", "create", "--tenant", "acme", "--env", "dev", "--workload", "inference", "--audience", "a",
               "--subject", "s").code == 2  # fmt: skip


def test_a_token_is_printed_used_listed_and_revoked(
    run: Run, inside: Run, plane: ControlPlane, issuer: LocalIssuer, rule: str, tmp_path: Path
) -> None:
    held = tmp_path / "subject.jwt"
    held.write_text(fresh(issuer))
    around = {"STRONGROOM_CONTROL": plane.url, "STRONGROOM_RULE": rule}
    got = inside("token", "--subject-file", str(held), env=around)
    assert got.code == 0, got.err
    me = run("whoami", "--json", by=got.out.strip())
    assert (me.json["role"], me.json["name"]) == ("inference", "inference")
    again = inside("token", "--subject-file", str(held), env=around)
    assert (again.code, again.out) == (1, "")
    assert "was not exchanged" in again.err
    assert held.read_text() not in again.err

    held.write_text(fresh(issuer))
    told = inside("token", "--json", env=around | {FILE_VARIABLE: str(held)})
    assert (told.json["token_type"], told.json["expires_in"]) == ("Bearer", 3600)
    listed = run("token", "list", "--tenant", "acme", "--json").json["data"]
    assert me.json["credential"] in {each["id"] for each in listed}
    ended = run("token", "revoke", me.json["credential"], "--tenant", "acme", "--reason", "leaked", "--json")
    assert ended.json["status"] == "revoked"
    assert run("whoami", by=got.out.strip()).code == 1
    assert run("whoami", by=told.json["access_token"]).code == 0


def test_what_is_missing_is_said_before_anything_is_asked(inside: Run, plane: ControlPlane, rule: str) -> None:
    control = {"STRONGROOM_CONTROL": plane.url}
    nothing = inside("token", env=control)
    assert (nothing.code, "--rule" in nothing.err) == (2, True)
    nobody = inside("token", "--rule", rule, env=control)
    assert (nobody.code, FILE_VARIABLE in nobody.err) == (1, True)
    plain = inside("token", "--rule", rule, "--control", "http://models.example:8401")
    assert (plain.code, "plain HTTP" in plain.err) == (2, True)
    away = inside("token", "--rule", rule, "--control", "http://127.0.0.1:1", env={FILE_VARIABLE: __file__})
    assert away.code in {1, 3}


def test_the_helper_renews_before_the_end_and_lives_through_an_outage(
    plane: ControlPlane, issuer: LocalIssuer, rule: str, tmp_path: Path
) -> None:
    at, file = [0.0], tmp_path / "token"
    file.write_text(fresh(issuer))
    source = TokenSource(plane.url, rule, File(file), clock=lambda: at[0])
    first = source()
    assert source() == first
    at[0] = 3600 * 0.74
    assert source() == first
    at[0] = 3600 * 0.76  # due, and the file has not been renewed yet: what is held counts still
    assert source() == first
    file.write_text(fresh(issuer))
    at[0] += 10
    second = source()
    assert second != first
    assert second not in repr(source) + repr(source.token())

    file.write_text(fresh(issuer))
    at[0] += 4000  # ended: everybody waits for the one who asks
    request = SimpleNamespace(headers={})
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(source())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(set(got)) == 1  # one exchange for all of them: the file's token counts once
    assert source.auth(request).headers["authorization"] == f"Bearer {got[0]}"
    at[0] += 4000
    with pytest.raises(ExchangeRefused):
        source()


def test_a_job_of_github_actions_asks_its_own_token_service(
    plane: ControlPlane, issuer: LocalIssuer, rule: str
) -> None:
    path = "/token?api-version=2&audience=strongroom"
    issuer.answers[path] = (200, json.dumps({"value": fresh(issuer)}).encode())
    job = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}/token?api-version=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "the-jobs-own",
    }
    assert isinstance(ambient("strongroom", job), GitHubActions)
    assert TokenSource(plane.url, rule, ambient("strongroom", job))().startswith("srk_tok_dev_")
    with pytest.raises(SubjectUnavailable):
        GitHubActions("strongroom", {}).token()
    issuer.answers[path] = (500, b"{}")
    with pytest.raises(SubjectUnavailable, match="500"):
        ambient("strongroom", job).token()
    with pytest.raises(ExchangeRefused):
        TokenSource(plane.url, rule, Given("nonsense"))()


def test_an_account_bound_to_a_key_asks_with_it_and_with_nothing_less(
    run: Run, inside: Run, plane: ControlPlane, tmp_path: Path
) -> None:
    key = tmp_path / "mine.pem"
    assert run("signing", "new-key", str(key)).code == 0
    made = run(
        "account", "create", "bound-here", "--role", "approver", "--bind", f"{key}.pub", "--network", "127.0.0.0/8",
        "--json",
    )  # fmt: skip
    assert (made.code, made.json["proof"], made.json["networks"]) == (0, "dpop", ["127.0.0.0/8"]), made.err
    around = {"STRONGROOM_CONTROL": plane.url, "STRONGROOM_TOKEN": made.json["token"]}
    me = inside("whoami", "--proof-key", str(key), "--json", env=around)
    assert (me.code, me.json["name"]) == (0, "bound-here"), me.err
    assert inside("whoami", env=around | {"STRONGROOM_PROOF_KEY": str(key)}).code == 0
    assert inside("whoami", env=around).code == 1
    missing = inside("whoami", "--proof-key", str(tmp_path / "none.pem"), env=around)
    assert (missing.code, "holds no private key" in missing.err) == (2, True)
    key.chmod(0o644)
    assert inside("whoami", "--proof-key", str(key), env=around).code == 2


def test_the_helper_makes_its_proofs_with_the_nonce_that_is_wanted(
    plane: ControlPlane, issuer: LocalIssuer, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane.services.exchange, "_nonces", ProofNonces([b"n" * 32]))
    prover = Prover.generate()
    assert TokenSource(plane.url, rule, Given(fresh(issuer)), proof=prover).token().kind == "DPoP"

    class Forgetful(Prover):
        def proof(self, method: str, url: str, **said: Any) -> str:
            return super().proof(method, url, **(said | {"nonce": None}))

    stubborn = Forgetful(SecretKey.generate())
    with pytest.raises(ExchangeRefused, match="nonce"):
        TokenSource(plane.url, rule, Given(fresh(issuer)), proof=stubborn).token()
