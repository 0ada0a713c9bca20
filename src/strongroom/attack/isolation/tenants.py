"""Cases 4 and 9: credentials whose owner has ended."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Final

from strongroom.attack.attempt import OK, UNAUTHORIZED, Attempt
from strongroom.attack.http import Line
from strongroom.attack.staging import Builder, settle
from strongroom.attack.target import Key, Target
from strongroom.attack.verdict import Notes, case

_DEAD_WITHIN_S: Final = 1.0
_CONNECTIONS: Final = 16


@case(4, "a tenant is deleted and made again under the same name")
def recreated_tenant(target: Target, notes: Notes) -> None:
    """Use every credential of the first against the second."""
    at, builder = Attempt(target, notes), Builder(target.control, target.operator.secret)
    name, mark = f"iso-again-{secrets.token_hex(4)}", f"again-{secrets.token_hex(4)}"
    first = builder.tenant(name, mark)
    second = None
    try:
        settle(target.gateway, first.dev, first.own)
        builder.end_tenant(first.id)
        second = builder.tenant(name, mark)
        settle(target.gateway, second.dev, second.own)
        notes.hold(second.id != first.id, "the second tenant has the first one's id")
        _dead(at, [*first.keys.values(), first.evaluator], first.own, "a key of the first tenant")
        for key in (first.admin, first.dev):
            at.refused(at.control_plane("GET", "/api/whoami", key), "a credential of the first tenant", UNAUTHORIZED)
        listed = {each["id"] for each in builder.ask("GET", f"/api/tenants/{second.id}/keys")["data"]}
        notes.hold(first.dev.id not in listed, "the second tenant inherits the first one's keys")
        at.works(second.dev, second.own, "the second tenant's own key")
    finally:
        if second is not None:
            builder.end_tenant(second.id)


@case(9, "a workload or tenant is deleted, and its keys are used")
def ended_owner(target: Target, notes: Notes) -> None:
    """Delete a workload, then the tenant: what belonged to it is dead within a second, what did not lives on."""
    at, builder = Attempt(target, notes), Builder(target.control, target.operator.secret)
    tenant = builder.tenant(f"iso-end-{secrets.token_hex(4)}", f"end-{secrets.token_hex(4)}")
    ended = False
    try:
        settle(target.gateway, tenant.evaluator, tenant.own)
        builder.ask("DELETE", f"/api/tenants/{tenant.id}/workloads/dev/evaluation")
        _dead(at, [tenant.evaluator], tenant.own, "a key of the deleted workload")
        at.works(tenant.dev, tenant.own, "a key of the tenant's other workload")
        builder.workload(tenant.id, "dev", "evaluation", owner="again", role="evaluation")
        _dead(at, [tenant.evaluator], tenant.own, "a key of a workload that was made again")
        builder.end_tenant(tenant.id)
        ended = True
        _dead(at, list(tenant.keys.values()), tenant.own, "a key of the deleted tenant")
        for key in (tenant.admin, tenant.dev):
            at.refused(at.control_plane("GET", "/api/whoami", key), "a credential of the deleted tenant", UNAUTHORIZED)
        at.works(target.b.dev, target.b.own, "B is not touched")
    finally:
        if not ended:
            builder.end_tenant(tenant.id)


def _dead(at: Attempt, keys: Sequence[Key], model: str, what: str) -> None:
    """Note when a key is taken by any gateway process a second after its end, or by one that had refused it before."""
    time.sleep(_DEAD_WITHIN_S)  # what is promised is said in time: within a second, everywhere
    for key in keys:
        for _ in range(_CONNECTIONS):
            with Line(at.target.gateway) as line:
                status = line.ask("GET", f"/v1/models/{model}", key=key.secret).status
            at.notes.hold(status != OK, f"{what} is taken")
            at.notes.hold(status in {OK, UNAUTHORIZED}, f"{what}: answered {status}, not {UNAUTHORIZED}")
        at.refused(at.ask_model(key, model), what, UNAUTHORIZED)
