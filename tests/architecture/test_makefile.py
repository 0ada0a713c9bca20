"""The Makefile explains itself and holds what the documentation promises of it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

SPAN = re.compile(r"`make ([^`]+)`|^make (.+)$", re.MULTILINE)
TARGET = re.compile(r"^([a-z%-]+):(?!=)(.*)$", re.MULTILINE)

# These tests are themselves run by make, whose own variables would make the inner one talk more.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name not in {"ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
}

STUB = """#!/usr/bin/env python3
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print(*sys.argv[1:], flush=True)
print("stopped by", signal.sigwait({signal.SIGTERM}).name, flush=True)
"""


def test_every_target_has_a_line_of_help(root: Path) -> None:
    targets = TARGET.findall((root / "Makefile").read_text())
    assert {name for name, _ in targets} >= {"up", "test", "help", "lint", "docs", "lock"}
    bare = [name for name, rest in targets if " ## " not in rest]
    assert not bare, f"say after `##` what it does: {bare}"


def test_help_lists_every_target(root: Path) -> None:
    said = subprocess.run(
        ["/usr/bin/make", "--no-print-directory", "help"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        env=ENVIRONMENT,
    )
    listed = {line.split()[0] for line in said.stdout.splitlines() if line.startswith("  ")}
    assert listed == {name for name, _ in TARGET.findall((root / "Makefile").read_text())}


def test_every_target_that_the_documentation_names_exists(texts: dict[Path, str], root: Path) -> None:
    targets = {name for name, _ in TARGET.findall((root / "Makefile").read_text())}
    measured = [*root.glob("bench/*.py"), *(each.parent for each in root.glob("bench/*/__main__.py"))]
    targets |= {f"bench-{each.stem}" for each in measured}  # by the rule for `bench-%`
    for page, text in texts.items():
        for span in SPAN.findall(text) if page.suffix == ".md" else []:
            words = "".join(span).partition("#")[0].split()
            named = {word for word in words if re.fullmatch(r"[a-z-]+", word)}
            assert named <= targets, f"{page}: make {named - targets}"


def test_make_up_hands_on_its_options_and_a_signal_sent_to_make(root: Path, tmp_path: Path) -> None:
    stub = tmp_path / "strongroom"
    stub.write_text(STUB)
    stub.chmod(0o755)
    stamp = tmp_path / "installed"
    stamp.write_text(f"{root}\n")
    make = subprocess.Popen(  # noqa: S603 -- our own Makefile
        ["/usr/bin/make", "up", f"BIN={tmp_path}", f"INSTALLED={stamp}", "PORT=1", "CONTROL_PORT=2", "HOME_DIR=a b"],
        cwd=root,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert make.stdout
    with make:
        said = make.stdout.readline()
        make.terminate()
        assert (said, make.stdout.read()) == (
            "up --demo --port 1 --control-port 2 --home a b\n",
            "stopped by SIGTERM\n",
        )


def test_continuous_integration_runs_what_a_developer_runs(root: Path) -> None:
    assert (root / ".ci" / "run").read_text().rstrip().endswith("\nexec make test")
