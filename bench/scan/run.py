"""Speed and memory of the scanner, and what it finds in the corpus beside picklescan and modelscan.

--quick: no peers, which need the package index once.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.peers import environments

from strongroom.kernel.clock import SystemClock
from strongroom.registry.scan import Limits, Verdict, scan
from strongroom.registry.scan.host import Host
from strongroom.registry.scan.service import Sweep
from strongroom.registry.scan.testing import Sample, bad, good
from strongroom.registry.scan.testing.build import ARCHITECTURE, STRING, array, gguf, info, safetensors, tensor

SIZE: Final = 512 << 20
RESULTS: Final = environments.ROOT / "bench" / "results"
_BARE: Final = frozenset({"pickle", "joblib"})
"""Groups of single files that the peers are for; they choose by name, so these are shown by the name that they look for."""
Table = dict[str, dict[str, Counter[str]]]


def speed(place: Path) -> dict[str, float]:
    """Return MB/s of a whole `scan`, the process's start included, and its memory."""
    block = os.urandom(1 << 20)
    many = {f"layers.{at}": tensor(at << 20, (at + 1) << 20) for at in range(SIZE >> 20)}
    tokens = array("tokenizer.ggml.tokens", STRING, [f"token {at}" for at in range(128_000)])
    heads = {
        "model.safetensors": safetensors(many),
        "model.gguf": gguf([ARCHITECTURE, tokens], [info("w", [SIZE >> 2], 0, 0)]),
    }
    found: dict[str, float] = {}
    for name, head in heads.items():
        path = place / name
        with path.open("wb") as file:
            file.write(head)
            for _ in range(SIZE >> 20):
                file.write(block)
        rates: list[float] = []
        for _ in range(3):
            began = time.perf_counter()
            report = scan(path, clock=SystemClock(), limits=Limits())
            assert report.verdict is Verdict.CLEAN, report
            rates.append(path.stat().st_size / 1e6 / (time.perf_counter() - began))
        found[name] = max(rates)
        found[f"{name}, slowest"] = min(rates)
        path.unlink()
    found["MiB of memory"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return found


def ours(place: Path, samples: Iterable[Sample]) -> dict[str, str]:
    """Return what we say of each sample, having written it."""
    answers: dict[str, str] = {}
    with Host(Limits()) as host:
        for sample in samples:
            sweep = Sweep(host)
            sweep.run(sample.write(place))
            answers[sample.name] = {"clean": "quiet", "refused": "flagged"}.get(sweep.verdict(), "error")
    return answers


def theirs(place: Path) -> dict[str, dict[str, str]]:
    """Return what the peers say of each sample."""
    program = environments.python("scan-peers", Path(__file__).parent / "environments" / "peers.txt") / "python"
    script = Path(__file__).parent / "theirs.py"
    done = subprocess.run([program, script, place], capture_output=True, text=True, check=False)  # noqa: S603 - our own file
    if done.returncode:
        raise environments.Missing(f"the peers ended: {done.stderr.strip().splitlines()[-1:]}")
    answers: dict[str, dict[str, str]] = json.loads(done.stdout)
    return answers


def table(samples: list[Sample], answers: dict[str, dict[str, str]]) -> Table:
    """Return, for each group and scanner, how many samples it flagged, was quiet on, or failed at."""
    found: Table = defaultdict(lambda: defaultdict(Counter))
    for sample in samples:
        for scanner, answer in answers[sample.name].items():
            found[sample.group][scanner][answer.partition(":")[0]] += 1
    return found


def show(title: str, found: Table, scanners: list[str]) -> None:
    print(f"\n{title}\n\n| group | samples | {' | '.join(scanners)} |\n|---|---|{'---|' * len(scanners)}")
    total: dict[str, Counter[str]] = defaultdict(Counter)
    for group, row in sorted(found.items()):
        for scanner in scanners:
            total[scanner] += row[scanner]
        print(f"| {group} | {row[scanners[0]].total()} | {' | '.join(_cell(row[each]) for each in scanners)} |")
    print(f"| **all** | {total[scanners[0]].total()} | {' | '.join(_cell(total[each]) for each in scanners)} |")


def _cell(count: Counter[str]) -> str:
    return f"{count['flagged']}" + (f" ({count['error']} failed)" if count["error"] else "")


def main() -> None:
    quick = "--quick" in sys.argv or "quick" in sys.argv
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:  # noqa: S108 - memory, so that no disk is measured
        figures = speed(Path(folder))
    for name, value in figures.items():
        print(f"{name}: {value:.0f}" + ("" if "MiB" in name else " MB/s"))
    results: dict[str, object] = {"speed": figures}
    scanners = ["strongroom"] + ([] if quick else ["picklescan", "modelscan"])
    with tempfile.TemporaryDirectory() as folder:
        named = [
            replace(each, files={"model.pkl": data})
            for each in bad()
            if each.group in _BARE
            for data in each.files.values()
        ]
        for which, samples in (("bad", list(bad())), ("bad, all called model.pkl", named), ("good", list(good()))):
            place = Path(folder) / which.replace(" ", "-")
            place.mkdir()
            answers = {name: {"strongroom": said} for name, said in ours(place, samples).items()}
            if not quick:
                for name, said in theirs(place).items():
                    if name in answers:
                        answers[name] |= said
            found = table(samples, answers)
            show(f"Flagged of {len(samples)} {which} samples", found, scanners)
            results[which] = answers
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "scan.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
