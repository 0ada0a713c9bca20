"""Sessions: unguessable, kept by hash, ended by silence, by age and by number."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from strongroom.console.sessions import ABSOLUTE_S, IDLE_S, Notice, Sessions
from strongroom.kernel.ids import KeyId

KEY = KeyId("a" * 16)


class HandClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def boottime(self) -> float:
        return self.seconds


def test_a_session_is_found_by_its_text_and_by_nothing_that_is_kept() -> None:
    sessions = Sessions(HandClock())
    text = sessions.begin(KEY)
    assert len(text) >= 43  # 256 bits
    assert sessions.find(text) is not None
    (kept,) = sessions._living
    assert kept == hashlib.sha256(text.encode()).digest()
    assert sessions.find(kept.hex()) is None
    assert text not in repr(sessions._living)


def test_two_sessions_share_nothing() -> None:
    sessions = Sessions(HandClock())
    first, second = sessions.begin(KEY), sessions.begin(KEY)
    assert first != second
    one, other = sessions.find(first), sessions.find(second)
    assert one is not None
    assert other is not None
    assert one.csrf != other.csrf
    assert not one.owns(other.csrf)
    assert one.owns(one.csrf)
    assert not one.owns("")


def test_silence_ends_a_session_and_a_page_that_refreshes_itself_is_silence() -> None:
    clock = HandClock()
    sessions = Sessions(clock)
    text = sessions.begin(KEY)
    for _ in range(4):
        clock.seconds += IDLE_S / 2
        assert sessions.find(text) is not None
    for _ in range(2):
        clock.seconds += IDLE_S / 2
        assert sessions.find(text, touch=False) is not None
    clock.seconds += 1
    assert sessions.find(text, touch=False) is None
    assert len(sessions) == 0


def test_age_ends_a_session_that_is_never_silent() -> None:
    clock = HandClock()
    sessions = Sessions(clock)
    text = sessions.begin(KEY)
    for _ in range(int(ABSOLUTE_S // (IDLE_S / 2))):
        clock.seconds += IDLE_S / 2
        assert sessions.find(text) is not None
    clock.seconds += 1
    assert sessions.find(text) is None


def test_signing_out_ends_one_session_only() -> None:
    sessions = Sessions(HandClock())
    first, second = sessions.begin(KEY), sessions.begin(KEY)
    sessions.end(first)
    sessions.end("never one")
    assert sessions.find(first) is None
    assert sessions.find(second) is not None


def test_one_credential_holds_so_many_and_the_longest_unused_makes_room() -> None:
    sessions = Sessions(HandClock(), per_credential=2)
    first, second = sessions.begin(KEY), sessions.begin(KEY)
    assert sessions.find(first) is not None  # used after `second`
    third = sessions.begin(KEY)
    assert sessions.find(second) is None
    assert sessions.find(first) is not None
    assert sessions.find(third) is not None


def test_there_are_never_more_than_the_limit() -> None:
    sessions = Sessions(HandClock(), limit=3)
    texts = [sessions.begin(KeyId(f"{number:016d}")) for number in range(10)]
    assert len(sessions) == 3
    assert [sessions.find(text) is not None for text in texts] == [False] * 7 + [True] * 3


def test_a_session_knows_when_its_person_proved_who_they_are_and_not_only_when_it_began() -> None:
    sessions = Sessions(HandClock())
    proven = [sessions.find(sessions.begin(KEY, proven_s=ago)) for ago in (0.0, 300.0, None)]
    assert [None if each is None else each.proven_at for each in proven] == [1000.0, 700.0, None]
    typed = sessions.find(sessions.begin(KEY))  # a token is proof at the moment of typing it
    assert typed is not None
    assert typed.proven_at == 1000.0


def test_one_credential_holds_as_many_sessions_as_it_may_and_no_fewer() -> None:
    sessions = Sessions(HandClock(), per_credential=8)
    texts = [sessions.begin(KEY) for _ in range(8)]
    assert all(sessions.find(text) is not None for text in texts)
    sessions.begin(KEY)
    assert [sessions.find(text) is not None for text in texts] == [False] + [True] * 7


def test_a_form_is_sent_once() -> None:
    sessions = Sessions(HandClock())
    session = sessions.find(sessions.begin(KEY))
    assert session is not None
    word = session.open_form()
    assert session.spend(word)
    assert not session.spend(word)
    assert not session.spend("")
    words = [session.open_form() for _ in range(200)]
    assert not session.spend(words[0])  # too many were open
    assert session.spend(words[-1])


def test_a_notice_is_read_once() -> None:
    sessions = Sessions(HandClock())
    session = sessions.find(sessions.begin(KEY))
    assert session is not None
    session.notice = Notice(text="Done.")
    assert session.take_notice() == Notice(text="Done.")
    assert session.take_notice() is None
