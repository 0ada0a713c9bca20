"""Entry points of the processes that the supervisor starts: `python -m strongroom.app.processes ROLE HANDOVER-FD`.

Each ends on SIGTERM after finishing what it is answering, and by itself when its supervisor is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Collection, Coroutine
from functools import partial
from pathlib import Path
from typing import Final

import uvloop

from strongroom.app.geo import source
from strongroom.app.handover import Handover, admission, receive
from strongroom.app.identity_section import proof_nonces
from strongroom.app.lasting import until
from strongroom.app.logs.saying import speak
from strongroom.app.metrics import socket_of, teller
from strongroom.app.probes import answering, answering_releases
from strongroom.app.settings import Edge
from strongroom.gateway import Gateway, Recorder, Snapshot
from strongroom.gateway.fronts import Fronts
from strongroom.gateway.guard_names import NameReader
from strongroom.gateway.guards import Guards
from strongroom.gateway.kept import Responses
from strongroom.gateway.limits import Leases, Ledger, Meter
from strongroom.gateway.limits.ledger import WAIT_S
from strongroom.gateway.limits.source import DatabaseSource
from strongroom.gateway.openai.errors import render_protocol_error as render_error
from strongroom.gateway.outside import Outside
from strongroom.gateway.provider_secrets import ProviderSecrets
from strongroom.gateway.quota import Quota
from strongroom.gateway.screen import AskLimits
from strongroom.gateway.signing import SigningDesk
from strongroom.gateway.spool import Bounds, Spool
from strongroom.gateway.tapes import Tapes
from strongroom.gateway.telling import figures
from strongroom.gateway.token_keys import TokenKeys
from strongroom.gateway.trials import Trials
from strongroom.gateway.upstreams import Upstreams
from strongroom.identity import Directory
from strongroom.kernel.clock import Clock, SystemClock
from strongroom.kernel.lines import places
from strongroom.policy import Engine
from strongroom.providers import Networks
from strongroom.providers.secrets import SCOPE
from strongroom.registry.prompts import PromptSeals
from strongroom.store import Appender, Cabinet, Lessor
from strongroom.store.follower import Follower
from strongroom.store.roles import GATEWAY
from strongroom.vault import BrokeredKeystore, KeysDestroyed, Purpose, Vault, VaultUnavailable
from strongroom.wire import ErrorRenderer, Handler, Limits, Request, serve_tcp, serve_unix

_DRAIN_S: Final = 10.0
_RETRY_S: Final = 0.5
_UNCOLLECTED: Final = (20_000, 10, 10)  # Python's own 700 has a collection in every few requests
ROUND_S: Final = WAIT_S  # a round of leases that takes longer is given up: no request waits for it any more
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_log = logging.getLogger("strongroom")


async def gateway(handover: Handover) -> None:
    """Serve the data plane until told to stop."""
    settings, clock, keys = handover.settings.gateway, SystemClock(), handover.purpose_keys
    login = handover.logins[GATEWAY]
    geo = source(handover.settings.identity.geo_database)
    known = Directory(keys, clock, allow_demo=handover.demo, token_keys=handover.token_keys, geo=geo)
    snapshot = Snapshot(known, Engine.load(production=handover.settings.production))
    follower = Follower(login, clock, snapshot.apply)
    snapshot.follow(follower)
    recorder = Recorder(partial(Appender.connect, login), clock, await _spool(handover, clock))
    recorder.uses.geo = geo
    vault = Vault(BrokeredKeystore(Path(handover.vault_socket), handover.vault_token), clock)
    with contextlib.suppress(VaultUnavailable, KeysDestroyed):  # `keep` asks again; until then providers are not asked
        await vault.keys(SCOPE)
    secrets = ProviderSecrets(vault, clock)
    outside = Outside(snapshot.provider, secrets, Networks(settings.upstream_networks), clock)
    upstreams = Upstreams(Path(handover.worker_sockets), keys.key(Purpose.CACHE_SCOPE), outside=outside)
    asks = AskLimits(
        max_output_tokens=settings.max_output_tokens,
        default_output_tokens=settings.default_output_tokens,
        timeout_s=settings.answer_timeout_s,
    )
    given = proof_nonces(handover.settings.identity, keys, "all", production=handover.settings.production)
    desk = SigningDesk(snapshot.signers, keys, partial(Appender.connect, login), clock, given)
    leases = Leases(DatabaseSource(partial(Lessor.connect, login, answer=ROUND_S)), clock, processes=settings.processes)
    meter = Meter(Ledger(leases, clock, lasts_s=2 * settings.answer_timeout_s), clock)
    bounds = Quota(responses=settings.kept_responses, octets=settings.kept_mib * 2**20)
    responses = Responses(partial(Cabinet.connect, login), vault, clock, before=keys, bounds=bounds)
    names = NameReader(Path(handover.worker_sockets), upstreams.caller)
    guards = Guards(TokenKeys(vault), recorder.metrics.found.add, names, recorder.metrics.read.add)
    tapes = Tapes(snapshot.captures, partial(Cabinet.connect, login, size=1), vault, clock)
    fronts = Fronts(PromptSeals(vault, keys), clock)
    plane = Gateway(snapshot, upstreams, recorder, clock, asks, desk, meter, responses, guards, vault, tapes, fronts)
    limits = Limits(max_body_bytes=settings.max_body_bytes, max_connections=settings.max_connections)
    follower.start()
    working = [
        asyncio.create_task(recorder.run(), name="recorder"),
        asyncio.create_task(leases.run(), name="leases"),
        asyncio.create_task(responses.run(), name="responses"),
        asyncio.create_task(vault.keep([SCOPE]), name="vault"),
        asyncio.create_task(secrets.keep(snapshot.providers), name="secrets"),
        asyncio.create_task(fronts.keep(snapshot.fronts), name="prompts"),
        asyncio.create_task(Trials(outside).run(), name="trials"),
        asyncio.create_task(tapes.run(), name="captures"),
    ]
    shown = socket_of(Path(handover.metrics_sockets), handover.name)
    shows = teller(partial(figures, recorder, snapshot, upstreams, clock))
    releases = answering_releases(shows, snapshot, Path(handover.worker_sockets), clock)
    telling = answering(releases, snapshot, clock)
    showing = await serve_unix(telling, shown, mode=0o660)
    try:
        await _serve(handover, settings, plane.handle, limits, render_error, working)
    finally:
        await showing.close()
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        await follower.close()
        await desk.close()
        await upstreams.close()
        await names.close()


async def _spool(handover: Handover, clock: Clock) -> Spool:
    """Make the spool, however long the disk has no room for it: without one, no request could be answered for."""
    settings = handover.settings.gateway
    bounds = Bounds(total_bytes=settings.spool_mib * 2**20)
    while True:
        try:
            return Spool(Path(handover.spool), handover.name, clock, bounds)
        except OSError as error:
            _log.error("waiting for room for the spool in %s: %s", handover.spool, error.strerror)
            await asyncio.sleep(_RETRY_S)


async def control(handover: Handover) -> None:
    """Serve the control API and the console until told to stop."""
    # A gateway has no use for what these bring along.
    from strongroom.app.control import control_plane  # noqa: PLC0415 - see above
    from strongroom.identity.problems import render_protocol_error  # noqa: PLC0415 - see above

    async with control_plane(handover) as handle:
        await _serve(handover, handover.settings.control, handle, Limits(), render_protocol_error)


async def notary(handover: Handover) -> None:
    """Sign heads of logs until told to stop."""
    from strongroom.app.keeping import notary_service  # noqa: PLC0415 - as above

    await notary_service(handover, _told_to_stop())


async def keeper(handover: Handover) -> None:
    """Seal the logs until told to stop."""
    from strongroom.app.keeping import keep  # noqa: PLC0415 - as above

    await keep(handover, _told_to_stop())


_ROLES: Final[dict[str, Callable[[Handover], Coroutine[None, None, None]]]] = {
    "gateway": gateway,
    "control": control,
    "notary": notary,
    "keeper": keeper,
}


def _told_to_stop() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    return stop


async def _serve(
    handover: Handover,
    edge: Edge,
    handle: Handler,
    limits: Limits,
    render_error: ErrorRenderer | None,
    duties: Collection[asyncio.Task[None]] = (),
) -> None:
    """Serve on the inherited socket until SIGTERM or SIGINT, then finish what is being answered.

    Raises:
        RuntimeError: when one of `duties` has ended before; what is being answered is finished then, too.
    """
    if handover.listen is None:
        raise ValueError("an edge serves on a socket that it was given")
    stop = _told_to_stop()
    server = await serve_tcp(
        handle,
        sock=socket.socket(fileno=handover.listen),
        limits=limits,
        tls=None if handover.tls is None else handover.tls.options(),
        admission=admission(edge),
        render_error=render_error,
        on_fault=_fault,
    )
    _spare_collections()
    try:
        await until(stop, duties)
    finally:
        await server.drain(_DRAIN_S)


def _fault(request: Request, error: BaseException) -> None:
    """Log where a handler broke, never what was said in it: an exception's text may quote content, and a path too."""
    _log.error("fault in a %s: %s", request.method, places(type(error), error.__traceback__))


def main(arguments: list[str]) -> None:
    """Become the process that the first argument names."""
    role, descriptor = arguments
    speak()
    _harden()
    handover = receive(int(descriptor))
    if os.getppid() != handover.supervisor:  # it was killed before we asked to be told
        return
    _log.info("%s starts", handover.name)
    uvloop.run(_ROLES[role](handover))


def _spare_collections() -> None:
    """Look for reference cycles seldom, and not among what was loaded to begin with.

    What a request makes is let go of by its reference counts; a cycle is what an exception leaves now and then.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_UNCOLLECTED)


def _harden() -> None:
    """Stop with the supervisor; leave no core and let no other process of this uid look into the memory that has keys."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65536)), hard))


if __name__ == "__main__":
    main(sys.argv[1:])
