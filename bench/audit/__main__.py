"""`make bench-audit`, `python bench/audit` and `python -m bench.audit` all come here."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    runpy.run_module("bench.audit.run", run_name="__main__")
