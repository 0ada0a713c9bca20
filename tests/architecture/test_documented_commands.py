"""Every `strongroom …` command in a Markdown file exists, with the options it is shown with, and every setting too."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import msgspec
import pytest

from strongroom.app.settings import Settings
from strongroom.cli import main

FENCED = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SETTINGS = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?strongroom (?P<rest>.+)$", re.MULTILINE)


def commands(text: str) -> set[str]:
    """Return the commands in the shell blocks of a page, without the program's name."""
    return {found["rest"] for block in FENCED.findall(text) for found in COMMAND.finditer(block.replace("\\\n", " "))}


def test_the_search_finds_commands_in_shell_blocks_only() -> None:
    text = "strongroom prose\n```sh\n$ strongroom up \\\n  --demo\n.venv/bin/strongroom doctor\n```\n```python\nstrongroom no\n```\n"
    assert commands(text) == {"up    --demo", "doctor"}


def test_every_documented_command_exists(texts: dict[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    shown = {command for page, text in texts.items() if page.suffix == ".md" for command in commands(text)}
    assert shown
    for command in sorted(shown):
        words = shlex.split(command, comments=True)
        plain = [word for word in words if not word.startswith("-")]
        options = {word.partition("=")[0] for word in words if word.startswith("--")} - {"--help"}
        code, said = main.run([*plain[:2], "--help"]), capsys.readouterr()
        assert code == 0, f"strongroom {command}\n{said.err}"
        missing = {option for option in options if option not in said.out}
        assert not missing, f"strongroom {command}: no {missing}"


def test_every_documented_setting_exists_and_takes_the_value_shown(texts: dict[Path, str]) -> None:
    blocks = [block for page, text in texts.items() if page.parts[0] == "docs" for block in SETTINGS.findall(text)]
    assert blocks
    for block in blocks:
        msgspec.convert(tomllib.loads(block), Settings)  # unknown names are refused
