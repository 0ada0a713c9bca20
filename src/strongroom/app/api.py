"""The control API as one application: rooms' routes, one guard, one way of saying no, and pages beside them.

Always true here:
- every route below /api has the guard; health and the OpenAPI document have none and say nothing of the installation;
- no documentation page, no CORS, no debug output, no session: a browser reaches the API only from a page of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Final

from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.constants import OPENAPI_JSON_HANDLER_NAME
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ControllerRouterHandler

from strongroom.app import audit_routes, routes
from strongroom.app.metrics import MEDIA_TYPE
from strongroom.app.services import Services
from strongroom.canaries import routes as canary_routes
from strongroom.captures import routes as capture_routes
from strongroom.console import Missing
from strongroom.custody import routes as custody_routes
from strongroom.custody.incidents import routes as incident_routes
from strongroom.flows import routes as flow_routes
from strongroom.identity import http, oauth, problems
from strongroom.identity import routes as identity_routes
from strongroom.identity.approvals import routes as proposal_routes
from strongroom.identity.elevation import routes as elevation_routes
from strongroom.identity.federation import routes as federation_routes
from strongroom.identity.people import routes as people_routes
from strongroom.identity.rotation import routes as rotation_routes
from strongroom.identity.signers import routes as signer_routes
from strongroom.identity.tenantkeys import routes as tenantkey_routes
from strongroom.providers import routes as provider_routes
from strongroom.registry import routes as registry_routes
from strongroom.registry.admission import routes as admission_routes
from strongroom.registry.bills import routes as bill_routes
from strongroom.registry.channels import routes as channel_routes
from strongroom.registry.datasets import routes as dataset_routes
from strongroom.registry.evaluations import routes as evaluation_routes
from strongroom.registry.evidence import routes as outside_routes
from strongroom.registry.lineage import routes as lineage_routes
from strongroom.registry.prompts import routes as prompt_routes
from strongroom.registry.releases import routes as release_routes
from strongroom.registry.vaultkeys import routes as vaultkey_routes
from strongroom.retention import routes as retention_routes
from strongroom.rules import routes as rules_routes
from strongroom.rules import usage_routes
from strongroom.store import Unavailable
from strongroom.subjects import routes as subject_routes
from strongroom.training import routes as training_routes
from strongroom.valuelists import routes as list_routes

MAX_BODY_BYTES: Final = 64 * 1024
_NO_STORE: Final = {"cache-control": "no-store"}


def control_app(services: Services, *, pages: Sequence[Router] = (), missing: Missing | None = None) -> Litestar:
    """Return the application of the control port.

    Args:
        services: what routes and pages call.
        pages: the console's routers. They bring their own guards; `who` and `ask` are there for them too.
        missing: the console's page for where there is none, for browsers outside /api.
    """
    api = Router(
        "/api",
        route_handlers=[
            *identity_routes.ROUTES,
            *rotation_routes.ROUTES,
            *custody_routes.ROUTES,
            *incident_routes.ROUTES,
            *canary_routes.ROUTES,
            *flow_routes.ROUTES,
            *list_routes.ROUTES,
            *capture_routes.ROUTES,
            *signer_routes.ROUTES,
            *tenantkey_routes.ROUTES,
            *vaultkey_routes.ROUTES,
            *federation_routes.ROUTES,
            *people_routes.ROUTES,
            *elevation_routes.ROUTES,
            *proposal_routes.ROUTES,
            *registry_routes.ROUTES,
            *admission_routes.ROUTES,
            *prompt_routes.ROUTES,
            *dataset_routes.ROUTES,
            *lineage_routes.ROUTES,
            *release_routes.ROUTES,
            *channel_routes.ROUTES,
            *evaluation_routes.ROUTES,
            *bill_routes.ROUTES,
            *outside_routes.ROUTES,
            *provider_routes.ROUTES,
            *rules_routes.ROUTES,
            *usage_routes.ROUTES,
            *routes.ROUTES,
            *audit_routes.ROUTES,
            *retention_routes.ROUTES,
            *subject_routes.ROUTES,
            *training_routes.ROUTES,
        ],
        guards=[http.bearer(services.door)],
        before_request=http.strict_body,
        security=[{"key": []}],
    )
    training = Router(
        "/v1",
        route_handlers=[*training_routes.OPENAI],
        guards=[http.bearer(services.door)],
        before_request=http.strict_body,
        exception_handlers={Exception: training_routes.handle},
    )
    app = Litestar(
        route_handlers=[_livez, _readyz, _metrics, *oauth.ROUTES, api, training, *pages],
        dependencies=dict(http.DEPENDENCIES) | {name: _given(value) for name, value in _offered(services).items()},
        exception_handlers={Exception: problems.handle, NotFoundException: _not_found(missing)},
        openapi_config=_openapi(),
        request_max_body_size=MAX_BODY_BYTES,
        debug=False,
        logging_config=None,
    )
    _close_bodies(app)
    app.asgi_handler = http.Surface(app.asgi_handler, services.follower)
    return app


def _offered(services: Services) -> dict[str, object]:
    """Return what handlers may ask for by name, besides `who` and `ask`."""
    return {
        "services": services,
        "identity": services.identity,
        "accounts": services.accounts,
        "rotation": services.rotation,
        "custody": services.custody,
        "incidents": services.incidents,
        "canaries": services.canaries,
        "flows": services.flows,
        "lists": services.lists,
        "captures": services.captures,
        "signers": services.signers,
        "tenant_keys": services.tenant_keys,
        "vault_keys": services.vault_keys,
        "federation": services.federation,
        "exchange": services.exchange,
        "command_lines": services.command_lines,
        "back_channel": services.back_channel,
        "elevations": services.elevations,
        "proposals": services.proposals,
        "registry": services.registry,
        "admission": services.admission,
        "prompts": services.prompts,
        "datasets": services.datasets,
        "lineage": services.lineage,
        "releases": services.releases,
        "keeping": services.keeping,
        "registrar": services.registrar,
        "channels": services.channels,
        "evaluations": services.evaluations,
        "bills": services.bills,
        "evidence": services.evidence,
        "training_files": services.training_files,
        "training_jobs": services.training_jobs,
        "providers": services.providers,
        "rules": services.rules,
        "retention": services.retention,
        "subjects": services.subjects,
        "subject_work": services.subject_work,
        "usage": services.usage,
        "taken": services.taken,
        "finder": services.finder,
    }


def _not_found(missing: Missing | None) -> Callable[[Request[Any, Any, Any], NotFoundException], Response[Any]]:
    """Return what answers where there is no route: a page to a browser, problem details to everybody else."""

    def answer(request: Request[Any, Any, Any], error: NotFoundException) -> Response[Any]:
        path = request.scope["path"]
        browser = "text/html" in request.headers.get("accept", "") and path != "/api" and not path.startswith("/api/")
        return problems.handle(request, error) if missing is None or not browser else missing(request)

    return answer


def _given(value: object) -> Provide:
    return Provide(lambda: value, use_cache=True, sync_to_thread=False)


class _OneDocument(Router):
    """Keeps the OpenAPI document and drops the pages that the framework would serve beside it."""

    def register(self, value: ControllerRouterHandler) -> list[Any]:
        if getattr(value, "name", None) != OPENAPI_JSON_HANDLER_NAME:
            return []
        return super().register(value)


def _openapi() -> OpenAPIConfig:
    key = SecurityScheme(
        type="http", scheme="bearer", bearer_format="srk_…", description="A token of an account, or a workload's key."
    )
    return OpenAPIConfig(
        title="Strongroom control API",
        version=version("strongroom"),
        description="Tenants, workloads, keys, deployments and logs of one installation.",
        use_handler_docstrings=True,
        components=Components(security_schemes={"key": key}),
        openapi_router=_OneDocument("/api", route_handlers=[], include_in_schema=False),
        render_plugins=[JsonRenderPlugin(media_type=MediaType.JSON)],
        operation_id_creator=_operation_id,
    )


def _close_bodies(app: Litestar) -> None:
    """Say in the OpenAPI document what `forbid_unknown_fields` does; the framework leaves it out."""
    schemas = app.openapi_schema.components.schemas or {}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            body = handler.parsed_data_field
            if body is not None and body.annotation.__name__ in schemas:
                schemas[body.annotation.__name__].additional_properties = False


def _operation_id(handler: HTTPRouteHandler, method: object, parts: object) -> str:
    """Return the handler's own name: short, and the same whatever the path becomes."""
    del method, parts
    return handler.handler_name


@get("/livez", include_in_schema=False, sync_to_thread=False)
def _livez() -> Response[str]:
    return Response("ok\n", media_type="text/plain", headers=_NO_STORE)


@get("/readyz", include_in_schema=False)
async def _readyz(services: NamedDependency[Services]) -> Response[str]:
    try:
        ready, said = await services.ready()
    except Unavailable:
        ready, said = False, ""
    return Response(
        ("ready\n" if ready else "not ready\n") + (f"{said}\n" if said else ""),
        status_code=200 if ready else 503,
        media_type="text/plain",
        headers=_NO_STORE,
    )


@get("/metrics", include_in_schema=False)
async def _metrics(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[str]:
    """Show the figures of all processes to a scrape token, or to an operator. Without a credential: 401, as everywhere."""
    presented = http.key_of(request)
    if services.is_scraper(presented):
        text = await services.figures()
    else:
        ask = problems.ask_of(request)
        who = await services.door.admit(presented, http.peer_of(request), ask, http.shown_of(request))
        text = await services.measured(who, ask)
    return Response(text, media_type=MEDIA_TYPE, headers=_NO_STORE)
