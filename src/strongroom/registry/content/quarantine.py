"""Uploads on their way: each a directory `uploads/ID` with what it is to be (`upload.json`) and its sealed files.

Always true here:
- nothing in it has a name in the store, and nothing reads it but its own uploader's next chunk and the scanner;
- a chunk is taken at the one place where the file ends, so a retry, a second uploader and a lost answer cannot tear it;
- what was taken survives the process: it is opened and hashed again from its first byte when the upload goes on, and what
  does not open is cut off and asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum, unique
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from blake3 import blake3

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.registry.admission.manifest import File, Manifest
from strongroom.registry.admission.model import Risk
from strongroom.registry.content import sealed
from strongroom.registry.content.sealed import PART, Broken, Head
from strongroom.registry.content.store import ContentStore, Held, Owner
from strongroom.registry.model import Format, Operation
from strongroom.registry.scan import Finding

_STATE: Final = "upload.json"


@unique
class Stage(StrEnum):
    """Where an upload stands."""

    RECEIVING = "receiving"
    SCANNING = "scanning"
    ADMITTED = "admitted"
    REFUSED = "refused"
    FAILED = "failed"  # it could not be looked at; sending `finish` again tries again


class Part(msgspec.Struct, frozen=True):
    """One file of an upload: its path in the release, and its size in bytes."""

    path: str
    size: int


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What an upload is to be.

    Attributes:
        id: a random id; whoever knows it can do nothing with it that its uploader's credential does not allow.
        tenant: whose release it is to be; None: the installation's.
        author: the account that brings it.
        kind: what it is to be asked for; None: what its files say.
        format: how its weights are written; None: what its files say.
        said: why it is where it stands, in a sentence.
        findings: what the scanner said of it, when it was refused.
        digest: the release, once admitted.
        provenance: what made it, where this installation did; such an upload is nobody's to go on with.
        claims: what its author says that it came from, as nodes of the lineage.
    """

    id: UUID
    tenant: UUID | None
    author: str
    name: str
    version: str
    source: str
    risk: Risk
    kind: Operation | None
    format: Format | None
    files: tuple[Part, ...]
    begun_at: datetime
    stage: Stage = Stage.RECEIVING
    said: str = ""
    findings: tuple[Finding, ...] = ()
    digest: str = ""
    provenance: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    claims: tuple[str, ...] = ()

    @property
    def owner(self) -> Owner:
        """Whose keys seal it."""
        return None if self.tenant is None else TenantId(self.tenant)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.files)

    @property
    def holds(self) -> bool:
        """Whether it has files, or is to get some: until it has come to its end."""
        return self.stage not in {Stage.ADMITTED, Stage.REFUSED}


class Misplaced(Exception):  # noqa: N818 - an answer: where to go on
    """A chunk that does not begin where its file ends; `at` is where it does."""

    def __init__(self, at: int) -> None:
        super().__init__(f"the file goes on at {at}")
        self.at = at


class _Growing:
    """One file while it arrives."""

    def __init__(self, path: Path, size: int, head: Head, key: bytes) -> None:
        self.path, self.size, self.head, self.key = path, size, head, key
        self.at = 0
        self.sha256, self.blake3 = hashlib.sha256(), blake3()
        self.closed = False  # whether its last chunk was taken

    def recover(self) -> None:
        """Take in again what was written before; cut off what does not open."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            length = os.fstat(descriptor).st_size
            taken = min(sealed.whole(self.head, length), sealed.count(self.size) - 1)
            try:
                for chunk in sealed.chunks(partial(os.pread, descriptor), length, self.head, self.key, upto=taken):
                    self._add(chunk)
            except Broken:
                pass  # the machine stopped before that reached the disk: it is asked for again
            os.ftruncate(descriptor, sealed.where(self.head, self.at // PART))
        finally:
            os.close(descriptor)

    def take(self, offset: int, data: bytes) -> None:
        if self.closed or offset != self.at:
            raise Misplaced(self.at)
        last = offset + len(data) == self.size
        if len(data) > PART or offset + len(data) > self.size or (len(data) != PART and not last):
            raise ValueError(f"a chunk has {PART} bytes, but for a file's last one, and ends where the file does")
        index = offset // PART
        descriptor = os.open(self.path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            record, at = sealed.close(self.head, self.key, index, data, last=last), sealed.where(self.head, index)
            if os.pwrite(descriptor, record, at) != len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if last:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._add(data)
        self.closed = last

    def _add(self, data: bytes) -> None:
        self.sha256.update(data)
        self.blake3.update(data)
        self.at += len(data)


class _Open:
    """An upload in this process."""

    def __init__(self, upload: Upload, directory: Path) -> None:
        self.upload, self.directory = upload, directory
        self.lock = asyncio.Lock()
        self.files: dict[int, _Growing] = {}


class Quarantine:
    """The uploads of one installation. One event loop, and one process."""

    def __init__(self, store: ContentStore, clock: Clock, *, lasts: timedelta = timedelta(days=1)) -> None:
        self.store: Final = store
        self._root: Final = store.root / "uploads"
        self._clock: Final = clock
        self._lasts: Final = lasts
        self._open: dict[UUID, _Open] = {}
        self._promised: dict[UUID, Upload] = {}

    @contextmanager
    def promised(self, upload: Upload) -> Generator[None]:
        """Count an upload from here on, until its begin has ended: whoever asks meanwhile has less room."""
        self._promised[upload.id] = upload
        try:
            yield
        finally:
            self._promised.pop(upload.id, None)

    def promises(self) -> list[Upload]:
        """Return the uploads whose begin has not ended."""
        return list(self._promised.values())

    def awaited(self, upload: Upload) -> int:
        """Return how many bytes an upload may still write to the disk."""
        if upload.stage is not Stage.RECEIVING:
            return 0
        written = 0
        with contextlib.suppress(FileNotFoundError), os.scandir(self._root / str(upload.id)) as found:
            written = sum(each.stat(follow_symlinks=False).st_size for each in found if each.name.endswith(".part"))
        return max(0, upload.size - written)

    def all(self) -> Iterator[Upload]:
        """Yield every upload that there is; one that nobody has gone on with for a day is dropped."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for directory in sorted(self._root.iterdir()):
            with contextlib.suppress(ValueError):
                identifier = UUID(directory.name)
                found = self._known(identifier)
                if found is not None:
                    yield found.upload
                elif identifier not in self._promised and not (directory / _STATE).exists():
                    shutil.rmtree(directory, ignore_errors=True)  # a begin that did not end

    def find(self, upload: UUID) -> Upload | None:
        """Return an upload."""
        found = self._known(upload)
        return None if found is None else found.upload

    async def begin(self, upload: Upload) -> Upload:
        """Make room for an upload; files of no bytes are whole at once."""
        with self.promised(upload):
            directory = self._root / str(upload.id)
            await asyncio.to_thread(directory.mkdir, mode=0o700, parents=True)
            held = _Open(upload, directory)
            for index, part in enumerate(upload.files):
                held.files[index] = growing = await self._fresh(held, index, part)
                if part.size == 0:
                    growing.take(0, b"")
            self.keep(held.upload, held)
            self._open[upload.id] = held
            return upload

    async def received(self, upload: UUID) -> tuple[int, ...]:
        """Return how many bytes of each file have been taken."""
        held = self._must(upload)
        async with held.lock:
            return tuple([(await self._growing(held, index)).at for index in range(len(held.upload.files))])

    async def take(self, upload: UUID, index: int, offset: int, data: bytes) -> int:
        """Take a chunk; return where its file goes on.

        Raises:
            Misplaced: when the file ends elsewhere.
            ValueError: when it can be no chunk of that file.
        """
        held = self._must(upload)
        async with held.lock:
            if held.upload.stage is not Stage.RECEIVING or not 0 <= index < len(held.upload.files):
                raise ValueError("nothing is awaited there")
            growing = await self._growing(held, index)
            await asyncio.to_thread(growing.take, offset, data)
            os.utime(held.directory / _STATE)
            return growing.at

    async def whole(self, upload: UUID) -> Manifest | None:
        """Return the manifest of what arrived; None while something is missing."""
        held = self._must(upload)
        async with held.lock:
            files: list[File] = []
            for index, part in enumerate(held.upload.files):
                growing = await self._growing(held, index)
                if not growing.closed:
                    return None
                sums = growing.sha256.hexdigest(), growing.blake3.hexdigest()
                files.append(File(path=part.path, sha256=sums[0], size=part.size, blake3=sums[1]))
            return Manifest(tuple(sorted(files, key=lambda each: each.path)), 2)

    async def held(self, upload: UUID) -> dict[str, Held]:
        """Return the files of an upload that is whole, by their paths."""
        held = self._must(upload)
        found: dict[str, Held] = {}
        for index, part in enumerate(held.upload.files):
            growing = await self._growing(held, index)
            found[part.path] = Held(growing.path, growing.sha256.hexdigest(), growing.head, growing.key)
        return found

    def keep(self, upload: Upload, held: _Open | None = None) -> None:
        """Write down what an upload is now."""
        held = held or self._must(upload.id)
        held.upload = upload
        fresh = held.directory / f".{_STATE}"
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(upload))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(held.directory / _STATE)

    def empty(self, upload: UUID) -> None:
        """Remove an upload's files; what is known of it stays for a day, for whoever asks what became of it."""
        held = self._must(upload)
        held.files.clear()
        for file in held.directory.glob("*.part"):
            file.unlink()

    def forget(self) -> None:
        """Know nothing any more but what is written down, as a new process."""
        self._open.clear()

    def drop(self, upload: UUID) -> None:
        """Remove an upload."""
        held = self._open.pop(upload, None)
        directory = self._root / str(upload) if held is None else held.directory
        shutil.rmtree(directory, ignore_errors=True)

    def _known(self, upload: UUID) -> _Open | None:
        held = self._open.get(upload)
        directory = self._root / str(upload)
        state = directory / _STATE
        try:
            stale = self._clock.now().timestamp() - state.stat().st_mtime > self._lasts.total_seconds()
            if held is None:
                held = _Open(msgspec.json.decode(state.read_bytes(), type=Upload), directory)
        except (OSError, msgspec.MsgspecError):
            return None
        if stale and held.upload.stage is not Stage.SCANNING:
            self.drop(upload)
            return None
        return self._open.setdefault(upload, held)

    def _must(self, upload: UUID) -> _Open:
        found = self._known(upload)
        if found is None:
            raise ValueError("there is no such upload")
        return found

    async def _fresh(self, held: _Open, index: int, part: Part) -> _Growing:
        head, key = await self.store.begin(held.upload.owner)
        path = held.directory / f"{index}.part"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.write(descriptor, head.encoded) != len(head.encoded):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)
        return _Growing(path, part.size, head, key)

    async def _growing(self, held: _Open, index: int) -> _Growing:
        known = held.files.get(index)
        if known is not None:
            return known
        part, path = held.upload.files[index], held.directory / f"{index}.part"
        try:
            found = await self.store.opened(held.upload.owner, path, "")
        except Broken:
            path.unlink(missing_ok=True)
            growing = await self._fresh(held, index, part)
        else:
            growing = _Growing(path, part.size, found.head, found.key)
            await asyncio.to_thread(growing.recover)
        if part.size == 0:
            growing.take(0, b"")
        held.files[index] = growing
        return growing
