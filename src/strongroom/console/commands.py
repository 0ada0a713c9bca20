"""The command line that does, or shows, what a page does. Quoted for a POSIX shell: it is made to be pasted."""

from __future__ import annotations

import shlex


def command(*words: str, **options: object) -> str:
    """Return `strongroom WORDS --option value …`; None, an empty text and `False` are left out, `True` is a flag.

    A word or value that begins with `-` would be read as an option: it is joined to its option by `=`, and words that
    do so come after `--`.
    """
    parts = ["strongroom", *(word for word in words if not word.startswith("-"))]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            parts.append(flag)
        elif value is not None and value is not False and value != "":
            text = str(value)
            parts += [f"{flag}={text}"] if text.startswith("-") else [flag, text]
    odd = [word for word in words if word.startswith("-")]
    return shlex.join([*parts, "--", *odd] if odd else parts)
