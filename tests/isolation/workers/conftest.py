"""A chat worker for these tests, sandboxed as in production."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from strongroom.runtime.rig import Rig
from strongroom.runtime.spec import Kind


@pytest.fixture(scope="session")
def rig() -> Generator[Rig]:
    with Rig([Kind.CHAT]) as rig:
        yield rig
