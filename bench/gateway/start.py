"""How long `strongroom up --demo` takes until it answers, on a new home and on one that is there; and what it holds then."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.gateway.plane import memory_kib

from strongroom.app.settings import FILE

_LIMIT_S = 240.0


def measure() -> dict[str, dict[str, float]]:
    """Return seconds to readiness, cold and warm, and memory by kind of process at rest."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="sr-bench-up-") as name:
        home = Path(name) / "home"
        for kind in ("cold", "warm"):
            began = time.perf_counter()
            with subprocess.Popen(  # noqa: S603 - our own program
                [Path(sys.executable).with_name("strongroom"), "up", "--demo", "--home", home, "--port", "18400",
                 "--control-port", "18401"],
                stdout=subprocess.DEVNULL,
            ) as process:  # fmt: skip
                try:
                    _ready(process)
                    found[f"{kind} start"] = {"seconds": time.perf_counter() - began}
                    if kind == "warm":
                        time.sleep(5)  # at rest: what starting took is given back by then
                        found |= _memory(process.pid)
                finally:
                    process.send_signal(signal.SIGTERM)
    return found


def _ready(process: subprocess.Popen[bytes]) -> None:
    until = time.perf_counter() + _LIMIT_S
    while time.perf_counter() < until:
        assert process.poll() is None, f"it ended with {process.returncode}"
        try:
            for port in (18400, 18401):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                    pass
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"not ready within {_LIMIT_S} s; see logs, and {FILE}")


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_children(int(child))]
    return found


def _memory(pid: int) -> dict[str, dict[str, float]]:
    groups: dict[str, list[tuple[int, int]]] = {}
    for each in (pid, *_children(pid)):
        try:
            words = Path(f"/proc/{each}/cmdline").read_bytes().decode().split("\0")
            command = "bwrap" if Path(words[0]).name == "bwrap" else " ".join(words)
            groups.setdefault(_kind(command), []).append(memory_kib(each))
        except (FileNotFoundError, ProcessLookupError, KeyError):
            continue
    found = {
        f"memory: {kind}": {
            "processes": float(len(held)),
            "rss_kib_each": sum(rss for rss, _ in held) / len(held),
            "pss_kib_all": float(sum(pss for _, pss in held)),
        }
        for kind, held in sorted(groups.items())
    }
    found["memory: everything"] = {"pss_kib_all": sum(each["pss_kib_all"] for each in found.values())}
    return found


def _kind(command: str) -> str:
    for mark, kind in (
        ("bwrap", "sandbox (bwrap)"), ("postgres", "postgres"), ("processes gateway", "gateway"), ("processes control", "control"),
        ("llama_worker", "chat worker"), ("embed_worker", "embedding worker"), ("tabular_worker", "tabular worker"),
        (" up ", "supervisor"),
    ):  # fmt: skip
        if mark in command:
            return kind
    return "other"
