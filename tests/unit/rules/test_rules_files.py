"""Documents as files: what is written is read again, what is wrong is found by its line, what is shown in docs is true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.app import demo_rules
from strongroom.rules.files import FileError, locate, parse, written

DOCS = Path(__file__).parents[3] / "docs"

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_whatever_a_document_holds_is_written_as_toml_that_says_the_same(schema: dict[str, Any]) -> None:
    document = {"rules": [{"name": "a", "tools": [{"name": "t", "parameters": {"type": "object", "default": schema}}]}]}
    read = parse(written("tools", document))
    assert read.document == document


def test_the_demonstrations_documents_are_read_back_from_what_is_written() -> None:
    for file in demo_rules.documents():
        assert parse(written(file.kind.name, file.canonical)).canonical == file.canonical


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("kind = 3\n", 1),
        ('# a note\nkind = "disclosures"\n', 2),
        ('kind = "disclosure"\nrules = 3\n', 2),
        ('kind = "disclosure"\nrule = 3\n', 0),
        ('kind = "disclosure"\n\n[[rules]]\nn = 2\n\n[[rules]]\nseed = true\nn = 0\n', 8),
        ('kind = "disclosure"\n[[rules]]\nseed = tru\n', 3),
        ('kind = "tools"\n[[rules]]\n[[rules.tools]]\nname = "a"\n[rules.tools.parameters]\ntype = "x"\n', 5),
        ('kind = "disclosure"\n[[rules]]\nname = "a"\n[[rules]]\nname = "a"\n', 5),
    ],
)
def test_what_is_wrong_is_found_by_its_line(text: str, line: int) -> None:
    with pytest.raises(FileError) as caught:
        parse(text)
    assert caught.value.line == line


def test_a_place_that_is_not_there_has_no_line() -> None:
    assert locate('kind = "disclosure"\n', "rules[3].n") == 0
    assert locate("", "") == 0


def test_a_file_has_its_measure() -> None:
    with pytest.raises(FileError, match="KiB"):
        parse('kind = "disclosure"\n' + "# x\n" * 100_000)


def test_every_document_in_the_docs_would_be_taken() -> None:
    blocks = [
        block
        for page in DOCS.rglob("*.md")
        for block in re.findall(
            r"^```text\n(kind = .*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
    ]
    assert blocks
    for block in blocks:
        parse(block)
