"""What the parsers say of one file, and that its digests are those of the bytes they parsed."""

from __future__ import annotations

import hashlib
import os
import struct

import pytest
from blake3 import blake3

from strongroom.registry.scan import Kind, Verdict
from strongroom.registry.scan.inspect import inspect
from strongroom.registry.scan.model import FileReport
from strongroom.registry.scan.pickles import trace_bytes
from strongroom.registry.scan.testing.build import call, gguf, graph, info, node, onnx, safetensors, tensor


def look(data: bytes, name: str = "file") -> FileReport:
    descriptor = os.memfd_create("scan")
    try:
        os.write(descriptor, data)
        return inspect(descriptor, name, len(data)).report
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("size", [0, 1, 4 << 20, (4 << 20) + 1, (9 << 20) + 7])
def test_digests_are_of_all_bytes_whether_hashed_beside_or_not(size: int) -> None:
    data = safetensors({"a": tensor(0, size)}, b"\7" * size)
    report = look(data)
    assert report.verdict is Verdict.CLEAN
    assert report.sha256 == hashlib.sha256(data).hexdigest()
    assert report.blake3 == blake3(data).hexdigest()


def test_a_refused_file_has_its_digests_too() -> None:
    data = b"\x80\x04N." + b"x" * 100
    report = look(data)
    assert report.verdict is Verdict.REFUSED
    assert report.sha256 == hashlib.sha256(data).hexdigest()


def test_content_decides_and_never_a_name() -> None:
    sound = safetensors({"a": tensor(0, 4)}, b"\0" * 4)
    assert look(sound, "pytorch_model.bin").kind is Kind.SAFETENSORS
    assert look(sound, "pytorch_model.bin").verdict is Verdict.CLEAN
    assert look(call("posix", "system", "id"), "model.safetensors").verdict is Verdict.REFUSED
    assert look(sound, "model.gguf").findings[0].rule == "confusion"
    assert look(onnx(graph([node("Relu")])), "model").kind is Kind.ONNX


def test_a_name_that_two_widths_of_text_share_in_memory_is_two_names() -> None:
    # U+6B66 lies in memory as the two letters "fk" do.
    assert look(b'{"fk": 1, "\xe6\xad\xa6": 2}', "vocab.json").verdict is Verdict.CLEAN


def test_the_zip_of_a_polyglot_is_found_where_its_end_is() -> None:
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, 0, 0, 0)
    data = safetensors({"a": tensor(0, len(end) + 8)}, b"\0" * 8 + end)
    finding = look(data).findings[0]
    assert (finding.rule, finding.offset) == ("polyglot", len(data) - len(end))


def test_bytes_that_only_look_like_a_second_format_do_not_count() -> None:
    stray = b"PK\x05\x06" + b"\xee" * 60 + b"PK\x01\x02" + b"7z" + b"ustar"
    assert look(safetensors({"a": tensor(0, len(stray))}, stray)).verdict is Verdict.CLEAN


def test_only_a_pickle_that_would_act_makes_another_file_one() -> None:
    assert trace_bytes(call("posix", "system", "id")).imports == ["posix system"]
    assert trace_bytes(b"(lp0\nI1\na.").acts is False
    assert trace_bytes(b"cat\ndog\nRabbit\n").acts is False
    assert trace_bytes(b"import os\n").steps == 0
    assert trace_bytes(call("posix", "system", "id")[:-1]).acts is True  # it acts before it ends


def test_an_unaligned_tail_of_gguf_is_refused_where_it_is() -> None:
    data = gguf(infos=[info("w", [32], 0, 0)], data=b"\0" * 128)
    assert look(data).verdict is Verdict.CLEAN
    assert look(data + b"\0").findings[0].rule == "trailing-bytes"


def test_a_chat_template_is_told_by_digest() -> None:
    text = "{{ messages[0].content }}"
    report = look(text.encode(), "chat_template.jinja")
    assert report.verdict is Verdict.CLEAN
    assert [(each.name, each.sha256) for each in report.templates] == [
        ("chat_template.jinja", hashlib.sha256(text.encode()).hexdigest())
    ]
