"""Chat templates as people compare them: found where formats keep them, bounded, and never left out silently."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec
import pytest

from strongroom.registry.content import PART, Broken, Stored
from strongroom.registry.releases.chattemplates import templates_of
from strongroom.registry.scan.testing.build import ARCHITECTURE, STRING, gguf, pair
from strongroom.runtime.gguf import text_of

UNREAD = "(It cannot be read.)"


class Held(Stored):
    """A stored file in memory."""

    def __init__(self, data: bytes) -> None:
        self.data, self.sha256, self.read = data, "", 0

    def length(self) -> int:
        return len(self.data)

    def chunks(self, first: int = 0) -> Iterator[bytes]:
        for at in range(first * PART, len(self.data), PART):
            self.read += 1
            yield self.data[at : at + PART]


def test_a_template_is_found_where_each_format_keeps_it() -> None:
    several = [{"name": "default", "template": "a"}, {"name": "tools", "template": "b"}, "no template"]
    files: dict[str, Stored | Broken] = {
        "chat.jinja": Held(b"{{ it }}"),
        "tokenizer_config.json": Held(msgspec.json.encode({"chat_template": "one"})),
        "more/tokenizer_config.json": Held(msgspec.json.encode({"chat_template": several})),
        "config.json": Held(msgspec.json.encode({"chat_template": "never looked at"})),
        "model.gguf": Held(gguf([ARCHITECTURE, pair("tokenizer.chat_template", STRING, "inside")])),
        "plain.gguf": Held(gguf([ARCHITECTURE])),
        "model.safetensors": Held(os.urandom(64)),
    }
    assert templates_of(files, text_of) == {
        "chat.jinja": "{{ it }}",
        "model.gguf: tokenizer.chat_template": "inside",
        "more/tokenizer_config.json: default": "a",
        "more/tokenizer_config.json: tools": "b",
        "tokenizer_config.json: chat_template": "one",
    }


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("chat.jinja", b"\xff\xfe"),
        ("chat.jinja", b"x" * (PART + 1)),
        ("tokenizer_config.json", b"{"),
        ("model.gguf", b"GGUF"),
        ("model.gguf", b""),
    ],
)
def test_what_cannot_be_read_is_named(path: str, data: bytes) -> None:
    held = Held(data)
    assert templates_of({path: held, "b.jinja": Broken("it was changed")}, text_of) == {path: UNREAD, "b.jinja": UNREAD}
    assert held.read <= 2


def test_of_a_large_file_a_bounded_part_is_read() -> None:
    large = Held(gguf([ARCHITECTURE, pair("tokenizer.chat_template", STRING, "inside")]) + b"\0" * (80 * PART))
    assert templates_of({"model.gguf": large}, text_of) == {"model.gguf: tokenizer.chat_template": "inside"}
    assert large.read <= 64
