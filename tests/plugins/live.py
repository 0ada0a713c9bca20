"""Fixtures over the real product, started by its own command (`strongroom.app.rig`).

installation          one for the whole run, shared by all test processes: never stop, kill or change its demo
open_directory        a short directory that every uid can enter
start_up              starts private ones, for tests that stop, kill or misconfigure; each takes seconds
target                two throw-away tenants that look alike, made through the API: a module's own
make_target            the same, for a test that needs them to itself
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from strongroom.app.rig import Installation, Up, shared, verdict
from strongroom.attack import Target, staged


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Generator[Installation]:
    with shared(_directory(tmp_path_factory)) as installation:
        yield installation


@pytest.fixture(scope="module")
def open_directory() -> Generator[Path]:
    """Return a directory with a short path that every uid can enter, as pytest's own are not."""
    directory = Path(tempfile.mkdtemp(prefix="sr-up-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def start_up(open_directory: Path) -> Generator[Callable[..., Up]]:
    """Return `Up` with a HOME of its own below `open_directory`; whatever still runs is ended afterwards."""
    with ExitStack() as stack:

        def start(name: str = "home", **options: object) -> Up:
            home = options.pop("home", open_directory / name)
            return stack.enter_context(Up(home, **options))  # type: ignore[arg-type]  # as `Up` takes them

        yield start


@pytest.fixture(scope="module")
def target(installation: Installation) -> Generator[Target]:
    with staged(installation.demo.gateway, installation.demo.control, installation.demo.operator.token) as target:
        yield target


@pytest.fixture
def make_target(installation: Installation) -> Callable[[], AbstractContextManager[Target]]:
    def make() -> AbstractContextManager[Target]:  # no partial: pytest shows an argument's repr
        demo = installation.demo
        return staged(demo.gateway, demo.control, demo.operator.token)

    return make


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """Fail the run when the shared installation did not end well or left a process behind."""
    outcome = yield
    factory: pytest.TempPathFactory | None = getattr(session.config, "_tmp_path_factory", None)
    if factory is not None and not hasattr(session.config, "workerinput"):  # xdist's workers have all ended by now
        wrong = verdict(_directory(factory))
        if wrong:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            print(f"\nthe shared installation did not end well:\n{wrong}")  # noqa: T201 - after the last report
    return outcome


def _directory(factory: pytest.TempPathFactory) -> Path:
    """Return the same for all processes of a run; short, as a socket's path has 107 bytes, and open to every uid."""
    base = factory.getbasetemp()
    run = base.parent if base.name.startswith("popen-") else base
    return Path(tempfile.gettempdir()) / f"sr-live-{hashlib.sha256(str(run).encode()).hexdigest()[:12]}"
