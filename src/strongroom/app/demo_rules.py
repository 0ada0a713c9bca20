"""The documents of rules that the demonstration's tenants get: files beside this one, as any operator would write them."""

from __future__ import annotations

from importlib import resources

from strongroom.rules.files import DocumentFile, parse


def documents() -> list[DocumentFile]:
    """Return each document of the demonstration, checked."""
    here = resources.files("strongroom.app").joinpath("demo")
    files = sorted((file for file in here.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return [parse(file.read_text(encoding="utf-8")) for file in files]
