"""Throw-away environments for the peers: everything pinned by hash, nothing in the product's lock file.

Always true here:
- what is fetched is named with its hash in `environments/`, built distributions only, and no install script is run;
- it lies below `.tools/peers`, which `make clean` removes; a peer that cannot be had here is left out, and said so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PINNED: Final = Path(__file__).parent / "environments"
PLACE: Final = ROOT / ".tools" / "peers"


class Missing(Exception):  # noqa: N818 - said to a person
    """A peer cannot be had on this machine; the text says why."""


def python(name: str, pins: Path | None = None) -> Path:
    """Return the `bin` directory of the environment that `pins`, or `environments/NAME.txt`, names, made if need be."""
    wanted = pins or PINNED / f"{name}.txt"
    place, stamp = PLACE / name, PLACE / f"{name}.made"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        _quietly([sys.executable, "-m", "venv", "--clear", "--without-pip", str(place)])
        install = ["pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
        _quietly([_uv(), *install, "--python", str(place / "bin" / "python"), "-r", str(wanted)])
        stamp.write_text(digest)
    return place / "bin"


def node(name: str) -> Path:
    """Return the `node_modules` directory that `environments/NAME/package-lock.json` names, made if need be."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise Missing("node and npm are not installed")
    wanted, place = PINNED / name, PLACE / name
    stamp, digest = PLACE / f"{name}.made", hashlib.sha256((wanted / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(wanted, place)
        _quietly(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(place)])
        stamp.write_text(digest)
    return place / "node_modules"


def program(name: str, how: str) -> str:
    """Return the path of a program of the machine's own; `how` says where one gets it."""
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if found is None:
        raise Missing(f"{name} is not installed ({how})")
    return found


def _uv() -> str:
    ours = ROOT / ".tools" / "uv" / "bin" / "uv"
    found = str(ours) if ours.exists() else shutil.which("uv") or os.environ.get("UV")
    if found is None:
        raise Missing("uv is not there: `make install` brings it")
    return found


def _quietly(command: list[str]) -> None:
    PLACE.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)  # noqa: S603 - built above
    if done.returncode != 0:
        raise Missing(f"{Path(command[0]).name} failed: {done.stderr.strip().splitlines()[-1:]}")
