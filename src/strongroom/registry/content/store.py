"""Where sealed files lie: `OWNER/HEX`, the owner a tenant's id or `installation`, the name the SHA-256 of the plain bytes."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import stat
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from blake3 import blake3

from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.registry.content import memory, sealed
from strongroom.registry.content.sealed import Broken, Head
from strongroom.vault import KeysDestroyed, Scope, SealBroken, Use, Vault

Owner: TypeAlias = TenantId | None
"""A tenant, or None: the installation."""

_HEX: Final = re.compile(r"[0-9a-f]{64}")
SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
_ASKED: Final = 64  # chunks, after which it is asked again whether there is memory: others take some, too
_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def scope_of(owner: Owner, use: Use = Use.WEIGHTS) -> Scope:
    """Return whose keys seal an owner's files."""
    return Scope(PLATFORM if owner is None else owner, use)


class Stored(ABC):
    """A stored file that can be read."""

    sha256: str

    @abstractmethod
    def chunks(self, first: int = 0) -> Iterator[bytes]:
        """Yield the plain bytes from chunk `first` on.

        Raises:
            Broken: when they are not what was stored.
            OSError: when they cannot be read.
        """

    @abstractmethod
    def length(self) -> int:
        """Return how many bytes it has where it lies: the plain ones are no more; errors as `chunks`."""

    def sums(self) -> tuple[str, str, int]:
        """Return SHA-256 and BLAKE3 of the plain bytes in hex, and how many there are; errors as `chunks`."""
        first, second, size = hashlib.sha256(), blake3(), 0
        for chunk in self.chunks():
            first.update(chunk)
            second.update(chunk)
            size += len(chunk)
        return first.hexdigest(), second.hexdigest(), size

    @contextmanager
    def opened(self) -> Generator[int]:
        """Yield a descriptor of the plain bytes in sealed memory, as `in_memory`."""
        descriptor = self.in_memory()
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def in_memory(self) -> int:
        """Return a read-only descriptor of the plain bytes, hashed while they were copied into sealed memory.

        Raises:
            Broken: when they are not the ones that its name says.
            NoMemory: when they do not fit into memory; nothing was copied, or what was is given back.
            OSError: when they cannot be read.
        """
        memory.demand(self.length())
        writable = os.memfd_create(f"strongroom-{self.sha256[:12]}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            hasher = hashlib.sha256()
            for index, chunk in enumerate(self.chunks()):
                if index % _ASKED == _ASKED - 1:
                    memory.demand(len(chunk))
                hasher.update(chunk)
                view = memoryview(chunk)
                while view:
                    view = view[os.write(writable, view) :]
            if hasher.hexdigest() != self.sha256:
                raise Broken("its bytes are not the ones that its name says")
            fcntl.fcntl(writable, fcntl.F_ADD_SEALS, SEALS)
            os.fchmod(writable, 0o444)  # before Linux 6.7, what was opened for writing cannot be mapped once sealed
            return os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(writable)


@dataclass(frozen=True, slots=True)
class Held(Stored):
    """A sealed file: its place, and its key, which lives as long as this does."""

    path: Path
    sha256: str
    head: Head
    key: bytes = field(repr=False)

    def chunks(self, first: int = 0) -> Iterator[bytes]:
        """Yield the plain bytes, each chunk as it is verified to be in its place; errors as in `Stored`."""
        descriptor = _regular(self.path)
        try:
            read = partial(os.pread, descriptor)
            if sealed.read_head(read) != self.head:
                raise Broken("it was replaced by another file")
            length = os.fstat(descriptor).st_size
            yield from sealed.chunks(read, length, self.head, self.key, first=first)
        finally:
            os.close(descriptor)

    def length(self) -> int:
        """Return how many bytes it has, sealed; errors as in `Stored`."""
        return _length(self.path)


@dataclass(frozen=True, slots=True)
class Plain(Stored):
    """A file that came with the installation, in the clear: anybody can have it."""

    path: Path
    sha256: str

    def chunks(self, first: int = 0) -> Iterator[bytes]:
        """Yield the bytes; errors as in `Stored`."""
        descriptor = _regular(self.path)
        try:
            at = first * sealed.PART
            while chunk := os.pread(descriptor, sealed.PART, at):
                at += len(chunk)
                yield chunk
        finally:
            os.close(descriptor)

    def length(self) -> int:
        """Return how many bytes it has; errors as in `Stored`."""
        return _length(self.path)


class ContentStore:
    """Sealed files below one directory, all for one use: what is kept for another has another store, and other keys."""

    def __init__(self, root: Path, vault: Vault, use: Use = Use.WEIGHTS) -> None:
        self.root: Final = root
        self._vault: Final = vault
        self._use: Final = use

    def directory(self, owner: Owner) -> Path:
        """Return where an owner's files lie."""
        return self.root / ("installation" if owner is None else str(owner))

    def place(self, owner: Owner, sha256: str) -> Path:
        """Return where a file is, or would be.

        Raises:
            ValueError: when `sha256` is no digest: it becomes a path.
        """
        return self.directory(owner) / named(sha256)

    def has(self, owner: Owner, sha256: str) -> bool:
        """Whether there is a file of this name; what is in it is told by whoever reads it."""
        return self.place(owner, sha256).exists()

    async def measure(self, owner: Owner) -> None:
        """Find out what `stored` tells, where that takes a while."""

    async def check(self) -> str:
        """Return in words that files can be kept, or raise OSError."""
        os.statvfs(self.root)
        return "a directory of this machine"

    async def find(self, owner: Owner, sha256: str) -> Stored:
        """Return a stored file.

        Raises:
            Broken: when it is not there, or cannot be opened with its owner's keys.
            VaultUnavailable: when the keystore cannot be asked.
        """
        return await self.opened(owner, self.place(owner, sha256), sha256)

    async def opened(self, owner: Owner, path: Path, sha256: str) -> Held:
        """Return a sealed file that lies at `path`; errors as `find`."""
        descriptor = _regular(path)
        try:
            head = sealed.read_head(partial(os.pread, descriptor))
        finally:
            os.close(descriptor)
        return Held(path, sha256, head, await self.key_of(owner, head))

    async def key_of(self, owner: Owner, head: Head) -> bytes:
        """Return the key of a file, by its head; errors as `find`."""
        try:
            return await self._vault.open(scope_of(owner, self._use), head.wrapped, *head.name)
        except (SealBroken, KeysDestroyed) as error:
            raise Broken(f"its owner's keys do not open it: {error}") from None

    async def begin(self, owner: Owner) -> tuple[Head, bytes]:
        """Return the head and key of a new file.

        Raises:
            VaultUnavailable: when the keystore cannot be asked.
            KeysDestroyed: when the owner's keys are gone for good.
        """
        return sealed.begin(await self._vault.keys(scope_of(owner, self._use)))

    def keep(self, owner: Owner, sha256: str, part: Path, *, anew: bool = False) -> None:
        """Give a file that is whole its name; one that is there already stays, unless it is to be made `anew`."""
        directory = self.directory(owner)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        synced(part, 0o400)
        if anew:
            self.free(owner, sha256)
        with contextlib.suppress(FileExistsError):  # an equal one was first
            os.link(part, self.place(owner, sha256))
        synced(directory)

    def free(self, owner: Owner, sha256: str) -> None:
        """Remove a file that nothing refers to."""
        self.place(owner, sha256).unlink(missing_ok=True)

    def names(self, owner: Owner) -> list[str]:
        """Return the digests of an owner's files."""
        try:
            return [each.name for each in self.directory(owner).iterdir() if _HEX.fullmatch(each.name)]
        except FileNotFoundError:
            return []

    def end(self, owner: TenantId) -> None:
        """Remove everything of a tenant."""
        shutil.rmtree(self.directory(owner), ignore_errors=True)

    def stored(self, owner: Owner) -> int:
        """Return how many bytes an owner's files take."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.directory(owner)) as found:
            return sum(each.stat(follow_symlinks=False).st_size for each in found)
        return 0


def named(sha256: str) -> str:
    """Return a digest as what becomes a name.

    Raises:
        ValueError: when it is none.
    """
    if not _HEX.fullmatch(sha256):
        raise ValueError("a digest is 64 lower-case hex digits")
    return sha256


def _regular(path: Path) -> int:
    """Return a descriptor of a regular file: no link is followed, and nothing else is waited on or woken.

    Raises:
        Broken: when it is anything else, or cannot be opened.
    """
    try:
        descriptor = os.open(path, _OPEN)
    except OSError as error:
        raise Broken(f"it cannot be opened: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Broken("it is no regular file")
    return descriptor


def _length(path: Path) -> int:
    descriptor = _regular(path)
    try:
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def synced(path: Path, mode: int | None = None) -> None:
    """Have a file or directory reach the disk, with other rights where `mode` says so."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
