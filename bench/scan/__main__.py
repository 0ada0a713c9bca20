"""`make bench-scan`, `python bench/scan` and `python -m bench.scan` all come here."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    runpy.run_module("bench.scan.run", run_name="__main__")
