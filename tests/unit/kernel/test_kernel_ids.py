"""Ids and names: what makes one, and what never is one."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone

import pytest

from strongroom.kernel.clock import SystemClock, rfc3339
from strongroom.kernel.ids import new_key_id, new_uuid, parse_key_id, parse_name
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refused, hidden, invalid


def test_a_uuid_is_of_version_7_and_sorts_by_its_millisecond() -> None:
    made = [new_uuid() for _ in range(200)]
    assert all(each.version == 7 and each.variant == "specified in RFC 4122" for each in made)
    millis = [each.int >> 80 for each in made]
    assert millis == sorted(millis)
    assert len(set(made)) == 200


def test_a_forked_process_gives_out_ids_of_its_own() -> None:
    new_uuid()  # random bits for many ids are at hand now
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        os.write(writing, new_uuid().bytes)
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 16)
    os.close(reading)
    os.close(writing)
    assert len(theirs) == 16
    assert theirs[6:] not in {new_uuid().bytes[6:] for _ in range(200)}


def test_a_key_id_is_read_back_and_nothing_else_is_one() -> None:
    made = new_key_id()
    assert parse_key_id(made) == made
    for text in ("", "A" * 16, "a" * 15, "a" * 17, "a" * 15 + "\n", "é" + "a" * 15, "../../../etc/pas", "\uff11" * 16):
        assert parse_key_id(text) is None


@pytest.mark.parametrize("text", ["a", "a1", "smollm2-135m", "a.b", "x" * 63, "0"])
def test_a_name_that_keeps_the_rule(text: str) -> None:
    assert parse_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a..b",
        "-a",
        "a-",
        "A",
        "x" * 64,
        "a/b",
        "a%2fb",
        "a b",
        "a\n",
        "\u0430cme",
        "acme\u200b",
        "\uff41cme",
        "root\0",
    ],
)
def test_a_name_that_breaks_it(text: str) -> None:
    with pytest.raises(ValueError, match="a name is"):
        parse_name(text)


def test_times_are_told_in_utc_with_milliseconds() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
    assert rfc3339(moment) == "2026-01-02T03:04:05.678Z"
    assert rfc3339(moment.astimezone(timezone(timedelta(hours=5)))) == rfc3339(moment)
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.boottime() <= clock.boottime()


def test_a_principal_says_role_and_name_only() -> None:
    who = Principal(role=Role.INFERENCE, name="search", credential=new_key_id())
    assert str(who) == "inference/search"
    assert {role for role in Role if role.is_placed} - {role for role in Role if role.is_workload} == {Role.DELIVERY}
    assert not any(role.is_placed for role in (Role.OPERATOR, Role.APPROVER, Role.TENANT_ADMIN))


def test_a_refusal_tells_the_caller_less_than_the_operator() -> None:
    refused = Refused(hidden("globex has it"))
    assert "globex" in str(refused)
    assert "globex" not in refused.refusal.tell
    assert hidden("one").tell == hidden("other").tell
    assert invalid("No.", param="x", code="y").code == "y"
