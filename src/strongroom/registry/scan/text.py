"""Plain text: UTF-8 without control characters, that no interpreter takes for its own.

Always true here: a text is read to its end in one pass, decoded strictly; what runs as code somewhere is refused by what
it is, and by its name where a name is enough to have it run.
"""

from __future__ import annotations

import ast
import codecs
import re
import warnings
from pathlib import PurePosixPath
from typing import Final

from strongroom.registry.scan.limits import LIMITS, MIB
from strongroom.registry.scan.looks import Looks
from strongroom.registry.scan.model import Kind
from strongroom.registry.scan.tape import CHUNK, Malformed, Tape

_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\x80-\x84\x86-\x9f]")
_HIDDEN: Final = re.compile("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_MARKUP: Final = re.compile(r"\s*(?:<\?xml|<!DOCTYPE|<html|<svg|<script|<PMML|<\?php)", re.IGNORECASE)
_YAML_TAG: Final = re.compile(r"!!?python[/:]|tag:yaml\.org,2002:python")
_MLFLOW: Final = re.compile(r"^\s*(?:loader_module|python_model|code)\s*:", re.MULTILINE)
_LOOKS_PYTHON: Final = re.compile(
    r"^[ \t]*(?:import\s+\w|from\s+[\w.]+\s+import\b|def\s+\w+\s*\(|class\s+\w+|async\s+def\b|exec\s*\(|eval\s*\(|__import__\s*\()",
    re.MULTILINE,
)
CODE: Final = frozenset({
    ".py", ".pyw", ".pyi", ".pyx", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".exe", ".sh", ".bash", ".zsh", ".fish",
    ".bat", ".cmd", ".ps1", ".js", ".mjs", ".cjs", ".ts", ".wasm", ".rb", ".pl", ".php", ".lua", ".jar", ".class",
    ".java", ".scala", ".r", ".jl", ".c", ".cc", ".cpp", ".cu", ".h", ".hpp", ".rs", ".go", ".pth", ".egg", ".whl",
    ".ipynb", ".vbs", ".wsf", ".hta", ".scpt", ".desktop", ".service",
})  # fmt: skip
"""Names under which something would run what is in them. `.pth` is PyTorch's as well as Python's own."""
_PROSE: Final = frozenset({".md", ".rst", ".markdown"})
_TEMPLATES: Final = frozenset({".jinja", ".jinja2", ".j2"})


def is_code_by_name(name: str) -> bool:
    """Whether a file of text under this name is code for somebody."""
    return PurePosixPath(name).suffix.lower() in CODE


def is_template_by_name(name: str) -> bool:
    """Whether a file of text under this name is rendered as a template."""
    return PurePosixPath(name).suffix.lower() in _TEMPLATES


def maybe(head: bytes) -> bool:
    """Whether a file that begins so can be text."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return _CONTROL.search(text) is None


def parse(tape: Tape, looks: Looks, name: str) -> Kind:
    """Read a whole file.

    Raises:
        Malformed: where it is no text.
    """
    if tape.size > LIMITS.text_bytes:
        raise Malformed("text-size", f"A text of {tape.size} bytes is larger than any may be.")
    decoder = codecs.getincrementaldecoder("utf-8")()
    held: list[str] = []
    kept = 0
    while tape.left:
        at = tape.at
        data = tape.chunk(CHUNK)
        try:
            text = decoder.decode(data, final=not tape.left)
        except UnicodeDecodeError:
            raise Malformed("encoding", "This is neither text in UTF-8 nor a format that is admitted.", at) from None
        if _CONTROL.search(text):
            raise Malformed("encoding", "A text holds control characters.", at)
        if kept < MIB:
            held.append(text)
            kept += len(text)
        if _YAML_TAG.search(text) and PurePosixPath(name).suffix.lower() not in _PROSE:
            looks.add("code", "A text names Python objects for YAML to build.", at)
    whole = "".join(held)
    if is_template_by_name(name):
        if kept > LIMITS.template_bytes:
            raise Malformed("template", f"A template is longer than {LIMITS.template_bytes} bytes.")
        looks.chat_template(PurePosixPath(name).name, whole)
        return Kind.TEMPLATE
    _read_as_code(whole, looks, name)
    return Kind.TEXT


def _read_as_code(text: str, looks: Looks, name: str) -> None:
    suffix = PurePosixPath(name).suffix.lower()
    if is_code_by_name(name):
        looks.add("code", f"A file called {suffix} is code, which no release brings along.")
    if text.startswith(("#!", "\ufeff#!")):
        looks.add("code", "A text begins as a script does.", 0)
    if _MARKUP.match(text.removeprefix("\ufeff")):
        looks.add("markup", "XML, HTML and PHP are not plain text.", 0)
    if _HIDDEN.search(text):
        looks.add("hidden-text", "A text holds characters that are not shown, or that turn its order around.")
    if PurePosixPath(name).name == "MLmodel" and _MLFLOW.search(text):
        looks.add("code", "An MLflow model names Python code to load.")
    if suffix not in _PROSE and _LOOKS_PYTHON.search(text) and _is_python(text):
        looks.add("code", "A text is Python code, whatever it is called.")


def _is_python(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(
        isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        for node in tree.body
    )
