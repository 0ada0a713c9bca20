"""`strongroom up`: start everything on this machine, in order, and stop it in the opposite order.

1. Take the home's lock and bind both ports, so that what cannot work fails before anything runs.
2. Database and model files side by side; migrations.
3. The catalogue, and the demo when asked for: by now it can be told what may serve.
4. Workers start to load, each once it was asked whether it may; control and gateway; then wait until a request would be answered.
5. Watch, until SIGINT or SIGTERM; then stop everything.

Every process started here ends with this one: told by it, or by the kernel when it is killed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import traceback
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from strongroom.app import models, running, shape
from strongroom.app.brought import serving_brought
from strongroom.app.broughtback import mend
from strongroom.app.children import Child, watch_over
from strongroom.app.database import running_database
from strongroom.app.ground import answering, lay_out, listening, locked, refuse_lost_state
from strongroom.app.handing import Ours, children
from strongroom.app.installer import first_people, installer, open_channels, remembered
from strongroom.app.judging import Judges, judges, judging
from strongroom.app.layout import DEMO, Layout, layout, make_private
from strongroom.app.logs.model import Bounds
from strongroom.app.logs.sink import Sink, listen
from strongroom.app.options import Options
from strongroom.app.progress import Progress
from strongroom.app.refusals import FAILED, OK, USAGE, CannotStart
from strongroom.app.revoking import ending_revoked
from strongroom.app.seed import TENANTS, Seed
from strongroom.app.settings import Loaded, Settings, SettingsError, load
from strongroom.app.vaulting import brokered
from strongroom.confinement.tree import RuntimeTree, current_tree, prepare_tree
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.refusal import Refused
from strongroom.runtime.artefacts import MissingWeightsError
from strongroom.runtime.blobs import WrongDigestError
from strongroom.runtime.sandbox import SandboxReport, probe
from strongroom.runtime.supervise import WorkerHost, WorkersNotReadyError
from strongroom.store import Dsn, StoreError
from strongroom.store import format as formats
from strongroom.store.migrate import migrate
from strongroom.store.roles import CONTROL, Passwords
from strongroom.vault import Keyring, KeyringBroken

_WORKERS_READY_S: Final = 180.0
_NAMED: Final = 4  # migrations that are named one by one


def run(options: Options) -> int:
    """Serve until told to stop; return the exit code."""
    progress = Progress()
    try:
        loaded = load(options.home, overrides={"gateway.port": options.port, "control.port": options.control_port})
        asyncio.run(_up(options, loaded, progress))
    except CannotStart as refused:
        progress.failed(str(refused))
        return refused.code
    except SettingsError as error:
        progress.failed(str(error))
        return USAGE
    except (StoreError, KeyringBroken, OSError, WorkersNotReadyError, MissingWeightsError, WrongDigestError) as error:
        progress.failed(str(error))
        return FAILED
    except Exception as fault:  # noqa: BLE001 - the last border: a fault is told where it broke, without what was in hand
        where = traceback.extract_tb(fault.__traceback__)[-1]
        progress.failed(
            f"a fault of Strongroom's own: {type(fault).__name__} at {Path(where.filename).name}:{where.lineno}; "
            "please report it (SECURITY.md)"
        )
        return FAILED
    return OK


def told_of(applied: Sequence[str]) -> str:
    """Return which migrations were applied: with nothing between two names that the logs' masking takes for an assignment."""
    if len(applied) > _NAMED:
        return f"applied {len(applied)} migrations, {applied[0]} to {applied[-1]}"
    return f"applied {'; '.join(applied)}" if applied else "up to date"


async def _up(options: Options, loaded: Loaded, progress: Progress) -> None:
    stop = asyncio.Event()

    def told() -> None:
        if stop.is_set():
            os._exit(FAILED)  # asked twice: do not wait. The kernel tells every child that its parent is gone.
        stop.set()

    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, told)
    starting = asyncio.create_task(_serve(options, loaded, progress, stop))
    stopping = asyncio.create_task(stop.wait())
    # A signal ends the start as well: whatever has been started by then is stopped on the way out.
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    stopping.cancel()
    outcome = (await asyncio.gather(starting, return_exceptions=True))[0]
    if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
        raise outcome
    progress.line("Stopped. Every process that was started has ended.")


def _lay_out(places: Layout, settings: Settings, progress: Progress) -> None:
    if said := mend(places):
        progress.line(said)
    lay_out(places, settings)


async def _serve(options: Options, loaded: Loaded, progress: Progress, stop: asyncio.Event) -> None:
    settings = loaded.settings
    make_private(options.home, 0o755 if os.geteuid() == 0 else 0o700)
    places = layout(options.home)
    progress.title(places.home, settings.installation.mode, demo=options.demo)
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(places.lock))
        ports = stack.enter_context(listening(settings.gateway, settings.control))
        refuse_lost_state(places, settings, used=formats.check(places.home))
        stack.callback(shutil.rmtree, places.run, ignore_errors=True)  # sockets, of no use once all have ended
        _lay_out(places, settings, progress)
        sink = _sink(places, settings, progress, stack)
        tree = await asyncio.to_thread(prepare_tree if os.geteuid() == 0 else current_tree)
        sandbox = await asyncio.to_thread(probe, tree, own_uid=True)
        shape.refuse(settings, sandbox, demo=options.demo)
        stack.callback(running.remove, places)
        running.write(places, settings, ports, sandbox)  # before anything is launched: who looks meanwhile sees a start
        keyring = Keyring.open(places.keyring)
        keystore, broker = await stack.enter_async_context(brokered(settings, places, Keyring.open(places.keyring)))

        with progress.step("model files") as step:
            releases = await asyncio.to_thread(models.admit, places.blobs)
            step.done(f"{len(releases)} releases, every file checked against its pinned digest")
        with progress.step("database") as step:
            admin = await stack.enter_async_context(
                running_database(places, settings, tree, sink.into("postgres"), progress.line)
            )
            passwords = Passwords.generate()
            applied = await migrate(admin, passwords)
            await shape.shape_of_database(admin, settings, progress.line)
            step.done(told_of(applied))
        formats.record(places.home)
        with progress.step("catalogue") as step:
            async with installer(
                admin,
                passwords,
                keyring,
                keystore,
                remembered(places, settings),
                demo=options.demo,
                production=settings.production,
            ) as seed:
                await _prepare(seed, releases, progress)
                if options.demo:
                    await seed.demo(
                        places.demo, [each.record for each in releases], ports.gateway_url, ports.control_url
                    )
                else:
                    await first_people(seed, options, production=settings.production)
            step.done(
                f"tenants {' and '.join(TENANTS)}, credentials in {DEMO}" if options.demo else "releases admitted"
            )
        judged, host = await _begun(
            stack, releases, places, settings, (admin, passwords), keyring, tree, sandbox, progress, sink
        )
        processes = list(
            children(
                Ours(loaded, options, places, ports, admin, passwords, keyring, broker, tree), progress.line, sink.put
            )
        )
        await _started(stack, processes)
        with progress.step("workers") as step:
            await host.ready(_WORKERS_READY_S)
            step.done(_workers(host, sandbox))
        await stack.enter_async_context(
            serving_brought(places, settings, passwords.login(CONTROL, admin), keystore, host, judged)
        )
        with progress.step("answers") as step:
            await answering(ports, progress.line)
            step.done("a request would be answered now")
        progress.ready(ports.gateway_url, ports.control_url, places.demo if options.demo else None)
        await watch_over(processes, stop)
        progress.line("Stopping …")


async def _begun(
    stack: AsyncExitStack,
    releases: Sequence[models.LocalRelease],
    places: Layout,
    settings: Settings,
    database: tuple[Dsn, Passwords],
    keyring: Keyring,
    tree: RuntimeTree,
    sandbox: SandboxReport,
    progress: Progress,
    sink: Sink,
) -> tuple[Judges, WorkerHost]:
    """Begin to judge what serves, and to start the workers that came along: each asks first whether it may."""
    admin, passwords = database
    control = passwords.login(CONTROL, admin)
    judged = await stack.enter_async_context(judges(places, settings, database, keyring, progress.line))
    again = await stack.enter_async_context(judging(judged, control))
    host = await stack.enter_async_context(
        models.workers(
            releases, places, settings, tree, sandbox, tell=progress.line, log=sink.put, may_start=again.gate_of
        )
    )
    again.keep(host)
    await stack.enter_async_context(ending_revoked(control, host, tell=progress.line))
    return judged, host


def _workers(host: WorkerHost, sandbox: SandboxReport) -> str:
    """Say how many workers are there."""
    barred = len(host.barred())
    said = f"{len(host.states()) - barred} ready in the {'full' if sandbox.is_full else 'best possible'} sandbox"
    return f"{said}, {barred} not started" if barred else said


async def _started(stack: AsyncExitStack, processes: Sequence[Child]) -> None:
    """Start our processes, one after another; they are stopped in the other order."""
    for child in processes:
        await child.start()
        stack.push_async_callback(child.stop)


def _sink(places: Layout, settings: Settings, progress: Progress, stack: AsyncExitStack) -> Sink:
    """Open the way into the logs, for everything that this process and those it starts say."""
    sink = Sink(places.logs, SystemClock(), Bounds.of(settings.logs))
    stack.callback(sink.close)
    listen(sink)
    progress.also(sink)
    return sink


async def _prepare(seed: Seed, releases: Sequence[models.LocalRelease], progress: Progress) -> None:
    """Sign the channels anew, list the releases, and bring what an earlier version sealed to the vault, once that is there."""
    await open_channels(seed, progress.line)
    await seed.admit(releases)
    try:
        await seed.move_secrets()
    except Refused as refused:
        progress.line(
            f"Providers' secrets were not moved: {refused.refusal.reason}. `strongroom vault move-secrets` does it."
        )
