"""What a gateway counts: every name and every label of it, pinned in this one file.

Names and buckets beginning with `gen_ai_` are those of the OpenTelemetry semantic conventions for generative AI (in
development; as of 1.37), written as Prometheus writes them; the rest are our own, in base units.

Always true here:
- no label names a tenant, a workload, a key, a person, a model that a tenant has named, or anything that was said;
- labels are closed lists (`kernel/metrics.py`): a caller makes no series.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable
from typing import Final

from strongroom.gateway.breaker import State
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.spool import Closed, Opened
from strongroom.kernel.metrics import Family, Figures, Label, Type
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import RefusalKind
from strongroom.privacy import KINDS
from strongroom.privacy.actions import Action

LOCAL: Final = "local"
DIALECT: Final = Label(name="dialect", values=("openai", "anthropic", "oip"))
ENVIRONMENT: Final = Label(name="environment", values=tuple(Environment))
OPERATION: Final = Label(name="gen_ai_operation_name", values=tuple(Endpoint))
OUTCOME: Final = Label(name="outcome", values=("completed", "refused", "failed", "cancelled"))
REASON: Final = Label(name="error_type", values=("", *RefusalKind, "cancelled"))
TOKEN: Final = Label(name="gen_ai_token_type", values=("input", "output"))
STATE: Final = Label(name="state", values=("up", "down"))
BREAKER: Final = Label(name="state", values=tuple(State))
TARGET: Final = Label(name="target", values=("", LOCAL, "provider"))

DIRECTION: Final = Label(name="direction", values=("input", "output"))
FOUND: Final = Label(name="type", values=(*KINDS, "custom"))
ACTION: Final = Label(name="action", values=tuple(Action))
READING: Final = Label(name="outcome", values=("read", "passed", "refused"))

DURATION_S: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_S: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_MILLION: Final = 1e6
_MOST: Final = 4096


class Metrics:
    """The figures of one gateway process."""

    def __init__(self) -> None:
        counter, gauge, histogram = Type.COUNTER, Type.GAUGE, Type.HISTOGRAM
        self.requests: Final = Family(
            counter, "strongroom_requests_total", "Requests of workloads, by what became of them.",
            (DIALECT, OPERATION, ENVIRONMENT, OUTCOME),
        )  # fmt: skip
        self.refusals: Final = Family(
            counter, "strongroom_refusals_total", "Noes, by kind; `limited` are those of limits.", (REASON,)
        )
        self.strangers: Final = Family(
            counter, "strongroom_unauthenticated_requests_total", "Requests without a credential that counts.", ()
        )
        self.tokens: Final = Family(
            counter, "strongroom_tokens_total", "Tokens that were read and written; rows, for tabular models.",
            (OPERATION, TOKEN),
        )  # fmt: skip
        self.targets: Final = Family(
            counter, "strongroom_target_requests_total", "Requests by who was asked, and what became of them.",
            (TARGET, OUTCOME),
        )  # fmt: skip
        self.duration: Final = Family(
            histogram, "gen_ai_server_request_duration_seconds", "From a request's receipt to the end of its answer.",
            (OPERATION, REASON), DURATION_S,
        )  # fmt: skip
        self.first: Final = Family(
            histogram, "gen_ai_server_time_to_first_token_seconds", "From a request's receipt to its answer's first byte.",
            (OPERATION,), FIRST_S,
        )  # fmt: skip
        self.lost: Final = Family(
            counter,
            "strongroom_records_lost_total",
            "Records that could not be kept; each tenant's log says whose.",
            (),
        )
        self.found: Final = Family(
            counter, "strongroom_privacy_findings_total", "Personal data and secrets that were met, and what became of them.",
            (DIRECTION, FOUND, ACTION),
        )  # fmt: skip
        self.read: Final = Family(
            counter, "strongroom_privacy_names_total", "Asks and answers for a model of names: read, passed unread, refused unread.",
            (READING,),
        )  # fmt: skip
        self.shipped: Final = Family(
            counter, "strongroom_records_shipped_total", "Records that the database has taken.", ()
        )
        self.spool_bytes: Final = Family(
            gauge, "strongroom_spool_bytes", "Bytes of records on the disk that are not removed yet.", ()
        )
        self.spool_pending: Final = Family(
            gauge, "strongroom_spool_pending_bytes", "Bytes of records in memory on their way to the disk.", ()
        )
        self.spool_up: Final = Family(
            gauge, "strongroom_spool_up", "Whether records can be made durable now (1) or not (0).", ()
        )
        self.spool_lag: Final = Family(
            gauge, "strongroom_spool_lag_seconds", "For how long the database has not taken what is in the spool.", ()
        )
        self.feed_version: Final = Family(
            gauge, "strongroom_feed_version", "Version of keys, routes and rules that decisions are made by.", ()
        )
        self.lease: Final = Family(
            gauge,
            "strongroom_feed_lease_seconds",
            "How long these may still be relied on; not above 0: no answers.",
            (),
        )
        self.workers: Final = Family(
            gauge, "strongroom_workers", "Workers behind deployments, by whether they take work.", (STATE,)
        )
        self.breakers: Final = Family(
            gauge, "strongroom_breakers", "Breakers before providers, by what they do with requests.", (BREAKER,)
        )
        self.cpu: Final = Family(counter, "process_cpu_seconds_total", "CPU time of the process.", ())
        self.memory: Final = Family(gauge, "process_resident_memory_bytes", "Resident memory of the process.", ())
        self.started: Final = Family(
            gauge, "process_start_time_seconds", "When the process was started, Unix time.", ()
        )
        self.started.set(to=time.time())
        self._known: Final[dict[tuple[str, ...], tuple[list[float], ...]]] = {}

    def request(self, opened: Opened, closed: Closed) -> None:
        """Count a request that has ended. `first_byte_us` and tokens count where there are any."""
        key = (opened.dialect, opened.operation, opened.environment, closed.outcome, closed.refusal, closed.target)
        series = self._known.get(key)
        if series is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            series = self._known[key] = self._series(*key)
        requests, duration, first, read, written, target, refusal = series
        requests[0] += 1
        target[0] += 1
        refusal[0] += 1
        self.duration.observe_in(duration, closed.duration_us / _MILLION)
        if closed.first_byte_us is not None:
            self.first.observe_in(first, closed.first_byte_us / _MILLION)
        read[0] += closed.input_tokens
        written[0] += closed.output_tokens

    def _series(
        self, dialect: str, operation: str, environment: str, outcome: str, refusal: str, target: str
    ) -> tuple[list[float], ...]:
        """Return the series that a request of this kind counts in."""
        error = _error(outcome, refusal)
        # A provider's name may tell whose it is: of a provider, only that it was one.
        who = target if target in {"", LOCAL} else "provider"
        return (
            self.requests.of(dialect, operation, environment, outcome),
            self.duration.of(operation, error),
            self.first.of(operation),
            self.tokens.of(operation, "input"),
            self.tokens.of(operation, "output"),
            self.targets.of(who, outcome),
            self.refusals.of(error) if error not in {"", "cancelled"} else [0.0],
        )

    def process(self) -> None:
        """Read what the system knows of this process."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.cpu.set(to=used.ru_utime + used.ru_stime)
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - procfs, at every scrape
            self.memory.set(to=int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))

    def spool(self, *, kept: int, pending: int, trouble: bool, lost: int, lag_s: float) -> None:
        """Take over what the spool says of itself; bytes, records, seconds."""
        self.spool_bytes.set(to=kept)
        self.spool_pending.set(to=pending)
        self.spool_up.set(to=0 if trouble else 1)
        self.lost.set(to=lost)
        self.spool_lag.set(to=lag_s)

    def figures(self) -> Iterable[Figures]:
        """Return every family as it stands."""
        return [each.figures() for each in vars(self).values() if isinstance(each, Family)]


def _error(outcome: str, refusal: str) -> str:
    if outcome == "cancelled":
        return "cancelled"
    return "" if outcome == "completed" else refusal.partition(":")[0] or RefusalKind.UPSTREAM
