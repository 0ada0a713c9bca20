"""What the control process does by itself, beside answering.

Always true here:
- each duty is done for as long as the process lasts, whatever one run of it fails with (`lasting.kept_up`);
- what fails for one tenant is told, and done for the others all the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from strongroom.app.lasting import Duty, kept_up
from strongroom.app.services import Services
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.lines import places
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask
from strongroom.registry.prompts.moving import Moved
from strongroom.store import StoreError
from strongroom.vault import KeysDestroyed, VaultUnavailable

_RETRY_S: Final = 0.5
_FIRST_RUN_S: Final = 300.0
_EVERY_S: Final = 6 * 3600.0
_HOUR_S: Final = 3600.0
_RENEW_EVERY_S: Final = 20 * 60.0
_RENEW_AGAIN_S: Final = 15.0
_MOVE_AGAIN_S: Final = 5.0
_MOVE_SELDOM_S: Final = 600.0
SCHEDULE: Final = Principal(role=Role.OPERATOR, name="schedule", credential=KeyId(""))
"""The control process when it does what nobody asked for at that moment; no credential stands for it."""
_log: Final = logging.getLogger(__name__)


def of_control(services: Services, figures: Duty, *, moved: bool) -> list[asyncio.Task[None]]:
    """Begin what the control process does by itself.

    Args:
        services: what it does that with.
        figures: collects those of all processes.
        moved: whether every system prompt rests under its tenant's keys.
    """
    duties: dict[str, Duty] = {
        "metrics": figures,
        "retention": partial(_drop_in_time, services),
        "flows": partial(_every_hour, services, "flows", services.flows.watch),
        "keys": partial(_every_hour, services, "keys", partial(services.neglect.watch, ask=Ask())),
        "rescan": partial(_keep_current, services),
        "channels": partial(_renew_in_time, services),
        "notices": services.notices.run,
    }
    if not moved:
        duties["prompts"] = partial(_move_prompts, services)
    if services.rechecks:
        duties["sign-ons"] = services.rechecks.run
    clock = SystemClock()
    return [asyncio.create_task(kept_up(name, duty, clock), name=name) for name, duty in duties.items()]


async def erase_again(services: Services, *, files: bool = False) -> None:
    """Erase what was erased before and came back. A keystore that is away is told, and asked again in time."""
    try:
        if left := await services.subject_work.settle(SCHEDULE, Ask()):
            _log.warning("content: %d files with rows of people had no row of their own, and were destroyed", left)
        again = await services.subject_work.replay(SCHEDULE, Ask(), files=files)
        if again:
            _log.warning("subjects: %d things that were erased had come back, and were erased again", again)
    except (Refused, StoreError, VaultUnavailable, KeysDestroyed) as error:
        _log.warning("subjects: whether what was erased came back is not known: %s", type(error).__name__)


async def prompts_moved(services: Services) -> bool:
    """Bring system prompts of earlier versions under their tenants' keys; return whether that was done."""
    try:
        done = await services.mover.run(SCHEDULE, Ask())
    except (Refused, StoreError, VaultUnavailable) as error:
        _log.warning(
            "prompts: some may rest under the installation's keyring still: %s; tried again", type(error).__name__
        )
        return False
    if done != Moved():
        _log.info(
            "prompts: %d moved under their tenants' keys, %d erased since those were destroyed, %d could not be moved",
            done.moved, done.erased, done.broken,
        )  # fmt: skip
    return True


async def for_each_tenant(services: Services, what: str, look: Callable[[TenantId], Awaitable[object]]) -> None:
    """Look at each tenant in turn; one that cannot be looked at keeps no other from it."""
    for tenant in await services.identity.list_tenants(SCHEDULE, Ask()):
        try:
            await look(TenantId(tenant.id))
        except (Refused, StoreError) as error:
            _log.warning("%s: tenant %s: %s", what, tenant.id, type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the others are looked at all the same
            _log.error("%s: tenant %s: %s", what, tenant.id, places(type(error), error.__traceback__))


async def _every_hour(services: Services, what: str, look: Callable[[TenantId], Awaitable[object]]) -> None:
    """Look every hour, of each tenant, which data goes where or which keys nobody uses; it tells what is news in their log."""
    while True:
        await asyncio.sleep(_HOUR_S)
        try:
            await for_each_tenant(services, what, look)
        except (Refused, StoreError) as error:
            _log.warning("%s: %s", what, type(error).__name__)


async def _drop_in_time(services: Services) -> None:
    """Drop what is due, every six hours; a run that fails is told in the log and made again."""
    while True:
        await asyncio.sleep(_FIRST_RUN_S)
        try:
            dropped = await services.retention.run(SCHEDULE, Ask())
            if dropped:
                _log.info("retention: dropped %d days of records", len(dropped))
        except (Refused, StoreError) as error:
            _log.warning("retention: %s", type(error).__name__)
        await erase_again(services, files=True)
        await asyncio.sleep(_EVERY_S)


async def _keep_current(services: Services) -> None:
    """Scan, once after a start, what was scanned by other rules than this version's; a failed run is made again."""
    while True:
        try:
            if count := await services.keeping.keep_current(SCHEDULE):
                _log.info("releases: %d scanned again, by the rules of this version", count)
        except (Refused, StoreError) as error:
            _log.warning("releases: %s", type(error).__name__)
            await asyncio.sleep(_RETRY_S)
        else:
            return


async def _move_prompts(services: Services) -> None:
    """Go on with what a start could not do, since the vault was away or the log not sealed yet."""
    pause = _MOVE_AGAIN_S
    while not await prompts_moved(services):
        await asyncio.sleep(pause)
        pause = min(2 * pause, _MOVE_SELDOM_S)  # each try stands in the audit log


async def _renew_in_time(services: Services) -> None:
    """Sign the channels anew long before they end; what fails is told in the log, and tried again soon."""
    while True:
        pause = _RENEW_EVERY_S
        try:
            for channel, trouble in (await services.channels.renew(SCHEDULE, Ask())).items():
                _log.error("channel %s cannot be signed anew: %s", channel, trouble)
        except (Refused, StoreError) as error:
            _log.warning("channels: %s", type(error).__name__)
            pause = _RENEW_AGAIN_S
        await asyncio.sleep(pause)
