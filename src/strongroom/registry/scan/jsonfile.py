"""JSON files: strict JSON that names no code to run, and whose chat templates pass the gate."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Final

from strongroom.registry.scan.jsonread import JsonReader, T, shown
from strongroom.registry.scan.limits import LIMITS
from strongroom.registry.scan.looks import Looks
from strongroom.registry.scan.names import unplain
from strongroom.registry.scan.tape import Malformed, Tape

_CODE_KEYS: Final = {
    "auto_map": "names Python code for the loader to import",
    "custom_pipelines": "names Python code for the loader to import",
    "py/object": "names Python objects to build",
    "py/reduce": "names Python calls to make",
    "py/type": "names Python objects to build",
    "py/function": "names Python functions to call",
    "__reduce__": "names Python calls to make",
    "nbformat": "is a notebook, which is code",
    "__lambda__": "holds code of a layer",
}
_LAMBDA: Final = frozenset({"Lambda", "TFOpLambda", "TFSMLayer", "__lambda__"})
_CLASS_KEYS: Final = frozenset({"class_name", "registered_name"})
_MODULES: Final = frozenset(
    {"builtins", "os", "posix", "nt", "subprocess", "sys", "importlib", "pty", "socket", "shutil", "runpy"}
)
_TARGETS: Final = frozenset({"_target_", "__target__"})
_PROSE: Final = frozenset({".md", ".markdown", ".rst", ".txt"})
_BEGINS: Final = re.compile(rb'[ \t\r\n]*(?:\{[ \t\r\n]*["}]|\[[ \t\r\n]*(?:["{}\[\]0-9-]|true|false|null))')
_UNFINISHED: Final = 2048
"""How far before the end of what was seen an unfinished text may begin."""
_LIBRARY: Final = re.compile(r"sentence_transformers\.[\w.]+")
_LIBRARIES: Final = re.compile(r"(?:transformers|diffusers|sentence_transformers|peft|timm)(?:\.|$)")


def recognised(head: bytes, name: str, *, whole: bool) -> bool:
    """Whether a file that begins so says that it is JSON: text may begin with a bracket, too, and lines may be JSON each.

    Args:
        head: how it begins.
        name: its name, which says that it is when it ends in `.json`.
        whole: whether `head` is all of it.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".json":
        return head.lstrip()[:1] in {b"{", b"["}
    return suffix not in _PROSE and _BEGINS.match(head) is not None and _goes_on(head, whole=whole)


def _goes_on(head: bytes, *, whole: bool) -> bool:
    """Whether one value begins here, and nothing follows it that is seen."""
    text = head.decode(errors="ignore").lstrip(" \t\r\n")
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        return not whole and (error.msg.startswith("Unterminated") or error.pos >= len(text) - _UNFINISHED)
    except RecursionError:
        return True  # the strict reader says how deep it may be
    return not text[end:].strip()


def parse(tape: Tape, looks: Looks, name: str) -> None:
    """Read a whole file.

    Raises:
        Malformed: at the first thing that is not as it must be.
    """
    if tape.size > LIMITS.json_bytes:
        raise Malformed("json-size", f"JSON of {tape.size} bytes is larger than any may be.")
    base = PurePosixPath(name).name
    reader = JsonReader(tape, tape.size)
    named: str | None = None  # of a template in a list of them
    for token, text in reader.tokens():
        path = reader.path
        if token is T.KEY:
            if text in _CODE_KEYS:
                looks.add("code", f"The key {shown(text)} {_CODE_KEYS[text]}.", reader.at)
            elif text in _TARGETS:
                looks.add("code", f"The key {shown(text)} names Python objects to build.", reader.at)
            if "chat_template" in text and len(text) > LIMITS.name_bytes:
                looks.add("template", "A key is longer than any may be.", reader.at)
        elif token is T.TEXT:
            key = path[-1] if path and path[-1] is not None else next((each for each in reversed(path) if each), "")
            if key == "name":
                named = text
            _value(looks, base, path, key, text, named)
        elif token is T.WORD and text == "true" and path and path[-1] == "trust_remote_code":
            looks.add("code", "trust_remote_code lets a loader run code of the release.", reader.at)


def _value(looks: Looks, base: str, path: list[str | None], key: str, text: str, named: str | None) -> None:
    in_template = any(each is not None and "chat_template" in each for each in path)
    if in_template and not (key == "name" and path[-1] == "name"):
        looks.chat_template(
            ".".join(dict.fromkeys(["chat_template", *([named] if named and key == "template" else []), key])), text
        )
    else:
        looks.text(key, text)
    if key in _CLASS_KEYS and text in _LAMBDA:
        looks.add("code", f"A layer {shown(text)} holds code, or names a function to call.")
    elif key == "module" and text.split(".", maxsplit=1)[0] in _MODULES:
        looks.add("code", f"A layer is of the module {shown(text)}, which holds no layers.")
    elif base == "modules.json" and key == "type" and not _LIBRARY.fullmatch(text):
        looks.add("code", f"A module of type {shown(text)} is code of the release.")
    elif key == "parent_library" and not _LIBRARIES.match(text):
        looks.add("code", f"An adapter is loaded through {shown(text)}, which is no library of models.")
    elif "weight_map" in path and unplain(text) is not None:
        looks.add("slip", f"An index leads out of its directory, to {shown(text)}.")
    elif base == "model_index.json" and key == "_class_name" and path[-1] is None:
        looks.add("code", "A pipeline names a class in a file of the release.")
