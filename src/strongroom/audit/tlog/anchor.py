"""The anchor: what binds the logs of all tenants together without telling one of them about another.

From time to time an *epoch* commits to the newest checkpoint of every log. An epoch is a tree over sorted leaves, one for each
log, in every epoch, whether the log has grown or not; its root becomes one entry of the anchor log. A leaf is
`key || commitment`, 64 bytes:

- `key`, by which leaves are sorted, is HMAC(blind, "key" | epoch): a log has one place in an epoch, and another in the next;
- `commitment` is SHA-256(salt || text of the checkpoint), with salt = HMAC(blind, "salt" | epoch).

`blind` is 32 random bytes of the log, told to its own tenant and to nobody else. To everybody else a leaf is noise: neither the
log's name, nor its size, nor whether it has grown since the epoch before can be told from it. The tree is filled up with random
leaves to a power of two, so not even how many tenants there are is told, beyond its magnitude.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final

import msgspec

from strongroom.audit.tlog.merkle import Leaves, Malformed, inclusion_proof, leaf_hash, verify_inclusion
from strongroom.audit.tlog.note import decoded, encoded

BLIND_BYTES: Final = 32
FORMAT: Final = "strongroom-anchor/1"
_KEY: Final = b"key"
_SALT: Final = b"salt"
_PIECE: Final = 32


def leaf(blind: bytes, epoch: int, text: str) -> bytes:
    """Return the leaf of a log in an epoch: its key there, and the commitment to the text of its checkpoint."""
    at = epoch.to_bytes(8, "big")
    salt = hmac.digest(blind, _SALT + at, "sha256")
    return hmac.digest(blind, _KEY + at, "sha256") + sha256(salt + text.encode()).digest()


class EpochRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The entry of an epoch in the anchor log: encoded in order of definition, so always to the same bytes."""

    format: str
    epoch: int
    at: str
    leaves: int
    root: str

    def encode(self) -> bytes:
        """Return the bytes that the anchor log stores."""
        return msgspec.json.encode(self)

    @classmethod
    def parse(cls, content: bytes) -> EpochRecord:
        """Read an entry of an anchor log.

        Raises:
            Malformed: when it is none.
        """
        try:
            found = msgspec.json.decode(content, type=cls)
        except msgspec.MsgspecError:
            raise Malformed("an entry of the anchor log cannot be read") from None
        if found.format != FORMAT:
            raise Malformed(f"an entry of the anchor log has another format than {FORMAT}")
        return found


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch with its sorted leaves, 64 bytes each."""

    number: int
    leaves: tuple[bytes, ...]

    @classmethod
    def over(
        cls, number: int, logs: Mapping[bytes, str], *, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> Epoch:
        """Return the epoch over logs, given as blind and text of the newest checkpoint.

        Args:
            number: of the epoch.
            logs: every log there is.
            random: makes the leaves that fill the tree up.
        """
        real = [leaf(blind, number, text) for blind, text in logs.items()]
        width = 1 << max(0, len(real) - 1).bit_length()
        filling = [random(2 * _PIECE) for _ in range(width - len(real))]
        return cls(number, tuple(sorted([*real, *filling])))

    def record(self, at: str) -> EpochRecord:
        """Return the entry for the anchor log; `at`: RFC 3339."""
        tree = Leaves(map(leaf_hash, self.leaves))
        return EpochRecord(FORMAT, self.number, at, len(self.leaves), encoded(tree.root()))

    def member(self, blind: bytes, text: str) -> Member | None:
        """Return the proof that a log stands here with a checkpoint of this text; None: it does not."""
        try:
            index = self.leaves.index(leaf(blind, self.number, text))
        except ValueError:
            return None
        tree = Leaves(map(leaf_hash, self.leaves))
        path = inclusion_proof(tree, index, len(self.leaves))
        return Member(self.number, index, tuple(map(encoded, path)), encoded(blind), text)

    def is_sorted(self) -> bool:
        """Whether no log could stand here twice: keys only rise. For whoever sees a whole epoch."""
        keys = [each[:_PIECE] for each in self.leaves]
        return all(one < other for one, other in pairwise(keys))


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a log's own people need to find it in an epoch: its secret, its checkpoint, and the path."""

    epoch: int
    index: int
    path: tuple[str, ...]
    blind: str
    checkpoint: str

    def holds(self, record: EpochRecord) -> bool:
        """Whether the epoch that the anchor log recorded commits to this checkpoint of the log.

        Raises:
            Malformed: when a field is not what it should be.
        """
        ours = leaf_hash(leaf(decoded(self.blind, "the blind"), self.epoch, self.checkpoint))
        path: Sequence[bytes] = [decoded(each, "a hash of the path") for each in self.path]
        root = decoded(record.root, "the root of the epoch")
        return self.epoch == record.epoch and verify_inclusion(ours, self.index, record.leaves, path, root)
