"""Sentence embeddings: tokenizer, ONNX Runtime, mean pooling, unit length.

Always true here:
- each text is computed alone: the int8 model scales by what is in its batch, so a text that shared one would get a
  vector that depends on its neighbours;
- a text that does not fit is refused, never cut without a word;
- threads are what the configuration says, and no input is kept.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Final

from strongroom.runtime import onnx_session, weights
from strongroom.runtime.digests import Format
from strongroom.runtime.spec import WorkerConfig

MAX_TOKENS: Final = 256
"""What the model was trained to read at once, its two special tokens included."""


class Embedder:
    """One loaded model."""

    def __init__(self, config: WorkerConfig) -> None:
        # Only now, with the process confined: these start threads and parse what they are given. Two carry no types.
        self._numpy: Any = importlib.import_module("numpy")
        runtime: Any = importlib.import_module("onnxruntime")
        tokenizers: Any = importlib.import_module("tokenizers")
        self._session = onnx_session.opened(runtime, config, patterns=True)
        self._inputs = {item.name for item in self._session.get_inputs()}
        text = weights.read(config.file(Format.TOKENIZER).descriptor).decode()
        self._tokenizer = tokenizers.Tokenizer.from_str(text)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._first, self._last = self._tokenizer.encode("").ids  # [CLS] and [SEP]
        self.vocabulary = int(self._tokenizer.get_vocab_size())
        self.dimensions = int(self._session.get_outputs()[0].shape[-1])

    def tokenize(self, text: str) -> list[int]:
        """Return the text's tokens, special ones included."""
        return list(self._tokenizer.encode(text).ids)

    def frame(self, tokens: Sequence[int]) -> list[int]:
        """Return bare tokens with the special ones around them."""
        return [self._first, *tokens, self._last]

    def embed(self, tokens: Sequence[int]) -> bytes:
        """Return the unit vector of one text as little-endian 32-bit floats."""
        numpy = self._numpy
        ids = numpy.asarray([tokens], dtype=numpy.int64)
        fed = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
        hidden = self._session.run(None, {name: fed[name] for name in self._inputs})[0]
        vector = hidden[0].mean(axis=0)  # every token counts: there is no padding
        vector = vector / max(float(numpy.linalg.norm(vector)), 1e-12)
        return bytes(vector.astype("<f4").tobytes())
