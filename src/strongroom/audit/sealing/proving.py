"""Reading what a proof or a growth needs out of the tiles in the database: first which, then all of them in one statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from strongroom.audit.sealing import tables
from strongroom.audit.sealing.model import ANCHOR, Ask, Beginning, Head
from strongroom.audit.tlog import Tile, consistency_proof, grow, inclusion_proof, nodes_of, root_hash
from strongroom.audit.tlog.merkle import HASH_BYTES, NodeReader
from strongroom.audit.tlog.tiles import WIDTH, TileReader, over
from strongroom.kernel.ids import TenantId
from strongroom.store import OperatorTx, SealTx, TenantTx

_HEIGHT: Final = 8
_ANY: Final = bytes(HASH_BYTES)


def needed(use: Callable[[NodeReader], object]) -> set[tuple[int, int]]:
    """Return which tiles (level, number) `use` reads of a tree, without reading any."""
    found: set[tuple[int, int]] = set()

    def note(level: int, index: int) -> bytes:
        tile, height = divmod(level, _HEIGHT)
        found.add((tile, (index << height) // WIDTH))
        return _ANY

    use(note)
    return found


async def reader(
    tx: SealTx | TenantTx | OperatorTx, tenant: TenantId, epoch: int, uses: Sequence[Callable[[NodeReader], object]]
) -> NodeReader:
    """Return a reader of the nodes that `uses` read of one log."""
    wanted = {place for use in uses for place in needed(use)}
    found = await tables.tiles(tx, [(tenant, epoch, level, number) for level, number in wanted])
    return nodes_of(lambda level, number: found[tenant, level, number])


async def growth(
    tx: SealTx, coming: Sequence[tuple[Head, Sequence[bytes]]]
) -> list[tuple[Head, dict[Tile, bytes], bytes]]:
    """Return, for logs and the leaves to come, the tiles that change and the new root."""
    wanted: list[tuple[TenantId, int, int, int]] = []
    for head, leaves in coming:
        # The last tile of each level, and what the new root is made of besides: all of it at the right edge.
        edge = {
            (level, (head.size >> _HEIGHT * level) // WIDTH) for level in range(_HEIGHT) if head.size >> _HEIGHT * level
        }
        edge |= needed(partial(root_hash, size=head.size + len(leaves)))
        wanted += [(head.tenant, head.epoch, level, number) for level, number in edge]
    found = await tables.tiles(tx, wanted)
    grown: list[tuple[Head, dict[Tile, bytes], bytes]] = []
    for head, leaves in coming:
        read = _of(found, head.tenant)
        changed = grow(read, head.size, leaves)
        grown.append((head, changed, root_hash(nodes_of(over(changed, read)), head.size + len(leaves))))
    return grown


def _of(found: dict[tables.Place, bytes], tenant: TenantId) -> TileReader:
    return lambda level, number: found.get((tenant, level, number), b"")


async def proofs(tx: SealTx, heads: Sequence[tuple[Head, int]]) -> list[Ask]:
    """Return what the notary is asked for heads, each with the size that it is to follow from."""
    asks: list[Ask] = []
    for head, old in heads:
        begins: Beginning | None = None

        def use(node: NodeReader, head: Head = head, old: int = old) -> list[bytes]:
            return consistency_proof(node, old, head.size)

        def show(node: NodeReader, head: Head = head) -> list[bytes]:
            return inclusion_proof(node, 0, head.size)

        follows = head.epoch > 1 and head.note is None
        node = await reader(tx, head.tenant, head.epoch, [use, show] if follows else [use])
        if follows:
            entry = await tables.first(tx, head.tenant, head.epoch, anchor=head.tenant == ANCHOR)
            begins = Beginning(entry=entry, path=tuple(show(node)))
        asks.append(
            Ask(origin=head.origin, size=head.size, root=head.root, old=old, proof=tuple(use(node)), begins=begins)
        )
    return asks
