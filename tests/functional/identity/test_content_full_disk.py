"""A disk that takes nothing more, under everything that is kept in files: refused in words, nothing half kept, and on with room.

The disk is full by RLIMIT_FSIZE, which holds for root as for anybody else, and for this process alone.
"""

from __future__ import annotations

import resource
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.functional.identity.test_datasets import ASK, admin, ready
from tests.functional.identity.test_rows_of_people import (
    CELLS,
    JANE,
    ROWS,
    asked,
    brought,
    exported,
    found,
    orphans,
    sent,
    trainer,
)

from strongroom.app.seed import INSTALLER
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.registry.datasets import State
from strongroom.subjects import RequestKind

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House


@contextmanager
def full(room: int = 0) -> Generator[None]:
    """Let no file grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 60, 700])
async def test_what_is_brought_is_refused_whole_and_taken_once_there_is_room(house: House, room: int) -> None:
    """With no room at all, with room for a part of a file's head, and for a part of its rows."""
    acme = await ready(house)
    who, work = await trainer(house, acme), house.services.subject_work
    await brought(house, acme, name="before", data=ROWS.partition(b"\n")[0] + b"\n")  # the keys are there from now on
    await sent(house, who, cells=CELLS[:30])
    before = orphans(house)
    for bring in (lambda: brought(house, acme), lambda: sent(house, who)):
        with full(room), pytest.raises(Refused) as refused:
            await bring()
        assert refused.value.refusal.kind is RefusalKind.UNAVAILABLE
        assert "doctor" in refused.value.refusal.tell
        left = [each for each in orphans(house) if not each.name.endswith(".doubt")]
        assert left == before, "no part of it takes room"
        await work.settle(INSTALLER, ASK)
        assert orphans(house) == before, "nothing is half kept"
    assert (await brought(house, acme)).state is State.ADMITTED
    assert (await sent(house, who)).rows == 40


async def test_an_erasure_takes_nothing_away_by_halves_and_is_asked_for_again(house: House) -> None:
    """The file without the rows cannot be written: the file with them counts, and the certificate does not say erased."""
    acme = await ready(house)
    await brought(house, acme)
    before = {each: each.read_bytes() for each in orphans(house)}
    request = await house.services.subjects.take(admin(acme), acme, RequestKind.ERASE, JANE, "", "", ASK)
    with full(200), pytest.raises(Refused) as refused:
        await house.services.subject_work.erase(admin(acme), acme, "acme", request.id, JANE, ASK)
    assert "make room, then erase again" in refused.value.refusal.tell
    assert {each: each.read_bytes() for each in orphans(house)} == before
    assert len(await exported(house, acme)) == 12
    certificate = await asked(house, acme, JANE)
    assert certificate["verdict"] == "erased"
    assert found(certificate, "rows of data sets") == (6, 6, 0)
    assert len(await exported(house, acme)) == 6


async def test_on_a_full_disk_a_training_file_can_still_be_deleted(house: House) -> None:
    acme = await ready(house)
    who = await trainer(house, acme)
    kept = await sent(house, who)
    with full():
        await house.services.training_files.delete(who, kept.id, ASK)
    assert orphans(house) == []
