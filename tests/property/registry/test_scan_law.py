"""Laws of the parsers: whatever the bytes are, they end in a verdict; sound ones pass; one reader's JSON is another's."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from strongroom.registry.scan import Verdict
from strongroom.registry.scan.inspect import inspect
from strongroom.registry.scan.jsonread import JsonReader, T
from strongroom.registry.scan.model import FileReport
from strongroom.registry.scan.tape import Malformed, Tape
from strongroom.registry.scan.testing import good
from strongroom.registry.scan.testing.build import ARCHITECTURE, gguf, info, safetensors, tensor

SOUND = [data for sample in good() for data in sample.files.values() if len(data) < 4096]


def look(data: bytes, name: str = "model") -> FileReport:
    descriptor = os.memfd_create("scan")
    try:
        os.write(descriptor, data)
        return inspect(descriptor, name, len(data)).report
    finally:
        os.close(descriptor)


@given(st.sampled_from(SOUND), st.data())
def test_bytes_broken_anywhere_end_in_a_verdict(sound: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(sound)))
    put = data.draw(st.binary(max_size=12))
    gone = data.draw(st.integers(0, 12))
    report = look(sound[:at] + put + sound[at + gone :])
    assert report.verdict in {Verdict.CLEAN, Verdict.REFUSED}
    assert len(report.sha256) == len(report.blake3) == 64
    assert (report.verdict is Verdict.CLEAN) == (not any(each.level == "refuse" for each in report.findings))


@given(st.binary(max_size=600))
def test_any_bytes_end_in_a_verdict(data: bytes) -> None:
    assert look(data).verdict in {Verdict.CLEAN, Verdict.REFUSED}


@given(
    st.binary(max_size=200),
    st.sampled_from(
        [b"GGUF\x03\0\0\0", b"\x40\0\0\0\0\0\0\0{", b"\x08\x09", b"PK\x03\x04", b"\x80\x04", b"\x1f\x8b\x08"]
    ),
)
def test_bytes_behind_a_magic_end_in_a_verdict(data: bytes, magic: bytes) -> None:
    assert look(magic + data).verdict is Verdict.REFUSED


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["U8", "F32", "BF16", "I64"])), max_size=12), st.randoms()
)
def test_tensors_that_cover_the_data_are_clean_and_one_byte_more_or_less_is_not(
    parts: list[tuple[int, str]], random: Any
) -> None:
    widths = {"U8": 1, "F32": 4, "BF16": 2, "I64": 8}
    entries: list[tuple[str, dict[str, Any]]] = []
    at = 0
    for index, (count, dtype) in enumerate(parts):
        entries.append((f"t{index}", tensor(at, at + count * widths[dtype], dtype, [count])))
        at += count * widths[dtype]
    random.shuffle(entries)
    data = safetensors(dict(entries), b"\1" * at)
    assert look(data).verdict is Verdict.CLEAN
    assert look(data + b"\1").verdict is Verdict.REFUSED
    assert not at or look(data[:-1]).verdict is Verdict.REFUSED


@given(st.lists(st.integers(1, 40), max_size=8), st.randoms())
def test_gguf_tensors_one_after_the_other_are_clean_in_any_order(counts: list[int], random: Any) -> None:
    infos: list[bytes] = []
    data = b""
    for index, count in enumerate(counts):
        data += b"\0" * (-len(data) % 32)
        infos.append(info(f"t{index}", [count], 0, len(data)))
        data += b"\1" * 4 * count
    random.shuffle(infos)
    whole = gguf([ARCHITECTURE], infos, data)
    assert look(whole).verdict is Verdict.CLEAN
    assert not counts or look(whole[:-1]).verdict is Verdict.REFUSED


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)


def rebuilt(text: bytes) -> Any:
    """Return the value that the tokens are of."""
    descriptor = os.memfd_create("json")
    try:
        os.write(descriptor, text)
        tokens = list(JsonReader(Tape(descriptor, len(text)), len(text)).tokens())
    finally:
        os.close(descriptor)
    return build(tokens)


def build(tokens: list[tuple[T, str]]) -> Any:
    position = 0

    def value() -> Any:
        nonlocal position
        kind, text = tokens[position]
        position += 1
        match kind:
            case T.OPEN:
                found: dict[str, Any] = {}
                while tokens[position][0] is not T.CLOSE:
                    key = tokens[position][1]
                    position += 1
                    found[key] = value()
                position += 1
                return found
            case T.ITEMS:
                items: list[Any] = []
                while tokens[position][0] is not T.END:
                    items.append(value())
                position += 1
                return items
            case T.TEXT:
                return text
            case _:
                return json.loads(text)

    return value()


@given(JSON, st.sampled_from([None, 2]), st.booleans())
def test_the_tokens_of_json_are_those_of_the_standard_reader(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert rebuilt(text.encode(errors="surrogatepass")) == json.loads(text)


@given(JSON, st.data())
def test_json_that_the_standard_reader_refuses_is_refused(value: Any, data: st.DataObject) -> None:
    text = json.dumps(value).encode()
    at = data.draw(st.integers(0, len(text)))
    broken = text[:at] + data.draw(st.binary(min_size=1, max_size=3)) + text[at + 1 :]
    try:
        rebuilt(broken)
    except Malformed:
        return
    json.loads(broken)  # what passed here passes there
