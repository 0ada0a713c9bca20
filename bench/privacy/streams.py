"""Streams cut at random: whether a fragment of anything that the whole text holds leaves, and how long text is held.

How long depends on the text alone, with tier 2 too: by characters that have come, whatever the model's pace.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.privacy.made import examples

from strongroom.privacy import Engine
from strongroom.privacy.stream import Held
from strongroom.privacy.windows import Placed, Windows

GONE = "\ue000"


def blank(kind: str, value: str) -> str:
    del kind
    return GONE * len(value)


def pieces(text: str, chance: random.Random) -> Iterator[str]:
    at = 0
    while at < len(text):
        size = chance.randint(2, 6)
        yield text[at : at + size]
        at += size


def splits(number: int, seed: int = 3) -> None:
    """Print of `number` random splits how many let a character of a finding go, and how long a text was held."""
    chance = random.Random(seed)  # noqa: S311 - a bench repeats itself
    engine = Engine()
    parts = [each.text for each in examples(2400, seed)]
    texts = ["\n".join(parts[at : at + 6]) for at in range(0, len(parts), 6)]
    findings = [engine.find(text) for text in texts]
    leaked = spans = longest = first = 0
    for turn in range(number):
        text, found = texts[turn % len(texts)], findings[turn % len(texts)]
        held, out, taken, began = Held(engine.find, blank), "", 0, 0
        for piece in pieces(text, chance):
            taken += len(piece)
            out += held.feed(piece)
            longest = max(longest, taken - len(out))
            began = began or (taken if out else 0)
        out += held.finish()
        first += began or len(text)
        spans += len(found)
        leaked += sum(any(character != GONE for character in out[span.start : span.end]) for span in found)
    print(f"{number} random splits (2 to 6 characters a piece), {spans} findings: {leaked} leaked a character")
    print(f"held at most {longest} characters; the first piece left after {first / number:.0f} characters on average")


def read_along(engine: Engine) -> tuple[Callable[[str], str], Callable[[], str]]:
    """Return what takes a piece of a text that goes window by window, and what ends it; the model told of nothing."""
    windows, placed = Windows(), Placed(lambda: 0)
    held = Held(engine.plus(placed).find, blank)

    def feed(piece: str) -> str:
        windows.feed(piece)
        return "".join(held.feed(window.block) for window in windows.ready())

    def finish() -> str:
        return "".join(held.feed(window.block) for window in windows.rest()) + held.finish()

    return feed, finish


def holds(classes: Mapping[str, Sequence[str]]) -> None:
    """Print for each class of texts, by patterns and lists and with a model that reads along: the longest hold, the first piece."""
    engine = Engine()
    for name, texts in classes.items():
        for tiers in ("T0+T1", "T0+T1+T2"):
            longest = first = 0
            for text in texts:
                held = Held(engine.find, blank)
                feed, finish = (held.feed, held.finish) if tiers == "T0+T1" else read_along(engine)
                out, began = 0, 0
                for at, character in enumerate(text, 1):
                    out += len(feed(character))
                    longest = max(longest, at - out)
                    began = began or (at if out else 0)
                finish()
                first += began or len(text)
            print(f"  {name:28} {tiers:9} held at most {longest:5}   first piece after {first / len(texts):4.0f}")
