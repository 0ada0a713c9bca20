"""The gateway process under cProfile: `python -m bench.gateway.profiled FILE gateway HANDOVER-FD`.

Calls in the thread of the event loop are counted from SIGUSR1 to SIGUSR2; then FILE is written.
"""

from __future__ import annotations

import cProfile
import signal
import sys
from pathlib import Path

from strongroom.app import processes


def main(place: Path, arguments: list[str]) -> None:
    profile = cProfile.Profile()

    def begin(*_: object) -> None:
        profile.enable()

    def end(*_: object) -> None:
        profile.disable()
        unfinished = place.with_suffix(".new")
        profile.dump_stats(unfinished)
        unfinished.replace(place)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    processes.main(arguments)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
