"""The documents of TUF, as python-tuf has them: the names that its documentation gives, in one place.

It offers them by importing them from where they are, which strict checkers take for private.
"""

# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from typing import TypeAlias

from securesystemslib import signer
from tuf.api import metadata
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata
from tuf.api.serialization import DeserializationError

MetaFile: TypeAlias = metadata.MetaFile
Role: TypeAlias = metadata.Role
Root: TypeAlias = metadata.Root
Signature: TypeAlias = signer.Signature
Signed: TypeAlias = metadata.Signed
Snapshot: TypeAlias = metadata.Snapshot
SSlibKey: TypeAlias = signer.SSlibKey
TargetFile: TypeAlias = metadata.TargetFile
Targets: TypeAlias = metadata.Targets
Timestamp: TypeAlias = metadata.Timestamp

__all__ = [
    "DeserializationError",
    "MetaFile",
    "Metadata",
    "RepositoryError",
    "Role",
    "Root",
    "SSlibKey",
    "Signature",
    "Signed",
    "Snapshot",
    "TargetFile",
    "Targets",
    "Timestamp",
]
