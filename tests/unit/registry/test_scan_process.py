"""The scanner's process: what it cannot reach, and that whatever happens to it, a file is never clean by accident."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from strongroom.confinement.tree import current_tree
from strongroom.kernel.clock import SystemClock
from strongroom.registry.scan import FileReport, Limits, Unscannable, Verdict, scan
from strongroom.registry.scan.host import Host
from strongroom.registry.scan.service import Sweep
from strongroom.registry.scan.testing.build import external, graph, onnx, onnx_tensor, safetensors, tensor

PLUGIN = """
import os
import socket
import time


class Scanner:
    name = "probe"
    version = "1"

    def scan(self, descriptor, path, kind):
        wanted = path.split(".")[0]
        if wanted == "crash":
            os._exit(9)
        if wanted == "hang":
            time.sleep(600)
        if wanted == "raise":
            raise ValueError("somebody else's code")
        if wanted == "refuse":
            return ["I do not like it."]
        if wanted == "eat":
            held = []
            while True:
                held.append(bytes(1 << 20))
        if wanted == "reach":
            return [name for name, act in self.acts.items() if self.worked(act)]
        return []

    acts = {
        "read": lambda: open("/etc/passwd").read(),
        "list": lambda: os.listdir("/"),
        "write": lambda: open("/tmp/scanner-was-here", "w"),
        "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
        "socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "fork": os.fork,
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "kill": lambda: os.kill(os.getppid(), 0),
        "write-to-the-file": lambda: [os.write(each, b"x") for each in range(3, 9)],
    }

    def worked(self, act):
        try:
            act()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return True
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host whose process has a plug-in, installed as any package is."""
    site = tmp_path_factory.mktemp("site")
    (site / "probe_scanner.py").write_text(PLUGIN)
    about = site / "probe_scanner-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: probe-scanner\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[strongroom.scanners]\nprobe = probe_scanner:Scanner\n")
    here = current_tree()
    tree = replace(here, site_packages=(*here.site_packages, site))
    with Host(Limits(seconds=3.0, memory_bytes=256 << 20), tree) as made:
        yield made


def ask(host: Host, wanted: str, tmp_path: Path) -> FileReport:
    name = f"{wanted}.txt"
    (tmp_path / name).write_text("hello\n")
    sweep = Sweep(host)
    sweep.run(tmp_path)
    return sweep.files[name]


def test_it_reaches_no_file_no_network_no_process_and_cannot_write_what_it_reads(host: Host, tmp_path: Path) -> None:
    assert host.lacks == ()
    assert [tool.name for tool in host.plugins] == ["probe"]
    report = ask(host, "reach", tmp_path)
    assert report.findings == ()
    assert report.verdict is Verdict.CLEAN
    assert not Path("/tmp/scanner-was-here").exists()  # noqa: S108 -- where the plug-in tries to write


@pytest.mark.parametrize(("wanted", "rule"), [("crash", "crash"), ("hang", "timeout"), ("raise", "plugin-failed")])
def test_a_scanner_that_fails_leaves_the_file_undetermined_and_the_next_is_looked_at(
    wanted: str, rule: str, host: Host, tmp_path: Path
) -> None:
    report = ask(host, wanted, tmp_path)
    assert report.verdict is Verdict.UNDETERMINED
    assert [finding.rule for finding in report.findings] == [rule]
    (tmp_path / f"{wanted}.txt").unlink()
    assert ask(host, "quiet", tmp_path).verdict is Verdict.CLEAN


def test_a_scanner_that_eats_memory_is_stopped(host: Host, tmp_path: Path) -> None:
    assert ask(host, "eat", tmp_path).verdict is Verdict.UNDETERMINED


def test_a_plug_in_takes_away(host: Host, tmp_path: Path) -> None:
    report = ask(host, "refuse", tmp_path)
    assert report.verdict is Verdict.REFUSED
    assert [(finding.rule, finding.scanner) for finding in report.findings] == [("plugin", "probe")]


def test_memory_stays_bounded_whatever_a_file_says(tmp_path: Path) -> None:
    length = 300 << 20
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors({"a": tensor(0, length)}))
    os.truncate(path, path.stat().st_size + length)  # sparse: it takes no room, and is read all the same
    report = scan(path, clock=SystemClock(), limits=Limits(memory_bytes=128 << 20))
    assert report.verdict is Verdict.CLEAN
    assert report.totals.bytes > length


def test_a_scanner_that_was_asked_for_and_is_not_there_leaves_all_undetermined(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    report = scan(tmp_path, clock=SystemClock(), wanted=["other"])
    assert report.verdict is Verdict.UNDETERMINED
    assert [finding.rule for finding in report.findings] == ["missing-scanner"]


def test_a_file_that_cannot_be_opened_is_undetermined_and_the_rest_is_looked_at(host: Host, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    (tmp_path / "b.txt").write_text("hello\n")

    def gone(name: str, _done: int, _all: int) -> None:
        if name == "a.txt":
            (tmp_path / "b.txt").unlink(missing_ok=True)

    sweep = Sweep(host, gone)
    sweep.run(tmp_path)
    assert [report.verdict for report in sweep.files.values()] == [Verdict.CLEAN, Verdict.UNDETERMINED]


def test_a_file_that_changes_while_it_is_read_is_undetermined(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors({"a": tensor(0, 16 << 20)}, b"\0" * (16 << 20)))

    def moved(_name: str, done: int, _all: int) -> None:
        if done:
            with path.open("r+b") as file:
                file.seek(1 << 20)
                file.write(b"changed")

    sweep = Sweep(host, moved)
    sweep.run(tmp_path)
    assert sweep.verdict() is Verdict.UNDETERMINED


def test_a_pipe_is_refused_and_not_waited_for(host: Host, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.gguf")
    sweep = Sweep(host)
    sweep.run(tmp_path / "model.gguf")
    assert sweep.verdict() is Verdict.REFUSED


def test_a_model_alone_whose_data_lies_outside_is_refused(host: Host, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(onnx(graph([], [onnx_tensor([2], 1, external("w.bin", 0, 8))])))
    sweep = Sweep(host)
    sweep.run(tmp_path / "m.onnx")
    assert [finding.rule for finding in sweep.findings()] == ["external-data"]


DATA = b"\xff\xfe\x01" + bytes(range(200, 256))


def claiming(*names: str, data: bytes = DATA) -> bytes:
    return onnx(graph([], [onnx_tensor([len(data)], 2, external(each, 0, len(data))) for each in names]))


def test_a_claim_takes_back_nothing_that_was_found_of_a_name_or_a_link(host: Host, tmp_path: Path) -> None:
    tree, outside = tmp_path / "tree", tmp_path / "outside"
    tree.mkdir()
    outside.write_bytes(DATA)
    (tree / "A.bin").hardlink_to(outside)
    names = ("A.bin", "a.bin", "b\u200b.bin")
    for each in names[1:]:
        (tree / each).write_bytes(DATA)
    (tree / "z.model").write_bytes(claiming(*names))  # read after what it claims
    sweep = Sweep(host)
    sweep.run(tree)
    rules = {name: {finding.rule for finding in report.findings} for name, report in sweep.files.items()}
    assert rules["A.bin"] | rules["a.bin"] == {"hard-link", "collision"}
    assert rules["b\u200b.bin"] == {"name"}
    assert rules["z.model"] == set()
    assert sweep.verdict() is Verdict.REFUSED


def test_claims_that_are_met_later_are_held_against_the_data_as_well(host: Host, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(DATA)
    (tmp_path / "a.onnx").write_bytes(claiming("w.bin"))
    (tmp_path / "z.model").write_bytes(claiming("w.bin"))
    sweep = Sweep(host)
    sweep.run(tmp_path)
    assert sweep.verdict() is Verdict.CLEAN, list(sweep.findings())
    (tmp_path / "z.model").write_bytes(claiming("w.bin", data=DATA + b"more"))
    sweep = Sweep(host)
    sweep.run(tmp_path)
    assert sweep.verdict() is Verdict.REFUSED


def test_data_that_begins_as_something_else_is_refused_and_its_bytes_are_told(host: Host, tmp_path: Path) -> None:
    data = b"MZ" + DATA
    (tmp_path / "w.bin").write_bytes(data)
    (tmp_path / "m.onnx").write_bytes(claiming("w.bin", data=data))
    sweep = Sweep(host)
    sweep.run(tmp_path)
    assert any("4d 5a ff fe 01" in finding.message for finding in sweep.files["w.bin"].findings)


def blobs(host: Host, files: dict[str, bytes], tmp_path: Path) -> Sweep:
    """Return what is said of a release whose files lie under other names."""
    places = {name: tmp_path / str(at) for at, name in enumerate(files)}
    for name, place in places.items():
        place.write_bytes(files[name])
    sweep = Sweep(host)
    sweep.run_files(places)
    return sweep


@pytest.mark.parametrize("model", ["sub/model.onnx", "sub/z.model"])
def test_files_that_lie_elsewhere_are_judged_as_in_a_directory(model: str, host: Host, tmp_path: Path) -> None:
    sweep = blobs(host, {"sub/w.bin": DATA, model: claiming("w.bin")}, tmp_path)
    assert sweep.verdict() is Verdict.CLEAN, list(sweep.findings())
    assert sweep.files.keys() == {"sub/w.bin", model}


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"README.md": b"# a\n", "readme.md": b"# b\n"}, "collision"),
        ({"w.bin": DATA, "sub/model.onnx": claiming("w.bin")}, "external-data"),
        ({"w.bin": b"a text\n", "z.model": claiming("w.bin", data=b"a text\n")}, "external-data"),
        ({"w.bin": safetensors({"a": tensor(0, 4)}, b"\0" * 4), "m.onnx": claiming("w.bin")}, "external-data"),
    ],
    ids=["one name to some systems", "data elsewhere", "data that is text", "data of another kind"],
)
def test_files_that_lie_elsewhere_are_refused_as_in_a_directory(
    files: dict[str, bytes], rule: str, host: Host, tmp_path: Path
) -> None:
    sweep = blobs(host, files, tmp_path)
    assert sweep.verdict() is Verdict.REFUSED
    assert rule in {finding.rule for finding in sweep.findings()}


def test_nothing_at_a_path_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(Unscannable):
        scan(tmp_path / "nothing", clock=SystemClock())
