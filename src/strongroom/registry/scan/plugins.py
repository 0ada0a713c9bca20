"""Scanners that others bring: entry points of the group `strongroom.scanners`.

An entry point names a class; an instance of it looks at each file, in the sandboxed process that has parsed it, with nothing
but the file's descriptor. It can take away and never give: a finding of it is a reason more.

Always true here: a plug-in is loaded before the process gives up its rights, so what it needs it imports when it is
loaded; one that fails makes the file undetermined, never clean.
"""

from __future__ import annotations

import hashlib
import inspect as python
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from strongroom.registry.scan.model import Finding, Kind, Level, Tool

GROUP: Final = "strongroom.scanners"


@runtime_checkable
class Scanner(Protocol):
    """What a plug-in is.

    Attributes:
        name: how reports call it.
        version: of its rules.
    """

    name: str
    version: str

    def scan(self, descriptor: int, path: str, kind: str) -> Iterable[str]:
        """Return a sentence for each reason to refuse a file; none when there is none.

        Args:
            descriptor: of the file, open for reading; `os.pread` it.
            path: its path in the release.
            kind: what it was parsed as, such as `safetensors`.
        """
        ...


class PlugIns:
    """The plug-ins that are installed."""

    def __init__(self, points: Sequence[EntryPoint] | None = None) -> None:
        self._scanners: list[Scanner] = []
        self.tools: list[Tool] = []
        self.failed: list[str] = []
        for point in sorted(points if points is not None else entry_points(group=GROUP), key=lambda each: each.name):
            self._load(point)

    def look(self, descriptor: int, path: str, kind: Kind) -> tuple[Finding, ...]:
        """Return what every plug-in finds in a file."""
        found = [
            Finding(
                rule="plugin-failed", level=Level.UNDETERMINED, message=f"{name} could not be loaded.", scanner=name
            )
            for name in self.failed
        ]
        for scanner in self._scanners:
            try:
                said = [str(each)[:500] for each in scanner.scan(descriptor, path, str(kind))]
            except Exception as error:  # noqa: BLE001 - whatever somebody else's code raises
                message = f"{scanner.name} failed: {type(error).__name__}."
                found.append(
                    Finding(rule="plugin-failed", level=Level.UNDETERMINED, message=message, scanner=scanner.name)
                )
            else:
                found += [
                    Finding(rule="plugin", level=Level.REFUSE, message=each, scanner=scanner.name) for each in said
                ]
        return tuple(found)

    def _load(self, point: EntryPoint) -> None:
        try:
            made = point.load()()
            if not isinstance(made, Scanner):
                raise TypeError(point.name)
            self.tools.append(Tool(name=made.name, version=made.version, digest=_digest(type(made))))
        except Exception:  # noqa: BLE001 - as above
            self.failed.append(point.name)
        else:
            self._scanners.append(made)


def _digest(of: type) -> str:
    source = python.getsourcefile(of)
    return hashlib.sha256(Path(source).read_bytes() if source else b"").hexdigest()
