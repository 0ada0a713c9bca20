"""Transparency logs as mathematics: trees, tiles, notes, checkpoints, receipts, anchors. No I/O anywhere in here.

Always true here:
- hashing is RFC 6962 §2.1 with SHA-256; a leaf is the hash of the bytes that are stored, never of a value that would have
  to be encoded again;
- every format is one of C2SP's (tlog-tiles, signed-note, tlog-checkpoint, tlog-proof, tlog-cosignature): what is written here
  can be read by programs of others, and a parser here takes exactly what the format allows;
- what cannot be read raises `Malformed`; what does not hold is False or None, never an exception that could be forgotten.
"""

from __future__ import annotations

from strongroom.audit.tlog.checkpoint import Checkpoint
from strongroom.audit.tlog.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    Leaves,
    Malformed,
    NodeReader,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)
from strongroom.audit.tlog.note import Note, NoteKey, NoteSigner
from strongroom.audit.tlog.proof import Receipt
from strongroom.audit.tlog.tiles import ENTRY_LIMIT, Tile, bundle, entries_of, grow, nodes_of, tiles_of

__all__ = [
    "EMPTY_ROOT",
    "ENTRY_LIMIT",
    "HASH_BYTES",
    "Checkpoint",
    "Leaves",
    "Malformed",
    "NodeReader",
    "Note",
    "NoteKey",
    "NoteSigner",
    "Receipt",
    "Tile",
    "bundle",
    "consistency_proof",
    "entries_of",
    "grow",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "nodes_of",
    "root_hash",
    "tiles_of",
    "verify_consistency",
    "verify_inclusion",
]
