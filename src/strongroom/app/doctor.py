"""`strongroom doctor`: is this installation what it should be, and if not, what mends it.

A check that could not be made is `undetermined`, never `ok`: a doctor that was not let in has found nothing healthy.
What runs is told by its supervisor (`running`), whoever asks; "nothing runs" is said only when that is known.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from strongroom.app import confinement, running
from strongroom.app.checks import AS_OWNER, Check, Status, unseen
from strongroom.app.database import embedded_login, external
from strongroom.app.knock import pool_of, ready, unchecked
from strongroom.app.layout import Layout
from strongroom.app.running import Running
from strongroom.app.services import Services
from strongroom.app.settings import Edge, Settings, SettingsError, load
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask
from strongroom.providers import PROVIDER, Book
from strongroom.store import Dsn, StoreError
from strongroom.store import format as formats
from strongroom.store import lint as catalog
from strongroom.store.migrate import server_now
from strongroom.store.peek import documents
from strongroom.vault import Keyring, KeyringBroken, VaultUnavailable
from strongroom.wire import ClientError, Pool, UnixTarget

_MIB: Final = 2**20
_DISK_FAILED: Final = 256 * _MIB
_CLOCK_APART_S: Final = 2.0
_NOT_BEFORE: Final = datetime(2026, 11, 1, tzinfo=UTC)
_DOCTOR: Final = Principal(role=Role.OPERATOR, name="strongroom-doctor", credential=KeyId(""))
NOTHING: Final = "nothing runs on this home"


def run(home: Path) -> list[Check]:
    """Look at the installation in `home` from outside its processes."""
    try:
        places, runs = running.places(home)
        settings = load(home).settings
    except SettingsError as error:
        return [Check(name="settings", status=Status.FAILED, detail=str(error), fix="correct the named setting")]
    except running.UnseenError as error:
        return [unseen("installation", str(error), AS_OWNER)]
    return [
        Check(name="settings", status=Status.OK, detail=f"{settings.installation.mode} mode"),
        _guarded("formats", lambda: _formats(places), "run the version that wrote this home, or a newer one"),
        _guarded("keyring", lambda: _keyring(places), "restore HOME/secrets/keyring.json from its own backup"),
        *asyncio.run(_asked(places, settings, runs)),
        *confinement.sandbox(places, runs, settings),
        _disk(places.state if places.state.exists() else places.home),
    ]


async def _asked(places: Layout, settings: Settings, runs: Running | None) -> list[Check]:
    """Ask what runs: database, workers, both ports."""
    return [
        *await _database(places, settings, runs),
        *([unseen("workers", NOTHING)] if runs is None else await _workers(places.worker_sockets)),
        await _port("gateway", settings.gateway, None if runs is None else runs.gateway),
        await _port("control", settings.control, None if runs is None else runs.control),
    ]


async def _port(name: str, edge: Edge, url: str | None) -> Check:
    if url is None:
        return unseen(name, NOTHING)
    secure = url.startswith("https:")
    pool = pool_of(url, unchecked() if secure else None)
    try:
        answer = await ready(pool)
    finally:
        await pool.close()
    if answer:
        detail = f"{url} is ready" + (" (its certificate was not checked)" if secure else "")
        return Check(name=name, status=Status.OK, detail=detail)
    if answer is None and secure and edge.tls_client_ca is not None:
        return unseen(name, f"{url} asks for a client certificate, and doctor has none", f"ask {url}/readyz with one")
    said = "says that it is not ready" if answer is False else "does not answer"
    return Check(
        name=name,
        status=Status.FAILED,
        detail=f"{url} {said}",
        fix="see `strongroom logs`; it becomes ready by itself once its database and models are there",
    )


async def online(services: Services, clock: Clock, worker_sockets: Path, book: Book) -> list[Check]:
    """Look from inside the control process: what it can see without more rights than it has."""
    reachable = await services.gate.reachable()
    fresh = services.follower.valid()
    return [
        Check(
            name="database",
            status=Status.OK if reachable else Status.FAILED,
            detail="answers" if reachable else "does not answer",
            fix="" if reachable else "see `strongroom logs --process postgres`, or your own server",
        ),
        Check(
            name="snapshot",
            status=Status.OK if fresh else Status.FAILED,
            detail=f"version {services.follower.version}" if fresh else "its lease has run out",
            fix="" if fresh else "it recovers by itself once the database answers",
        ),
        await _audit_log(services),
        _providers(book, clock.now()),
        await _vault(services),
        await _content(services),
        await _reviews(services, clock.now()),
        _clock(clock.now(), None),
        _disk(worker_sockets),
    ]


async def _vault(services: Services) -> Check:
    try:
        return Check(name="vault", status=Status.OK, detail=await services.tenant_keys.check())
    except VaultUnavailable as error:
        fix = "nothing is sealed or opened until it answers: no response is kept, no provider's secret is taken"
        return Check(name="vault", status=Status.FAILED, detail=str(error), fix=fix)


async def _content(services: Services) -> Check:
    try:
        return Check(name="content", status=Status.OK, detail=await services.keeping.shelf.store.check())
    except OSError as error:
        fix = (
            "until it answers nothing is brought or loaded; look at `content.*`, its key's rights and the bucket itself"
        )
        return Check(name="content", status=Status.FAILED, detail=str(error.strerror or error), fix=fix)


async def _audit_log(services: Services) -> Check:
    """Say whether the audit logs are sealed and signed, and what stands in the way."""
    try:
        pulse = await services.gate.pulse()
    except StoreError:
        return unseen("audit log", "the database does not answer")
    age = "never yet" if pulse.sound_for_s is None else f"{pulse.sound_for_s:.0f} s ago"
    if not pulse.trouble and services.gate.is_sealed(pulse):
        return Check(name="audit log", status=Status.OK, detail=f"sealed and signed {age}")
    fixes = {
        "notary": "see `strongroom logs --process notary`; it is started again by itself",
        "forked": "look into who turned the database back; then `strongroom audit recover --reason …`",
        "contended": "stop the other installation that uses this database",
    }
    return Check(
        name="audit log",
        status=Status.FAILED,
        detail=f"all was sealed and signed last {age}; {pulse.trouble or 'no keeper'}: {pulse.said}",
        fix=fixes.get(pulse.trouble, "see `strongroom logs --process keeper`; it is started again by itself"),
    )


async def _reviews(services: Services, now: datetime) -> Check:
    """Say which broken glass is still to be reviewed."""
    try:
        owed = await services.elevations.owed(_DOCTOR, Ask())
    except (Refused, StoreError):
        return unseen("reviews", "the database does not answer")
    if not owed:
        return Check(name="reviews", status=Status.OK, detail="no broken glass waits for a review")
    late = [str(request) for request, due in owed if due < now]
    return Check(
        name="reviews",
        status=Status.FAILED if late else Status.OK,
        detail=f"{len(owed)} owed, {len(late)} of them late",
        fix=f"an approver looks at the log and says so: `strongroom elevation review {owed[0][0]} --note …`",
    )


def _providers(book: Book, now: datetime) -> Check:
    """Say which providers are not routed to, and why (C11)."""
    against = book.obstacles(now)
    if not against:
        return Check(name="providers", status=Status.OK, detail=f"{len(book)} registered, all may be routed to")
    return Check(
        name="providers",
        status=Status.FAILED,
        detail="; ".join(against),
        fix="assess it anew and say so: `strongroom provider update NAME --assessed-on … --assessed-until …`",
    )


def _guarded(name: str, look: Callable[[], str], fix: str) -> Check:
    try:
        detail = look()
    except (StoreError, KeyringBroken) as error:
        return Check(name=name, status=Status.FAILED, detail=str(error), fix=fix)
    except OSError as error:
        return unseen(name, f"cannot be looked at: {error.strerror}", AS_OWNER)
    if not detail:
        return unseen(name, "nothing is there yet")
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


async def _database(places: Layout, settings: Settings, runs: Running | None) -> list[Check]:
    names = ("database", "roles", "row policies", "providers", "clock")
    try:
        admin = external(settings) if settings.database.url else embedded_login(places)
        if admin is None:
            return [unseen(name, NOTHING if runs is None else "no database listens yet") for name in names]
        now = await server_now(admin)
        findings = await catalog.lint(admin)
        book = Book()
        book.apply(await documents(admin, PROVIDER), full=True)
    except (StoreError, OSError) as error:
        return [unseen(name, f"the database cannot be asked: {_said(error)}", AS_OWNER) for name in names]
    about_roles = [each for each in findings if "role" in each.rule or "power" in each.rule or "grant" in each.rule]
    about_rows = [each for each in findings if each not in about_roles]
    return [
        Check(name="database", status=Status.OK, detail=_where(admin)),
        _findings("roles", about_roles, "no role has more than it needs"),
        _findings("row policies", about_rows, "every tenant table is walled off by forced row security"),
        _providers(book, datetime.now(UTC)),
        _clock(datetime.now(UTC), now),
    ]


def _said(error: Exception) -> str:
    return f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.strerror else str(error)


def _where(admin: Dsn) -> str:
    return "embedded, on a unix socket" if admin.is_socket else f"{admin.host}:{admin.port}"


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


async def _workers(directory: Path) -> list[Check]:
    try:
        names = await asyncio.to_thread(os.listdir, directory)  # a glob would take "may not be read" for "empty"
    except OSError as error:
        return [unseen("workers", f"cannot be looked at: {error.strerror}", AS_OWNER)]
    sockets = sorted(directory / name for name in names if name.endswith(".sock"))
    if not sockets:
        return [unseen("workers", "no worker listens")]
    if not all(os.access(path, os.R_OK | os.W_OK, effective_ids=True) for path in sockets):
        return [unseen("workers", "their sockets may not be used", AS_OWNER)]
    silent = [path.stem for path in sockets if not await _healthy(path)]
    if silent:
        return [
            Check(
                name="workers",
                status=Status.FAILED,
                detail=f"no answer from {', '.join(silent)}",
                fix="see `strongroom logs --level warning`; a crashed worker is started again by itself",
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
        return unseen("disk", f"cannot be looked at: {error.strerror}", AS_OWNER)
    if free < _DISK_FAILED:
        return Check(name="disk", status=Status.FAILED, detail=f"{free // _MIB} MiB free", fix="free at least 256 MiB")
    return Check(name="disk", status=Status.OK, detail=f"{free // _MIB} MiB free")
