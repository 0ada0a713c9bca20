"""A token classifier for names of people and places in ONNX Runtime (tier 2 of the privacy engine).

Always true here:
- what a text comes to does not depend on what else is read with it: weights alone are quantised, never activations, and
  windows of one batch are padded and masked;
- a text is cut into tokens a piece at a time, so that a long one can be left for another's between two of them;
- nothing of a text is kept.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from string import punctuation, whitespace
from typing import Any, Final, NamedTuple

from strongroom.privacy.model import Span
from strongroom.privacy.naming import OUTPUTS, Read, spans_of, windows

_TOKENS: Final = 1024  # of one run, padding included: what bounds its memory and how long it takes
_MOST: Final = 8  # windows of one run
PIECE: Final = 4096
"""Characters, at most, that are cut into tokens at a time."""
_BACK: Final = 256  # characters from the end of a piece in which a place between two words is looked for
_BETWEEN: Final = frozenset(whitespace + punctuation)  # each of these stands before a token, or is one


class Window(NamedTuple):
    """A piece of a text to be read: its tokens, where they stand, and which of them count."""

    ids: tuple[int, ...]
    places: tuple[tuple[int, int], ...]
    first: int
    last: int


class Tokens(NamedTuple):
    """What a piece of a text comes to: its tokens, and where they stand in the text."""

    ids: Sequence[int]
    places: Sequence[tuple[int, int]]


class WrongModel(Exception):  # noqa: N818 - said to a person
    """The model is not one that tells apart what is expected here."""


class Namer:
    """One loaded model. One thread at a time.

    Args:
        model: the ONNX model: its path, or its bytes.
        tokenizer: the text of its `tokenizer.json`.
        threads: compute threads.

    Raises:
        WrongModel: it has other outputs than are read here.
    """

    def __init__(self, model: str | bytes, tokenizer: str, *, threads: int = 1) -> None:
        # Late: these start threads and parse what they are given, and two carry no types.
        self._numpy: Any = importlib.import_module("numpy")
        runtime: Any = importlib.import_module("onnxruntime")
        tokenizers: Any = importlib.import_module("tokenizers")
        runtime.set_default_logger_severity(4)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it would keep the largest request's memory for good
        options.log_severity_level = 4
        runtime.disable_telemetry_events()
        self._session: Any = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = {item.name for item in self._session.get_inputs()}
        if self._session.get_outputs()[0].shape[-1] != OUTPUTS:
            raise WrongModel(f"a model of names has {OUTPUTS} outputs, this one has others")
        self._tokenizer: Any = tokenizers.Tokenizer.from_str(tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._begin, self._end = self._tokenizer.encode("").ids  # [CLS] and [SEP]

    def read(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of each text."""
        cut = [self.cut(text) for text in texts]
        flat = [window for each in cut for window in each]
        read: list[list[Read]] = []
        at = 0
        while at < len(flat):
            run = fitting(flat[at:])
            read += self.run(flat[at : at + run])
            at += run
        found: list[list[Span]] = []
        at = 0
        for text, each in zip(texts, cut, strict=True):
            found.append(spans_of(text, [token for window in read[at : at + len(each)] for token in window]))
            at += len(each)
        return found

    def cut(self, text: str) -> list[Window]:
        """Return the windows over a text."""
        return self.lay([self.tokens(piece, at) for at, piece in pieces(text)])

    def tokens(self, piece: str, at: int) -> Tokens:
        """Return the tokens of a piece of a text that begins at `at`."""
        encoded = self._tokenizer.encode(piece, add_special_tokens=False)
        places = encoded.offsets if not at else [(start + at, end + at) for start, end in encoded.offsets]
        return Tokens(encoded.ids, places)

    def lay(self, read: Sequence[Tokens]) -> list[Window]:
        """Return the windows over a text of which these are the tokens of all its pieces, in order."""
        ids = [token for piece in read for token in piece.ids]
        places = [place for piece in read for place in piece.places]
        return [
            Window(tuple(ids[start:end]), tuple(places[start:end]), first - start, last - start)
            for start, end, first, last in windows(len(ids))
        ]

    def run(self, run: Sequence[Window]) -> list[list[Read]]:
        """Return what the model makes of some windows (`fitting` says how many)."""
        numpy = self._numpy
        longest = max(len(window.ids) for window in run) + 2
        ids = numpy.zeros((len(run), longest), dtype=numpy.int64)
        mask = numpy.zeros_like(ids)
        for row, window in enumerate(run):
            ids[row, : len(window.ids) + 2] = [self._begin, *window.ids, self._end]
            mask[row, : len(window.ids) + 2] = 1
        fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}
        scores = self._session.run(None, {name: fed[name] for name in self._inputs})[0]
        raised = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
        likely = raised / raised.sum(axis=-1, keepdims=True)
        best, sure = likely.argmax(axis=-1), likely.max(axis=-1)
        return [
            [
                Read(*window.places[place], int(best[row, place + 1]), float(sure[row, place + 1]))
                for place in range(window.first, window.last)
            ]
            for row, window in enumerate(run)
        ]


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield a text in pieces that are cut into tokens one at a time: where each begins, and the piece.

    They end between words, as tokens do, so the pieces have the tokens of the whole. A word that is too long for that is nobody's.
    """
    at = 0
    while len(text) - at > PIECE:
        most = at + PIECE
        end = next((end for end in range(most, most - _BACK, -1) if text[end] in _BETWEEN), most)
        yield at, text[at:end]
        at = end
    yield at, text[at:]


def fitting(waiting: Sequence[Window]) -> int:
    """Return how many of the windows from the first on go into one run; at least one."""
    longest = 0
    for number, window in enumerate(waiting[:_MOST]):
        longest = max(longest, len(window.ids))
        if number and longest * (number + 1) > _TOKENS:
            return number
    return min(len(waiting), _MOST)
