"""What `strongroom doctor` says: one check after another."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final

import msgspec

START: Final = "start it with `strongroom up`, then ask again"
AS_OWNER: Final = "run doctor as the user who runs Strongroom, on the machine where it runs"


@unique
class Status(StrEnum):
    """What a check found."""

    OK = "ok"
    FAILED = "failed"
    UNDETERMINED = "undetermined"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    status: Status
    detail: str
    fix: str = ""


def unseen(name: str, detail: str, fix: str = START) -> Check:
    """Return a check that could not be made."""
    return Check(name=name, status=Status.UNDETERMINED, detail=detail, fix=fix)
