"""Which requests a capture session takes: its share of its own model's, until it ends, and none where there is none."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.captures import CaptureDocument, Captures
from strongroom.captures.documents import CAPTURE
from strongroom.captures.model import PIECE, WHOLE
from strongroom.gateway.tapes import Tape
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.kernel.principal import Environment
from strongroom.store.feed import FeedEntry

ACME, GLOBEX = TenantId(UUID(int=0x0190 << 112 | 1)), TenantId(UUID(int=0x0190 << 112 | 2))
SESSION = UUID(int=7)
DEV = Environment.DEV


def entry(
    share: int = WHOLE,
    *,
    tenant: TenantId = ACME,
    ends_at: float = 100.0,
    workload: str = "",
    deleted: bool = False,
    body: bytes | None = None,
) -> FeedEntry:
    document = CaptureDocument(environment=DEV, model="chat", share=share, ends_at=ends_at, workload=workload)
    said = b"" if deleted else msgspec.json.encode(document) if body is None else body
    return FeedEntry(tenant=tenant, kind=CAPTURE, id=str(SESSION), version=1, body=said, deleted=deleted)


def told(*entries: FeedEntry) -> Captures:
    captures = Captures()
    captures.apply(entries, full=True)
    return captures


def takes(
    captures: Captures, tenant: TenantId = ACME, model: str = "chat", *, by: str = "w", lot: int = 0, now: float = 1.0
) -> bool:
    return captures.chosen(tenant, DEV, model, by, lot=lot, now=now) is not None


def test_it_takes_its_own_and_nobody_elses() -> None:
    captures = told(entry())
    assert captures
    assert takes(captures)
    assert not takes(captures, GLOBEX)
    assert not takes(captures, model="other")
    assert captures.chosen(ACME, Environment.PROD, "chat", "w", lot=0, now=1.0) is None
    assert takes(told(entry(workload="w")))
    assert not takes(told(entry(workload="w")), by="another")


def test_it_ends_by_itself_and_is_then_forgotten() -> None:
    captures = told(entry(ends_at=100.0))
    assert takes(captures, now=99.9)
    assert not takes(captures, now=100.0)
    assert not captures


@pytest.mark.parametrize("last", [entry(deleted=True), entry(body=b"{}")], ids=["withdrawn", "unreadable"])
def test_what_was_withdrawn_or_cannot_be_read_takes_nothing(last: FeedEntry) -> None:
    captures = told(entry())
    captures.apply([last], full=False)
    assert not captures
    assert not takes(captures)


def test_a_feed_that_begins_anew_forgets_what_it_does_not_name() -> None:
    captures = told(entry())
    captures.apply([], full=True)
    assert not captures


def test_the_installation_publishes_none() -> None:
    assert not told(entry(tenant=PLATFORM))


@given(share=st.integers(1, WHOLE))
def test_a_share_is_exactly_that_share_of_all_lots(share: int) -> None:
    captures = told(entry(share))
    taken = [lot for lot in (0, share - 1, share, WHOLE - 1, WHOLE + share - 1) if takes(captures, lot=lot)]
    assert taken == [lot for lot in (0, share - 1, share, WHOLE - 1, WHOLE + share - 1) if lot % WHOLE < share]


@given(pieces=st.lists(st.binary(max_size=PIECE), max_size=4))
def test_a_tape_keeps_the_beginning_and_says_when_it_is_cut(pieces: list[bytes]) -> None:
    chosen = told(entry()).chosen(ACME, DEV, "chat", "w", lot=0, now=1.0)
    assert chosen is not None
    tape = Tape(chosen)
    for piece in pieces:
        tape.add(piece)
    said = b"".join(pieces)
    assert bytes(tape.answer) == said[:PIECE]
    assert tape.cut == (len(said) > PIECE)
