"""Sealed files in a bucket instead of a directory: the same names, seals and digests, at the same places below its prefix.

Always true here:
- a file is sealed on this machine and stays in quarantine until the bucket has all of it;
- what comes back is believed chunk by chunk, by the seal that binds it to its file and place, and as a whole by its digest;
- a bucket that does not answer has nothing: what needs a file of it is refused, and nothing is served from elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from strongroom.kernel.ids import TenantId
from strongroom.registry.content import sealed
from strongroom.registry.content.bucket import Bucket, NoObject
from strongroom.registry.content.sealed import Broken, Head
from strongroom.registry.content.store import ContentStore, Owner, Stored, named, synced
from strongroom.vault import Vault

_WINDOW: Final = 8 << 20
"""Bytes that are asked for at once: a chunk at a time would be a request for each MiB."""


@dataclass(frozen=True, slots=True)
class InBucket(Stored):
    """A sealed file in a bucket: its name there, its length, and its key, which lives as long as this does."""

    bucket: Bucket
    name: str
    sha256: str
    size: int
    head: Head
    key: bytes = field(repr=False)

    def chunks(self, first: int = 0) -> Iterator[bytes]:
        """Yield the plain bytes, each chunk as it is verified to be in its place; errors as in `Stored`."""
        read = windowed(self.bucket, self.name)
        if sealed.read_head(read) != self.head:
            raise Broken("it was replaced by another file")
        yield from sealed.chunks(read, self.size, self.head, self.key, first=first)

    def length(self) -> int:
        """Return how many bytes it has, sealed."""
        return self.size


class BucketStore(ContentStore):
    """Sealed files in a bucket; `root` is where they are on their way there."""

    def __init__(self, root: Path, vault: Vault, bucket: Bucket) -> None:
        super().__init__(root, vault)
        self._bucket: Final = bucket
        self._sizes: Final[dict[Owner, int]] = {}

    async def find(self, owner: Owner, sha256: str) -> Stored:
        """Return a stored file; errors as in `ContentStore`, and Broken too while the bucket does not answer."""
        name = self._name(owner, sha256)

        def looked() -> tuple[int, Head]:
            return self._bucket.size(name), sealed.read_head(windowed(self._bucket, name))

        try:
            size, head = await asyncio.to_thread(looked)
        except OSError as error:
            raise Broken(f"it cannot be read: {error.strerror}") from None
        return InBucket(self._bucket, name, sha256, size, head, await self.key_of(owner, head))

    def has(self, owner: Owner, sha256: str) -> bool:
        """Whether there is a file; errors as `Bucket.size`."""
        try:
            self._bucket.size(self._name(owner, sha256))
        except NoObject:
            return False
        return True

    def keep(self, owner: Owner, sha256: str, part: Path, *, anew: bool = False) -> None:
        """Give a file that is whole its name in the bucket.

        Raises:
            OSError: when the bucket has not taken it; it is where it was.
        """
        name = self._name(owner, sha256)
        synced(part, 0o400)
        if anew:
            self._bucket.remove(name)
        if self._bucket.put(name, part):
            self._sizes[owner] = self._sizes.get(owner, 0) + part.stat().st_size

    def free(self, owner: Owner, sha256: str) -> None:
        """Remove a file that nothing refers to, in all its versions; errors as `Bucket.remove`."""
        self._bucket.remove(self._name(owner, sha256))

    def names(self, owner: Owner) -> list[str]:
        """Return the digests of an owner's files, as the bucket lists them."""
        return [digest for each, _ in self._listed(owner) if (digest := each.rpartition("/")[2])]

    def end(self, owner: TenantId) -> None:
        """Remove everything of a tenant; what the bucket does not list or let go stays, without a key that opens it."""
        super().end(owner)
        found = list[str]()
        with contextlib.suppress(OSError):  # no bucket keeps a tenant from ending, nor its keys from being destroyed
            found.extend(name for name, _ in self._listed(owner))
        for each in found:
            with contextlib.suppress(OSError):
                self._bucket.remove(each)

    def stored(self, owner: Owner) -> int:
        """Return how many bytes an owner's files took when it was measured last."""
        return self._sizes.get(owner, 0)

    async def measure(self, owner: Owner) -> None:
        """Ask the bucket how much an owner has; errors as `Bucket.listed`."""
        self._sizes[owner] = await asyncio.to_thread(lambda: sum(size for _, size in self._listed(owner)))

    async def check(self) -> str:
        """Try the bucket; errors as `Bucket.check`."""
        await asyncio.to_thread(self._bucket.check)
        return "the bucket stores, reads, refuses to overwrite and removes"

    def _listed(self, owner: Owner) -> Iterator[tuple[str, int]]:
        return self._bucket.listed(f"{self.directory(owner).name}/")

    def _name(self, owner: Owner, sha256: str) -> str:
        return f"{self.directory(owner).name}/{named(sha256)}"


def windowed(bucket: Bucket, name: str) -> Callable[[int, int], bytes]:
    """Return a function that reads so many bytes of an object at a place, and asks for more at once than it is asked."""
    held: tuple[int, bytes] = (0, b"")

    def read(length: int, at: int) -> bytes:
        nonlocal held
        start, data = held
        if not start <= at or at + length > start + len(data):
            held = start, data = at, bucket.read(name, at, max(length, _WINDOW))
        return data[at - start : at - start + length]

    return read
