"""What is installed is held against lock file and wheels: a changed, added or missing file, another wheel, another package."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest
from tests.unit.registry.test_runtime_bill import install

from strongroom.cli.failures import Failure
from strongroom.cli.runtime import check
from strongroom.registry.bills.installed import BadLock
from strongroom.registry.bills.rebuilt import rebuilt


def wheel_of(place: Path, name: str, version: str, to: Path) -> Path:
    """Pack what is installed, as its build would have."""
    to.mkdir(exist_ok=True)
    made = to / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path in (f"{name}.py", f"{name}-{version}.dist-info/RECORD"):
            archive.write(place / path, path)
    return made


def lock_of(*packages: tuple[str, str, Path | None]) -> bytes:
    said: list[str] = []
    for name, version, wheel in packages:
        digest = "" if wheel is None else f'{{ hash = "sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}" }}'
        said.append(f'[[package]]\nname = "{name}"\nversion = "{version}"\nwheels = [{digest}]\n')
    return "\n".join(said).encode()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "site"
    install(place, "one", "1.0", b"x = 1\n")
    return place


def test_the_same_files_are_said_to_be_and_what_has_no_wheel_is_neither(place: Path, tmp_path: Path) -> None:
    wheel = wheel_of(place, "one", "1.0", tmp_path / "wheels")
    with (place / "one-1.0.dist-info" / "RECORD").open("a") as record:
        record.write("one-1.0.dist-info/INSTALLER,sha256=abc,3\n../../bin/one,sha256=abc,3\n")
    install(place, "two", "2", b"y = 1\n")
    found = rebuilt([place], lock_of(("one", "1.0", wheel), ("two", "2", None)), [wheel])
    assert found == ([], ["one 1.0"], ["two 2"])


def test_what_differs_from_a_wheel_is_told(place: Path, tmp_path: Path) -> None:
    wheel = wheel_of(place, "one", "1.0", tmp_path / "wheels")
    lock = lock_of(("one", "1.0", wheel))
    install(tmp_path / "other", "one", "1.0", b"x = 2\n")
    assert rebuilt([tmp_path / "other"], lock, [wheel]).differences == ["one 1.0: one.py is another than the wheel's."]
    with (place / "one-1.0.dist-info" / "RECORD").open("a") as record:
        record.write("evil.pth,sha256=abc,3\n")
    assert rebuilt([place], lock, [wheel]).differences == ["one 1.0: evil.pth is not in the wheel."]
    bare = tmp_path / "bare"
    install(bare, "one", "1.0", b"x = 1\n")
    (bare / "one-1.0.dist-info" / "RECORD").write_text("one-1.0.dist-info/RECORD,,\n")
    assert rebuilt([bare], lock, [wheel]).differences == ["one 1.0: one.py is in the wheel and not installed."]


def test_another_wheel_or_a_package_that_is_not_pinned_is_told(place: Path, tmp_path: Path) -> None:
    wheel = wheel_of(place, "one", "1.0", tmp_path / "wheels")
    install(tmp_path / "other", "one", "1.0", b"x = 2\n")
    another = wheel_of(tmp_path / "other", "one", "1.0", tmp_path / "others")
    allowed = lock_of(("one", "1.0", wheel))
    assert "none that the lock file allows" in rebuilt([place], allowed, [another]).differences[0]
    assert rebuilt([place], lock_of(("one", "1.1", wheel)), [wheel]).differences == ["one 1.0 is not in the lock file."]
    wheel.write_bytes(b"PK")
    assert "cannot be read" in rebuilt([place], lock_of(("one", "1.0", wheel)), [wheel]).differences[0]
    with pytest.raises(BadLock):
        rebuilt([place], b"[", [])


def test_wheels_are_not_asked_for_where_nobody_looks_whether_the_files_are_what_the_records_say(tmp_path: Path) -> None:
    bill = tmp_path / "bill.json"
    bill.write_bytes(b"{}")
    with pytest.raises(Failure, match="Wheels are held against records"):
        check(bill, files=False, lock=tmp_path / "uv.lock", wheels=tmp_path)


def test_a_directory_without_a_wheel_compares_nothing_and_says_so(tmp_path: Path) -> None:
    none = tmp_path / "wheels"
    with pytest.raises(Failure, match="is no directory"):
        check(tmp_path / "bill.json", lock=tmp_path / "uv.lock", wheels=none)
    none.mkdir()
    with pytest.raises(Failure, match="There is no wheel in") as error:
        check(tmp_path / "bill.json", lock=tmp_path / "uv.lock", wheels=none)
    assert "pip download" in error.value.then
