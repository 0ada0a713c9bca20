"""The blob store: HOME/blobs/sha256/<hex>, written only here, never changed after.

Always true here:
- a blob appears under its name whole and synced, or not at all: temporary file, fsync, link-if-absent, fsync of the
  directory;
- what is linked has been hashed while it was written, and matches its name;
- a blob is mode 0444; a directory of the store is 0755, so that worker tools under another uid can read weights, which
  are not secret from the installation's own roles.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO

from strongroom.runtime.digests import CHUNK, Digest, parse_digest


class WrongDigestError(Exception):
    """The bytes are not the ones that were named."""

    def __init__(self, what: str, *, expected: Digest, found: Digest) -> None:
        super().__init__(f"{what}: SHA-256 is {found}, expected {expected}")


class BlobStore:
    """Content-addressed files below one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root / "sha256"

    def path(self, digest: Digest) -> Path:
        """Return where the blob of that digest is, or would be."""
        return self._root / parse_digest(digest)

    def holds(self, digest: Digest) -> bool:
        """Return whether the blob is here; its bytes are verified again by whoever loads them."""
        return self.path(digest).is_file()

    def admit(self, source: IO[bytes], digest: Digest, *, what: str) -> tuple[Path, int]:
        """Copy `source` in under `digest`, verifying while copying.

        Args:
            source: an open binary stream at its start.
            digest: what its SHA-256 must be.
            what: how to name it in an error.

        Returns:
            The blob's path and size in bytes.

        Raises:
            WrongDigestError: the bytes differ; nothing is left behind.
        """
        target = self.path(digest)
        self._root.mkdir(parents=True, exist_ok=True, mode=0o755)
        handle, name = tempfile.mkstemp(dir=self._root, prefix=".admit-")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as sink:
                found = _copy(source, sink)
                if found != digest:
                    raise WrongDigestError(what, expected=digest, found=found)
                os.fchmod(sink.fileno(), 0o444)
                sink.flush()
                os.fsync(sink.fileno())
                size = os.fstat(sink.fileno()).st_size
            with contextlib.suppress(FileExistsError):  # an equal blob was first: both are the same bytes
                os.link(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_directory(self._root)
        return target, size


def _copy(source: IO[bytes], sink: IO[bytes]) -> Digest:
    hasher = hashlib.sha256()
    while chunk := source.read(CHUNK):
        hasher.update(chunk)
        sink.write(chunk)
    return Digest(hasher.hexdigest())


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
