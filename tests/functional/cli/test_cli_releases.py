"""Releases that people bring, by the commands that they use, against a real control port."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import ControlPlane
from strongroom.cli import main
from strongroom.kernel.ids import TenantId
from strongroom.registry.scan.testing.build import (
    ARCHITECTURE,
    blob,
    call,
    external,
    gguf,
    graph,
    node,
    number,
    onnx,
    onnx_tensor,
)

Run = Any
SECRET = b"nobody reads this on a disk"


@pytest.fixture
def model(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A directory that is a sound release, of more than one chunk, and of no other test."""
    place = tmp_path / "model"
    place.mkdir()
    (place / "model.gguf").write_bytes(gguf([ARCHITECTURE]))
    (place / "README.md").write_bytes((SECRET + b"\n") * 60_000 + request.node.name.encode())
    return place


def add(run: Run, model: Path, release: str, *more: str, by: str) -> Any:
    name, _, version = release.partition("@")
    return run("model", "add", str(model), "--name", name, "--version", version, *more, "--json", by=by)


def names(run: Run, *more: str, by: str) -> set[str]:
    return {f"{each['name']}@{each['version']}" for each in run("model", "list", *more, "--json", by=by).json["data"]}


def entries(run: Run, *, outcome: str = "allowed") -> list[dict[str, Any]]:
    data = run("audit", "list", "--tenant", "acme", "--json").json["data"]
    return [each for each in data if each["outcome"] == outcome]


def test_a_tenants_release_is_brought_approved_deployed_and_deleted(
    run: Run, plane: ControlPlane, model: Path, tmp_path: Path
) -> None:
    brought = add(run, model, "mine@1", by="acme-admin")
    assert brought.code == 0, brought.err
    assert brought.json["stage"] == "admitted"
    assert brought.json["digest"] == run("model", "show", "mine@1", "--json", by="acme-admin").json["digest"]
    # Nothing unapproved is deployed.
    deploy = ("deployment", "create", "mine", "--tenant", "acme", "--env", "dev", "--release", "mine@1")
    early = run(*deploy, by="acme-admin")
    assert early.code == 1
    assert "0 of 1 approvals" in early.err
    assert "Ask with a credential" not in early.err  # no other one would mend it
    no = run("model", "approve", "mine@1", "--env", "dev", "--tenant", "acme", "--reason", "x", by="acme-admin")
    assert "Ask with a credential" in no.err
    assert (
        run("model", "approve", "mine@1", "--env", "dev", "--tenant", "acme", "--reason", "x", by="approver").code == 0
    )
    assert run("model", "explain", "mine@1", "--env", "dev", by="acme-admin").code == 0
    assert run(*deploy, by="acme-admin").code == 0
    assert "deployed" in run("model", "delete", "mine@1", by="acme-admin").err
    assert run("deployment", "delete", "mine", "--tenant", "acme", "--env", "dev", by="acme-admin").code == 0
    assert run("model", "delete", "mine@1", by="acme-admin").code == 0
    assert "mine@1" not in names(run, by="acme-admin")
    store = plane.services.keeping.shelf.store
    assert store.names(plane.tenants["acme"]) == []
    # A name and version mean the same bytes for good; the same bytes may come again.
    (model / "README.md").write_bytes(b"other")
    assert "for good" in add(run, model, "mine@1", by="acme-admin").json["said"]
    done = {each["action"] for each in entries(run)}
    assert {"model.add", "model.approve", "model.delete"} <= done
    assert not (tmp_path / "out").exists()


def test_nobody_else_learns_of_a_tenants_release(run: Run, plane: ControlPlane, model: Path, tmp_path: Path) -> None:
    assert add(run, model, "hidden@1", by="acme-admin").code == 0
    absent = run("model", "show", "nothing@1", "--json", by="globex-admin")
    for verb in ("show", "verify", "rescan", "delete", "bom", "card"):
        other = run("model", verb, "hidden@1", by="globex-admin")
        assert other.code == 1
        assert other.err.split("(request")[0] == absent.err.split("(request")[0]
    for verb in ("show", "bom", "card"):
        assert run("model", verb, "hidden@1", "--tenant", "acme", by="globex-admin").code == 1
    bom = tmp_path / "hidden.cdx.json"
    assert run("model", "bom", "hidden@1", "--out", str(bom), by="acme-admin").code == 0
    assert {each["name"] for each in json.loads(bom.read_bytes())["components"]} == {"model.gguf", "README.md"}
    assert run("model", "bom", "hidden@1", "--out", str(bom), by="acme-admin").code == 2
    assert run("model", "card", "hidden@1", by="acme-admin").out.startswith("# hidden@1")
    assert run("model", "card", "hidden@1", "--json", by="acme-admin").json["own"] is True
    assert "hidden@1" not in names(run, by="globex-admin") | names(run, by="operator")
    assert "hidden@1" in names(run, "--tenant", "acme", by="operator")
    digest = run("model", "show", "hidden@1", "--json", by="acme-admin").json["digest"]
    stolen = run(
        "deployment", "create", "x", "--tenant", "globex", "--env", "dev", "--release", digest, by="globex-admin"
    )
    assert "No release with this digest was admitted" in stolen.err
    # The very same bytes are the other tenant's own when it brings them: the same answers, and its own sealed copy.
    first = add(run, model, "hidden@1", by="globex-admin")
    assert (first.code, first.json["digest"]) == (0, digest)
    store = plane.services.keeping.shelf.store
    acme, globex = (plane.tenants[each] for each in ("acme", "globex"))
    shared = set(store.names(acme)) & set(store.names(globex))
    assert shared
    for each in shared:
        one, two = (store.place(owner, each).read_bytes() for owner in (acme, globex))
        assert one != two
        assert SECRET not in one + two


def outside(data: bytes, *more: bytes, inside: bool = False) -> bytes:
    """Return a model whose one tensor lies in w.bin: its own, or one of a node of it."""
    held = onnx_tensor([len(data)], 2, external("w.bin", 0, len(data)))
    inner = node("Constant", "", blob(5, blob(1, "value") + blob(5, held) + number(20, 4)))
    return onnx(graph([inner] if inside else [], [] if inside else [held]), *more)


def test_a_model_comes_out_with_the_data_beside_it_that_it_came_in_with(
    run: Run, plane: ControlPlane, tmp_path: Path
) -> None:
    place, data = tmp_path / "in", b"\xff\xfe\x01" + bytes(range(256)) * 8192
    (place / "onnx").mkdir(parents=True)
    (place / "onnx" / "model.onnx").write_bytes(outside(data))
    (place / "onnx" / "w.bin").write_bytes(data)
    brought = add(run, place, "split@1", by="operator")
    assert brought.code == 0, brought
    assert run("model", "verify", "split@1").code == 0
    assert run("model", "export", "split@1", "--to", str(tmp_path / "out")).code == 0
    files = {each.relative_to(place) for each in place.rglob("*") if each.is_file()}
    assert {each.relative_to(tmp_path / "out") for each in (tmp_path / "out").rglob("*") if each.is_file()} == files
    assert all((tmp_path / "out" / each).read_bytes() == (place / each).read_bytes() for each in files)
    # What came out is the same files: brought by somebody else, they have the same digest.
    again = add(run, tmp_path / "out", "split-again@1", by="acme-admin")
    assert (again.code, again.json["digest"]) == (0, brought.json["digest"])
    stored = plane.services.keeping.shelf.store.place(None, hashlib.sha256(data).hexdigest())
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    done = run("model", "verify", "split@1", by="operator")
    assert (done.code, "onnx/w.bin" in done.out) == (1, True)
    assert run("model", "export", "split@1", "--to", str(tmp_path / "spoilt")).code == 1


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"m.onnx": outside(b"\xff" * 8, inside=True), "w.bin": b"\xff" * 8}, "the model's own graph"),
        ({"m.onnx": outside(b"\xff" * 8), **{f"{n}.md": b"# words" for n in range(64)}, "w.bin": b"\xff" * 8}, "66 files"),
        ({"m.onnx": outside(b"\xff" * 8)}, "not there"),
        ({"m.onnx": outside(b"\xff" * 8), "w.bin": b"\xff" * 9}, "No tensor has the 1 bytes"),
        ({"m.onnx": outside(b"\xff" * 8), "w.bin": b"\xff" * 8, "v.bin": b"\xff" * 8}, "no format that is admitted"),
        ({"m.onnx": outside(gguf([ARCHITECTURE])), "w.bin": gguf([ARCHITECTURE])}, "which is gguf"),
    ],
)  # fmt: skip
def test_a_model_whose_data_no_worker_could_load_is_turned_down_with_the_reason(
    run: Run, tmp_path: Path, files: dict[str, bytes], why: str
) -> None:
    place = tmp_path / "in"
    place.mkdir()
    for name, data in files.items():
        (place / name).write_bytes(data)
    done = add(run, place, "split-badly@1", by="acme-admin")
    assert (done.code, done.json["stage"]) == (1, "refused")
    assert why in done.json["said"] + json.dumps(done.json["findings"]), done.json
    assert "split-badly@1" not in names(run, by="acme-admin")


def test_what_the_scanner_refuses_is_told_audited_and_removed(run: Run, plane: ControlPlane, model: Path) -> None:
    (model / "weights.bin").write_bytes(call("os", "system", "true"))
    done = add(run, model, "bad@1", by="acme-admin")
    assert (done.code, done.json["stage"]) == (1, "refused")
    assert any(each["rule"] == "pickle" for each in done.json["findings"]), done.json["findings"]
    assert "bad@1" not in names(run, by="acme-admin")
    refused = [each for each in entries(run, outcome="refused") if each["action"] == "model.add"]
    assert refused
    uploads = plane.services.keeping.shelf.store.root / "uploads"
    assert not list(uploads.glob(f"{done.json['id']}/*.part"))


def test_a_broken_upload_goes_on_where_it_was(run: Run, plane: ControlPlane, model: Path) -> None:
    files = [("README.md", (model / "README.md").stat().st_size), ("model.gguf", (model / "model.gguf").stat().st_size)]
    wanted = {"name": "half", "version": "1", "files": [{"path": path, "size": size} for path, size in files]}
    import http.client  # noqa: PLC0415 - as an uploader that dies after a chunk

    def asked(method: str, path: str, body: bytes, kind: str) -> Any:
        line = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=20)
        fields = {"authorization": f"Bearer {plane.tokens['acme-admin']}", "content-type": kind}
        line.request(method, path, body, fields)
        answer = line.getresponse()
        said = json.loads(answer.read())
        line.close()
        return answer.status, said

    status, begun = asked("POST", "/api/uploads", json.dumps(wanted).encode(), "application/json")
    assert status == 201
    chunk = (model / "README.md").read_bytes()[: begun["part_bytes"]]
    at = f"/api/uploads/{begun['id']}/files/0?offset=0"
    assert asked("PUT", at, chunk, "application/octet-stream") == (200, {"received": len(chunk)})
    assert asked("PUT", at, chunk, "application/octet-stream")[0] == 409  # the same again tears nothing
    plane.services.releases.forget()  # as a new process has it
    done = add(run, model, "half@1", by="acme-admin")
    assert (done.code, done.json["id"]) == (0, begun["id"]), done.err
    assert run("model", "verify", "half@1", by="acme-admin").code == 0


def test_the_same_sent_twice_at_once_is_one_release(plane: ControlPlane, model: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("STRONGROOM_CONTROL", plane.url)
    monkeypatch.setenv("STRONGROOM_TOKEN", plane.tokens["operator"])
    codes: list[int] = []
    words = ("model", "add", str(model), "--name", "twice", "--version", "1", "--json")
    senders = [threading.Thread(target=lambda: codes.append(main.run(words))) for _ in range(2)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    assert codes == [0, 0]
    assert main.run(("model", "verify", "twice@1")) == 0


def test_a_byte_changed_in_the_store_is_found_told_and_audited(run: Run, plane: ControlPlane, model: Path) -> None:
    assert add(run, model, "spoilt@1", by="acme-admin").code == 0
    store = plane.services.keeping.shelf.store
    (file,) = (
        each
        for each in run("model", "show", "spoilt@1", "--json", by="acme-admin").json["files"]
        if each["path"] == "README.md"
    )
    stored = store.place(plane.tenants["acme"], file["sha256"])
    stored.chmod(0o600)
    data = bytearray(stored.read_bytes())
    data[len(data) // 2] ^= 1
    stored.write_bytes(data)
    done = run("model", "verify", "spoilt@1", by="acme-admin")
    assert done.code == 1
    assert "changed, moved or cut off" in done.out
    assert [each for each in entries(run, outcome="refused") if each["action"] == "model.verify"]
    # Bringing the same bytes again mends it.
    (model / "more.txt").write_bytes(b"one more file")
    assert add(run, model, "mended@1", by="acme-admin").code == 0
    assert run("model", "verify", "spoilt@1", by="acme-admin").code == 0


def test_the_installations_release_is_exported_and_a_tenants_only_under_an_elevation(
    run: Run, model: Path, tmp_path: Path
) -> None:
    assert add(run, model, "ours@1", by="operator").code == 0
    assert run("model", "export", "ours@1", "--to", str(tmp_path / "a")).code == 0
    assert (tmp_path / "a" / "README.md").read_bytes() == (model / "README.md").read_bytes()
    assert run("model", "export", "ours@1", "--to", str(tmp_path / "b"), by="acme-admin").code == 1
    assert add(run, model, "private@1", by="acme-admin").code == 0
    for by, more in (("acme-admin", ()), ("operator", ("--tenant", "acme"))):
        done = run("model", "export", "private@1", "--to", str(tmp_path / "c"), *more, by=by)
        assert done.code == 1
        assert not (tmp_path / "c").exists()
    assert [each for each in entries(run, outcome="refused") if each["action"] == "model.export"]
    actions = ("--action", "model.list", "--action", "model.export")
    asked = ("--tenant", "acme", *actions, "--ticket", "SUP-9", "--reason", "the customer wants its weights back")
    request = run("elevation", "request", *asked, "--minutes", "5", "--json").json["id"]
    second = run("account", "create", "approver-3", "--role", "approver", "--json").json["token"]
    assert [run("elevation", "approve", request, "--reason", "x", by=by).code for by in ("approver", second)] == [0, 0]
    token = run("elevation", "begin", request, "--json").json["token"]
    export = ("model", "export", "private@1", "--to", str(tmp_path / "c"), "--tenant", "acme")
    assert run(*export, by=token).code == 0
    assert (tmp_path / "c" / "README.md").read_bytes() == (model / "README.md").read_bytes()
    told = [each for each in entries(run) if each["action"] == "model.export"]
    assert {each["detail"].get("ticket") for each in told} == {"SUP-9"}


def test_after_other_rules_what_is_there_is_scanned_again_by_itself(
    run: Run, plane: ControlPlane, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("strongroom.registry.scan.service.ruleset_digest", lambda: "0" * 64)
        assert add(run, model, "older@1", by="acme-admin").code == 0
    approve = ("model", "approve", "older@1", "--env", "dev", "--tenant", "acme", "--reason", "x")
    assert "other rules than today's" in run(*approve, by="approver").err
    assert plane.run(plane.services.keeping.keep_current(INSTALLER)) == 1
    assert run(*approve, by="approver").code == 0
    assert plane.run(plane.services.keeping.keep_current(INSTALLER)) == 0


def test_a_file_is_freed_with_the_last_release_that_has_it_and_all_with_their_tenant(
    run: Run, plane: ControlPlane, model: Path
) -> None:
    assert run("tenant", "create", "initech").code == 0
    tenant = TenantId(UUID(run("tenant", "show", "initech", "--json").json["id"]))
    store = plane.services.keeping.shelf.store
    assert add(run, model, "first@1", "--tenant", "initech", by="operator").code == 0
    (model / "more.txt").write_bytes(b"one more")
    assert add(run, model, "second@1", "--tenant", "initech", by="operator").code == 0
    assert len(store.names(tenant)) == 3
    assert run("model", "delete", "second@1", "--tenant", "initech").code == 0
    assert len(store.names(tenant)) == 2
    assert run("model", "verify", "first@1", "--tenant", "initech").code == 0
    assert run("tenant", "delete", "initech", "--yes").code == 0
    assert not store.directory(tenant).exists()
    assert run("model", "show", "first@1", "--tenant", str(tenant)).code == 1
