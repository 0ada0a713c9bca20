#!/usr/bin/env python3

"""Writes the lexicon of tier 1 anew.

    .venv/bin/python tools/name_lexicon.py NAMES WORDS

NAMES is the unpacked source of `names` 0.3.0 (MIT; first and last names of the United States' census, public domain), WORDS a
list of English words such as Debian's `wamerican-small` (SCOWL, permissive). Names of some seventy other places come from
Faker's own lists (MIT). A name that is an English word too is marked with `*`: by itself it is no sign of a person.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from typing import Any

import faker.providers.person as people

from strongroom.privacy.folding import fold

SURNAMES = 20_000  # most frequent ones of the census: those beyond are borne by fewer than two in a million
SHORTEST = 3
OUT = Path(__file__).parent.parent / "src/strongroom/privacy/lexicon"


def key(name: str) -> str:
    """Return a name as the lexicon has it, or nothing if it is not in Latin letters."""
    folded = fold(name.strip()).data.decode("latin-1").lower()
    return (
        folded
        if len(folded) >= SHORTEST and folded.replace("'", "").replace("-", "").isalpha() and folded.isascii()
        else ""
    )


def values(provider: Any, prefix: str) -> set[str]:
    """Return what a provider of Faker lists under attributes that begin with `prefix`."""
    found: set[str] = set()
    for attribute in dir(provider):
        if attribute.startswith(prefix):
            listed = getattr(provider, attribute)
            if isinstance(listed, (tuple, list, dict)):
                found.update(str(each) for each in listed if isinstance(each, str))
    return found


def main() -> None:
    """Read, put together, write."""
    census, words = Path(sys.argv[1]), {word for word in Path(sys.argv[2]).read_text().split() if word.islower()}
    given: set[str] = set()
    last: set[str] = set()
    for module in pkgutil.iter_modules(people.__path__):
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        given |= {key(part) for name in values(provider, "first_name") for part in name.split()}
        last |= {key(part) for name in values(provider, "last_name") for part in name.split()}
    for file in ("dist.female.first", "dist.male.first"):
        given |= {key(line.split()[0]) for line in (census / file).read_text().splitlines()}
    last |= {key(line.split()[0]) for line in (census / "dist.all.last").read_text().splitlines()[:SURNAMES]}
    for name, found in (("given.txt", given), ("surnames.txt", last)):
        lines = sorted(each + ("*" if each in words else "") for each in found if each)
        (OUT / name).write_text("\n".join(lines) + "\n")
        print(name, len(lines), sum(line.endswith("*") for line in lines))  # noqa: T201 - a tool speaks


if __name__ == "__main__":
    main()
