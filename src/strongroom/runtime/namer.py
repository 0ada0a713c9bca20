"""A token classifier for names of people and places in ONNX Runtime (tier 2 of the privacy engine).

Always true here:
- what a text comes to does not depend on what else is read with it: weights alone are quantised, never activations, and
  windows of one batch are padded and masked;
- nothing of a text is kept.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from strongroom.privacy.model import Span
from strongroom.privacy.naming import OUTPUTS, Read, spans_of, windows

_TOKENS: Final = 1024  # of one run, padding included: what bounds its memory and how long it takes
_MOST: Final = 8  # windows of one run


class Window(NamedTuple):
    """A piece of a text to be read: its tokens, where they stand, and which of them count."""

    ids: tuple[int, ...]
    places: tuple[tuple[int, int], ...]
    first: int
    last: int


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
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        ids, places = encoded.ids, encoded.offsets
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


def fitting(waiting: Sequence[Window]) -> int:
    """Return how many of the windows from the first on go into one run; at least one."""
    longest = 0
    for number, window in enumerate(waiting[:_MOST]):
        longest = max(longest, len(window.ids))
        if number and longest * (number + 1) > _TOKENS:
            return number
    return min(len(waiting), _MOST)
