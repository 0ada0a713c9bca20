"""Coverage-guided fuzzing of the parsers: `python -m bench.scan.fuzz [SECONDS]` (60 unless said otherwise).

Atheris is installed, pinned by hash, into an environment of its own; the scanner's own dependencies are taken from this
one. What is held: any bytes end in a verdict, no other exception leaves a parser, and what is clean stays clean when it
is looked at again. Input that breaks this is left in `bench/results/fuzz/`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
NAMES: Final = ("model", "config.json", "chat_template.jinja", "README.md", "model.onnx")


def one_input(data: bytes) -> None:
    """Look at one input: its first byte chooses the name that it is under."""
    from strongroom.registry.scan.inspect import inspect  # noqa: PLC0415 - instrumented by then
    from strongroom.registry.scan.model import Verdict  # noqa: PLC0415 - as above

    name, body = NAMES[data[0] % len(NAMES)] if data else "model", data[1:]
    verdicts: set[Verdict] = set()
    for _ in range(2):
        descriptor = os.memfd_create("fuzz")
        try:
            os.write(descriptor, body)
            verdicts.add(inspect(descriptor, name, len(body)).report.verdict)
        finally:
            os.close(descriptor)
    if len(verdicts) != 1 or Verdict.UNDETERMINED in verdicts:
        raise AssertionError(verdicts)


def inside(seconds: int) -> None:
    import atheris  # noqa: PLC0415 - of that environment

    fuzzer: Any = atheris
    with fuzzer.instrument_imports(include=["strongroom.registry.scan"]):
        from strongroom.registry.scan import inspect  # noqa: F401, PLC0415 - to be instrumented
        from strongroom.registry.scan.testing import bad, good  # noqa: PLC0415 - as above
    results = ROOT / "bench" / "results" / "fuzz"
    seeds = results / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for sample in [*good(), *bad()]:
        for at, data in enumerate(sample.files.values()):
            if len(data) < 8192:
                (seeds / f"{sample.name}-{at}".replace("/", "_")).write_bytes(b"\0" + data)
    words = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        "-max_len=8192",
        f"-artifact_prefix={results}/",
        "-rss_limit_mb=1024",
        "-timeout=20",
        str(seeds),
    ]
    fuzzer.Setup(words, one_input)
    fuzzer.Fuzz()


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    if os.environ.get("STRONGROOM_FUZZ") == "inside":
        inside(seconds)
        return 0
    sys.path.insert(0, str(ROOT))
    from bench.peers import environments  # noqa: PLC0415 - found from here on

    program = environments.python("scan-fuzz", Path(__file__).parent / "environments" / "fuzz.txt") / "python"
    paths = os.pathsep.join([str(ROOT / "src"), sysconfig.get_path("purelib")])
    environment = {**os.environ, "PYTHONPATH": paths, "STRONGROOM_FUZZ": "inside"}
    return subprocess.run([program, __file__, str(seconds)], env=environment, check=False).returncode  # noqa: S603 - our own file


if __name__ == "__main__":
    sys.exit(main())
