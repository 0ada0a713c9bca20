"""A throw-away environment with the Adversarial Robustness Toolbox: by hash, beside our own, never in its lock."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REQUIREMENTS = HERE / "requirements.txt"


def prepared() -> Path:
    """Return the environment's interpreter, making the environment when there is none for these requirements."""
    mark = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    place = ROOT / ".tools" / "bench" / f"disclosure-{mark}"
    python = place / "bin" / "python"
    if (place / "whole").exists():
        return python
    print("making an environment for the attacks (about 150 MB, once) …", file=sys.stderr)
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    uv = _uv()
    pinned = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", str(REQUIREMENTS)]
    if uv is not None:
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(place))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), *pinned)
    else:
        _run(sys.executable, "-m", "venv", str(place))
        _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pinned)
    (place / "whole").touch()
    return python


def _uv() -> str | None:
    ours = ROOT / ".tools" / "uv" / "bin" / "uv"
    named = os.environ.get("UV")
    return named or (str(ours) if ours.exists() else shutil.which("uv"))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - ours, with a file of hashes
