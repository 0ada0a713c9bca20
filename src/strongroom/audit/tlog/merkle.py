"""Merkle trees of RFC 6962 §2.1: roots, inclusion proofs, consistency proofs, and the checking of both.

A tree is not held here: whoever asks for a root or a proof gives a `NodeReader`, which returns the hash of a complete
subtree by its level and its place in the level. Proofs are made by the recursion of RFC 6962 and checked by the loops of
RFC 9162 §2.1.3.2 and §2.1.4.2, so a mistake in one is not repeated in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves."""

NodeReader: TypeAlias = Callable[[int, int], bytes]
"""Returns the hash of the complete subtree of 2**level leaves that is number `index` of its level."""


class Malformed(ValueError):  # noqa: N818 - said of a text or bytes, as "that is malformed"
    """What was given is not of the format that it should have; the message says what is wrong and quotes nothing long."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf: of the stored bytes, with the prefix that keeps it from being taken for a node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node over its two children."""
    return sha256(b"\x01" + left + right).digest()


def root_hash(node: NodeReader, size: int) -> bytes:
    """Return the root of the first `size` leaves."""
    return _span(node, 0, size) if size else EMPTY_ROOT


def inclusion_proof(node: NodeReader, index: int, size: int) -> list[bytes]:
    """Return the audit path of the leaf `index` in the tree of `size` leaves, from its sibling up (RFC 6962 §2.1.1).

    Raises:
        ValueError: when there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError("a proof is of a leaf that is in the tree")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_span(node, middle, high))
            high = middle
        else:
            path.append(_span(node, low, middle))
            low = middle
    path.reverse()
    return path


def consistency_proof(node: NodeReader, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `new` leaves begins with that of `old` (RFC 6962 §2.1.2); empty for 0 and for equals.

    Raises:
        ValueError: when `old` is larger than `new`, or negative.
    """
    if not 0 <= old <= new:
        raise ValueError("a tree only grows")
    if old in {0, new}:
        return []
    path: list[bytes] = []
    low, high, whole = 0, new, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_span(node, middle, high))
            high = middle
        else:
            path.append(_span(node, low, middle))
            low, whole = middle, False
    if not whole:
        path.append(_span(node, low, high))
    path.reverse()
    return path


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that the leaf with hash `leaf` is number `index` of the tree with `root` (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes((leaf, root, *proof)):
        return False
    here, last, found = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if here & 1 or here == last:
            found = node_hash(each, found)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, each)
        here, last = here >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether `proof` shows that the tree with `new_root` begins with the one with `old_root` (RFC 9162 §2.1.4.2).

    From the empty tree only the empty tree's root is taken, with an empty proof.
    """
    if not 0 <= old <= new or not _are_hashes((old_root, new_root, *proof)):
        return False
    if old == new:
        return not proof and old_root == new_root and (new > 0 or new_root == EMPTY_ROOT)
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    here, last = old - 1, new - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    first = second = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            first, second = node_hash(each, first), node_hash(each, second)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            second = node_hash(second, each)
        here, last = here >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


class Leaves:
    """A tree in memory, by its leaves' hashes: for batches, for anchors and for tests. It can be read as a `NodeReader`."""

    def __init__(self, hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for each in hashes:
            self.append(each)

    def __len__(self) -> int:
        """Return the number of leaves."""
        return len(self._levels[0])

    def __call__(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree."""
        return self._levels[level][index]

    def append(self, leaf: bytes) -> None:
        """Add one leaf, and every node that it completes."""
        here = leaf
        for level in self._levels:
            level.append(here)
            if len(level) & 1:
                return
            here = node_hash(level[-2], level[-1])
        self._levels.append([here])

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first `size` leaves; of all when not given."""
        return root_hash(self, len(self) if size is None else size)


def _span(node: NodeReader, low: int, high: int) -> bytes:
    """Return the hash over the leaves from `low` to before `high`, where `low` is a multiple of what stands left of it."""
    width = high - low
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, low >> level)
    middle = low + _split(width)
    return node_hash(_span(node, low, middle), _span(node, middle, high))


def _split(width: int) -> int:
    """Return the largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def _are_hashes(values: Iterable[bytes]) -> bool:
    return all(len(each) == HASH_BYTES for each in values)
