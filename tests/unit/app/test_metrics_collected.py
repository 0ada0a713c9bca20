"""Figures of many processes on one page: sums never go back, gauges are told by process, and the text is Prometheus's."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from strongroom.app.metrics import Collected, is_token, socket_of, teller, token_digest
from strongroom.kernel.metrics import OTHER, Family, Figures, Label, Type, render
from strongroom.wire import serve_unix

KIND = Label(name="kind", values=("a", "b"))


class Process:
    """A process with one family of each type."""

    def __init__(self) -> None:
        self.asked = Family(Type.COUNTER, "asked_total", "Asked.", (KIND,))
        self.up = Family(Type.GAUGE, "up", "Up.", ())
        self.took = Family(Type.HISTOGRAM, "took_seconds", "Took.", (KIND,), (0.1, 1.0))
        self.up.set(to=1)

    async def figures(self) -> Iterable[Figures]:
        return [each.figures() for each in (self.asked, self.up, self.took)]

    @asynccontextmanager
    async def living(self, directory: Path, name: str) -> AsyncGenerator[None]:
        server = await serve_unix(teller(self.figures), socket_of(directory, name))
        try:
            yield
        finally:
            await server.close()


@pytest.fixture
def place() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="sr-m-") as name:  # short: a socket's path has 107 bytes
        yield Path(name)


async def test_counters_of_the_dead_are_kept_and_gauges_are_those_of_the_living(place: Path) -> None:
    collected = Collected(place)
    first, second = Process(), Process()
    async with second.living(place, "gateway-2"):
        async with first.living(place, "gateway-1"):
            first.asked.add("a", by=3)
            second.asked.add("a", by=4)
            text = await collected.text()
            assert 'asked_total{kind="a"} 7\n' in text
            assert 'up{process="gateway-1"} 1\n' in text
        text = await collected.text()
        assert 'asked_total{kind="a"} 7\n' in text
        assert 'up{process="gateway-1"}' not in text.replace("strongroom_process_up", "")
        assert 'strongroom_process_up{process="gateway-1"} 0\n' in text
        assert 'strongroom_process_up{process="gateway-2"} 1\n' in text
        again = Process()
        async with again.living(place, "gateway-1"):
            again.asked.add("a", by=10)
            again.asked.add("b")
            text = await collected.text()
    assert 'asked_total{kind="a"} 17\n' in text
    assert 'asked_total{kind="b"} 1\n' in text
    assert "strongroom_process_restarts_total 1\n" in text


async def test_nothing_runs_and_the_page_is_there(place: Path) -> None:
    assert "strongroom_process_restarts_total 0\n" in await Collected(place / "missing").text()
    (place / "gateway-1.sock").write_text("no socket")
    assert "strongroom_process_restarts_total 0\n" in await Collected(place).text()


def test_a_histogram_is_written_as_prometheus_reads_it() -> None:
    process = Process()
    for value in (0.05, 0.1, 0.5, 7.0):
        process.took.observe("a", value=value)
    assert render([process.took.figures()]).splitlines() == [
        "# HELP took_seconds Took.",
        "# TYPE took_seconds histogram",
        'took_seconds_bucket{kind="a",le="0.1"} 2',
        'took_seconds_bucket{kind="a",le="1"} 3',
        'took_seconds_bucket{kind="a",le="+Inf"} 4',
        'took_seconds_sum{kind="a"} 7.65',
        'took_seconds_count{kind="a"} 4',
    ]


def test_what_is_not_on_the_list_is_other_however_much_of_it_comes() -> None:
    process = Process()
    for number in range(1000):
        process.asked.add(f'"}} evil{number} \n')
    process.asked.add("a")
    assert {values for values, _ in process.asked.figures().series} == {(OTHER,), ("a",)}
    assert "evil" not in render([process.asked.figures()])


def test_a_scrape_token_is_long_and_is_compared_whole(place: Path) -> None:
    path = place / "token"
    path.write_text("f" * 64 + "\n")
    digest = token_digest(str(path))
    assert is_token("f" * 64, digest)
    assert not any(is_token(said, digest) for said in (None, "", "f" * 63, "f" * 65, "\udcff"))
    assert not is_token("f" * 64, None)
    assert token_digest(None) is None
    path.write_text("short")
    with pytest.raises(ValueError, match="at least 32"):
        token_digest(str(path))
