#!/usr/bin/env python3
"""Write docs/reference/settings.md from the settings themselves: `.venv/bin/python tools/settings_reference.py`.

A test compares; after a change to `strongroom.app.settings` run it again and commit the page with the change.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec
import msgspec.inspect as look
from msgspec import Meta

from strongroom.app.settings import FILE, Settings

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "reference" / "settings.md"
HEAD: Final = f"""# Settings

<!-- Written by tools/settings_reference.py from strongroom.app.settings; change it there. -->

A setting comes from its default, from `{FILE}` in the installation's home, from the environment or from the command
line; the later outweighs the earlier, and `strongroom config explain` tells which it was. A name that is not listed
here is an error wherever it stands. No setting holds a secret: where one is needed, the setting names a file.

In the file a setting stands in the table of its section (`[gateway]`, then `port = 9000`); in the environment it has the
name given with it, and a list is separated by commas.
"""


def page() -> str:
    """Return the page."""
    return "\n".join((HEAD, *_sections()))


def _sections() -> Iterator[str]:
    for section in msgspec.structs.fields(Settings):
        yield f"## {section.name}\n\n{_first_line(section.type)}\n"
        hints = get_type_hints(section.type, include_extras=True)
        for field in msgspec.structs.fields(section.type):
            yield _setting(section.name, field.name, hints[field.name], field.default)


def _first_line(section: type) -> str:
    return (section.__doc__ or "").strip().partition("\n")[0]


def _setting(section: str, name: str, kind: Any, default: object) -> str:
    found = look.type_info(kind)
    lines = (
        f"### {section}.{name}",
        "",
        _sentence(kind),
        "",
        f"- Value: {_value(found)}",
        f"- Default: {_default(default)}",
        f"- Environment: `{f'STRONGROOM_{section}_{name}'.upper()}`",
        "",
    )
    return "\n".join(lines)


def _sentence(kind: Any) -> str:
    """Return a setting's description, wherever in its type it stands."""
    for part in (kind, *getattr(kind, "__args__", ())):
        for meta in getattr(part, "__metadata__", ()):
            if isinstance(meta, Meta) and meta.description:
                return meta.description
    return ""


def _value(kind: look.Type) -> str:
    match kind:
        case look.Metadata(type=inner):
            told = _value(inner)
        case look.UnionType(types=types):
            told = ", or ".join(_value(each) for each in types if not isinstance(each, look.NoneType))
        case look.LiteralType(values=values):
            told = " or ".join(f"`{value}`" for value in values)
        case look.IntType(ge=low, le=high):
            told = "a whole number" + _bounds(low, high, above=None)
        case look.FloatType(ge=low, le=high, gt=above):
            told = "a number" + _bounds(low, high, above)
        case look.StrType():
            told = "text"
        case look.BoolType():
            told = "`true` or `false`"
        case look.VarTupleType(item_type=look.StrType()):
            told = "a list of texts"
        case _:
            raise TypeError(f"say in tools/settings_reference.py how a {type(kind).__name__} is told")
    return told


def _bounds(low: float | None, high: float | None, above: float | None) -> str:
    parts = [
        *([f"from {low:,}"] if low is not None else []),
        *([f"above {above:,}"] if above is not None else []),
        *([f"to {high:,}" if low is not None else f"at most {high:,}"] if high is not None else []),
    ]
    return " " + " ".join(parts) if parts else ""


def _default(value: object) -> str:
    if value is None:
        return "none"
    if value == ():
        return "an empty list"
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
