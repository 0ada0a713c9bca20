"""Batches of the worker for names: in turn between tenants, bounded, and done with whoever leaves."""

from __future__ import annotations

import asyncio
import importlib
import string
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.privacy.naming import Read
from strongroom.runtime.lender import QueueFullError
from strongroom.runtime.name_front import MAX_CHARACTERS, Batcher
from strongroom.runtime.namer import PIECE, Tokens, Window, fitting, pieces

LIGHT = ord(".")
"""Is cut, and is no window: a text that takes long to be cut and nothing to be read."""


class Engine:
    """Reads windows when it is let; each text is as many windows as it has characters."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.let = threading.Event()
        self.begun = threading.Event()
        self.fails = False
        self.cut: list[str] = []

    def tokens(self, piece: str, at: int) -> Tokens:
        self.cut.append(piece[:1])
        if piece.startswith("?"):
            raise ValueError("no")
        return Tokens([ord(each) for each in piece], [(place, place + 1) for place in range(at, at + len(piece))])

    def lay(self, read: Sequence[Tokens]) -> list[Window]:
        return [
            Window((token,), (place,), 0, 1)
            for piece in read
            for token, place in zip(piece.ids, piece.places, strict=True)
            if token != LIGHT
        ]

    def run(self, run: Sequence[Window]) -> list[list[Read]]:
        self.begun.set()
        assert self.let.wait(10)
        self.runs.append("".join(chr(window.ids[0]) for window in run))
        if self.fails:
            raise RuntimeError("no")
        return [[Read(*window.places[0], 0, 1.0)] for window in run]


async def begun(engine: Engine) -> None:
    assert await asyncio.to_thread(engine.begun.wait, 10)


def batcher(engine: Engine) -> Batcher:
    stands_in: Any = engine
    return Batcher(stands_in)


async def test_a_long_text_of_one_tenant_delays_anothers_by_one_batch() -> None:
    engine = Engine()
    made = batcher(engine)
    long = asyncio.ensure_future(made.read("a", ["a" * 40]))
    await begun(engine)  # a batch of a's alone is under way, and b's texts come
    # The one thread that cuts is the one that reads: b's are cut between two batches.
    short = asyncio.ensure_future(made.read("b", ["bb", "b"]))
    engine.let.set()
    assert [len(each) for each in await short] == [2, 1]
    assert [len(each) for each in await long] == [40]
    assert "".join(engine.runs).count("a") == 40
    first = next(number for number, run in enumerate(engine.runs) if "b" in run)
    assert first <= 2
    assert engine.runs[first].count("b") == 3, "all of b's in its first batch"
    assert "a" in engine.runs[first], "and a goes on beside it"


async def test_who_leaves_is_read_no_further() -> None:
    engine = Engine()
    made = batcher(engine)
    gone = asyncio.ensure_future(made.read("a", ["a" * 400]))
    await begun(engine)
    gone.cancel()
    await asyncio.wait([gone])
    engine.let.set()
    assert await made.read("b", ["b"])
    assert "".join(engine.runs).count("a") <= 16


async def test_what_waits_is_bounded_for_each_tenant() -> None:
    engine = Engine()
    made = batcher(engine)
    engine.let.set()
    with pytest.raises(QueueFullError):
        await made.read("a", ["a" * 5000])
    assert await made.read("b", ["b"]), "another is read all the same"
    assert await made.read("a", [""]) == [[]]


async def test_a_fault_of_the_engine_ends_those_that_were_read_and_nobody_after_them() -> None:
    engine = Engine()
    made = batcher(engine)
    engine.let.set()
    engine.fails = True
    with pytest.raises(RuntimeError):
        await made.read("a", ["a"])
    engine.fails = False
    assert await made.read("a", ["a"]) == [[Read(0, 1, 0, 1.0)]]


async def test_long_texts_of_one_tenant_are_cut_in_turn_with_anothers_short_one() -> None:
    engine = Engine()
    made = batcher(engine)
    long = [asyncio.ensure_future(made.read("a", ["." * (MAX_CHARACTERS - 1000) + "a"])) for _ in range(4)]
    over = [asyncio.ensure_future(made.read("a", ["." * MAX_CHARACTERS])) for _ in range(56)]
    short = asyncio.ensure_future(made.read("b", ["b"]))
    await begun(engine)
    assert [type(each.exception()) for each in over] == [QueueFullError] * 56, "before anything was done about them"
    assert engine.cut.count(".") <= 8, "of some two hundred and fifty pieces"
    engine.let.set()
    assert await short
    assert [len(text) for (text,) in await asyncio.gather(*long)] == [1] * 4
    assert await made.read("a", ["a"]), "and there is room again"


async def test_however_much_of_others_waits_a_tenants_first_text_is_read() -> None:
    engine = Engine()
    made = batcher(engine)
    long = "." * (MAX_CHARACTERS - 1000) + "a"
    others = [asyncio.ensure_future(made.read(f"t{number // 4}", [long])) for number in range(16)]
    await asyncio.sleep(0)
    more = asyncio.ensure_future(made.read("t4", [long, long]))
    over = asyncio.ensure_future(made.read("t4", ["a"]))
    short = asyncio.ensure_future(made.read("b", ["b"]))
    await begun(engine)
    assert isinstance(over.exception(), QueueFullError), "the control: who has some waiting already finds it full"
    engine.let.set()
    assert await short
    assert not more.done(), "before most of what came first"
    assert len(await asyncio.gather(*others, more)) == 17


async def test_who_leaves_is_cut_no_further_and_makes_room() -> None:
    engine = Engine()
    made = batcher(engine)
    engine.let.set()
    for _ in range(8):  # twice what may wait
        gone = [asyncio.ensure_future(made.read("a", ["." * (MAX_CHARACTERS - 1000)])) for _ in range(4)]
        await asyncio.sleep(0)
        for each in gone:
            each.cancel()
        await asyncio.wait(gone)
        assert all(each.cancelled() for each in gone)
    assert await made.read("b", ["b"])
    assert engine.cut.count(".") <= 8 * 5


async def test_a_text_that_cannot_be_cut_ends_its_own_request() -> None:
    engine = Engine()
    made = batcher(engine)
    engine.let.set()
    bad, good = await asyncio.gather(made.read("a", ["?", "a"]), made.read("b", ["b"]), return_exceptions=True)
    assert isinstance(bad, ValueError)
    assert good == [[Read(0, 1, 0, 1.0)]]
    assert await made.read("a", ["a"]) == good


@given(st.text("ab ,\n\u00e9", max_size=60).map(lambda text: text * 300))
@settings(max_examples=30, deadline=None)
def test_pieces_are_the_text_and_end_between_words(text: str) -> None:
    cut = list(pieces(text))
    assert "".join(piece for _, piece in cut) == text
    assert [at for at, _ in cut] == [sum(len(each) for _, each in cut[:number]) for number in range(len(cut))]
    assert all(len(piece) <= PIECE for _, piece in cut)
    if any(each in text for each in " ,\n"):  # words are shorter than what is looked back
        assert all(piece[0] in " ,\n" for at, piece in cut if at)


def test_pieces_come_to_the_tokens_of_the_whole() -> None:
    tokenizers: Any = importlib.import_module("tokenizers")
    models: Any = importlib.import_module("tokenizers.models")
    ends = string.ascii_letters + string.digits + string.punctuation + "\u00e9\u4e2d"
    vocabulary = {each: number for number, each in enumerate(["[UNK]", *ends, *[f"##{each}" for each in ends]])}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = importlib.import_module("tokenizers.normalizers").BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = importlib.import_module("tokenizers.pre_tokenizers").BertPreTokenizer()
    text = 'Jane O\'Neil wrote to Jos\u00e9; \n{"name":"Ana M."}\u4e2d\u4e2d ' * 300
    whole = tokenizer.encode(text)
    parts = [(at, tokenizer.encode(piece)) for at, piece in pieces(text)]
    assert len(parts) > 3
    assert [token for _, part in parts for token in part.ids] == whole.ids
    places = [(start + at, end + at) for at, part in parts for start, end in part.offsets]
    assert places == whole.offsets


@pytest.mark.parametrize(
    ("lengths", "taken"), [((1,), 1), ((160,) * 9, 6), ((1,) * 20, 8), ((5000, 1), 1), ((10, 1020), 1)]
)
def test_a_run_is_bounded_in_windows_and_in_tokens(lengths: tuple[int, ...], taken: int) -> None:
    waiting = [Window((0,) * length, ((0, 1),) * length, 0, length) for length in lengths]
    assert fitting(waiting) == taken
