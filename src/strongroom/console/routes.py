"""Every page of the console: read this list to know what there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from strongroom.console import (
    accounts,
    audit,
    channels,
    commandlines,
    deployments,
    elevations,
    federation,
    health,
    keys,
    limits,
    lineage,
    models,
    overview,
    people,
    privacy,
    proposals,
    providers,
    quality,
    releases,
    retention,
    reviews,
    ruleform,
    rules,
    signin,
    sso,
    tenants,
    theme,
    trying,
)
from strongroom.console import workloads as workload_pages
from strongroom.console.visit import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One page.

    Attributes:
        open: whether it is for everybody; all others need somebody signed in.
        touches: whether asking for it counts as a sign of life; not for what refreshes itself.
    """

    method: Literal["GET", "POST"]
    path: str
    page: Page
    open: bool = False
    touches: bool = True


def _get(path: str, page: Page, *, open: bool = False, touches: bool = True) -> Route:  # noqa: A002 - Route's word
    return Route(method="GET", path=path, page=page, open=open, touches=touches)


def _post(path: str, page: Page, *, open: bool = False) -> Route:  # noqa: A002 - Route's word
    return Route(method="POST", path=path, page=page, open=open)


_TENANT: Final = "/tenants/{tenant:str}"

ROUTES: Final = (
    _get("/sign-in", signin.form, open=True),
    _post("/sign-in", signin.begin, open=True),
    _get("/sign-in/sso", sso.start, open=True),
    _get("/sign-in/sso/callback", sso.finish, open=True),
    _get("/sign-in/cli", commandlines.start, open=True),
    _get("/sign-in/cli/{wish:str}", commandlines.show),
    _post("/sign-in/cli/{wish:str}", commandlines.decide),
    _get("/sign-in/device", commandlines.word),
    _post("/sign-in/device", commandlines.typed),
    _post("/sign-out", signin.end),
    _post("/theme", theme.choose, open=True),
    _get("/", overview.page),
    _get("/health", health.page, touches=False),
    _get("/tenants", tenants.listing),
    _post("/tenants", tenants.create),
    _get(_TENANT, workload_pages.listing),
    _post(f"{_TENANT}/workloads", workload_pages.create),
    _get(f"{_TENANT}/delete", tenants.confirm),
    _post(f"{_TENANT}/delete", tenants.delete),
    _get(f"{_TENANT}/keys", keys.listing),
    _post(f"{_TENANT}/keys", keys.create),
    _get(f"{_TENANT}/keys/{{key:str}}", keys.show),
    _post(f"{_TENANT}/keys/{{key:str}}/revoke", keys.revoke),
    _post(f"{_TENANT}/keys/{{key:str}}/rotate", keys.rotate),
    _get(f"{_TENANT}/federation", federation.listing),
    _post(f"{_TENANT}/federation/{{rule:str}}/end", federation.end),
    _get(f"{_TENANT}/deployments", deployments.listing),
    _get(f"{_TENANT}/lineage", lineage.show),
    _get(f"{_TENANT}/quality", quality.page),
    _get(f"{_TENANT}/limits", limits.usage),
    _get(f"{_TENANT}/rules", rules.listing),
    _get(f"{_TENANT}/privacy", privacy.page),
    _get(f"{_TENANT}/privacy/try", trying.form),
    _post(f"{_TENANT}/privacy/try", trying.look),
    _get(f"{_TENANT}/rules/{{kind:str}}", rules.show),
    _get(f"{_TENANT}/rules/{{kind:str}}/{{level:str}}", ruleform.form),
    _post(f"{_TENANT}/rules/{{kind:str}}/{{level:str}}", ruleform.send),
    _get("/proposals", proposals.listing),
    _get("/proposals/{proposal:str}", proposals.show),
    _post("/proposals/{proposal:str}/decide", proposals.decide),
    _post("/proposals/{proposal:str}/withdraw", proposals.withdraw),
    _get(f"{_TENANT}/audit", audit.of_tenant),
    _get(f"{_TENANT}/audit/{{entry:str}}", audit.proof_in_tenant),
    _get(f"{_TENANT}/people", people.listing),
    _post(f"{_TENANT}/people", people.look_up),
    _get("/retention", retention.calendar),
    _get(f"{_TENANT}/review", reviews.access),
    _get(f"{_TENANT}/incidents", reviews.incidents),
    _get(f"{_TENANT}/incidents/{{incident:str}}", reviews.incident),
    _post(f"{_TENANT}/incidents/{{incident:str}}/close", reviews.close),
    _get("/elevations", elevations.listing),
    _post("/elevations", elevations.request),
    _get("/elevations/{elevation:str}", elevations.show),
    _post("/elevations/{elevation:str}/decide", elevations.decide),
    _post("/elevations/{elevation:str}/begin", elevations.begin),
    _post("/elevations/{elevation:str}/end", elevations.end),
    _post("/elevations/{elevation:str}/review", elevations.review),
    _get("/models", models.listing),
    _get("/models/{name:str}/{version:str}", releases.show),
    _get("/models/{name:str}/{version:str}/diff", releases.compare),
    _post("/models/{name:str}/{version:str}/approve", releases.approve),
    _get(f"{_TENANT}/releases", models.of_tenant),
    _get(f"{_TENANT}/releases/{{name:str}}/{{version:str}}", releases.show),
    _get(f"{_TENANT}/releases/{{name:str}}/{{version:str}}/diff", releases.compare),
    _post(f"{_TENANT}/releases/{{name:str}}/{{version:str}}/approve", releases.approve),
    _get("/approvals", releases.waiting),
    _get("/channels", channels.listing),
    _get("/channels/{channel:str}", channels.show),
    _post("/channels/{channel:str}/promote", channels.promote),
    _post("/channels/{channel:str}/rollback", channels.roll_back),
    _post("/channels/{channel:str}/freeze", channels.freeze),
    _post("/channels/{channel:str}/unfreeze", channels.unfreeze),
    _post("/revocations", channels.revoke),
    _get("/providers", providers.listing),
    _get(f"{_TENANT}/providers", providers.offers),
    _get("/accounts", accounts.listing),
    _get("/audit", audit.of_installation),
    _get("/audit/{entry:str}", audit.proof_in_installation),
)
