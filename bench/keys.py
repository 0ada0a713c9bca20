"""What a key costs: verifying one, holding 100,000 of them, hearing of a change, and noting a use.

    .venv/bin/python bench/keys.py

Prints microseconds a check (a key that this process has seen since the last change, one that it has not, a bound one, a wrong
one), what 100,000 keys take in memory and at a start, and how long a process stands still for one change among so many.
"""

from __future__ import annotations

import random
import resource
import statistics
import time
from collections.abc import Callable
from uuid import UUID

from msgspec import UNSET

from strongroom.gateway.uses import Uses
from strongroom.identity import Directory, documents, secretkey
from strongroom.identity.bindings import Bindings
from strongroom.identity.documents import CredentialDocument, TenantDocument
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.store.feed import FeedEntry
from strongroom.vault import Purpose, PurposeKeys

KEYS, TENANTS, ROUNDS, CALLS = 100_000, 100, 15, 2_000
HERE = "127.0.0.1"
PEPPERS = PurposeKeys(1, {Purpose.KEY_PEPPER: {1: b"1" * 32}})
CLOCK = SystemClock()


def entry(key: secretkey.SecretKey, number: int, bindings: Bindings | None = None) -> FeedEntry:
    """Return what the feed tells of a key."""
    tenant = TenantId(UUID(int=1 + number % TENANTS))
    document = CredentialDocument(
        fingerprint=PEPPERS.mac(Purpose.KEY_PEPPER, key.text.encode()) or b"",
        pepper_version=1,
        role=Role.INFERENCE,
        name=f"workload-{number % 1000}",
        expires_at=CLOCK.now().timestamp() + 86_400,
        tenant=tenant,
        environment=Environment.PROD,
        workload=UUID(int=number % 1000),
        bindings=bindings or UNSET,
    )
    return FeedEntry(
        tenant=tenant,
        kind=documents.CREDENTIAL,
        id=key.id,
        version=number + 1,
        body=documents.encode(document),
        deleted=False,
    )


def microseconds(call: Callable[[], object]) -> str:
    """Return the best and the median of rounds, in microseconds a call."""
    took: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        took.append((time.perf_counter() - began) / CALLS * 1e6)
    return f"{min(took):6.2f} best, {statistics.median(took):6.2f} median"


def main() -> None:
    """Measure and print."""
    keys = [secretkey.mint(Role.INFERENCE, Environment.PROD) for _ in range(KEYS)]
    bound = Bindings(networks=("127.0.0.0/8",), agents=("openai",), hours=("00:00-24:00",))
    told = [entry(key, number, bound if number == 1 else None) for number, key in enumerate(keys)]
    for number in range(TENANTS):
        body = documents.encode(TenantDocument(name=f"tenant-{number}"))
        tenant = str(UUID(int=1 + number))
        told.append(FeedEntry(tenant=PLATFORM, kind="tenant", id=tenant, version=1, body=body, deleted=False))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    directory = Directory(PEPPERS, CLOCK, allow_demo=False)
    began = time.perf_counter()
    directory.apply(told, full=True)
    start = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{len(directory):,} keys taken in within {start:.2f} s; {(after - before) / 1024:.0f} MiB more resident")

    plain, tied, wrong = keys[0].text, keys[1].text, keys[2].text[:-6] + "000000"
    uses, who = Uses(CLOCK), directory.authenticate(plain, HERE)
    tied_who = directory.authenticate(tied, HERE)
    if not isinstance(who, Principal) or not isinstance(tied_who, Principal):
        raise SystemExit("a key does not count")
    rest = iter(random.Random(1).sample(keys, ROUNDS * CALLS))  # noqa: S311 - a sample

    print("a check, µs")
    print(f"  seen since the last change    {microseconds(lambda: directory.authenticate(plain, HERE))}")
    print(f"  not seen since                {microseconds(lambda: directory.authenticate(next(rest).text, HERE))}")
    print(f"  of a wrong checksum           {microseconds(lambda: directory.authenticate(wrong, HERE))}")
    print(f"  the bindings of a bound one   {microseconds(lambda: directory.outside(tied_who, HERE, 'openai/2'))}")
    print(f"  noting where it is used       {microseconds(lambda: uses.note(who, HERE, 'openai/2', 10.0))}")

    changes: list[float] = []
    for number in range(200):
        change = [told[number]]
        began = time.perf_counter()
        directory.apply(change, full=False)
        changes.append((time.perf_counter() - began) * 1e6)
    print(f"one change among {KEYS:,} keys: {statistics.median(changes):.0f} µs median, {max(changes):.0f} µs at most")


if __name__ == "__main__":
    main()
