"""SentencePiece models (`tokenizer.model`), on the raw protobuf of sentencepiece_model.proto."""

from __future__ import annotations

from typing import Final

from strongroom.registry.scan.protobuf import F, Field, Message, walk
from strongroom.registry.scan.tape import Malformed, Tape

_INT, _INTS, _TEXT, _TEXTS = (Field(each) for each in (F.INT, F.INTS, F.TEXT, F.TEXTS))
_BLOB, _FIXED32 = Field(F.BLOB), Field(F.FIXED32)
_NORMALIZER: Final = Field(F.ONE, "NormalizerSpec")

SCHEMA: Final = {
    "ModelProto": {
        1: Field(F.MANY, "SentencePiece"), 2: Field(F.ONE, "TrainerSpec"), 3: _NORMALIZER,
        4: Field(F.ONE, "SelfTestData"), 5: _NORMALIZER,
    },
    "SentencePiece": {1: _BLOB, 2: _FIXED32, 3: _INT},
    "TrainerSpec": {
        **dict.fromkeys((1, 5), _TEXTS), **dict.fromkeys((2, 7, 44, 45, 46, 47, 48, 53), _TEXT),
        **dict.fromkeys((30, 31), _TEXTS), 36: _TEXT,
        **dict.fromkeys((3, 4, 6, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 32, 33, 34, 35, 40, 41, 42, 43, 49, 50,
                         52), _INT),
        **dict.fromkeys((10, 15, 51), _FIXED32), 54: _TEXT,
    },
    "NormalizerSpec": {1: _TEXT, 2: _BLOB, 3: _INT, 4: _INT, 5: _INT, 6: _BLOB},
    "SelfTestData": {1: Field(F.MANY, "Sample")},
    "Sample": {1: _BLOB, 2: _BLOB},
}  # fmt: skip


def recognised(head: bytes) -> bool:
    """Whether a file that begins so can be one: it begins with a piece."""
    return len(head) > 4 and head[0] == 0x0A and head[2] == 0x0A  # noqa: PLR2004 - a piece, and its text first


def parse(tape: Tape) -> None:
    """Read a whole file.

    Raises:
        Malformed: at the first thing that is not as it must be.
    """

    def ended(message: Message) -> None:
        if message.kind == "SentencePiece" and 1 not in message.seen:
            raise Malformed("missing-field", "A piece of this tokenizer has no text.", message.at)

    model = walk(tape, SCHEMA, "ModelProto", ended)
    if not {1, 2} <= model.seen:
        raise Malformed("missing-field", "A tokenizer lacks its pieces or its trainer's settings.", 0)
