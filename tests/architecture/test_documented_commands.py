"""What pages tell to type can be typed: every `strongroom …` command, every setting, every name in a Python example."""

from __future__ import annotations

import ast
import builtins
import importlib.util
import itertools
import re
import shlex
import tomllib
from pathlib import Path

import msgspec
import pytest
from cyclopts import CycloptsError

from strongroom.app.settings import Settings
from strongroom.cli.main import application

FENCED = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SETTINGS = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?strongroom (?P<rest>.+)$", re.MULTILINE)


def commands(text: str) -> set[str]:
    """Return the commands in the shell blocks of a page, without the program's name."""
    return {found["rest"] for block in FENCED.findall(text) for found in COMMAND.finditer(block.replace("\\\n", " "))}


def test_the_search_finds_commands_in_shell_blocks_only() -> None:
    text = "strongroom prose\n```sh\n$ strongroom up \\\n  --demo\n.venv/bin/strongroom doctor\n```\n```python\nstrongroom no\n```\n"
    assert commands(text) == {"up    --demo", "doctor"}


def words(command: str) -> list[str]:
    """Return what the shell would hand to the program: no comment, no redirection, nothing behind a pipe."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    return [each for each in itertools.takewhile(lambda each: not set(each) & set("|&;<>"), lexer) if each != "…"]


def test_words_end_where_the_shell_would_end_them() -> None:
    assert words("records list --json | head  # the newest") == ["records", "list", "--json"]
    assert words("whoami > out.txt") == ["whoami"]
    assert words("key revoke 'a b' --yes && true") == ["key", "revoke", "a b", "--yes"]


def test_a_command_with_an_option_that_is_not_there_or_without_one_that_must_be_is_noticed() -> None:
    for wrong in ("whoami --no-such-option 1", "key create --tenant initech --env dev", "no-such-command"):
        with pytest.raises(CycloptsError):
            application().parse_args(words(wrong), print_error=False, exit_on_error=False)


def test_every_documented_command_can_be_given_as_it_is_shown(texts: dict[Path, str]) -> None:
    shown = {command for page, text in texts.items() if page.suffix == ".md" for command in commands(text)}
    assert shown
    app = application()
    wrong: list[str] = []
    for command in sorted(shown):
        try:
            app.parse_args(words(command), print_error=False, exit_on_error=False)
        except CycloptsError as error:
            wrong.append(f"strongroom {command}\n    {error}")
    assert not wrong, "\n".join(wrong)


def test_every_documented_setting_exists_and_takes_the_value_shown(texts: dict[Path, str]) -> None:
    blocks = [block for page, text in texts.items() if page.parts[0] == "docs" for block in SETTINGS.findall(text)]
    assert blocks
    for block in blocks:
        msgspec.convert(tomllib.loads(block), Settings)  # unknown names are refused


def undefined(text: str) -> set[str]:
    """Return what the Python examples of a page, one after the other, use and neither define nor can import."""
    tree = ast.parse("\n".join(PYTHON.findall(text)))
    known, missing = set(dir(builtins)), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {name.asname or name.name.partition(".")[0] for name in node.names}
            missing |= {name.name for name in node.names if importlib.util.find_spec(name.name) is None}
        elif isinstance(node, ast.ImportFrom):
            known |= {name.asname or name.name for name in node.names}
            module = importlib.import_module(node.module or "")
            missing |= {f"{node.module}.{name.name}" for name in node.names if not hasattr(module, name.name)}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            known.add(node.id)
    return missing | {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)} - known


def test_a_name_that_an_example_does_not_say_where_to_take_from_is_noticed() -> None:
    page = "```python\nimport json\nfrom strongroom.client import TokenSource, Nothing\nx = json.loads(y)\n```\n"
    assert undefined(page) == {"strongroom.client.Nothing", "y"}


def test_every_name_in_a_python_example_is_there(texts: dict[Path, str]) -> None:
    pages = {page: text for page, text in texts.items() if page.parts[0] == "docs" and PYTHON.search(text)}
    assert len(pages) > 4
    assert {page: found for page, text in pages.items() if (found := undefined(text))} == {}
