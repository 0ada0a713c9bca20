"""The password of one's own database is read from a file that is its owner's alone, or not at all."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from strongroom.app.database import external
from strongroom.app.settings import Settings
from strongroom.store import Unsafe


def settings(path: Path) -> Settings:
    document = {"database": {"url": "postgresql://admin@db.example/strongroom", "password_file": str(path)}}
    return msgspec.convert(document, Settings)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_its_owners_alone_is_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "password"
    path.write_text("correct horse\n")
    path.chmod(mode)
    assert external(settings(path)).password == "correct horse"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_refused_and_says_how_to_mend_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "password"
    path.write_text("correct horse\n")
    path.chmod(mode)
    with pytest.raises(Unsafe, match=f"chmod 600 {path}") as refused:
        external(settings(path))
    assert "horse" not in str(refused.value)
