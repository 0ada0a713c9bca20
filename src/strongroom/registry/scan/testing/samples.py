"""What a sample is: files under a name, and what there is besides files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Sample:
    """One artefact.

    Attributes:
        name: of the sample.
        group: what kind of sample it is.
        files: by path below its directory.
        besides: makes what is no file; told the sample's directory.
    """

    name: str
    group: str
    files: Files
    besides: Callable[[Path], object] | None = field(default=None)

    def write(self, root: Path) -> Path:
        """Write the sample into a directory of its own below `root`; return that."""
        place = root / self.name
        place.mkdir(parents=True)
        for path, data in self.files.items():
            target = place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        if self.besides is not None:
            self.besides(place)
        return place


def one(group: str, name: str, path: str, data: bytes) -> Sample:
    """Return a sample of one file."""
    return Sample(f"{group}-{name}", group, {path: data})
