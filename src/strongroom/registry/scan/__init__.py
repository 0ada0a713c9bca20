"""The scanner: whether files are what a release may hold, all the way through; works alone, without a server.

Always true here:
- admitted is what is on a list, by its first bytes and a full structural parse: safetensors, GGUF, ONNX, JSON, plain
  text, tokenizer files. Names and what other scanners say only take away;
- what is unknown, broken or two things at once is refused; what could not be looked at to its end is undetermined, and
  neither is ever clean;
- files are parsed in a process that has given up files, network, other processes and its user, with bounds of memory
  and time; nothing in them is ever loaded, imported, rendered or unpacked to a disk;
- each file is read once: the digests in a report are of the bytes that were parsed.
"""

from strongroom.registry.scan.host import CannotScan, Limits
from strongroom.registry.scan.lying import Unscannable
from strongroom.registry.scan.model import FileReport, Finding, Kind, Level, Report, Verdict
from strongroom.registry.scan.sarif import sarif
from strongroom.registry.scan.service import scan
from strongroom.registry.scan.statement import signed, statement

__all__ = [
    "CannotScan",
    "FileReport",
    "Finding",
    "Kind",
    "Level",
    "Limits",
    "Report",
    "Unscannable",
    "Verdict",
    "sarif",
    "scan",
    "signed",
    "statement",
]
