"""The file a backup is: a tar of `manifest.json`, its seal, `database.dump`, and the files beside the database with their list.

Always true here:
- it is made whole, of mode 0600, and never over another file;
- reading it trusts nothing in it: bytes are copied out and compared with the manifest, names, links, owners and modes
  mean nothing;
- the seal is a keyed digest of the manifest's bytes, and the manifest holds the dump's: who has not the installation's
  keyring cannot make or change an archive that is taken for its own. Which key that is, the caller knows.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from strongroom.store import attached, migrate
from strongroom.store.attached import Moved
from strongroom.store.errors import Unsafe
from strongroom.store.format import CURRENT

DUMP: Final = "database.dump"
_MANIFEST: Final = "manifest.json"
_MANIFEST_LIMIT: Final = 65_536
_SEAL: Final = "manifest.seal"
_CHUNK: Final = 1 << 20


class Seal(Protocol):
    """Who can tell an installation's own archives from others."""

    def make(self, manifest: bytes) -> bytes:
        """Return the seal of a manifest."""
        ...

    def fits(self, manifest: bytes, seal: bytes) -> bool:
        """Whether `seal` is that of `manifest`, compared in constant time."""
        ...


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup says of itself."""

    format: int
    created_at: datetime
    server: str
    migration: int
    bytes: int
    sha256: str
    files: int = 0
    files_sha256: str = ""


def pack(
    work: Path, manifest: Manifest, archive: Path, seal: Seal, held: Path | None = None, moved: Moved | None = None
) -> Manifest:
    """Make `archive` of the manifest, sealed, of the dump that lies in `work`, and of the files that are `held`.

    Args:
        work: a directory on the same file system as `archive`.
        manifest: what is said of the dump.
        archive: the file to make.
        seal: seals the manifest.
        held: below which the files are; None: the database alone.
        moved: told how far it is.

    Returns:
        The manifest, with what is said of the files.
    """
    packed = work / "archive"
    with packed.open("xb") as file:
        packed.chmod(0o600)
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            names = [_MANIFEST, _SEAL, DUMP]
            if held is not None:
                index = attached.add(tar, held, moved)
                (work / attached.INDEX).write_bytes(index)
                listed = index.count(b"\n") + 1 if index else 0
                told = {"files": listed, "files_sha256": hashlib.sha256(index).hexdigest()}
                manifest = msgspec.structs.replace(manifest, **told)
                names.append(attached.INDEX)
            text = msgspec.json.encode(manifest)
            (work / _MANIFEST).write_bytes(text)
            (work / _SEAL).write_bytes(seal.make(text))
            for name in names:
                tar.add(work / name, arcname=name, filter=_nobodys)
        file.flush()
        os.fsync(file.fileno())
    os.link(packed, archive)  # unlike a rename, this does not replace what somebody put there meanwhile
    directory = os.open(archive.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return manifest


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def unpack(
    archive: Path, work: Path, seal: Seal | None, files: Path | None = None, moved: Moved | None = None
) -> Manifest:
    """Copy the dump into `work` and return what the archive says of itself, which is true.

    Args:
        archive: the file.
        work: an empty directory.
        seal: tells our own archives from others; None takes anybody's.
        files: where the files beside the database go, an empty directory; None: they are looked at only.
        moved: told how far that is.

    Raises:
        Unsafe: when the archive is damaged, cut short, no backup, not ours, or newer than this code.
    """
    try:
        with tarfile.open(archive, mode="r:") as tar:
            manifest = _read_manifest(tar, seal)
            _copy_dump(tar, manifest, work / DUMP)
            if manifest.files_sha256:
                attached.copy_out(tar, attached.index_of(tar, manifest.files_sha256), files, moved)
    except (tarfile.TarError, EOFError, msgspec.DecodeError, KeyError) as error:
        raise Unsafe(f"{archive} is damaged or no backup of Strongroom's ({type(error).__name__})") from None
    return manifest


def _read_manifest(tar: tarfile.TarFile, seal: Seal | None) -> Manifest:
    text = _small(tar, _MANIFEST)
    version = msgspec.json.decode(text, type=dict[str, object]).get("format")
    if not isinstance(version, int) or version > CURRENT["backup"]:
        raise Unsafe(f"the backup is in format {version}, newer than this Strongroom knows; restore with a newer one")
    if seal is not None:
        _refuse_foreign(tar, text, seal)
    manifest = msgspec.json.decode(text, type=Manifest)
    if manifest.migration > len(migrate.known()):
        raise Unsafe("the backup is of a database newer than this Strongroom; restore with the version that made it")
    return manifest


def _refuse_foreign(tar: tarfile.TarFile, manifest: bytes, seal: Seal) -> None:
    given = _small(tar, _SEAL) if _SEAL in tar.getnames() else b""
    if not seal.fits(manifest, given):
        raise Unsafe(
            "the backup is not sealed by this installation's keyring: it was made elsewhere, or changed since; "
            "put HOME/secrets of that time back first, or say --foreign-archive if you trust whoever made it"
        )


def _small(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.getmember(name)
    source = tar.extractfile(member)
    if source is None or member.size > _MANIFEST_LIMIT:
        raise tarfile.ReadError
    return source.read()


def _copy_dump(tar: tarfile.TarFile, manifest: Manifest, to: Path) -> None:
    # The bytes are copied, not extracted: no name, link or mode in the archive means anything here.
    member = tar.getmember(DUMP)
    source = tar.extractfile(member)
    if source is None:
        raise tarfile.ReadError
    if member.size != manifest.bytes:
        raise Unsafe("the backup is damaged: its database is not what its manifest says")
    size, seen = 0, hashlib.sha256()
    with to.open("xb") as file:
        to.chmod(0o600)
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            seen.update(chunk)
            file.write(chunk)
    if size != manifest.bytes or seen.hexdigest() != manifest.sha256:
        raise Unsafe("the backup is damaged: its database is not what its manifest says")


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, as hex."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
