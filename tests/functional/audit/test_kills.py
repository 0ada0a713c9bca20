"""A keeper, a notary and a producer that are killed at random moments lose nothing that was acknowledged (`make bench-audit` kills more)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_a_few_kills_lose_nothing() -> None:
    command = [sys.executable, "-m", "bench.audit", "kills", "--count", "4", "--victims", "keeper,notary,producer"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'lost': 0" in done.stdout
