"""What a limit costs a request: reserve and settle with the bounds that a new installation has, shares at hand.

    .venv/bin/python bench/limits.py

Prints microseconds a request (best and median of rounds), and how many rounds to the counters they took. The counters are in
memory (`strongroom.gateway.limits.memory`): a round goes on beside the requests, as it does with PostgreSQL.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from uuid import UUID

from strongroom.gateway.limits import Claim, Leases, Ledger
from strongroom.gateway.limits.memory import MemorySource
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.rules.limits import DEFAULTS, Bound, Limits, Measure, Per

WHO = Principal(
    role=Role.INFERENCE,
    name="search",
    credential=KeyId("k" * 16),
    tenant=TenantId(UUID(int=1)),
    environment=Environment.PROD,
    workload=WorkloadId(UUID(int=2)),
)
MUCH = 50_000_000
ROUNDS, REQUESTS = 30, 2_000


def _bound(measure: Measure, per: Per) -> Bound:
    return Bound(measure=measure, per=per, among="", amount=MUCH, burst=MUCH)


PLANS = {
    "the defaults": Limits(bounds=tuple(_bound(each.measure, each.per) for each in DEFAULTS)),
    "every measure at every scope": Limits(
        bounds=tuple(
            _bound(measure, per) for measure in Measure for per in Per if (measure, per) != (Measure.QUERIES, Per.KEY)
        )
    ),
}


async def measure(limits: Limits) -> tuple[list[float], int]:
    """Return microseconds a request of each round, and how many rounds to the counters they took."""
    source = MemorySource(lambda: time.time_ns() // 1000)
    clock = SystemClock()
    leases = Leases(source, clock, processes=2)
    ledger = Ledger(leases, clock)
    running = asyncio.create_task(leases.run())
    plan, claim = ledger.plan(WHO, "tiny", limits), Claim(2_000, 100)
    await ledger.reserve(plan, claim)
    took: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(REQUESTS):
            reservation = ledger.take(plan, claim) or await ledger.reserve(plan, claim)
            ledger.settle(reservation, 100, 200)  # type: ignore[arg-type]  # nothing is refused at these amounts
        took.append((time.perf_counter() - began) / REQUESTS * 1e6)
        await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return took, source.rounds


def main() -> None:
    """Measure and print."""
    print(f"{'bounds':>32}  {'of them':>7}  {'best µs':>8}  {'median µs':>9}  {'rounds':>6}")
    for name, limits in PLANS.items():
        took, rounds = asyncio.run(measure(limits))
        print(f"{name:>32}  {len(limits.bounds):7}  {min(took):8.2f}  {statistics.median(took):9.2f}  {rounds:6}")


if __name__ == "__main__":
    main()
