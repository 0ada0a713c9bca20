"""Runs inside the peers' own environment: which of the samples each of them flags. Prints JSON.

Neither of them loads what it looks at; both are asked through their Python interfaces, since a process a sample would
take a quarter of an hour.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any


def by_picklescan(place: Path) -> str:
    from picklescan.scanner import scan_directory_path  # noqa: PLC0415 - of that environment

    found: Any = scan_directory_path(str(place))
    return "flagged" if found.issues_count else "error" if found.scan_err else "quiet"


def by_modelscan(place: Path) -> str:
    from modelscan.modelscan import ModelScan  # noqa: PLC0415 - as above

    found: Any = ModelScan().scan(str(place))
    if found["summary"]["total_issues"]:
        return "flagged"
    return "error" if found["errors"] else "quiet"


def main() -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    answers: dict[str, dict[str, str]] = {}
    for place in sorted(Path(sys.argv[1]).iterdir()):
        answers[place.name] = {}
        for name, look in (("picklescan", by_picklescan), ("modelscan", by_modelscan)):
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                try:
                    answers[place.name][name] = look(place)
                except Exception as error:  # noqa: BLE001 - whatever a sample makes them raise
                    answers[place.name][name] = f"error: {type(error).__name__}"
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
