"""What a gateway process decides by: credentials, routes and policy, in memory, true only while the lease holds.

The lease is counted from the moment at which the feed's last successful read was *sent*. A frozen or cut-off database
therefore makes the snapshot invalid by itself, and a revoked key cannot live on in it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from strongroom.canaries import CanaryBook
from strongroom.captures import Captures
from strongroom.gateway.fronts import Front
from strongroom.identity import Directory
from strongroom.identity.signers import Signers
from strongroom.kernel.ids import DeploymentId, TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.policy import Action, Decision, Engine, Kind, Resource
from strongroom.providers import Book, ProviderDocument
from strongroom.registry import DEPLOYMENT, REVOKED, STOPPED, Operation, RouteDocument, StoppedDocument, TargetDocument
from strongroom.rules import Kind as Kinded
from strongroom.rules import Rulebook, Subject, Terms
from strongroom.rules.access import ACCESS, Narrowings
from strongroom.rules.policy import POLICY
from strongroom.store.feed import FeedEntry
from strongroom.store.follower import Follower
from strongroom.valuelists import ListBook

_Terms = TypeVar("_Terms")
_log: Final = logging.getLogger(__name__)
_ENSURE_S: Final = 0.25
_MAX_DECISIONS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Route:
    """A deployment as the gateway sees it."""

    deployment: DeploymentId
    tenant: TenantId
    environment: Environment
    name: str
    release: str | None
    kind: Operation
    created: int
    targets: tuple[TargetDocument, ...] = ()
    front: Front | None = None
    """The system prompt before every request, if there is one."""
    own: bool = False
    """Whether the release is the tenant's own."""
    brought: bool = False
    """Whether its worker runs because it was deployed."""

    @property
    def place(self) -> tuple[TenantId, Environment, str]:
        """Return what a caller's key and its `model` come to."""
        return self.tenant, self.environment, self.name

    @property
    def resource(self) -> Resource:
        """Return what policy is asked about."""
        return Resource(kind=Kind.DEPLOYMENT, id=str(self.deployment), tenant=self.tenant, environment=self.environment)


class Access(msgspec.Struct, frozen=True):
    """What one caller's asking one deployment comes to.

    Attributes:
        route: the deployment.
        decision: whether it may be asked.
        terms: what holds then; None where it may not.
    """

    route: Route
    decision: Decision
    terms: Terms | None


class Snapshot:
    """The state behind every decision of this process. One thread."""

    def __init__(self, directory: Directory, engine: Engine) -> None:
        self.directory = directory
        self.signers = Signers()
        self._engine = engine
        self.policy_version = engine.version
        """The digest of the policies in force."""
        self._routes: dict[tuple[TenantId, Environment, str], Route] = {}
        self._by_id: dict[tuple[TenantId, str], Route] = {}
        self._of_place: dict[tuple[TenantId, Environment], dict[str, Route]] = {}
        self._decisions: dict[tuple[str, DeploymentId, Action], Decision] = {}
        self._rules = Rulebook()
        self._narrowings = Narrowings(production=engine.production)
        self._beside = Narrowings(production=engine.production, installation=True)
        self._providers = Book()
        self.canaries = CanaryBook()
        self.lists = ListBook()
        self._revoked: set[str] = set()
        self._stopped: dict[tuple[TenantId, str], str] = {}
        self.captures = Captures()
        self._terms: dict[tuple[str, DeploymentId | None], Terms] = {}
        self._access: dict[tuple[str, str], Access] = {}
        self._follower: Follower | None = None

    def follow(self, follower: Follower) -> None:
        """Hold the lease of `follower`, which was given `apply` to call."""
        self._follower = follower

    def valid(self) -> bool:
        """Whether the lease holds now."""
        return self._follower is not None and self._follower.valid()

    def held(self, at: float) -> bool:
        """Whether the lease held `at` a moment that is just over (CLOCK_BOOTTIME): `valid` without another look at the clock."""
        return self._follower is not None and at < self._follower.fresh_until

    @property
    def version(self) -> int:
        """The feed's version that it stands at; -1: it has read nothing yet."""
        return -1 if self._follower is None else self._follower.version

    def lease_s(self, now: float) -> float:
        """Return for how many seconds from `now` (CLOCK_BOOTTIME) the lease holds; not above 0: it does not."""
        return 0.0 if self._follower is None else max(0.0, self._follower.fresh_until - now)

    async def ensure(self) -> bool:
        """Return whether the lease holds, after one bounded read of the database if it had run out."""
        return self._follower is not None and await self._follower.ensure(_ENSURE_S)

    def apply(self, entries: list[FeedEntry], full: bool) -> None:
        """Take in what the feed delivered."""
        self._decisions.clear()
        self._terms.clear()
        self._access.clear()
        self.directory.apply(entries, full=full)
        self.signers.apply(entries, full=full)
        self._rules.apply(entries, full=full)
        self._providers.apply(entries, full=full)
        self.canaries.apply(entries, full=full)
        self.lists.apply(entries, full=full)
        self.captures.apply(entries, full=full)
        if full:
            self._routes.clear()
            self._by_id.clear()
            self._of_place.clear()
            self._revoked.clear()
            self._stopped.clear()
        for entry in entries:
            if entry.kind == DEPLOYMENT:
                self._apply_route(entry)
            elif entry.kind == REVOKED:  # a release's revocation is for good, and whatever its document says
                self._revoked.add(entry.id)
            elif entry.kind == STOPPED:
                self._apply_stop(entry)

    def _apply_stop(self, entry: FeedEntry) -> None:
        self._stopped.pop((entry.tenant, entry.id), None)
        if not entry.deleted:
            try:
                self._stopped[entry.tenant, entry.id] = msgspec.json.decode(entry.body, type=StoppedDocument).release
            except msgspec.MsgspecError:
                self._stopped[entry.tenant, entry.id] = ""  # of which release cannot be told: of any

    def _apply_route(self, entry: FeedEntry) -> None:
        old = self._by_id.pop((entry.tenant, entry.id), None)
        if old is not None:
            del self._of_place[old.tenant, old.environment][entry.id]
            if self._routes.get(old.place) is old:
                del self._routes[old.place]
        route = None if entry.deleted else _route(entry)
        if route is not None:
            self._by_id[entry.tenant, entry.id] = route
            self._of_place.setdefault((route.tenant, route.environment), {})[entry.id] = route
            self._routes[route.place] = route

    def fronts(self) -> list[Front]:
        """Return the system prompts of every deployment."""
        return [route.front for route in self._by_id.values() if route.front is not None]

    def provider(self, provider: UUID) -> ProviderDocument | None:
        """Return a provider as it is registered now. Each change is another object."""
        return self._providers.find(provider)

    def providers(self) -> list[tuple[UUID, ProviderDocument]]:
        """Return every provider as it is registered now."""
        return self._providers.every()

    def route(self, who: Principal, name: str) -> Route | None:
        """Return the deployment that `name` means to `who`: in its own tenant and environment or nowhere."""
        if who.tenant is None or who.environment is None or (who.models is not None and name not in who.models):
            return None
        return self._routes.get((who.tenant, who.environment, name))

    def elsewhere(self, who: Principal, name: str) -> bool:
        """Whether `name` is a deployment of the caller's tenant in another environment. For who watches, not for the caller."""
        return who.tenant is not None and any(
            (who.tenant, each, name) in self._routes for each in Environment if each is not who.environment
        )

    def routes(self, who: Principal | None = None) -> Iterator[Route]:
        """Yield every route that something may answer for, or those of the caller's own tenant and environment."""
        if who is None:
            yield from (
                route for route in self._by_id.values() if not (self.is_revoked(route) or self.is_stopped(route))
            )
        elif who.tenant is not None and who.environment is not None:
            for route in self._of_place.get((who.tenant, who.environment), {}).values():
                if who.models is None or route.name in who.models:
                    yield route

    def access(self, who: Principal, name: str) -> Access | None:
        """Return what asking the deployment that `name` means to `who` comes to; None: there is none.

        Kept until anything at all changes, so that a request looks it up once. Names that mean nothing are not kept.
        """
        key = (who.credential, name)
        access = self._access.get(key)
        if access is None:
            route = self.route(who, name)
            if route is None:
                return None
            decision = self.decide(who, Action.MODEL_INVOKE, route)
            if len(self._access) >= _MAX_DECISIONS:
                self._access.clear()
            terms = self.terms(who, route) if decision.allowed else None
            access = self._access[key] = Access(route, decision, terms)
        return access

    def decide(self, who: Principal, action: Action, route: Route) -> Decision:
        """Return what policy says. Kept until anything at all changes, as decisions are pure."""
        key = (who.credential, route.deployment, action)
        decision = self._decisions.get(key)
        if decision is None:
            if len(self._decisions) >= _MAX_DECISIONS:
                self._decisions.clear()
            decision = self._engine.decide(who, action, route.resource)
            if decision.allowed and action is Action.MODEL_INVOKE and self.is_revoked(route):
                decision = replace(decision, allowed=False, reason="the release behind it is revoked")
            if decision.allowed and action is Action.MODEL_INVOKE and self.is_stopped(route):
                decision = replace(decision, allowed=False, reason="what is demanded of it is not met")
            if decision.allowed:
                terms = self.terms(who, route)
                decision = self._beside.held(terms.of(POLICY), decision, who, action, route.resource)
                decision = self._narrowings.held(terms.of(ACCESS), decision, who, action, route.resource)
            self._decisions[key] = decision
        return decision

    def is_revoked(self, route: Route) -> bool:
        """Whether the release behind `route` may serve nowhere any more."""
        return route.release in self._revoked

    def is_stopped(self, route: Route) -> bool:
        """Whether `route` is stopped, since what is demanded of the release behind it is not met."""
        found = self._stopped.get((route.tenant, str(route.deployment)))
        return found is not None and found in {"", route.release}

    def revoked(self, digest: str) -> bool:
        """Whether a release may serve nowhere any more."""
        return digest in self._revoked

    def placed(self, digest: str) -> set[tuple[Environment, str, TenantId | None]]:
        """Return where workers of a release may be: environment, digest, and the tenant whose own it is.

        One of the installation's may have them in every environment, deployed or not.
        """
        found: set[tuple[Environment, str, TenantId | None]] = {(each, digest, None) for each in Environment}
        for route in self._by_id.values():
            if route.release == digest and route.own:
                found.add((route.environment, digest, route.tenant))
        return found

    def terms(self, who: Principal, route: Route) -> Terms:
        """Return what holds for a workload that asks `route`: one that policy lets ask it. Kept as decisions are."""
        return self._held(who, route.tenant, route)

    def terms_of_lookups(self, who: Principal) -> Terms | None:
        """Return what holds for a workload where no model is named: rules that select models have no part in it.

        None for who is no workload: no rule is about one, it has no models, and nothing is kept for it.
        """
        if who.tenant is None or who.environment is None or not who.role.is_workload:
            return None
        return self._held(who, who.tenant, None)

    def _held(self, who: Principal, tenant: TenantId, route: Route | None) -> Terms:
        key = (who.credential, None if route is None else route.deployment)
        terms = self._terms.get(key)
        if terms is None:
            if len(self._terms) >= _MAX_DECISIONS:
                self._terms.clear()
            subject = Subject.of(who, "" if route is None else route.name)
            terms = self._terms[key] = self._rules.terms(tenant, subject)
        return terms

    def strictest(self, who: Principal, kind: Kinded[Any, _Terms]) -> _Terms:
        """Return what all models that `who` may ask come to together: for what belongs to none of them alone.

        Who may ask none any more is held to what holds where a document cannot be read: nothing says that less is enough.
        """
        found: _Terms | None = None
        for route in self.routes(who):
            if self.decide(who, Action.MODEL_INVOKE, route).allowed:
                terms = self.terms(who, route).of(kind)
                found = terms if found is None else kind.meet(found, terms)
        return kind.unreadable if found is None else found


def _route(entry: FeedEntry) -> Route | None:
    """Return what `entry` says; one that cannot be read is no route, and no reason to drop anybody else's."""
    try:
        document = msgspec.json.decode(entry.body, type=RouteDocument)
        return Route(
            DeploymentId(UUID(entry.id)),
            entry.tenant,
            document.environment,
            document.name,
            document.release,
            document.kind,
            document.created,
            document.targets,
            _front(entry, document),
            document.own,
            document.brought,
        )
    except (msgspec.MsgspecError, ValueError) as error:
        _log.error("feed: %s v%d cannot be used: %s", entry.kind, entry.version, type(error).__name__)
        return None


def _front(entry: FeedEntry, document: RouteDocument) -> Front | None:
    if document.prompt is None:
        return None
    return Front(document.prompt, entry.tenant, document.environment, entry.id)
