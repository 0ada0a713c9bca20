"""An installation's bill tells what lies on the disk, and a changed, added or removed part is told."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from strongroom.registry.bills.installed import BadLock, altered, compared, look
from strongroom.registry.bills.runtime import NotABill, read_bill, runtime_bom
from strongroom.registry.bills.schema import validate

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
LOCK = f"""
[[package]]
name = "Part_One"
version = "1.0"
wheels = [{{ url = "https://files.example/part_one.whl", hash = "sha256:{"a" * 64}" }}]
"""


def install(place: Path, name: str, version: str, content: bytes) -> None:
    """Write a distribution as an installer does."""
    info = place / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (place / f"{name}.py").write_bytes(content)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n"
    )
    sums = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    (info / "RECORD").write_text(f"{name}.py,sha256={sums},{len(content)}\n{info.name}/RECORD,,\n")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    install(tmp_path, "part_one", "1.0", b"x = 1\n")
    return tmp_path


def test_a_bill_follows_the_schema_and_is_read_back(place: Path) -> None:
    found = look([place], LOCK.encode())
    made = runtime_bom(found, NOW)
    validate(msgspec.json.encode(made).decode())
    assert [(each.name, each.version, each.wheels) for each in found.packages] == [("part-one", "1.0", ("a" * 64,))]
    assert read_bill(msgspec.json.encode(made)) == found
    assert look([place], LOCK.encode()).digest == found.digest
    assert compared(found, look([place])) == []
    assert list(altered([place])) == []


def test_what_differs_is_told(place: Path) -> None:
    before = look([place])
    install(place, "added", "2", b"")
    assert compared(before, look([place])) == ["added 2 was added."]
    assert compared(look([place]), before) == ["added 2 is gone."]
    other = place / "other"
    install(other, "part_one", "1.0", b"x = 2\n")
    assert compared(before, look([other])) == ["part-one 1.0 has other files."]
    newer = place / "newer"
    install(newer, "part_one", "1.1", b"x = 1\n")
    assert compared(before, look([newer])) == ["part-one is 1.1, and was 1.0."]


def test_a_file_that_is_not_what_its_record_says_is_told(place: Path) -> None:
    (place / "part_one.py").write_bytes(b"x = 3\n")
    assert list(altered([place])) == ["part_one 1.0: part_one.py"]
    (place / "part_one.py").unlink()
    assert list(altered([place])) == ["part_one 1.0: part_one.py"]


def test_a_bill_that_was_edited_or_is_none_is_refused(place: Path) -> None:
    made = msgspec.json.encode(runtime_bom(look([place]), NOW))
    edited = made.replace(b'\\"version\\":\\"1.0\\"', b'\\"version\\":\\"1.1\\"')
    assert edited != made
    for bad in (edited, b"", b"{}", b"[" * 10_000, made[:-1]):
        with pytest.raises(NotABill):
            read_bill(bad)


@pytest.mark.parametrize("lock", [b"\xff", b"package = 1", b"no toml", b"a = " + b"[" * 10_000])
def test_what_is_no_lock_file_is_refused(place: Path, lock: bytes) -> None:
    with pytest.raises(BadLock):
        look([place], lock)
