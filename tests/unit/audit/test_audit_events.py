"""An event is the same bytes for the same entry, for ever: a golden text holds it to that."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.audit import Entry, Outcome
from strongroom.audit.events import decode, encode

ENTRY = Entry(
    id=UUID(int=7),
    at=datetime(2026, 1, 31, 12, 30, 15, 123_456, tzinfo=UTC),
    actor="operator/root",
    credential="0123456789abcdef",
    action="key.revoke",
    resource="tenant/x/prod/key/y",
    outcome=Outcome.ALLOWED,
    reason="permitted by a rule — “quoted”",
    request_id="req_1",
    detail={"b": "2", "a": "1"},
)
GOLDEN = (
    '{"metadata":{"version":"1.5.0","log_version":"strongroom-audit/1","product":{"name":"Strongroom",'
    '"vendor_name":"Strongroom"},"uid":"00000000-0000-0000-0000-000000000007"},"category_uid":6,"class_uid":6003,'
    '"activity_id":4,"type_uid":600304,"severity_id":1,"time":1769862615123,"time_dt":"2026-01-31T12:30:15.123Z",'
    '"status_id":1,"status":"allowed","status_detail":"permitted by a rule — “quoted”","actor":{"user":{"name":'
    '"operator/root","credential_uid":"0123456789abcdef"}},"api":{"operation":"key.revoke","request":{"uid":"req_1"}},'
    '"resources":[{"uid":"tenant/x/prod/key/y"}],"unmapped":{"a":"1","b":"2"}}'
)


def test_the_bytes_of_an_event_never_change() -> None:
    assert encode(ENTRY).decode() == GOLDEN, (
        "this format is hashed into logs that exist: add a version, do not change one"
    )


def test_an_event_holds_no_float() -> None:
    def refuse(text: str) -> float:
        raise AssertionError(text)

    json.loads(encode(ENTRY), parse_float=refuse)


PLAIN = st.text("aZ09 ._-/{}[]:,\"'\\éß“”☃", max_size=60)


@given(PLAIN, PLAIN, st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), PLAIN, max_size=4))
def test_an_event_comes_back_with_all_that_was_in_the_entry(actor: str, reason: str, detail: dict[str, str]) -> None:
    entry = Entry(
        id=UUID(int=1),
        at=ENTRY.at,
        actor=actor,
        credential="",
        action="a.b",
        resource="",
        outcome=Outcome.FAILED,
        reason=reason,
        detail=detail,
    )
    event = decode(encode(entry))
    assert (event.actor.user.name, event.status_detail, event.unmapped) == (actor, reason, detail)
    assert (event.activity_id, event.status, event.severity_id) == (99, "failed", 3)
    assert encode(entry) == encode(entry)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", GOLDEN.encode()[:-1], GOLDEN.replace('"time":1', '"time":1.5e').encode()]
)
def test_what_is_no_event_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no event"):
        decode(content)
