"""`make bench-stages`, `python bench/stages` and `python -m bench.stages` all come here."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    runpy.run_module("bench.stages.run", run_name="__main__")
