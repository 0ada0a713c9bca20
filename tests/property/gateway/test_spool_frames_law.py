"""However a spool's bytes are cut or damaged, what is read is a beginning of what was written, and never anything else."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from strongroom.gateway.spool.frames import Closed, Denied, Ended, Frame, Lost, Opened, read, write
from strongroom.kernel.ids import TenantId

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds it
TENANTS = st.uuids().map(TenantId)
TEXT = st.text(max_size=40)
OPENED = st.builds(
    Opened, st.uuids(), TENANTS, TIMES, TEXT, st.uuids(), TEXT, TEXT, TEXT, TEXT, st.none() | st.uuids(),
    st.none() | TEXT, TEXT, TEXT,
)  # fmt: skip
COUNTS = st.integers(0, 2**62)
FRAMES: st.SearchStrategy[Frame] = st.one_of(
    OPENED,
    st.builds(
        Closed, st.uuids(), TEXT, TEXT, st.integers(0, 999), COUNTS, COUNTS, COUNTS, COUNTS, st.none() | COUNTS,
        TEXT, TEXT, st.none() | OPENED,
    ),
    st.builds(Denied, TENANTS, st.uuids(), TIMES, *([TEXT] * 6), st.dictionaries(TEXT, TEXT, max_size=3)),
    st.builds(Lost, TENANTS, st.uuids(), st.none() | COUNTS, TIMES, TIMES, TEXT),
    st.builds(Ended, TIMES),
)  # fmt: skip


def written(frames: list[Frame]) -> bytes:
    return b"".join(write(frame, number) for number, frame in enumerate(frames, 1))


@given(st.lists(FRAMES, max_size=6))
def test_what_is_written_is_read(frames: list[Frame]) -> None:
    found = list(read(written(frames)))
    assert [(number, frame) for _, number, frame in found] == list(enumerate(frames, 1))


@given(st.lists(FRAMES, min_size=1, max_size=5), st.data())
def test_a_torn_end_costs_what_is_torn_and_nothing_before_it(frames: list[Frame], data: st.DataObject) -> None:
    whole = written(frames)
    cut = data.draw(st.integers(0, len(whole)))
    found = list(read(whole[:cut]))
    assert [frame for _, _, frame in found] == frames[: len(found)]
    ends = [0, *(end for end, _, _ in read(whole))]
    assert len(found) == sum(end <= cut for end in ends) - 1


@given(st.lists(FRAMES, min_size=1, max_size=4), st.data())
def test_a_changed_byte_is_noticed(frames: list[Frame], data: st.DataObject) -> None:
    whole = bytearray(written(frames))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    found = [frame for _, _, frame in read(bytes(whole))]
    assert len(found) < len(frames)
    assert found == frames[: len(found)]


def test_a_record_that_an_older_version_wrote_is_still_read() -> None:
    # A frame as this version writes it, less the fields that came after the first release of the format: none yet.
    opened = Opened(UUID(int=1), TenantId(UUID(int=2)), datetime(2026, 1, 1, tzinfo=UTC), "dev", UUID(int=3), "k", "chat", "openai", "v")  # fmt: skip
    assert [frame for _, _, frame in read(write(opened, 1))] == [opened]
