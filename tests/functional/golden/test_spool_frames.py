"""Frames that earlier versions wrote are read by this one: a spool outlives the version that filled it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from strongroom.gateway.spool.frames import Closed, Denied, Ended, Frame, Lost, Opened, read, write
from strongroom.kernel.ids import TenantId

GOLDEN = Path(__file__).parent / "spool"
AT = datetime(2026, 11, 23, 12, 30, 0, 250_000, tzinfo=UTC)
ACME = TenantId(UUID("01933333-0000-7000-8000-000000000001"))
ASKED = UUID("01933333-0000-7000-8000-000000000002")
OPENED = Opened(
    ASKED, ACME, AT, "prod", UUID(int=3), "0123456789abcdef", "chat", "openai", "a" * 64, UUID(int=4), "sha256:00",
    "b" * 64, '{"records":"strict"}',
)  # fmt: skip
FRAMES: list[Frame] = [
    OPENED,
    Closed(ASKED, "completed", "relayed", 200, 1500, 40, 20, 7, 900, "local", "", None),
    Closed(UUID(int=5), "refused", "admitted", 429, 80, refusal="limited", opened=OPENED),
    Denied(ACME, UUID(int=6), AT, "inference/search", "k", "model.invoke", "r", "why", "req_1", {"peer": "127.0.0.1"}),
    Lost(ACME, UUID(int=7), 12, AT, AT, "the spool was full"),
    Lost(ACME, UUID(int=8), None, AT, AT, "the machine stopped"),
    Ended(AT),
]


THIRD = [msgspec.structs.replace(FRAMES[1], findings='{"input":{"email":2}}')]
SECOND = [msgspec.structs.replace(OPENED, subject=f"sub_{'0f' * 16}")]


def test_the_first_version_is_read() -> None:
    golden = (GOLDEN / "frames-1.bin").read_bytes()
    assert [(number, frame) for _, number, frame in read(golden)] == list(enumerate(FRAMES, 1))


def test_the_second_is_which_says_whose_data_a_request_is_about() -> None:
    golden = (GOLDEN / "frames-2.bin").read_bytes()
    assert [(number, frame) for _, number, frame in read(golden)] == list(enumerate([*SECOND, *FRAMES], 1))


def test_the_third_is_which_says_what_the_guard_met() -> None:
    golden = (GOLDEN / "frames-3.bin").read_bytes()
    assert [(number, frame) for _, number, frame in read(golden)] == list(enumerate([*THIRD, *SECOND, *FRAMES], 1))


def test_this_version_writes_what_it_says() -> None:
    written = b"".join(write(frame, number) for number, frame in enumerate([*THIRD, *SECOND, *FRAMES], 1))
    assert written == (GOLDEN / "frames-3.bin").read_bytes(), (
        "frames are written otherwise than before: a new field goes to the end with a default, and gets a file of its own "
        "beside frames-3.bin, which stays readable"
    )
