"""Canaries: made-up words that belong nowhere but where they were planted, found in whatever form they come out.

Always true here:
- a canary is `LENGTH` letters, none of which a digit or a sign is drawn as, and which make no word of any language: what matches
  one is it;
- it is so short that each of its views (`views.py`) fits what a stream holds back, but those of six characters a letter, of which
  two letters do not: whoever looks at every `STRIDE` characters, `REACH` back, finds one before `FRAGMENT` letters of it left;
- what is told of one is its id, never the word.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final, NamedTuple

from strongroom.privacy.folding import fold
from strongroom.privacy.matching import Prefilter
from strongroom.privacy.stream import HOLD, STEP
from strongroom.privacy.views import decoded_views, stepped_words, steps, variants, word_views

LENGTH: Final = 12
LETTERS: Final = "cdfhjkmnpqrvwxy"
"""No vowel but y, so that no word comes of them; none of a, b, e, g, i, l, o, s, t, z, which digits and signs are written for."""
STRIDE: Final = STEP
REACH: Final = HOLD + STEP + 16
"""Characters that are looked at again with new ones: the longest view that is found, less one."""
FRAGMENT: Final = 4
"""So many letters in a row no stream lets go of, in whatever form: a stop in the stream may let go of three, `\\u` of two."""
_RISING: Final = 4
"""Letters of which the beginning of a canary is known as such."""
_DECODING: Final = 3
"""The same in what decodes to letters: the next one is half there already."""
_PADDED: Final = 2
"""Letters at most at the end of what was decoded that only the padding of half a group made."""
_BLOCK: Final = 4096


class Canary(NamedTuple):
    """One word that was planted.

    Attributes:
        id: what it is told by.
        word: its letters, small.
    """

    id: str
    word: str


def make() -> str:
    """Return a new canary's word. No two letters in a row are the same, and no step comes twice in a row: nothing counts up to it."""
    while True:
        word = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
        walked = steps(word.encode("ascii"))
        if b"a" not in walked and len(set(walked)) >= LENGTH // 2 and not any(map(int.__eq__, walked, walked[1:])):
            return word


class Canaries:
    """Any number of canaries as one automaton: looking costs the same for one as for a thousand. Immutable."""

    def __init__(self, planted: Iterable[Canary]) -> None:
        self._planted = tuple(planted)
        whole = [(each, view) for each in self._planted for view in variants(each.word.encode("ascii"))]
        self._whole = Prefilter([view.decode("ascii") for _, view in whole])
        self._whose = [each for each, _ in whole]
        self._risen = frozenset(view[:cut] for _, view in whole for cut in range(_DECODING - 1, len(view)))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._planted)

    def among(self, stepped_views: bytes) -> list[Canary]:
        """Return the canaries in views that were taken already (`views.stepped_words`)."""
        hits = self._whole.hits(stepped_views)
        return list(dict.fromkeys(self._whose[each] for each in sorted(hits))) if hits else []

    def find(self, text: str) -> list[Canary]:
        """Return the canaries that a text of any length holds, in any view."""
        if not self._planted:
            return []
        found: dict[Canary, None] = {}
        for at in range(0, max(len(text), 1), _BLOCK):
            found |= dict.fromkeys(self.among(stepped_words(text[max(0, at - REACH) : at + _BLOCK])))
        return list(found)

    def rising(self, text: str) -> bool:
        """Say whether a text may end with the beginning of a canary, in letters: what goes on may make it one."""
        if not self._planted:
            return False
        data = fold(text[-REACH:]).data
        if any(self._rises(steps(view), _RISING) for view in word_views(data)):
            return True
        decoded = (steps(view) for view in decoded_views(data))
        return any(self._rises(each[: len(each) - cut], _DECODING) for each in decoded for cut in range(_PADDED + 1))

    def _rises(self, walked: bytes, least: int) -> bool:
        return any(walked[-size:] in self._risen for size in range(least - 1, min(LENGTH - 1, len(walked) + 1)))
