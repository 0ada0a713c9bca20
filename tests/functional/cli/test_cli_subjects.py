"""A person's request by commands, on a running installation: taken, shown, held, erased, certified, checked by a third party."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from strongroom.app.rig import Installation
from strongroom.attack import Target
from strongroom.attack.http import Line

Run: TypeAlias = Callable[..., Any]
JANE = "customer-4711@canary.example"


def test_a_person_is_shown_their_data_and_erased_with_a_certificate_that_anybody_can_check(  # noqa: PLR0915 - one story
    installation: Installation, target: Target, inside: Run, tmp_path: Path
) -> None:
    env = {"STRONGROOM_HOME": str(installation.home)}
    where = ("--tenant", target.a.name)

    def subject(*words: str, code: int = 0, by: str | None = None) -> Any:
        who = {} if by is None else {"STRONGROOM_TOKEN": by, "STRONGROOM_CONTROL": target.control}
        done = inside("subject", *words, *where, env=env | who)
        assert done.code == code, done.err + done.out
        return done

    with Line(target.gateway) as line:
        body: dict[str, Any] = {"model": target.embedding, "input": "hello", "user": JANE}
        assert line.ask("POST", "/v1/embeddings", key=target.a.dev.secret, data=body).status == 200
        body = {
            "model": target.chat,
            "input": "hello",
            "store": True,
            "max_output_tokens": 1,
            "safety_identifier": JANE,
        }
        kept = line.ask("POST", "/v1/responses", key=target.a.dev.secret, data=body)
        assert kept.status == 200, kept.body
        place = f"/v1/responses/{kept.json()['id']}"
        assert line.ask("GET", place, key=target.a.dev.secret).status == 200

        def there() -> dict[str, int]:
            return {each["name"]: each["found"] for each in subject("status", JANE, "--json").json["places"]}

        until = time.monotonic() + 30  # records come to the database in batches
        while there()["records of requests"] < 2:
            assert time.monotonic() < until
        assert (there()["records of requests"], there()["kept responses"]) == (2, 1)
        subject("status", JANE, code=1, by=target.b.admin.secret)
        out = tmp_path / "4711.zip"
        subject("export", JANE, "--out", str(out), by=target.a.admin.secret)
        subject("export", JANE, "--out", str(out), code=2)  # nothing is written over
        with zipfile.ZipFile(out) as archive:
            assert archive.namelist() == ["README.txt", "export.json", "export.json.proof", "strongroom_verify.py"]
            archive.extractall(tmp_path)
        shown = json.loads((tmp_path / "export.json").read_bytes())
        assert "hello" in json.dumps(shown["places"]["kept responses"])
        key = inside("audit", "key", env=env).out.strip()

        def check(path: Path, *words: str) -> int:
            program = [sys.executable, "-I", "-S", str(tmp_path / "strongroom_verify.py"), str(path), *words]
            return subprocess.run(program, capture_output=True, check=False).returncode  # noqa: S603 - what was handed out

        assert check(tmp_path / "export.json", "--trust", key) == 0
        held = subject("hold", JANE, "--owner", "legal@a", "--reason", "matter 7", "--json").json["id"]
        certificate = tmp_path / "4711.json"
        refused = subject("erase", JANE, "--ticket", "DSR-7", "--out", str(certificate), code=1)
        assert "hold of legal@a" in refused.err
        (waiting,) = subject("list", "--state", "requested", "--json").json["data"]
        subject("release", held, "--reason", "settled")
        done = subject("erase", JANE, "--request", waiting["id"], "--out", str(certificate), by=target.a.admin.secret)
        assert "erased" in done.out
        assert line.ask("GET", place, key=target.a.dev.secret).status == 404
    assert set(there().values()) == {0}
    assert check(certificate, "--trust", key) == 0
    assert inside("audit", "verify", str(certificate), "--trust", key, env=env).code == 0
    assert inside("audit", "verify", str(tmp_path / "export.json"), env=env).code == 3
    assert JANE not in certificate.read_text(encoding="utf-8")
    shown = subject("status", waiting["id"], "--json").json
    assert (shown["state"], shown["verdict"]) == ("done", "erased")
    subject("certificate", waiting["id"], "--out", str(tmp_path / "again.json"))
    assert (tmp_path / "again.json").read_bytes() == certificate.read_bytes()
    certificate.write_text(certificate.read_text(encoding="utf-8").replace("DSR-7", "DSR-8"), encoding="utf-8")
    assert check(certificate, "--trust", key) == 1
    exported = inside("audit", "export", *where, "--out", str(tmp_path / "log"), env=env)
    assert exported.code == 0, exported.err
    assert check(tmp_path / "log", "--trust", key) == 0, "the chain is whole after an erasure"


def test_a_tenants_end_leaves_a_certificate(installation: Installation, inside: Run, tmp_path: Path) -> None:
    env, out = {"STRONGROOM_HOME": str(installation.home)}, tmp_path / "gone.json"
    assert inside("tenant", "create", "offboarded", env=env).code == 0
    done = inside("tenant", "shred", "offboarded", "--yes", "--out", str(out), env=env)
    assert done.code == 0, done.err
    certificate = json.loads(out.read_bytes())
    assert (certificate["verdict"], certificate["scope"], certificate["tenant_name"]) == (
        "erased",
        "tenant",
        "offboarded",
    )
    key = inside("audit", "key", env=env).out.strip()
    assert inside("audit", "verify", str(out), "--trust", key, env=env).code == 0
