"""A server of a test's own, for what would disturb the shared one: stopping, killing, freezing.

`cluster` and `own` begin as copies of the shared server, migrated; `new_cluster` begins with nothing, for tests of making
one, which takes two seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from strongroom.store.cluster import Cluster
from strongroom.store.testing import TestDatabase, TestServer, copy_server, logins, private_cluster


@pytest.fixture
def place() -> Generator[Path]:
    """A directory that every uid can pass through, with a short path; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory(prefix="sr-") as name:
        place = Path(name)
        place.chmod(0o755)
        yield place


@pytest.fixture
async def new_cluster(place: Path) -> AsyncGenerator[Cluster]:
    """A server that is described and neither made nor started; stopped at the end."""
    cluster = private_cluster(place)
    yield cluster
    await cluster.stop()


@pytest.fixture
async def cluster(postgres: TestServer, place: Path, new_cluster: Cluster) -> Cluster:
    """A server that is made and migrated, not started; stopped at the end."""
    copy_server(Path(postgres.made), place)
    return new_cluster


@pytest.fixture
async def own(postgres: TestServer, cluster: Cluster) -> TestDatabase:
    """A migrated database on a server of its own."""
    return logins(await cluster.start(), postgres.passwords)
