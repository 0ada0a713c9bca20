"""The commands around signatures: keys, signers, a signed request, and the check of a saved answer with its exit codes."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from strongroom.signatures import SecretKey
from strongroom.signatures.answers import AnswerSigner, Facts
from strongroom.signatures.fields import content_digest

Run = Any

ASKED = b'{"model":"tiny"}'
BODY = b'{"choices":[]}'
KEY = SecretKey.generate()
URL = "http://127.0.0.1:8400/v1/chat/completions"


def test_a_key_is_made_for_its_owner_alone_registered_and_revoked(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "signing.pem"
    made = run("signing", "new-key", str(file), "--json")
    assert made.code == 0, made.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE" not in made.out + made.err
    for use in ("signer add", "approver key add", "--bind"):  # what it is for nobody has said yet
        assert use in run("signing", "new-key", str(tmp_path / f"{use.split()[0]}.pem")).err
    again = run("signing", "new-key", str(file))
    assert (again.code, "nothing is ever replaced" in again.err) == (1, True)

    words = ("--tenant", "acme", "--env", "dev", "--workload", "inference")
    private = run("signer", "add", str(file), *words)
    assert (private.code, "nothing was sent" in private.err) == (2, True)
    added = run("signer", "add", f"{file}.pub", *words, "--label", "ci", "--json")
    assert added.code == 0, added.err
    assert added.json["id"] == made.json["id"]
    listed = run("signer", "list", "--tenant", "acme")
    assert f"{made.json['id']}  dev" in listed.out
    ended = run("signer", "revoke", made.json["id"], "--tenant", "acme", "--reason", "test", "--json")
    assert (ended.code, ended.json["status"]) == (0, "revoked")
    assert run("signer", "revoke", made.json["id"], "--tenant", "globex").code == 1


def test_a_request_is_signed_for_curl_and_its_key_is_never_an_argument(run: Run, inside: Run, tmp_path: Path) -> None:
    file, body = tmp_path / "signing.pem", tmp_path / "request.json"
    run("signing", "new-key", str(file))
    body.write_bytes(ASKED)
    words = ("sign-request", URL, "--key", str(file), "--body", str(body))
    assert inside(*words).code == 2
    signed = inside(*words, env={"STRONGROOM_API_KEY": "srk_text"})
    assert signed.code == 0, signed.err
    fields = dict(line.split(": ", 1) for line in signed.out.splitlines())
    assert list(fields) == ["authorization", "content-digest", "signature-input", "signature"]
    assert fields["content-digest"] == content_digest(ASKED).decode()
    file.chmod(0o644)
    readable = inside(*words, env={"STRONGROOM_API_KEY": "srk_text"})
    assert (readable.code, "can be read by others" in readable.err) == (2, True)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A signed answer as `curl -i` leaves it, the request, and the keys to trust."""
    facts = Facts(
        request=content_digest(ASKED), release="sha256:ab", model="tiny", policy="p1", rules="r1", request_id="req_1"
    )
    fields = [(b"content-type", b"application/json"), (b"x-request-id", b"req_1")]
    fields += AnswerSigner(KEY).whole(facts, 200, b"application/json", BODY, int(time.time()))
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%b: %b\r\n" % field for field in fields)
    (tmp_path / "answer.http").write_bytes(head + b"\r\n" + BODY)
    (tmp_path / "head").write_bytes(head + b"\r\n")
    (tmp_path / "body").write_bytes(BODY)
    (tmp_path / "request.json").write_bytes(ASKED)
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [KEY.public.jwk()]}))
    (tmp_path / "key.pem").write_text(KEY.public.pem())
    (tmp_path / "other.pem").write_text(SecretKey.generate().public.pem())
    return tmp_path


def test_a_good_answer_is_good_however_it_was_kept(inside: Run, saved: Path) -> None:
    request = ("--request", str(saved / "request.json"))
    for trust in ("keys.json", "key.pem"):
        found = inside("verify-response", str(saved / "answer.http"), "--trust", str(saved / trust), *request)
        assert (found.code, found.err) == (0, "Good. The answer is as it was signed, to this request.\n")
        assert "sha256:ab" in found.out
    apart = inside(
        "verify-response", str(saved / "head"), "--body", str(saved / "body"), "--trust", str(saved / "keys.json"),
        "--release", "sha256:ab", "--json", *request,
    )  # fmt: skip
    assert (apart.code, apart.json["outcome"], apart.json["says"]["strongroom-model"]) == (0, "good", "tiny")


def test_bad_wrong_and_undetermined_have_codes_of_their_own(inside: Run, saved: Path) -> None:
    def check(*more: str, answer: str = "answer.http", trust: str = "keys.json") -> tuple[int, str]:
        done = inside("verify-response", str(saved / answer), "--trust", str(saved / trust), *more)
        return done.code, done.err.partition("\n")[0]

    request = ("--request", str(saved / "request.json"))
    assert check()[0] == 3
    assert check(*request, trust="other.pem")[0] == 3
    assert check("--request", str(saved / "body")) == (
        1,
        "BAD. The answer is as it was signed, but to another request than the one given.",
    )
    assert check(*request, "--release", "sha256:cd")[0] == 1
    (saved / "changed").write_bytes((saved / "answer.http").read_bytes() + b" ")
    assert check(*request, answer="changed") == (1, "BAD. The body is not the one that was signed.")
    (saved / "plain").write_bytes(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}")
    assert check(*request, answer="plain")[0] == 1
    for usage in (
        check(*request, answer="body"),
        check(*request, answer="missing"),
        check(*request, trust="request.json"),
        check(*request, trust="missing"),
    ):
        assert usage[0] == 2
