"""Files that lost rows: what a file is now, behind the name that it always had.

Always true here:
- a version is whole and synced before it counts, and it counts before the one that it replaces is removed;
- which version counts is sealed under the owner's key and says whose it is, so nobody else can say so;
- where the version that counts is gone, the file is `Broken`: nothing older takes its place.

Beside `NAME` lie `NAME.now`, which says which version counts, and `NAME.vN`, that version. Without `NAME.now` it is `NAME` itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

import msgspec

from strongroom.registry.content.sealed import PART, Broken, Head, close, count
from strongroom.registry.content.store import ContentStore, Owner

_NOW: Final = ".now"


class _Now(msgspec.Struct, frozen=True, kw_only=True):
    """What counts of a file: `of` is its name, `gone` how many rows it has lost in all."""

    of: str
    version: int
    sha256: str
    gone: int


class Version(NamedTuple):
    """What a file is now: where, SHA-256 of its plain bytes, which version, and how many rows it has lost."""

    path: Path
    sha256: str
    version: int = 0
    gone: int = 0


class Versions:
    """What the files of a store are now."""

    def __init__(self, store: ContentStore) -> None:
        self._store: Final = store

    async def current(self, owner: Owner, path: Path, sha256: str) -> Version:
        """Return what counts of the file at `path`, whose first version has the digest `sha256`.

        Raises:
            Broken: when what says so is not what was written.
            VaultUnavailable: when the keystore cannot be asked.
        """
        said = _beside(path, _NOW)
        if not said.exists():
            return Version(path, sha256)
        held = await self._store.opened(owner, said, "")
        try:
            now = msgspec.json.decode(await asyncio.to_thread(lambda: b"".join(held.chunks())), type=_Now)
        except msgspec.MsgspecError:
            raise Broken("what says which version counts is damaged") from None
        if now.of != path.name:
            raise Broken("what says which version counts is another file's")
        return Version(_beside(path, f".v{now.version}"), now.sha256, now.version, now.gone)

    async def read(self, owner: Owner, path: Path, sha256: str) -> bytes:
        """Return the bytes that count, verified.

        Raises:
            Broken: when they are not there, or not what was stored.
            VaultUnavailable: when the keystore cannot be asked.
        """
        now = await self.current(owner, path, sha256)
        try:
            return await self._bytes(owner, now)
        except Broken:
            later = await self.current(owner, path, sha256)
            if later == now:
                raise
            return await self._bytes(owner, later)  # it lost rows while it was read

    async def rewrite(self, owner: Owner, path: Path, sha256: str, data: bytes, gone: int) -> None:
        """Let `data`, which has `gone` rows fewer, count from now on, and destroy what counted.

        Raises:
            Broken, VaultUnavailable: as `current`.
            OSError: when it cannot be written; the version before counts then.
        """
        old = await self.current(owner, path, sha256)
        digest = hashlib.sha256(data).hexdigest()
        now = _Now(of=path.name, version=old.version + 1, sha256=digest, gone=old.gone + gone)
        await self._put(owner, _beside(path, f".v{now.version}"), data)
        await self._put(owner, _beside(path, _NOW), msgspec.json.encode(now))
        await self.settle(owner, path, sha256)

    async def settle(self, owner: Owner, path: Path, sha256: str) -> None:
        """Destroy what counts no more: what a rewriting leaves that ended before it had done so.

        Raises:
            Broken, VaultUnavailable: as `current`.
            OSError: when something of it may be there still.
        """
        now = await self.current(owner, path, sha256)
        await asyncio.to_thread(
            _destroy, [each for each in all_of(path) if each not in {now.path, _beside(path, _NOW)}]
        )

    async def _bytes(self, owner: Owner, now: Version) -> bytes:
        held = await self._store.opened(owner, now.path, now.sha256)
        data = await asyncio.to_thread(lambda: b"".join(held.chunks()))
        if hashlib.sha256(data).hexdigest() != now.sha256:
            raise Broken("its bytes are not the ones that its name says")
        return data

    async def _put(self, owner: Owner, path: Path, data: bytes) -> None:
        head, key = await self._store.begin(owner)
        await asyncio.to_thread(_replace, path, head, key, data)


def write(path: Path, head: Head, key: bytes, data: bytes) -> None:
    """Write a new sealed file, whole and synced.

    Raises:
        OSError: when it is there, or cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(head.encoded)
        last = count(len(data)) - 1
        for index in range(last + 1):
            out.write(close(head, key, index, data[index * PART : (index + 1) * PART], last=index == last))
        out.flush()
        os.fsync(out.fileno())


def is_rewritten(path: Path) -> bool:
    """Whether a file has lost rows."""
    return _beside(path, _NOW).exists()


def all_of(path: Path) -> list[Path]:
    """Return everything that there is of a file: itself, its versions, and what says which counts."""
    return [each for each in (path, *path.parent.glob(f"{path.name}.*")) if each.exists()]


def remove(path: Path) -> None:
    """Destroy everything that there is of a file."""
    _destroy(all_of(path))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _replace(path: Path, head: Head, key: bytes, data: bytes) -> None:
    part = path.with_name(f".{uuid4().hex}")
    try:
        write(part, head, key, data)
        part.replace(path)
        _synced(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _destroy(paths: list[Path]) -> None:
    for each in paths:
        each.unlink(missing_ok=True)
    if paths:
        _synced(paths[0].parent)


def _synced(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
