"""The other tenant: a process that asks at a fixed rate, so that its own work does not count as the victim's waiting.

Each line of standard input is JSON: port, key, rate (requests a second) and seconds. Each gets one line back: how many answers
there were of each status.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import Any

from bench.fairness.load import open_loop

from strongroom.wire import Pool, TcpTarget


async def main() -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        work: dict[str, Any] = json.loads(line)
        statuses: Counter[int] = Counter()
        pool = Pool(TcpTarget("127.0.0.1", work["port"]), max_connections=128)
        await open_loop(pool, work["key"], work["rate"], work["seconds"], [], statuses)
        await pool.close()
        print(json.dumps(statuses), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
