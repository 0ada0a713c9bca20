"""What `strongroom model add` is pointed at, as files to send: a file, a directory, an OCI image layout, a ModelKit.

Always true here:
- nothing is followed, unpacked to a disk or loaded: what an archive holds is streamed out of it, twice, once for names and
  sizes and once for bytes;
- names are judged before anything is sent: what leads elsewhere, what two file systems read differently, links, pipes and
  devices are refused, in an archive as on a disk;
- a blob of a layout is held against its digest while it is read, and what an archive may grow to is bounded.
"""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Final, TypeVar, cast

import msgspec

from strongroom.registry.scan.names import collisions, unplain
from strongroom.registry.scan.tree import TooLarge, Tree, kind_of

PART: Final = 1 << 20
MOST_FILES: Final = 1000
_JSON_MOST: Final = 4 << 20
_GROWS: Final = 100  # an archive of weights hardly shrinks; one that grows more than this is a bomb
_GROWS_FREE: Final = 64 << 20
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_TAG: Final = "org.opencontainers.image.ref.name"
_Document = TypeVar("_Document")
_LAYOUT, _INDEX = "oci-layout", "index.json"
_TITLES: Final = ("org.opencontainers.image.title", "org.cncf.model.filepath")
_TAR: Final = (".tar", "+tar", ".tar+gzip", ".tar.gzip", "+gzip", "tar+gzip", ".tar.gz")


class NoBundle(ValueError):  # noqa: N818 - a value that says why
    """What was pointed at cannot be a release. The text says why, and what to do."""


class Bundle(ABC):
    """Files to send, by path in the release and size, and their bytes in the same order."""

    files: list[tuple[str, int]]
    told: str
    """What it is, for people: becomes the release's source where none was named."""

    @abstractmethod
    def contents(self) -> Iterator[Iterator[bytes]]:
        """Yield the bytes of each file, in the order of `files`, in pieces of any size; each is read to its end.

        Raises:
            NoBundle: when it is not what it was a moment ago.
        """

    def judged(self) -> None:
        """Refuse names and numbers that no release has.

        Raises:
            NoBundle: naming the first.
        """
        paths = [path for path, _ in self.files]
        if not paths:
            raise NoBundle("There is no file in it.")
        if len(paths) > MOST_FILES:
            raise NoBundle(f"It has {len(paths)} files; a release has at most {MOST_FILES}.")
        for path in paths:
            if (why := unplain(path)) is not None:
                raise NoBundle(why)
        if len(set(paths)) != len(paths):
            raise NoBundle("Two files in it have one path.")
        for first, second in collisions(paths):
            raise NoBundle(f"{first} and {second} are one name to some file systems: rename one.")


def bundle(path: Path, tag: str | None = None) -> Bundle:
    """Return what `path` is.

    Args:
        path: a file, a directory, or an OCI image layout.
        tag: of a layout with several images: which.

    Raises:
        NoBundle: when it can be no release.
    """
    try:
        about = path.lstat()
    except OSError as error:
        raise NoBundle(f"{path}: {error.strerror}.") from None
    if odd := kind_of(about.st_mode):
        raise NoBundle(f"{path} is {odd}: name what is to be brought itself.")
    if not path.is_dir():
        found: Bundle = _File(path, about)
    elif (path / _LAYOUT).is_file() and (path / _INDEX).is_file():
        found = _Image(path, tag)
    else:
        found = _Directory(path)
    if tag is not None and not isinstance(found, _Image):
        raise NoBundle("A tag names an image of an OCI layout, and this is none.")
    found.judged()
    return found


def _pieces(descriptor: int, path: str, size: int) -> Iterator[bytes]:
    """Yield a file's bytes, and no more of them than it had when it was looked at."""
    at = 0
    while piece := os.pread(descriptor, PART, at):
        at += len(piece)
        if at > size:
            break
        yield piece
    if at != size:
        raise NoBundle(f"{path} changed while it was read: {size} bytes before, another length now.")


class _File(Bundle):
    def __init__(self, path: Path, about: os.stat_result) -> None:
        self._path = path
        self.files = [(path.name, about.st_size)]
        self.told = f"file {path.name}"

    def contents(self) -> Iterator[Iterator[bytes]]:
        with closing(Tree(self._path.absolute().parent)) as tree, _open(tree, self._path.name) as descriptor:
            yield _pieces(descriptor, self._path.name, self.files[0][1])


class _Directory(Bundle):
    def __init__(self, path: Path) -> None:
        self._path = path
        self.told = f"directory {path.resolve().name}"
        self.files = []
        names: dict[tuple[int, int], int] = {}
        with closing(Tree(path)) as tree:
            try:
                found = list(tree.entries())
            except (TooLarge, OSError) as error:
                raise NoBundle(f"This is no release: {error}.") from None
        for entry in found:
            names[entry.inode] = names.get(entry.inode, 0) + 1
        for entry in found:
            if entry.why:
                raise NoBundle(f"{entry.path}: {entry.why}.")
            if entry.odd:
                raise NoBundle(f"{entry.path} is {entry.odd}: a release holds files alone.")
            if entry.empty:
                raise NoBundle(f"{entry.path} is a directory with nothing in it, which cannot be part of a release.")
            if entry.links > names[entry.inode]:
                raise NoBundle(f"{entry.path} is a hard link to a file outside: copy it.")
            self.files.append((entry.path, entry.size))

    def contents(self) -> Iterator[Iterator[bytes]]:
        with closing(Tree(self._path)) as tree:
            for path, size in self.files:
                with _open(tree, path) as descriptor:
                    yield _pieces(descriptor, path, size)


@contextmanager
def _open(tree: Tree, path: str) -> Generator[int]:
    try:
        with tree.open(path) as descriptor:
            yield descriptor
    except OSError as error:
        raise NoBundle(f"{path} cannot be read: {error.strerror or error}.") from None


@dataclass(frozen=True, slots=True)
class _Layer:
    digest: str
    size: int
    title: str | None  # of a layer that is one file
    packed: bool


class _Image(Bundle):
    """An image of an OCI layout: each layer one named file, or a tar of files, as KitOps and the Model Format have it."""

    def __init__(self, path: Path, tag: str | None) -> None:
        self._path = path
        manifest, digest, name = _manifest(path, tag)
        self._layers = [_layer(each) for each in manifest.layers]
        kit = "kitops" in manifest.config.media_type
        self.told = f"{'ModelKit' if kit else 'OCI image'} {name} ({digest})"
        self.files = []
        for layer in self._layers:
            if layer.packed:
                self.files += [(path, size) for path, size, _ in self._members(layer)]
            else:
                self.files.append((layer.title or "", layer.size))

    def contents(self) -> Iterator[Iterator[bytes]]:
        at = 0
        for layer in self._layers:
            if not layer.packed:
                at += 1
                yield self._blob(layer)
                continue
            for path, size, content in self._members(layer):
                if (path, size) != self.files[at]:
                    raise NoBundle("The image changed while it was read.")
                at += 1
                yield content

    def _blob(self, layer: _Layer) -> Iterator[bytes]:
        hasher = hashlib.sha256()
        with closing(Tree(self._path / "blobs" / "sha256")) as tree, _open(tree, layer.digest) as descriptor:
            for piece in _pieces(descriptor, layer.digest, layer.size):
                hasher.update(piece)
                yield piece
        if hasher.hexdigest() != layer.digest:
            raise NoBundle(f"The blob sha256:{layer.digest} holds other bytes.")

    def _members(self, layer: _Layer) -> Iterator[tuple[str, int, Iterator[bytes]]]:
        """Yield the files of a layer that is a tar; each is read, or passed over, before the next."""
        source = _Piped(self._blob(layer))
        most, grown = _GROWS_FREE + _GROWS * layer.size, 0
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|*", bufsize=PART) as archive:
                for member in archive:
                    if member.isdir():
                        continue
                    if not member.isreg():
                        raise NoBundle(f"{member.name} in a layer is no regular file: a release holds files alone.")
                    grown += member.size
                    if grown > most:
                        raise NoBundle("A layer grows to far more than it is: it is not unpacked.")
                    yield member.name.removeprefix("./"), member.size, _member(archive, member)
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            if isinstance(error, NoBundle):
                raise
            raise NoBundle(f"The layer sha256:{layer.digest} cannot be unpacked: {error}.") from None
        source.drain()  # what follows the archive's end counts for the digest


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    file = archive.extractfile(member)  # a stream of its bytes; nothing is written anywhere
    left = member.size
    while file is not None and left:
        piece = file.read(min(PART, left))
        if not piece:
            raise NoBundle(f"{member.name} ends early.")
        left -= len(piece)
        yield piece


class _Piped:
    """Pieces as a file to read from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, b""

    def read(self, size: int) -> bytes:
        while len(self._held) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._held += piece
        given, self._held = self._held[:size], self._held[size:]
        return given

    def drain(self) -> None:
        for _ in self._pieces:
            pass


class _Descriptor(msgspec.Struct, rename="camel"):
    digest: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    media_type: str = ""
    annotations: dict[str, str] | None = None

    def note(self, *names: str) -> str | None:
        """Return the first annotation that there is of these."""
        notes = self.annotations or {}
        return next((notes[each] for each in names if each in notes), None)


class _Index(msgspec.Struct):
    manifests: list[_Descriptor]


class _Manifest(msgspec.Struct):
    layers: list[_Descriptor]
    config: _Descriptor


def _manifest(path: Path, tag: str | None) -> tuple[_Manifest, str, str]:
    """Return an image's manifest, its digest, and what it is called."""
    listed = _read(path, _INDEX, _Index).manifests
    names = [each.note(_TAG) for each in listed]
    known = ", ".join(sorted(each for each in names if each)) or "none has a name"
    if tag is not None and tag not in names:
        raise NoBundle(f"No image in it is called {tag} ({known}).")
    if tag is None and len(listed) != 1:
        raise NoBundle(f"The layout holds {len(listed)} images: say which with --tag ({known}).")
    at = 0 if tag is None else names.index(tag)
    digest = _digest(listed[at].digest)
    found = _read(path, f"blobs/sha256/{digest}", _Manifest, digest)
    return found, f"sha256:{digest}", names[at] or path.resolve().name


def _layer(said: _Descriptor) -> _Layer:
    title = said.note(*_TITLES)
    packed = said.media_type.endswith(_TAR)
    if not packed and title is None:
        raise NoBundle(f"A layer ({said.media_type}) is no tar and names no file: it cannot be told what it is.")
    return _Layer(_digest(said.digest), said.size, title, packed)


def _digest(said: str) -> str:
    algorithm, _, value = said.partition(":")
    if algorithm != "sha256" or not _HEX.fullmatch(value):
        raise NoBundle("The image names a blob by another digest than SHA-256.")
    return value


def _read(root: Path, path: str, wanted: type[_Document], digest: str = "") -> _Document:
    with closing(Tree(root)) as tree, _open(tree, path) as descriptor:
        content = os.pread(descriptor, _JSON_MOST + 1, 0)
    if digest and hashlib.sha256(content).hexdigest() != digest:
        raise NoBundle(f"The blob sha256:{digest} holds other bytes.")
    try:
        return msgspec.json.decode(content, type=wanted)
    except msgspec.MsgspecError:
        raise NoBundle(f"{path} of the layout is not what an image of a model has.") from None
