"""Weights as the workers see them: sealed memory, hashed by the side that loads it.

Always true here:
- bytes are copied from the blob store into a memfd while they are hashed, and sealed (no write, grow, shrink or new
  seal) before anyone else sees them: what was verified is what is mapped, whoever can write to the disk;
- a worker is handed a read-only descriptor, needs no path to the blob store, and verifies the digest itself;
- one memfd serves every worker of a release, so the pages exist once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from typing import Final, Protocol

from blake3 import blake3 as _blake3

from strongroom.runtime.blobs import WrongDigestError
from strongroom.runtime.digests import CHUNK, Artefact, Digest

_SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class UnsealedWeightsError(Exception):
    """A worker was handed weights that someone could still change."""


def seal(artefact: Artefact) -> int:
    """Return a read-only, close-on-exec descriptor of a sealed copy of the artefact.

    Raises:
        WrongDigestError: when the blob's bytes are no longer the ones its name says.
        OSError: when the blob cannot be read, or the kernel has no sealed memory (Linux < 3.17).
    """
    writable = os.memfd_create(f"strongroom-{artefact.digest[:12]}", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        found = _fill(writable, artefact)
        if found != artefact.digest:
            raise WrongDigestError(artefact.name, expected=artefact.digest, found=found)
        fcntl.fcntl(writable, fcntl.F_ADD_SEALS, _SEALS)
        # Before Linux 6.7 a descriptor that was opened for writing could not be mapped once sealed: reopen it.
        os.fchmod(writable, 0o444)
        return os.open(f"/proc/self/fd/{writable}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(writable)


def verify(descriptor: int, digest: Digest, *, what: str, blake3: str = "") -> None:
    """Make sure that `descriptor` is sealed memory and holds the bytes of that digest.

    Args:
        descriptor: what is to be mapped.
        digest: SHA-256 of its bytes.
        what: how to name it in an error.
        blake3: BLAKE3 of the same bytes, where the manifest binds both: some ten times as quick, and asked instead.

    Raises:
        UnsealedWeightsError: when it could still change after the check.
        WrongDigestError: when it holds other bytes.
    """
    if fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        raise UnsealedWeightsError(what)
    if blake3:
        if _hashed(descriptor, _blake3()) != blake3:
            raise WrongDigestError(what, expected=digest, found=_hash(descriptor))
        return
    found = _hash(descriptor)
    if found != digest:
        raise WrongDigestError(what, expected=digest, found=found)


def read(descriptor: int) -> bytes:
    """Return all bytes of a descriptor, wherever its offset stands."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _fill(writable: int, artefact: Artefact) -> Digest:
    hasher = hashlib.sha256()
    with artefact.path.open("rb", buffering=0) as source:
        while chunk := source.read(CHUNK):
            hasher.update(chunk)
            view = memoryview(chunk)
            while view:
                view = view[os.write(writable, view) :]
    return Digest(hasher.hexdigest())


def _hash(descriptor: int) -> Digest:
    return Digest(_hashed(descriptor, hashlib.sha256()))


class _Hasher(Protocol):
    def update(self, data: bytes, /) -> object: ...
    def hexdigest(self) -> str: ...


def _hashed(descriptor: int, hasher: _Hasher) -> str:
    offset = 0
    while chunk := os.pread(descriptor, CHUNK, offset):  # pread: the offset is shared with every other worker
        hasher.update(chunk)
        offset += len(chunk)
    return hasher.hexdigest()
