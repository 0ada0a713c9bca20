"""What a process does by itself goes on: a duty that fails is begun again, or ends its process; and never in silence."""

from __future__ import annotations

import asyncio
import socket

import pytest

from strongroom.app import processes
from strongroom.app.handover import Handover
from strongroom.app.lasting import kept_up, until
from strongroom.app.settings import Settings
from strongroom.kernel.clock import SystemClock
from strongroom.runtime.backoff import BackoffPolicy
from strongroom.wire import Limits, Reply, Request

AT_ONCE = BackoffPolicy(first_s=0.001, cap_s=0.001)


async def test_a_duty_that_fails_is_told_without_its_words_and_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[str] = []
    again = asyncio.Event()

    async def duty() -> None:
        begun.append("")
        if len(begun) < 3:
            raise KeyError("what a customer wrote")
        again.set()
        await asyncio.Event().wait()

    doing = asyncio.create_task(kept_up("sign-ons", duty, SystemClock(), AT_ONCE))
    async with asyncio.timeout(10):
        await again.wait()
    assert not doing.done()
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)
    assert [record.getMessage().partition(" at ")[0] for record in caplog.records] == ["sign-ons: KeyError"] * 2
    assert "customer" not in caplog.text


async def test_a_duty_that_has_nothing_more_to_do_is_not_begun_again() -> None:
    begun: list[str] = []

    async def duty() -> None:
        begun.append("")

    await kept_up("rescan", duty, SystemClock(), AT_ONCE)
    assert len(begun) == 1


async def fails() -> None:
    raise ValueError("what a customer wrote")


async def lasts() -> None:
    await asyncio.Event().wait()


async def test_being_told_to_stop_is_the_end_of_no_duty() -> None:
    stop = asyncio.Event()
    duty = asyncio.create_task(lasts())
    stop.set()
    await until(stop, [duty])
    assert not duty.done()
    duty.cancel()


async def test_a_gateway_whose_duty_has_ended_answers_nobody_any_more(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_spare_collections", lambda: None)  # of this process, which goes on
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    handover = Handover(
        name="gateway-1", supervisor=0, settings=Settings(), logins={}, keys=b"", home="", worker_sockets="", spool="",
        metrics_sockets="", listen=listening.detach(), demo=False,
    )  # fmt: skip

    async def handle(_: Request, reply: Reply) -> None:
        await reply.send(200, [], b"")

    duties = [asyncio.create_task(lasts(), name="leases"), asyncio.create_task(fails(), name="captures")]
    with pytest.raises(RuntimeError, match="captures has ended"):
        async with asyncio.timeout(10):
            await processes._serve(handover, handover.settings.gateway, handle, Limits(), None, duties)
    duties[0].cancel()
    for number in (2, 15):
        asyncio.get_running_loop().remove_signal_handler(number)
    assert "captures has ended (ValueError at" in caplog.text
    assert "customer" not in caplog.text
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
