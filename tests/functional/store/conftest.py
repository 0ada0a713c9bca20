"""A server of a test's own, for what would disturb the shared one: stopping, killing, freezing."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from strongroom.store import migrate, roles
from strongroom.store.cluster import Cluster
from strongroom.store.testing import TestDatabase, logins, private_cluster


@pytest.fixture
def place() -> Generator[Path]:
    """A directory that every uid can pass through, with a short path; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory(prefix="sr-") as name:
        place = Path(name)
        place.chmod(0o755)
        yield place


@pytest.fixture
async def cluster(place: Path) -> AsyncGenerator[Cluster]:
    """A server that is described and not started; stopped at the end."""
    cluster = private_cluster(place)
    yield cluster
    await cluster.stop()


@pytest.fixture
async def own(cluster: Cluster) -> TestDatabase:
    """A migrated database on a server of its own."""
    admin = await cluster.start()
    passwords = roles.Passwords.generate()
    await migrate.migrate(admin, passwords)
    return logins(admin, passwords)
