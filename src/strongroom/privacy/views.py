"""What a text may hide, as a reader who tries would see it: letters alone, every Caesar shift at once, spread out, encoded.

A view is written as its *steps*: from each letter to the next, modulo 26. A Caesar shift changes no step, so one comparison
stands for all twenty-six; spaces, punctuation, digits, letter case, zero-width characters, accents and letters that only look
like Latin ones are gone before (`folding.py`). The decodings do not ask whether something looks encoded: they drop what cannot
belong to the encoding and decode the rest at every alignment, so that line breaks, blanks and quotes in between do not help.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from strongroom.privacy.folding import fold

_A: Final = 97
_LETTERS: Final = bytes(range(_A, _A + 26))
_LOWER: Final = bytes(each + 32 if 65 <= each <= 90 else each for each in range(256))  # noqa: PLR2004 - A to Z
_NO_LETTER: Final = bytes(each for each in range(256) if not (65 <= each <= 90 or _A <= each < _A + 26))  # noqa: PLR2004 - A to Z
_STEP: Final = bytes(_A + each % 26 for each in range(256))
_PAD: Final = b"\x1a"
_MIRRORED: Final = bytes(2 * _A + 25 - each if _A <= each < _A + 26 else each for each in range(256))

_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URLSAFE: Final = bytes.maketrans(b"-_", b"+/")
_NO_BASE64: Final = bytes(each for each in range(256) if each not in _BASE64 and each not in b"-_")
_REST: Final = b"AAA"  # a last group that is not whole still has a letter or two
_HEX: Final = b"0123456789abcdefABCDEF"
_NO_HEX: Final = bytes(each for each in range(256) if each not in _HEX)
_DIGITS: Final = b"0123456789"
_NO_DIGIT: Final = bytes(each for each in range(256) if each not in _DIGITS)
_BLANKED: Final = bytes(each if each in _DIGITS else 32 for each in range(256))
_LEAST_DIGITS: Final = 8  # in hexadecimal or decimal, a letter has at least one
_ASCII: Final = 128


def letters(data: bytes) -> bytes:
    """Return the letters of a folded text, small."""
    return data.translate(_LOWER, _NO_LETTER)


def steps(word: bytes) -> bytes:
    """Return the steps between small letters, each as a letter: one fewer than there are letters."""
    size = len(word) - 1
    if size < 1:
        return b""
    # One subtraction for all: no byte of the sum borrows from the next, as each is between 1 and 51.
    ahead, behind = int.from_bytes(word[1:], "big"), int.from_bytes(word[:-1], "big")
    return (ahead + _pad(size) - behind).to_bytes(size, "big").translate(_STEP)


def variants(word: bytes) -> tuple[bytes, ...]:
    """Return the steps of small letters read forwards, backwards, and both in the mirrored alphabet (Atbash)."""
    mirrored = word.translate(_MIRRORED)
    return tuple(dict.fromkeys(steps(each) for each in (word, word[::-1], mirrored, mirrored[::-1])))


def word_views(data: bytes) -> Iterator[bytes]:
    """Yield the letters of a folded text, and every second and third of them: how a word is spread, whatever stands between."""
    found = letters(data)
    yield found
    for apart in (2, 3):
        for first in range(apart):
            yield found[first::apart]


def text_views(data: bytes) -> Iterator[bytes]:
    """Yield the letters of a folded text, and those among every second and third character: how a text is spread, blanks and all."""
    yield letters(data)
    for apart in (2, 3):
        for first in range(apart):
            yield letters(data[first::apart])


def decoded_views(data: bytes) -> Iterator[bytes]:
    """Yield the letters of what a folded text decodes to: base64, hexadecimal in every notation, decimal codes of characters."""
    run = data.translate(_URLSAFE, _NO_BASE64) + _REST
    for first in range(4):
        whole = first + (len(run) - first) // 4 * 4
        if whole > first:
            yield letters(binascii.a2b_base64(run[first:whole]))
    if len(data.translate(None, _NO_DIGIT)) < _LEAST_DIGITS:
        return
    run = data.replace(b"0x", b"").translate(None, _NO_HEX)
    for first in range(2):
        whole = first + (len(run) - first) // 2 * 2
        yield letters(binascii.unhexlify(run[first:whole]))
    codes = [int(each) for each in data.translate(_BLANKED).split() if len(each) <= 3]  # noqa: PLR2004 - of ASCII
    yield letters(bytes([each for each in codes if each < _ASCII]))


def stepped_words(text: str) -> bytes:
    """Return the steps of every view of words in `text`, one after the other; where two meet is one step that means nothing."""
    data = fold(text).data
    return steps(b"".join((*word_views(data), *decoded_views(data))))


def stepped_texts(text: str) -> bytes:
    """Return the steps of every view of texts in `text`, one after the other."""
    data = fold(text).data
    return steps(b"".join((*text_views(data), *decoded_views(data))))


def stepped_back(text: str) -> bytes:
    """Return the steps of the letters of `text` read backwards."""
    return steps(letters(fold(text).data)[::-1])


@lru_cache(maxsize=1024)
def _pad(size: int) -> int:
    return int.from_bytes(_PAD * size, "big")
