"""A gateway's limits without the gateway, for tests: a process that reserves queries of one model until it is told no.

Run as `python -m strongroom.gateway.limits.trial`; what to do comes on standard input, as the login does: one line of JSON.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from uuid import UUID

import msgspec

from strongroom.gateway.limits import Claim, Leases, Ledger, Reservation
from strongroom.gateway.limits.source import DatabaseSource
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind
from strongroom.rules.limits import Bound, Limits, Measure, Per
from strongroom.store import Dsn, Lessor


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What to do: reserve as `key` until the cap is reached; or once (`hold`), and then wait to be killed."""

    dsn: Dsn
    cap: int
    processes: int
    key: str
    hold: bool = False


def who(key: str) -> Principal:
    """Return one workload, by any of its keys."""
    return Principal(
        role=Role.INFERENCE,
        name="search",
        credential=KeyId(key),
        tenant=TenantId(UUID(int=1)),
        environment=Environment.PROD,
        workload=WorkloadId(UUID(int=2)),
    )


def limits(cap: int) -> Limits:
    """Return a cap for life and nothing else."""
    return Limits(bounds=(Bound(measure=Measure.QUERIES, per=Per.WORKLOAD, among="", amount=cap, burst=cap),))


async def main(work: Work) -> None:
    """Do it, and say on standard output how many were granted."""
    clock = SystemClock()
    leases = Leases(DatabaseSource(partial(Lessor.connect, work.dsn)), clock, processes=work.processes)
    ledger = Ledger(leases, clock)
    running = asyncio.create_task(leases.run())
    plan, granted = ledger.plan(who(work.key), "tiny", limits(work.cap)), 0
    while True:
        got = await ledger.reserve(plan, Claim())
        if not isinstance(got, Reservation):
            if got.kind is RefusalKind.UNAVAILABLE:
                continue
            break
        ledger.settle(got, 0, 0)
        granted += 1
        if work.hold and granted == 1:
            sys.stdout.write("1\n")
            sys.stdout.flush()
            await asyncio.Event().wait()  # until it is killed, holding a share
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    sys.stdout.write(f"{granted}\n")


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.stdin.buffer.readline(), type=Work)))
