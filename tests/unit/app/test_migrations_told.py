"""What a start says of migrations can be read in the log: nothing of it looks like an assignment of a secret to the masking."""

from __future__ import annotations

from pathlib import Path

import strongroom.store.migrations
from strongroom.app.up import told_of
from strongroom.privacy.strict import Strict

NAMES = sorted(each.stem for each in Path(strongroom.store.migrations.__path__[0]).glob("*.sql"))


def masked(text: str) -> bool:
    return bool(Strict().clean(f"database: {text}").masked)


def test_no_names_of_migrations_are_masked_in_whatever_start_they_are_applied() -> None:
    assert len(NAMES) > 50
    for begin in range(len(NAMES)):
        for end in range(begin + 1, len(NAMES) + 1):
            assert not masked(told_of(NAMES[begin:end])), NAMES[begin:end]
    assert told_of(NAMES[:3]) == f"applied {NAMES[0]}; {NAMES[1]}; {NAMES[2]}"
    assert told_of(NAMES) == f"applied {len(NAMES)} migrations, {NAMES[0]} to {NAMES[-1]}"
    assert told_of([]) == "up to date"


def test_the_masking_is_what_it_was() -> None:
    """The positive control: between commas they were taken for secrets, and secrets still are."""
    assert masked(f"applied {', '.join(NAMES)}")
    assert masked("token, 0031_correct_horse")
    assert masked("api_key=ab12cd34ef56gh78")
