"""Directories in which a name, a link or an odd file is what is bad."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from strongroom.registry.scan.testing.build import safetensors, tensor
from strongroom.registry.scan.testing.samples import Sample

_MODEL: Final = {"model.safetensors": safetensors({"a": tensor(0, 4)}, b"\0" * 4), "config.json": b"{}"}


def trees() -> Iterator[Sample]:
    """Yield sound models with one thing too many."""
    besides: dict[str, Callable[[Path], object]] = {
        "link-to-a-file": lambda place: (place / "more.json").symlink_to("/etc/hostname"),
        "link-inside": lambda place: (place / "more.json").symlink_to("config.json"),
        "link-to-nowhere": lambda place: (place / "more.json").symlink_to("nowhere"),
        "link-to-a-directory": lambda place: (place / "more").symlink_to("/etc"),
        "link-upwards": lambda place: (place / "more").symlink_to(".."),
        "hard-link-outside": _hard_link,
        "pipe": lambda place: os.mkfifo(place / "more.json"),
        "socket": _socket,
        "empty-directory": lambda place: (place / "more").mkdir(),
        "name-not-utf8": lambda place: Path(os.fsdecode(os.fsencode(place) + b"/m\xff.json")).write_text("{}"),
    }
    for name, make in besides.items():
        yield Sample(f"tree-{name}", "tree", _MODEL, make)
    names = {
        "case": "Config.json",
        "not-normal": "cafe\u0301.json",
        "compatible": "con\ufb01g.json",
        "git": ".gitattributes",
        "git-directory": ".git/config",
        "git-by-case": ".GITignore",
        "space-at-end": "config.json ",
        "dot-at-end": "config.json.",
        "control": "con\nfig.json",
        "backslash": "..\\config.json",
        "stream": "config.json:more",
        "device": "aux.json",
        "turned-around": "config\u202enosj.exe",
        "zero-width": "con\u200bfig.json",
        "empty-file": "more.txt",
    }
    for name, path in names.items():
        more = {"config.json": b"{}"} if name == "compatible" else {}
        yield Sample(f"tree-{name}", "tree", _MODEL | more | {path: b"" if name == "empty-file" else b"{}"})
    both = {"caf\u00e9.json": b"{}", "cafe\u0301.json": b"{}"}
    yield Sample("tree-twice-by-normal-form", "tree", _MODEL | both)
    yield Sample("tree-twice-by-case-of-directory", "tree", _MODEL | {"a/x.json": b"{}", "A/y.json": b"{}"})
    yield Sample("tree-empty", "tree", {})


def _hard_link(place: Path) -> None:
    outside = place.with_name(place.name + "-outside.json")
    outside.write_text("{}")
    (place / "more.json").hardlink_to(outside)


def _socket(place: Path) -> None:
    here = Path.cwd()
    try:
        os.chdir(place)  # a socket's path is short
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("more.json")
    finally:
        os.chdir(here)
