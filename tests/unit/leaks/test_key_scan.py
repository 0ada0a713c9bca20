"""A scan finds what lies about, wherever it is packed, tells it without holding it, and takes nothing unread for clean."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.cli.main import run
from strongroom.identity import accesstoken, secretkey
from strongroom.kernel.principal import Environment, Role
from strongroom.leaks import Detector, Options, Report, scan, sources
from strongroom.leaks.model import fingerprint
from strongroom.leaks.scan import scan_bytes
from strongroom.privacy.testing import make

NOTHING = Options()
KEY = secretkey.mint(Role.INFERENCE, Environment.PROD).text
CHANCE = random.Random(7)  # noqa: S311 - a seed makes the samples the same everywhere
PEM = f"-----BEGIN RSA {'PRIVATE'} KEY-----\n" + "\n".join(
    base64.b64encode(CHANCE.randbytes(48)).decode() for _ in range(60)
) + f"\n-----END RSA {'PRIVATE'} KEY-----"  # fmt: skip
PROVIDERS = {
    "OpenAI": "sk-proj-{74w}T3BlbkFJ{74w}",
    "Anthropic": "sk-ant-api03-{93w}AA",
    "AWS access key": "AKIA{16B}",
    "Google API key": "AIza{35w}",
    "GitHub": "ghp_{36an}",
    "GitHub fine-grained": "github_pat_{82n}",
    "Slack": "xoxb-{12d}-{12d}{24an}",
    "Stripe": "sk_live_{30an}",
    "Hugging Face": "hf_{34l}",
    "Azure AD client secret": "{3an}8Q~{34an}",
}


def jwt() -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    return f"{head}.{make('{60an}', CHANCE)}.{make('{43an}', CHANCE)}"


def found(data: bytes | str, name: str = "f", options: Options = NOTHING) -> Report:
    return scan_bytes(name, data.encode() if isinstance(data, str) else data, options)


def only(report: Report) -> Any:
    (hit,) = report.hits
    return hit


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_providers_key_is_found_by_its_shape(provider: str) -> None:
    secret = make(PROVIDERS[provider], CHANCE)
    hit = only(found(f"first line\nTOKEN = '{secret}'\n"))
    assert (hit.rule, hit.line, hit.column) == (provider, 2, 10)
    assert hit.fingerprint == fingerprint(secret.encode())
    assert secret not in repr(hit)


def test_a_jwt_a_pem_block_and_a_password_in_an_address_are_found() -> None:
    for secret, kind in ((jwt(), "jwt"), (PEM, "private_key")):
        assert only(found(f'x = "{secret}"')).kind == kind
    assert only(found("DB=postgres://app:" + "hunter22secret@db.internal/x")).kind == "url_credentials"


@pytest.mark.parametrize("role", [role for role in Role if role.is_placed])
def test_our_own_keys_are_known_by_their_checksum(role: Role) -> None:
    text = secretkey.mint(role, Environment.TEST).text
    hit = only(found(f"key: {text}."))
    assert (hit.kind, hit.rule) == ("strongroom_key", "Strongroom")
    assert text[:29] in hit.shown
    assert text[30:] not in hit.shown
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    assert found(f"key: {wrong}").hits == ()
    assert found("srk_inf_dev_0123456789abcdef_" + "A" * 49).hits == ()
    assert accesstoken.read(text) is None


@settings(max_examples=150, deadline=None)
@given(
    before=st.integers(0, 70_000),
    kind=st.sampled_from(["key", "github", "pem"]),
    filler=st.sampled_from([b".", b"a ", b"x\n", b"srk_", b"ghp_ AKIA \n"]),
)
def test_where_a_key_stands_decides_nothing(before: int, kind: str, filler: bytes) -> None:
    secret = {"key": KEY, "github": "ghp_" + "a1B2" * 9, "pem": PEM}[kind].encode()
    lead = (filler * (before // len(filler) + 1))[:before] + b"\n"
    data = lead + secret + b"\n" + filler * 50
    hit = only(found(data))
    assert hit.fingerprint == fingerprint(secret)
    assert (hit.line, hit.column) == (lead.count(b"\n") + 1, 1)


def test_a_key_across_two_pieces_of_a_long_file_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PIECE", 100_000)
    for at in (99_950, 100_000, 100_000 - sources.OVERLAP, 250_000):
        data = (b"line\n" * 100_000)[:at] + b"\n" + KEY.encode() + b"\n" + b"line\n" * 20_000
        hit = only(found(data))
        assert hit.line == data[: data.index(KEY.encode())].count(b"\n") + 1


def tarred() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for each, content in (("a.txt", b"nothing"), ("etc/app.conf", f"key={KEY}\n".encode())):
            info = tarfile.TarInfo(each)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("../../link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return packed.getvalue()


def zipped(content: bytes, name: str = "in/it.txt") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


def image() -> bytes:
    """Return an image as `docker save` writes one: a tar of layers, each a tar or a compressed one, without endings."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, layer in (("blobs/sha256/1", gzip.compress(tarred())), ("manifest.json", b"[]")):
            info = tarfile.TarInfo(name)
            info.size = len(layer)
            archive.addfile(info, io.BytesIO(layer))
    return packed.getvalue()


PACKED: dict[str, tuple[Callable[[], bytes], str]] = {
    "tar": (tarred, "!/etc/app.conf"),
    "tar.gz": (lambda: gzip.compress(tarred()), "!/etc/app.conf"),
    "tar.bz2": (lambda: bz2.compress(tarred()), "!/etc/app.conf"),
    "tar.xz": (lambda: lzma.compress(tarred()), "!/etc/app.conf"),
    "gz": (lambda: gzip.compress(f"log {KEY}\n".encode()), ""),
    "zip": (lambda: zipped(KEY.encode()), "!/in/it.txt"),
    "zip in a zip": (lambda: zipped(zipped(KEY.encode()), "w.jar"), "!/w.jar!/in/it.txt"),
    "image": (image, "!/blobs/sha256/1!/etc/app.conf"),
    "utf-16": (lambda: f"key={KEY}\r\n".encode("utf-16"), ""),
}


@pytest.mark.parametrize("how", PACKED)
def test_a_key_is_found_however_it_is_packed(how: str) -> None:
    pack, inside = PACKED[how]
    report = found(pack(), "file")
    assert only(report).path == f"file{inside}"
    assert only(report).fingerprint == fingerprint(KEY.encode())
    assert report.unreadable == ()


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be"])
def test_a_key_in_a_later_piece_of_a_file_in_utf_16_is_found_once(coding: str) -> None:
    lines = (sources.PIECE - sources.OVERLAP // 2) // 20  # the key lies where two pieces overlap
    first = found(("\ufeff" + "some line\n" * lines + f"{KEY}\n").encode(coding) + b"\0" * sources.PIECE)
    assert only(first).line == lines + 1
    last = found(("\ufeff" + "some line\n" * (lines + 50_000) + f"{KEY}\n").encode(coding))
    assert only(last).fingerprint == fingerprint(KEY.encode())
    assert only(last).line == lines + 50_001


def test_a_notebooks_output_is_looked_into_and_the_cell_is_told() -> None:
    github = make(PROVIDERS["GitHub"], CHANCE)
    cells = [
        {"cell_type": "markdown", "source": ["nothing\n"]},
        {
            "cell_type": "code",
            "source": ["import os\n", "print(os.environ)"],
            "outputs": [
                {"output_type": "stream", "text": ["{'KEY': '" + KEY + "',\n"]},
                {"output_type": "display_data", "data": {"text/html": ["<b>", github, "</b>"]}},
            ],
        },
    ]
    notebook = json.dumps({"cells": cells, "nbformat": 4}, indent=1)
    assert {(hit.rule, hit.where) for hit in found(notebook, "n.ipynb").hits} == {
        ("Strongroom", "cell 2, output"), ("GitHub", "cell 2, output"),
    }  # fmt: skip
    assert {hit.where for hit in found(f"{{broken {KEY}", "n.ipynb").hits} == {""}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (zipped(b"x" * 5000)[:-40], "damaged"),
        (gzip.compress(b"x" * 9000)[:40], "damaged"),
        (zipped(zipped(zipped(zipped(zipped(zipped(KEY.encode())))))), "deeper"),
    ],
    ids=["a zip cut short", "a gzip cut short", "a zip in a zip in a zip"],
)
def test_what_cannot_be_read_is_told_and_not_taken_for_clean(data: bytes, why: str) -> None:
    (broken,) = found(data).unreadable
    assert why in broken.why


def test_what_an_archive_expands_to_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources.Budget.__init__, "__defaults__", (1_000_000,))
    (broken,) = found(zipped(bytes(5_000_000))).unreadable
    assert "expands" in broken.why


def test_a_tree_is_read_by_several_processes_and_links_are_not_followed(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.txt").write_text(f"key={KEY}\n" if number % 100 == 0 else "nothing\n")
    (tmp_path / "link").symlink_to("/etc")
    for folder in (".git", "node_modules", "kept"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_text(KEY)
    report = scan([tmp_path], Options(exclude=("200.txt",)), jobs=2)
    names = sorted(Path(hit.path).relative_to(tmp_path).as_posix() for hit in report.hits)
    assert names == ["0.txt", "100.txt", "kept/x"]
    assert (report.files, report.unreadable) == (300, ())


def test_what_is_allowed_passes_and_is_counted() -> None:
    mark = fingerprint(KEY.encode())
    for report in (
        found(KEY, options=Options(allow=(mark,))),
        found(f"k = '{KEY}'  # strongroom:allow, a test's"),
    ):
        assert (report.hits, report.allowed) == ((), 1)
    assert only(found(f"{KEY}\n# strongroom:allow")).line == 1


def test_a_pattern_of_ones_own_is_looked_for_and_a_bad_one_refused() -> None:
    assert only(found("ticket ACME-12345", options=Options(patterns={"ticket": r"ACME-\d{5}"}))).rule == "ticket"
    with pytest.raises(ValueError, match="pattern `bad`"):
        Detector({"bad": r"(?<=x)y"})


@pytest.fixture
def leaky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaky").mkdir()
    (tmp_path / "leaky" / "a.env").write_text(f"A={KEY}\nB={make(PROVIDERS['GitHub'], CHANCE)}\n")
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean" / "b.txt").write_text("nothing\n")
    return tmp_path


def test_the_command_ends_as_it_says_and_prints_no_key(leaky: Path, capfd: pytest.CaptureFixture[str]) -> None:
    del leaky
    assert run(["key", "scan", "clean"]) == 0
    for more in ((), ("--json",), ("--sarif", "out.sarif"), ("--jobs", "2")):
        assert run(["key", "scan", "leaky", "clean", *more]) == 1
    assert run(["key", "scan", "clean", "gone"]) == 2  # as `scan` and `model verify-signature` do
    assert run(["key", "scan"]) == 2
    assert run(["key", "scan", "clean", "--pattern", "x=(?=y)"]) == 2
    assert run(["key", "scan", "clean", "--baseline", "gone.json"]) == 2
    said = "".join(capfd.readouterr()) + Path("out.sarif").read_text()
    for secret in Path("leaky/a.env").read_text().split():
        assert secret[2:] not in said
        assert secret[-20:] not in said
    results = json.loads(Path("out.sarif").read_text())["runs"][0]["results"]
    assert [each["locations"][0]["physicalLocation"]["region"]["startLine"] for each in results] == [1, 2]


def test_a_baseline_lets_pass_what_is_known_and_tells_what_is_new(leaky: Path) -> None:
    assert run(["key", "scan", "leaky", "--write-baseline", "known.json"]) == 0
    assert KEY not in Path("known.json").read_text()
    assert run(["key", "scan", "leaky", "--baseline", "known.json"]) == 0
    (leaky / "leaky" / "new.txt").write_text(secretkey.mint(Role.OPERATOR, None).text)
    assert run(["key", "scan", "leaky", "--baseline", "known.json"]) == 1


def test_a_file_of_options_is_read_and_a_wrong_one_refused(leaky: Path) -> None:
    (leaky / ".strongroom-scan.toml").write_text('exclude = ["*.env"]\n')
    assert run(["key", "scan", "leaky"]) == 0
    (leaky / ".strongroom-scan.toml").write_text('excluded = ["*.env"]\n')
    assert run(["key", "scan", "leaky"]) == 2


def test_standard_input_is_scanned(monkeypatch: pytest.MonkeyPatch, leaky: Path) -> None:
    del leaky
    for text, code in ((KEY, 1), ("nothing", 0)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert run(["key", "scan", "-"]) == code


def test_a_device_is_not_opened_and_what_is_not_there_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    report = scan([tmp_path], NOTHING)
    assert (report.files, report.unreadable) == (0, ())
    (broken,) = scan([tmp_path / "gone"], NOTHING).unreadable
    assert broken.why
