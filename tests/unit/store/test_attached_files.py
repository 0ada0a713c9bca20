"""Files in a backup: what is changed, missing, or named as no place is told, and nothing of it is written."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from strongroom.store import archive, attached
from strongroom.store.archive import DUMP, Manifest
from strongroom.store.errors import Unsafe

ONE, TWO = "0" * 64, f"datasets/tenant-1/{'1' * 64}"


class Seal:
    """Any manifest's seal is its digest: what is tried here is below it."""

    def make(self, manifest: bytes) -> bytes:
        return hashlib.sha256(manifest).hexdigest().encode()

    def fits(self, manifest: bytes, seal: bytes) -> bool:
        return self.make(manifest) == seal


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return an archive of two files, made while one was deleted and an upload was on its way."""
    content, held, work = (tmp_path / each for each in ("content", "held", "work"))
    for each in (held, work):
        each.mkdir()
    for name, data in (
        (f"tenant-1/{ONE}", b"first" * 1000),
        (TWO, b""),
        ("uploads/x/0.part", b"x"),
        (".hidden/y", b"y"),
    ):
        (content / name).parent.mkdir(parents=True, exist_ok=True)
        (content / name).write_bytes(data)
    attached.hold(content, held)
    (content / f"tenant-1/{ONE}").unlink()
    attached.hold(content, held)
    (work / DUMP).write_bytes(b"dump")
    manifest = Manifest(
        format=2,
        created_at=datetime.now(UTC),
        server="18",
        migration=1,
        bytes=4,
        sha256=hashlib.sha256(b"dump").hexdigest(),
    )
    told = archive.pack(work, manifest, tmp_path / "b.tar", Seal(), held)
    assert told.files == 2
    return tmp_path / "b.tar"


def changed(made: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
    """Write an archive anew, member by member."""
    out = made.with_suffix(".changed")
    with tarfile.open(made) as source, tarfile.open(out, "w") as target:
        for member in source.getmembers():
            content = source.extractfile(member)
            assert content is not None
            found = change(member.name, content.read())
            if found is not None:
                fresh = tarfile.TarInfo(found[0])
                fresh.size = len(found[1])
                target.addfile(fresh, io.BytesIO(found[1]))
    return out


def test_what_was_there_comes_back_and_what_was_on_its_way_does_not(made: Path, tmp_path: Path) -> None:
    work, files = tmp_path / "w", tmp_path / "f"
    for each in (work, files):
        each.mkdir()
    archive.unpack(made, work, Seal(), files)
    found = {str(each.relative_to(files)): each.read_bytes() for each in files.rglob("*") if each.is_file()}
    assert found == {f"tenant-1/{ONE}": b"first" * 1000, TWO: b""}


Change = Callable[[str, bytes], tuple[str, bytes] | None]


def spoilt(name: str, data: bytes) -> tuple[str, bytes]:
    return (name, data[:-1] + b"x") if ONE in name else (name, data)


def lost(name: str, data: bytes) -> tuple[str, bytes] | None:
    return None if ONE in name else (name, data)


def relisted(name: str, data: bytes) -> tuple[str, bytes]:
    return (name, data + b" ") if name == attached.INDEX else (name, data)


def unlisted(name: str, data: bytes) -> tuple[str, bytes] | None:
    return None if name == attached.INDEX else (name, data)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (spoilt, "is not what its list says"),
        (lost, "is missing"),
        (relisted, "list of files is not what"),
        (unlisted, "damaged"),
    ],
)
def test_what_was_changed_is_told(made: Path, tmp_path: Path, change: Change, says: str) -> None:
    work = tmp_path / "w"
    work.mkdir()
    with pytest.raises(Unsafe, match=says):
        archive.unpack(changed(made, change), work, Seal())


@pytest.mark.parametrize("name", ["../x/y", "/etc/x", "a/../../b", "a", "a/.hidden", "a/b/c/d/e", "a//b", "a/b\n"])
def test_a_list_that_names_no_place_is_refused(name: str) -> None:
    line = msgspec.json.encode(attached.Attached(name=name, size=0, sha256="0" * 64))
    with pytest.raises(Unsafe, match="no place"):
        attached.read_index(line)
    good = msgspec.json.encode(attached.Attached(name="a/b", size=0, sha256="0" * 64))
    assert len(attached.read_index(good)) == 1
    with pytest.raises(Unsafe, match="no place"):
        attached.read_index(good + b"\n" + good)


@pytest.mark.parametrize("name", [f"{attached.UNDER}tenant-1/{ONE}", DUMP])
def test_a_file_of_another_size_is_told_before_a_byte_of_it_is_read(made: Path, tmp_path: Path, name: str) -> None:
    out, work = tmp_path / "sparse.tar", tmp_path / "w"
    work.mkdir()
    with tarfile.open(made) as source, tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as target:
        for member in source.getmembers():
            fresh = tarfile.TarInfo(member.name)
            if member.name == name:  # nothing but a hole, of more than any disk has
                fresh.pax_headers = {
                    "GNU.sparse.major": "0",
                    "GNU.sparse.minor": "1",
                    "GNU.sparse.name": name,
                    "GNU.sparse.size": str(1 << 60),
                    "GNU.sparse.map": f"{1 << 60},0",
                }
                target.addfile(fresh)
                continue
            content = source.extractfile(member)
            assert content is not None
            fresh.size = member.size
            target.addfile(fresh, content)
    with tarfile.open(out) as read:
        assert read.getmember(name).size == 1 << 60
    with pytest.raises(Unsafe, match="damaged"):
        archive.unpack(out, work, Seal())


def test_more_files_than_could_be_restored_are_told_when_the_backup_is_made(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attached, "_MOST_INDEX", 300)
    with tarfile.open(tmp_path / "x.tar", "w") as tar, pytest.raises(Unsafe, match="too many files"):
        attached.add(tar, tmp_path / "held")
    work = tmp_path / "w"
    work.mkdir()
    with pytest.raises(Unsafe, match="damaged"):
        archive.unpack(made, work, Seal())
