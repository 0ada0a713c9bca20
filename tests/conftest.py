"""What every room's tests share: async tests without a mark, and a real PostgreSQL.

Fixtures (all real; none is slow but the first):

    postgres         the server of this run, shared by all test processes        `strongroom.store.testing.TestServer`
    database         a fresh, migrated database: logins for each role            `…TestDatabase`: .admin .control .operator .gateway
    db               the same, opened as the control process opens it            `strongroom.store.Database`
    appender         the same, opened as a gateway process opens it              `strongroom.store.Appender`
    shared_database  like `database`, but one for a whole module (Hypothesis wants no fresh one for each test)
    shared_db        like `db`, on `shared_database`

`async def test_…` and async fixtures run on asyncio, by AnyIO's plugin. A test that takes an async fixture (all but the
first) is async itself; with a plain one the plugin loses its loop, and every test after it fails.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from strongroom.store import Appender, Database
from strongroom.store.testing import TestDatabase, TestServer, shared

pytest_plugins = [
    "plugins.memory",  # where temporary files lie
    "plugins.live",  # the real product: `installation`, `target`, `start_up`
]


# A law is no measurement of speed: a machine with other work to do fails no test.
settings.register_profile("strongroom", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("strongroom")


def pytest_configure(config: pytest.Config) -> None:
    config.option.anyio_mode = "auto"
    # Whoever runs the tests may have an installation of their own: none of its settings is a test's.
    for name in [name for name in os.environ if name.startswith("STRONGROOM_")]:
        del os.environ[name]


SLOW_FIRST = (
    "functional/up/test_up_doctor",
    "functional/up/test_up_life",
    "functional/up/test_up_survives",
    "functional/console/test_console_reach",
    "functional/runtime",
    "isolation/surface",
    "functional/console",
    "functional/api/test_api_schema",
    "isolation/workers",
    "isolation",
    "functional/up",
    "functional/gateway/test_real",
)
"""A file is one process's affair: those that take long begin first, or one process waits for the other at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        place = item.path.as_posix()
        return next((index for index, part in enumerate(SLOW_FIRST) if f"/tests/{part}" in place), len(SLOW_FIRST))

    items.sort(key=rank)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Generator[TestServer]:
    # The same for all processes of a run, and short: a socket's path has 107 bytes. Not in pytest's own directory,
    # which lets no other uid through.
    base = tmp_path_factory.getbasetemp()
    run = base.parent if base.name.startswith("popen-") else base
    name = hashlib.sha256(str(run).encode()).hexdigest()[:12]
    with shared(Path(tempfile.gettempdir()) / f"strongroom-test-{name}") as server:
        yield server


@pytest.fixture
async def database(postgres: TestServer) -> AsyncGenerator[TestDatabase]:
    async with postgres.database() as database:
        yield database


@pytest.fixture
async def db(database: TestDatabase) -> AsyncGenerator[Database]:
    db = await Database.connect(database.control, database.operator)
    yield db
    await db.close()


@pytest.fixture
async def appender(database: TestDatabase) -> AsyncGenerator[Appender]:
    appender = await Appender.connect(database.gateway)
    yield appender
    await appender.close()


@pytest.fixture(scope="module")
async def shared_database(postgres: TestServer) -> AsyncGenerator[TestDatabase]:
    async with postgres.database() as database:
        yield database


@pytest.fixture(scope="module")
async def shared_db(shared_database: TestDatabase) -> AsyncGenerator[Database]:
    db = await Database.connect(shared_database.control, shared_database.operator)
    yield db
    await db.close()
