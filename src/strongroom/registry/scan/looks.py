"""What is found beside a format's structure: templates and code in texts, second formats in tensors.

A parser hands over each text of a file's metadata with its key, and stops at the start of each tensor.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

from strongroom.registry.scan import growth, pickles, template
from strongroom.registry.scan.jsonread import shown
from strongroom.registry.scan.limits import KIB, LIMITS
from strongroom.registry.scan.model import Finding, Level, Template
from strongroom.registry.scan.tape import Malformed, Tape

_JINJA: Final = re.compile(r"\{[{%]")
_ESCAPES: Final = re.compile(
    r"__(?:class|globals|subclasses|mro|bases?|builtins|import|init|getattribute|dict|reduce|code|self)__"
    r"|\|\s*attr\s*\(|\b(?:cycler|joiner|lipsum)\b"
)
_KEYED: Final = re.compile(r"template|prompt", re.IGNORECASE)
_PICKLED: Final = ("gAJ", "gAN", "gAR", "gAS", "gAU", "Y29z", "Y3Bvc2l4", "Y19f")
"""How a pickle of each protocol begins in base64."""
_MARSHALLED: Final = "4wEAAAAA"
"""How a Python function's code begins in base64, as Keras writes a Lambda layer."""
_SHORTEST: Final = 24
_HEAD: Final = 64
_NAME: Final = 200
_INSIDE: Final = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x7fELF", "a program"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\xfd7zXZ\x00", "an xz stream"),
)


class Looks:
    """Collects what is found in one file."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.templates: list[Template] = []

    def add(self, rule: str, message: str, offset: int | None = None, level: Level = Level.REFUSE) -> None:
        """Keep a finding; of very many, the first."""
        if len(self.findings) < LIMITS.findings or level is Level.UNDETERMINED:
            self.findings.append(Finding(rule=rule, level=level, message=message, offset=offset))

    def fault(self, fault: Malformed) -> None:
        """Keep what a parser stopped at."""
        self.add(fault.rule, fault.said, fault.at)

    def chat_template(self, name: str, text: str) -> None:
        """Hold a template against the gate, and keep its digest."""
        if len(self.templates) < LIMITS.findings:
            digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
            self.templates.append(Template(name=name[:_NAME], sha256=digest))
        else:
            self.add(growth.RULE, f"There are more than {LIMITS.findings} chat templates.")
        try:
            template.check(text)
        except Malformed as fault:
            self.add(fault.rule, f"{fault.said} In {shown(name)}.", fault.at)

    def text(self, key: str, value: str) -> None:
        """Look at a text of a file's metadata, under its key."""
        if "chat_template" in key or (_JINJA.search(value) and _KEYED.search(key)):
            self.chat_template(key, value)
        elif _JINJA.search(value) and _ESCAPES.search(value):
            self.add(growth.RULE, f"The text {shown(key)} holds a template that reaches for the program it runs in.")
        if len(value) >= _SHORTEST:
            self._encoded(key, value)

    def inside(self, tape: Tape) -> None:
        """Look at where a tensor's data begins."""
        head = tape.peek(_HEAD)
        at = tape.at
        for magic, what in _INSIDE:
            if head.startswith(magic):
                self.add("embedded", f"A tensor's data begins as {what} does.", at)
        if head[:1] == b"\x80" and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}:
            found = pickles.trace(tape.look, tape.size, at)
            if found.acts or (found.stopped and found.imports):
                self.add("embedded", "A tensor's data is a pickle that runs code.", at)

    def _encoded(self, key: str, value: str) -> None:
        text = value.strip()
        if text.startswith(_MARSHALLED):
            self.add("code", f"The text {shown(key)} holds compiled Python code.")
        elif text.startswith(_PICKLED):
            try:
                data = base64.b64decode(text[: 4 * 16 * KIB] + "=" * (-len(text[: 4 * 16 * KIB]) % 4))
            except (ValueError, binascii.Error):
                return
            found = pickles.trace_bytes(data)
            if found.acts or (found.stopped and found.imports):
                self.add("pickle", f"The text {shown(key)} holds a pickle that runs code.")
