"""Files that go into a backup beside the database: named by where they lie, listed with their digests, and brought back by these.

Always true here:
- what is put in is what was there when the database was dumped, or a moment before: files that never change are held by a
  second name while that is done, so that none can vanish half-way, and none is copied first;
- the list's digest stands in the manifest, which is sealed: a file that is changed, missing or too much is told before anything
  of the installation is;
- a name in an archive is a place below one directory, or the archive is refused.
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

import msgspec

from strongroom.store.errors import Unsafe

INDEX: Final = "content.index"
UNDER: Final = "content/"
_CHUNK: Final = 1 << 20
_MOST_INDEX: Final = 256 << 20  # more than a million files
_NAME: Final = re.compile(r"(?:[a-z0-9][a-z0-9-]{0,63}/){1,3}[a-z0-9][a-z0-9.]{0,127}")

Moved: TypeAlias = Callable[[str, int, int], None]
"""Told what is read, how many bytes of all have been, and how many there are."""


class Attached(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file: its place, its size in bytes, and SHA-256 of it as it lies there, sealed."""

    name: str
    size: int
    sha256: str


def hold(root: Path, into: Path) -> None:
    """Give every file below `root` a second name below `into`, on the same file system; what has one already keeps it.

    What is on its way in (`uploads`, names that begin with a dot) is left out.
    """
    for directory, below, files in os.walk(root):
        below[:] = [
            each for each in below if not each.startswith(".") and (directory != str(root) or each != "uploads")
        ]
        for each in files:
            name = str((Path(directory) / each).relative_to(root))
            if not _NAME.fullmatch(name):
                continue
            target = into / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                os.link(root / name, target, follow_symlinks=False)
            except FileExistsError:
                continue  # held since before the dump
            except FileNotFoundError:
                continue  # deleted this moment: nothing refers to it


def add(tar: tarfile.TarFile, held: Path, moved: Moved | None = None) -> bytes:
    """Write every file that is held into an archive; return the list of them.

    Raises:
        Unsafe: when there are more than could be restored.
    """
    paths = sorted(each for each in held.rglob("*") if each.is_file() and not each.is_symlink())
    total, done = sum(each.stat().st_size for each in paths), 0
    listed = list[bytes]()
    for path in paths:
        name = str(path.relative_to(held))
        with path.open("rb") as source:
            member = tarfile.TarInfo(f"{UNDER}{name}")
            member.size, member.mode = os.fstat(source.fileno()).st_size, 0o600
            reader = _Hashing(source)
            tar.addfile(member, reader)
        done += member.size
        if moved is not None:
            moved(name, done, total)
        listed.append(msgspec.json.encode(Attached(name=name, size=member.size, sha256=reader.hash.hexdigest())))
    index = b"\n".join(listed)
    if len(index) > _MOST_INDEX:
        raise Unsafe(
            "there are too many files for one backup: make it with --without-content, and copy the content apart"
        )
    return index


def read_index(text: bytes) -> list[Attached]:
    """Return what a list says.

    Raises:
        Unsafe: when it names something that is no place below one directory, or one place twice.
    """
    try:
        found = [msgspec.json.decode(line, type=Attached) for line in text.split(b"\n") if line]
    except msgspec.MsgspecError:
        raise Unsafe("the backup is damaged: its list of files cannot be read") from None
    if any(not _NAME.fullmatch(each.name) for each in found) or len({each.name for each in found}) != len(found):
        raise Unsafe("the backup is damaged: its list of files names what can be no place")
    return found


def index_of(tar: tarfile.TarFile, sha256: str) -> list[Attached]:
    """Return the list in an archive, which must have this digest.

    Raises:
        Unsafe: when it is another, or says what cannot be.
        tarfile.ReadError: when there is none.
    """
    member = tar.getmember(INDEX)
    source = tar.extractfile(member)
    if source is None or member.size > _MOST_INDEX:
        raise tarfile.ReadError
    text = source.read()
    if hashlib.sha256(text).hexdigest() != sha256:
        raise Unsafe("the backup is damaged: its list of files is not what its manifest says")
    return read_index(text)


def copy_out(tar: tarfile.TarFile, listed: Iterable[Attached], to: Path | None, moved: Moved | None = None) -> None:
    """Hold every listed file of an archive against its digest, and write it below `to`, if that is given.

    Raises:
        Unsafe: when one is missing or not what the list says.
    """
    every = list(listed)
    members = {each.name: each for each in tar.getmembers()}
    total, done = sum(each.size for each in every), 0
    for each in every:
        member = members.get(f"{UNDER}{each.name}")
        source = None if member is None else tar.extractfile(member)
        if member is None or source is None:
            raise Unsafe(f"the backup is damaged: {each.name} is missing")
        if member.size != each.size:  # before a byte is written: a sparse file of a few bytes would fill the disk
            raise Unsafe(f"the backup is damaged: {each.name} is not what its list says")
        target = None if to is None else to / each.name
        if target is not None:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.devnull if target is None else target, "wb" if target is None else "xb") as out:  # noqa: PTH123 - either
            seen, size = hashlib.sha256(), 0
            while chunk := source.read(_CHUNK):
                seen.update(chunk)
                size += len(chunk)
                out.write(chunk)
            if target is not None:
                target.chmod(0o400)
                out.flush()
                os.fsync(out.fileno())
        if (size, seen.hexdigest()) != (each.size, each.sha256):
            raise Unsafe(f"the backup is damaged: {each.name} is not what its list says")
        done += size
        if moved is not None:
            moved(each.name, done, total)


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source: Final = source
        self.hash: Final = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.hash.update(data)
        return data
