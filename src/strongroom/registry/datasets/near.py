"""Rows that say the same as an earlier one, to the letter or nearly: MinHash, and a comparison of what it points at.

Numbers are compared as numbers, and only what tells rows apart makes a copy: a table of few values repeats itself. Texts of eight
words and more are compared by their words; where no single text is as long, the rest of the row has to agree as well.

Of each row a signature of 32 numbers is kept (one permutation, split into bins); rows that agree in two neighbouring ones are
compared. With a likeness of 0.9, the chance not to be compared is below one in a billion.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from strongroom.registry.datasets import numbers
from strongroom.registry.datasets.numbers import Grid, Numbers, Table, close, number
from strongroom.registry.datasets.reading import Row, encoded

EXACT, NEAR = "duplicate", "near-duplicate"
LIKENESS: Final = 0.9
RULES: Final = hashlib.sha256(
    f"minhash 32 bins, bands of 2, words by 3, likeness {LIKENESS}; {numbers.RULES}".encode()
).hexdigest()
_BINS: Final = 32
_LEAST_WORDS: Final = 8  # below, one word of difference is a difference
_MOST_COMPARED: Final = 50
_WORD: Final = re.compile(r"\w+")
_EMPTY: Final = 1 << 32


class Known:
    """The rows so far."""

    def __init__(self, table: Table) -> None:
        """Take what the columns of the whole set hold."""
        self._table = table
        self._whole = set[bytes]()
        self._bands: defaultdict[tuple[int, int, int], list[int]] = defaultdict(list)
        self._texts = list[tuple[str, Numbers | None]]()
        self._grid = Grid()

    def met(self, row: Row) -> str | None:
        """Return whether a row is another again, exactly or nearly; None: it is new, and known from now on."""
        values = self._table.counted(row)
        whole = hashlib.sha256(encoded(values)).digest()
        texts = [each.lower() for each in values.values() if isinstance(each, str) and number(each) is None]
        words = [_WORD.findall(each) for each in texts]
        is_prose = any(len(each) >= _LEAST_WORDS for each in words)
        if whole in self._whole:
            return EXACT if is_prose or not self._table.is_common(row) else None
        self._whole.add(whole)
        said = self._table.numbers(row)
        if sum(map(len, words)) >= _LEAST_WORDS:
            return self._met_text(row, "\n".join(texts), None if is_prose else said)
        if said is None:
            return None
        if self._grid.near(said) and self._table.is_telling(row):
            return NEAR
        self._grid.keep(said)
        return None

    def _met_text(self, row: Row, text: str, said: Numbers | None) -> str | None:
        shingles = _shingles(_WORD.findall(text))
        bands = list(_bands(_signature(shingles)))
        for other, others in (self._texts[each] for each in self._near(bands)):
            if self._agree(row, said, others) and _alike(shingles, _shingles(_WORD.findall(other))) >= LIKENESS:
                return NEAR
        for band in bands:
            if len(self._bands[band]) < _MOST_COMPARED:
                self._bands[band].append(len(self._texts))
        self._texts.append((text, said))
        return None

    def _agree(self, row: Row, one: Numbers | None, other: Numbers | None) -> bool:
        """Whether the numbers of two rows whose texts are alike say the same, where they count."""
        if one is None or other is None:
            return True
        return one.vector == other.vector or (close(one.vector, other.vector) and self._table.is_telling(row))

    def _near(self, bands: Iterable[tuple[int, int, int]]) -> list[int]:
        found = dict[int, None]()
        for band in bands:
            found |= dict.fromkeys(self._bands.get(band, ()))
        return list(found)[: _MOST_COMPARED * 4]


def _shingles(words: Sequence[str]) -> frozenset[int]:
    return frozenset(
        zlib.crc32(" ".join(words[at : at + 3]).encode(errors="replace")) for at in range(max(1, len(words) - 2))
    )


def _signature(shingles: frozenset[int]) -> list[int]:
    bins = [_EMPTY] * _BINS
    for each in shingles:
        mixed = (each * 0x9E3779B1) & 0xFFFFFFFF  # a CRC's low bits alone are not even
        place = mixed >> 27
        bins[place] = min(bins[place], mixed)
    filled = [at for at, value in enumerate(bins) if value != _EMPTY]
    # An empty bin takes its next neighbour's value: so two alike texts are alike there too.
    return [bins[min(filled, key=lambda each: (each - at) % _BINS)] for at in range(_BINS)]


def _bands(signature: list[int]) -> Iterable[tuple[int, int, int]]:
    for at in range(_BINS):
        yield at, signature[at], signature[(at + 1) % _BINS]


def _alike(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other)
