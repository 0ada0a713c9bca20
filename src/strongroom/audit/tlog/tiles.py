"""The layout of C2SP tlog-tiles: where a tile or a bundle of entries lies, what is in it, and how a tree grows by tiles.

A tile of level l holds up to 256 hashes: of the leaves (level 0), or each of a full tile of the level below. Only the last
tile of a level is not full. All that is between is computed, so tiles are all of a tree that has to be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from strongroom.audit.tlog.merkle import HASH_BYTES, Malformed, NodeReader, node_hash

WIDTH: Final = 256
"""Hashes of a full tile, and entries of a full bundle."""

ENTRY_LIMIT: Final = 65_535
"""The most bytes that an entry has: a bundle gives its length in 16 bits."""

_HEIGHT: Final = 8
_DIGITS: Final = 1000

TileReader: TypeAlias = Callable[[int, int], bytes]
"""Returns the hashes of the tile number `n` of level `l`, as many as there are, one after the other."""


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """The place of one tile or bundle: level, number, width."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Where the tile lies below the log's prefix."""
        return f"tile/{self.level}/{_place(self.number, self.width)}"

    @property
    def entries_path(self) -> str:
        """Where the bundle with the entries of this tile of level 0 lies."""
        return f"tile/entries/{_place(self.number, self.width)}"


def _place(number: int, width: int) -> str:
    parts = [f"{number % _DIGITS:03d}"]
    while number := number // _DIGITS:
        parts.append(f"x{number % _DIGITS:03d}")
    return "/".join(reversed(parts)) + ("" if width == WIDTH else f".p/{width}")


def tiles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """Yield every tile of a tree of `size` leaves that the tree of `since` leaves does not have."""
    level = 0
    while count := size >> (_HEIGHT * level):
        first = (since >> (_HEIGHT * level)) // WIDTH
        if count > since >> (_HEIGHT * level):
            for number in range(first, (count + WIDTH - 1) // WIDTH):
                yield Tile(level, number, min(WIDTH, count - number * WIDTH))
        level += 1


def grow(read: TileReader, size: int, leaves: Sequence[bytes]) -> dict[Tile, bytes]:
    """Return the tiles that change when `leaves` (their hashes) follow the first `size`.

    Args:
        read: gives the last, partial tile of a level; asked only where there is one.
        size: how many leaves there are.
        leaves: the hashes to come.
    """
    changed: dict[Tile, bytes] = {}
    level = 0
    coming: list[bytes] = list(leaves)
    while coming:
        there = size >> (_HEIGHT * level)
        number, held = divmod(there, WIDTH)
        content = (read(level, number)[: held * HASH_BYTES] if held else b"") + b"".join(coming)
        if len(content) < held * HASH_BYTES:
            raise Malformed("a tile is shorter than its tree wants it to be")
        coming = []
        for start in range(0, len(content), WIDTH * HASH_BYTES):
            piece = content[start : start + WIDTH * HASH_BYTES]
            width = len(piece) // HASH_BYTES
            changed[Tile(level, number, width)] = piece
            if width == WIDTH:
                coming.append(_root_of(piece))
            number += 1
        level += 1
    return changed


def nodes_of(read: TileReader) -> NodeReader:
    """Return the reader of nodes over tiles that `read` returns. A tile is read once for every node in it: cache below."""

    def node(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, _HEIGHT)
        number, first = divmod(index << height, WIDTH)
        content = read(tile_level, number)[first * HASH_BYTES : (first + (1 << height)) * HASH_BYTES]
        if len(content) != HASH_BYTES << height:
            raise Malformed(f"tile {tile_level}/{number} is shorter than its tree wants it to be")
        return _root_of(content)

    return node


def over(tiles: Mapping[Tile, bytes], read: TileReader) -> TileReader:
    """Return a reader that takes what stands in `tiles` from there, and the rest from `read`."""
    newest = {(tile.level, tile.number): content for tile, content in tiles.items()}

    def found(level: int, number: int) -> bytes:
        content = newest.get((level, number))
        return read(level, number) if content is None else content

    return found


def bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries as a bundle: each after its length, 16 bits, big-endian.

    Raises:
        ValueError: when an entry is too long, or there are more than a bundle takes.
    """
    if len(entries) > WIDTH or any(len(each) > ENTRY_LIMIT for each in entries):
        raise ValueError(f"a bundle takes {WIDTH} entries of at most {ENTRY_LIMIT} bytes")
    return b"".join(len(each).to_bytes(2, "big") + each for each in entries)


def entries_of(content: bytes) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        Malformed: when it ends within an entry.
    """
    found: list[bytes] = []
    at = 0
    while at < len(content):
        end = at + 2 + int.from_bytes(content[at : at + 2], "big")
        if end > len(content) or at + 2 > len(content):
            raise Malformed("a bundle ends within an entry")
        found.append(content[at + 2 : end])
        at = end
    return found


def hashes_of(content: bytes) -> list[bytes]:
    """Return the hashes of a tile.

    Raises:
        Malformed: when it ends within a hash.
    """
    if len(content) % HASH_BYTES:
        raise Malformed("a tile ends within a hash")
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]


def _root_of(content: bytes) -> bytes:
    """Return the root over a power of two of hashes."""
    row = hashes_of(content)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
