"""The program that lies in every export: it finds what was done to a log, says what it was and where, and needs nothing of ours."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strongroom.audit import strongroom_verify as verifier
from strongroom.audit.export import EpochPart
from strongroom.audit.testing import BASE, MemoryLog, anchored, export, log_of, signed, signer, write
from strongroom.audit.tlog import entries_of, leaf_hash
from strongroom.audit.tlog.tiles import bundle

LOG = log_of(300)
TRUST = str(signer().key)
FIRST, LAST = "log/1/tile/entries/000", "log/1/tile/entries/001.p/44"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    export(folder, LOG, signer(), history=[10, 100])
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "export"))


def look(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    code = verifier.main([str(folder), "--json", *(more or ("--trust", TRUST))])
    return code, json.loads(capsys.readouterr().out)


def test_an_export_as_it_was_written_is_verified(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = look(folder, capsys)
    assert (code, found["verdict"], found["entries"], found["log"]) == (0, "verified", 300, LOG.origin)
    assert "up to entry 300" in found["notes"][-1]


def test_the_key_of_the_one_log_does_as_well_and_so_does_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert look(folder, capsys, "--trust", str(signer().key.named(LOG.origin)))[0] == 0
    assert look(folder, capsys, "--trust", str(folder / "vkey"))[0] == 0


def test_without_a_key_it_is_consistent_and_not_verified(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verifier.main([str(folder)]) == 3
    assert "NOT verified" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["/nowhere"], [".", "--trust", "x+y"], [".", "--nonsense"], []])
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        verifier.main(words)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_it_runs_alone(folder: Path) -> None:
    """With the interpreter alone: isolated, without site-packages, from the export's own copy."""
    done = subprocess.run(  # noqa: S603 - this interpreter, the file under test
        [sys.executable, "-I", "-S", "strongroom_verify.py", ".", "--trust", TRUST],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Verified."), done.stderr
    assert re.findall(r"^(?:import|from) (\w+)", (folder / "strongroom_verify.py").read_text(), re.MULTILINE) == [
        "__future__", "argparse", "base64", "functools", "hashlib", "hmac", "json", "re", "sys", "time", "pathlib", "typing",
    ]  # fmt: skip


def changed(folder: Path, name: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path = folder / name
    path.write_bytes(bundle(change(entries_of(path.read_bytes()))))


def edit(rows: list[bytes]) -> list[bytes]:
    return [*rows[:7], rows[7].replace(b"7", b"8"), *rows[8:]]


TAMPERED: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "edited": (lambda folder: changed(folder, FIRST, edit), "edited", "log/1, entry 7"),
    "deleted": (lambda folder: changed(folder, FIRST, lambda rows: rows[:5] + rows[6:]), "deleted", "log/1, entry 5"),
    "a bundle deleted": (lambda folder: (folder / FIRST).unlink(), "deleted", "log/1, entry 0"),
    "inserted": (
        lambda folder: changed(folder, LAST, lambda rows: [*rows[:3], b"{}", *rows[3:]]),
        "inserted",
        "log/1, entry 259",
    ),
    "reordered": (
        lambda folder: changed(folder, LAST, lambda rows: [rows[1], rows[0], *rows[2:]]),
        "reordered",
        "log/1, entry 256",
    ),
    "truncated": (lambda folder: changed(folder, LAST, lambda rows: rows[:-4]), "truncated", "log/1, entry 296"),
    "a file too many": (lambda folder: (folder / LAST).with_name("45").write_bytes(b""), "inserted", "log/1/tile/entries/001.p/45"),
    "no checkpoint": (lambda folder: (folder / "log/1/checkpoint").unlink(), "deleted", "log/1/checkpoint"),
    "no anchor": (lambda folder: shutil.rmtree(folder / "anchor"), "deleted", "anchor/epoch.json"),
    "a tile": (lambda folder: (folder / "log/1/tile/0/000").write_bytes(bytes(8192)), "edited", "log/1/tile/0"),
    "the size in the checkpoint": (
        lambda folder: (folder / "log/1/checkpoint").write_text((folder / "log/1/checkpoint").read_text().replace("\n300\n", "\n299\n")),
        "edited",
        "log/1/checkpoint",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_done_is_found_and_named(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tamper, kind, where = TAMPERED[name]
    tamper(folder)
    code, found = look(folder, capsys)
    assert (code, found["kind"], found["where"]) == (1, kind, where)


def written(folder: Path, log: MemoryLog, entries: list[bytes], history: tuple[int, ...] = (10, 100)) -> None:
    """Write an export whose tiles are made to fit entries that the signed head is not over."""
    part = EpochPart(
        number=1,
        checkpoint=signed(log.head(), signer()),
        entries=entries,
        hashes=[leaf_hash(each) for each in entries],
        history=[signed(log.head(size), signer()) for size in history],
    )
    write(folder, part, anchored(log, signer()), signer().key)


@pytest.mark.parametrize(
    ("entries", "kind"),
    [
        ([*LOG.entries[:150], b"{}", *LOG.entries[151:]], "edited"),
        ([*LOG.entries[:150], *LOG.entries[151:]], "deleted"),
        ([*LOG.entries, b"{}"], "inserted"),
        (list(LOG.entries[:100]), "truncated"),
    ],
)
def test_hashes_that_were_made_to_fit_do_not_help(
    entries: list[bytes], kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, LOG, entries)
    code, found = look(tmp_path, capsys)
    assert (code, found["kind"], found["where"]) == (1, kind, "log/1, entry 100"), found


def test_a_log_signed_by_somebody_else_is_the_wrong_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(tmp_path, LOG, signer("thief"))
    code, found = look(tmp_path, capsys)
    assert (code, found["kind"], found["where"]) == (1, "wrong key", "log/1/checkpoint")


def test_a_log_of_another_installation_is_the_wrong_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = look(folder, capsys, "--trust", str(signer().key.named("elsewhere")))
    assert (code, found["kind"]) == (1, "wrong key")


def test_a_log_cut_back_to_an_older_signed_head_is_truncated_by_the_anchor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = replace(LOG, entries=LOG.entries[:280])
    export(tmp_path, older, signer(), anchored(LOG, signer()))
    code, found = look(tmp_path, capsys)
    assert (code, found["kind"], found["where"]) == (1, "truncated", "entry 280")
    assert "300 entries" in found["because"]


def test_a_log_cut_back_with_its_later_heads_left_is_truncated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = replace(LOG, entries=LOG.entries[:280])
    export(tmp_path, older, signer(), anchored(older, signer()))
    (tmp_path / "log/1/checkpoints").mkdir()
    (tmp_path / "log/1/checkpoints/300").write_text(str(signed(LOG.head(), signer())))
    assert look(tmp_path, capsys)[1]["kind"] == "truncated"


def test_two_histories_by_the_right_key_are_a_fork(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = log_of(300, since=1)
    export(tmp_path, other, signer(), anchored(LOG, signer()))
    assert look(tmp_path, capsys)[1]["kind"] == "forked"


def test_an_earlier_head_of_another_history_is_a_fork(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = signed(log_of(300, since=1).head(100), signer())
    (folder / "log/1/checkpoints/100").write_text(str(other))
    code, found = look(folder, capsys)
    assert (code, found["kind"], found["where"]) == (1, "forked", "log/1/checkpoints/100")


def test_the_anchor_of_another_tenant_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(tmp_path, LOG, signer(), anchored(log_of(300, "b"), signer()))
    assert look(tmp_path, capsys)[1]["kind"] == "forked"


def test_a_receipt_of_another_log_is_no_anchor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a tenant can have logged must not pass for an epoch, though the same key signs both logs."""
    true = anchored(LOG, signer())
    own = MemoryLog(f"{BASE}/0000000000000000", b"", (b"1", b"2", true.record))
    export(tmp_path, LOG, signer(), replace(true, receipt=own.receipt(2, signer())))
    code, found = look(tmp_path, capsys)
    assert (code, found["where"]) == (1, "anchor")


def test_an_export_tells_nothing_of_other_tenants(folder: Path) -> None:
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for other in (log_of(3, "b"), log_of(4, "c")):
        for secret in (other.origin.encode(), other.blind, other.head().text.encode(), other.entries[0]):
            assert secret not in everything
        assert other.blind.hex().encode() not in everything


def test_it_agrees_with_wycheproof_on_every_signature() -> None:
    vectors = json.loads((Path(__file__).parent / "ed25519_wycheproof.json").read_text())["tests"]
    assert {valid for *_, valid, _ in vectors} == {True, False}
    for number, public, message, signature, valid, comment in vectors:
        found = verifier.ed25519_verifies(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))
        assert found is valid, (number, comment)


def test_it_takes_no_point_in_a_second_encoding() -> None:
    assert verifier.point_of((2**255 - 19 + 1).to_bytes(32, "little")) is None
    assert verifier.point_of((1 | 1 << 255).to_bytes(32, "little")) is None
