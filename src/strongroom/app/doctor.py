"""`strongroom doctor`: is this installation what it should be, and if not, what mends it.

A check that could not be made is `undetermined`, never `ok`: a doctor that was not let in has found nothing healthy.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

import msgspec

from strongroom.app.database import embedded_login, external
from strongroom.app.layout import Layout, layout
from strongroom.app.services import Services
from strongroom.app.settings import Loaded, SettingsError, load
from strongroom.kernel.clock import Clock
from strongroom.runtime.sandbox import SandboxReport, State, probe
from strongroom.runtime.tree import current_tree, prepare_tree
from strongroom.store import Dsn, StoreError
from strongroom.store import format as formats
from strongroom.store import lint as catalog
from strongroom.store.migrate import server_now
from strongroom.vault import Keyring, KeyringBroken
from strongroom.wire import ClientError, Pool, UnixTarget

_MIB: Final = 2**20
_DISK_FAILED: Final = 256 * _MIB
_CLOCK_APART_S: Final = 2.0
_NOT_BEFORE: Final = datetime(2026, 11, 1, tzinfo=UTC)
_START: Final = "start it with `strongroom up`, then ask again"


@unique
class Status(StrEnum):
    """What a check found."""

    OK = "ok"
    FAILED = "failed"
    UNDETERMINED = "undetermined"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    status: Status
    detail: str
    fix: str = ""


def exit_code(checks: Sequence[Check]) -> int:
    """Return 0 when all is well, 1 when anything failed, 3 when something could not be looked at."""
    found = {check.status for check in checks}
    if Status.FAILED in found:
        return 1
    return 3 if Status.UNDETERMINED in found or not checks else 0


def run(home: Path) -> list[Check]:
    """Look at the installation in `home` from outside its processes."""
    try:
        loaded = load(home)
    except SettingsError as error:
        return [Check(name="settings", status=Status.FAILED, detail=str(error), fix="correct the named setting")]
    places = layout(home)
    return [
        Check(name="settings", status=Status.OK, detail=f"{loaded.settings.installation.mode} mode"),
        _guarded("formats", lambda: _formats(places), "run the version that wrote this home, or a newer one"),
        _guarded("keyring", lambda: _keyring(places), "restore HOME/secrets/keyring.json from its own backup"),
        *asyncio.run(_database(places, loaded)),
        *_sandbox(loaded),
        *asyncio.run(_workers(places.worker_sockets)),
        _disk(places.state if places.state.exists() else places.home),
    ]


async def online(services: Services, clock: Clock, worker_sockets: Path) -> list[Check]:
    """Look from inside the control process: what it can see without more rights than it has."""
    reachable = await services.gate.reachable()
    fresh = services.follower.valid()
    return [
        Check(
            name="database",
            status=Status.OK if reachable else Status.FAILED,
            detail="answers" if reachable else "does not answer",
            fix="" if reachable else "see HOME/logs/postgres.log, or your own server",
        ),
        Check(
            name="snapshot",
            status=Status.OK if fresh else Status.FAILED,
            detail=f"version {services.follower.version}" if fresh else "its lease has run out",
            fix="" if fresh else "it recovers by itself once the database answers",
        ),
        _clock(clock.now(), None),
        _disk(worker_sockets),
    ]


def _guarded(name: str, look: Callable[[], str], fix: str) -> Check:
    try:
        detail = look()
    except (StoreError, KeyringBroken) as error:
        return Check(name=name, status=Status.FAILED, detail=str(error), fix=fix)
    except OSError as error:
        return Check(
            name=name,
            status=Status.UNDETERMINED,
            detail=f"cannot be looked at: {error.strerror}",
            fix="run doctor as the user who runs Strongroom",
        )
    if not detail:
        return Check(name=name, status=Status.UNDETERMINED, detail="nothing is there yet", fix=_START)
    return Check(name=name, status=Status.OK, detail=detail)


def _formats(places: Layout) -> str:
    return "all in this version's formats" if formats.check(places.home) else ""


def _keyring(places: Layout) -> str:
    if not places.secrets.exists() or not places.keyring.exists():
        return ""
    mode = places.keyring.stat().st_mode & 0o777
    if mode & 0o077:
        raise KeyringBroken(f"the keyring can be read by others (mode {mode:o}); chmod 600 it and rotate")
    return f"keyring {Keyring.open(places.keyring).identity()}, readable by its owner alone"


async def _database(places: Layout, loaded: Loaded) -> list[Check]:
    try:
        admin = external(loaded.settings) if loaded.settings.database.url else embedded_login(places)
        if admin is None:
            return [
                _unseen(name, "the database does not run") for name in ("database", "roles", "row policies", "clock")
            ]
        now = await server_now(admin)
        findings = await catalog.lint(admin)
    except (StoreError, OSError) as error:
        return [
            _unseen(name, f"the database cannot be asked: {error}")
            for name in ("database", "roles", "row policies", "clock")
        ]
    about_roles = [each for each in findings if "role" in each.rule or "power" in each.rule or "grant" in each.rule]
    about_rows = [each for each in findings if each not in about_roles]
    return [
        Check(name="database", status=Status.OK, detail=_where(admin)),
        _findings("roles", about_roles, "no role has more than it needs"),
        _findings("row policies", about_rows, "every tenant table is walled off by forced row security"),
        _clock(datetime.now(UTC), now),
    ]


def _where(admin: Dsn) -> str:
    return "embedded, on a unix socket" if admin.is_socket else f"{admin.host}:{admin.port}"


def _unseen(name: str, detail: str) -> Check:
    return Check(name=name, status=Status.UNDETERMINED, detail=detail, fix=_START)


def _findings(name: str, findings: Sequence[catalog.Finding], fine: str) -> Check:
    if not findings:
        return Check(name=name, status=Status.OK, detail=fine)
    first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return Check(name=name, status=Status.FAILED, detail=f"{first.subject}: {first.problem}{more}", fix=first.mend)


def _clock(here: datetime, there: datetime | None) -> Check:
    if here < _NOT_BEFORE:
        return Check(
            name="clock", status=Status.FAILED, detail=f"the clock says {here:%Y-%m-%d}", fix="set the time (NTP)"
        )
    apart = 0.0 if there is None else abs((here - there).total_seconds())
    if apart > _CLOCK_APART_S:
        return Check(
            name="clock",
            status=Status.FAILED,
            detail=f"{apart:.1f} s apart from the database's",
            fix="synchronise both machines (NTP): expiries are judged by both",
        )
    return Check(name="clock", status=Status.OK, detail="agrees with the database's" if there else "plausible")


def _sandbox(loaded: Loaded) -> list[Check]:
    """Return a check for each measure. A weaker one is a failure only where the settings ask for the full sandbox."""
    try:
        report = probe(prepare_tree() if os.geteuid() == 0 else current_tree(), own_uid=True)
    except OSError as error:
        return [Check(name="sandbox", status=Status.UNDETERMINED, detail=f"could not be tried: {error.strerror}")]
    return [_measure(report, index, required=loaded.settings.full_sandbox) for index in range(len(report.measures))]


def _measure(report: SandboxReport, index: int, *, required: bool) -> Check:
    measure = report.measures[index]
    short = measure.state is not State.ACTIVE
    return Check(
        name=f"sandbox: {measure.name}",
        status=Status.FAILED if short and required else Status.OK,
        detail=f"{measure.state}: {measure.sentence}",
        fix='mend it, or set workers.sandbox = "best"' if short and required else "",
    )


async def _workers(directory: Path) -> list[Check]:
    try:
        sockets = await asyncio.to_thread(lambda: sorted(directory.glob("*.sock")))
    except OSError as error:
        return [Check(name="workers", status=Status.UNDETERMINED, detail=f"cannot be looked at: {error.strerror}")]
    if not sockets:
        return [_unseen("workers", "no worker listens")]
    silent = [path.stem for path in sockets if not await _healthy(path)]
    if silent:
        return [
            Check(
                name="workers",
                status=Status.FAILED,
                detail=f"no answer from {', '.join(silent)}",
                fix="see HOME/logs/worker-*.log; a crashed worker is started again by itself",
            )
        ]
    return [Check(name="workers", status=Status.OK, detail=f"{len(sockets)} answer")]


async def _healthy(path: Path) -> bool:
    pool = Pool(UnixTarget(path), max_connections=1)
    try:
        async with pool.request("GET", "/health", timeout_s=5.0) as response:
            await response.read(4096)
            return response.status == 200  # noqa: PLR2004 - HTTP OK
    except ClientError:
        return False
    finally:
        await pool.close()


def _disk(path: Path) -> Check:
    try:
        free = shutil.disk_usage(path).free
    except OSError as error:
        return Check(name="disk", status=Status.UNDETERMINED, detail=f"cannot be looked at: {error.strerror}")
    if free < _DISK_FAILED:
        return Check(name="disk", status=Status.FAILED, detail=f"{free // _MIB} MiB free", fix="free at least 256 MiB")
    return Check(name="disk", status=Status.OK, detail=f"{free // _MIB} MiB free")
