"""What the feed says is deployed here, of releases: where, for whom, and what of it is stopped or revoked. No I/O."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import msgspec

from strongroom.app.loading import Wanted
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.registry import DEPLOYMENT, REVOKED, STOPPED, RouteDocument, StoppedDocument
from strongroom.registry.serving.model import Place
from strongroom.store.feed import FeedEntry

_ANY: Final = ""


class Deployed:
    """Follows the feed."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._routes: dict[tuple[TenantId, str], RouteDocument] = {}
        self._stopped: dict[tuple[TenantId, str], str] = {}
        self._revoked: set[str] = set()

    def apply(self, entries: list[FeedEntry], full: bool) -> set[str]:
        """Take in what the feed delivered; return the kinds of which something changed."""
        if full:
            self._routes.clear()
            self._stopped.clear()
            self._revoked.clear()
        for entry in entries:
            if entry.kind == DEPLOYMENT:
                self._route(entry)
            elif entry.kind == STOPPED:
                self._stop(entry)
            elif entry.kind == REVOKED:
                self._revoked.add(entry.id)
        return {entry.kind for entry in entries} | ({DEPLOYMENT} if full else set())

    def places(self) -> dict[TenantId, list[Place]]:
        """Return what is deployed, by tenant; but for what is revoked, which serves nowhere anyway."""
        found: dict[TenantId, list[Place]] = {}
        for (tenant, deployment), route in self._living():
            mine = found.setdefault(tenant, [])  # of whom nothing is left is looked at too: what it lacked is forgotten
            if route.release is not None and route.release not in self._revoked:
                mine.append(
                    Place(
                        tenant=tenant, deployment=UUID(deployment), environment=route.environment, name=route.name,
                        digest=route.release,
                    )
                )  # fmt: skip
        return found

    def wanted(self) -> dict[Wanted, list[TenantId]]:
        """Return what is to be served of what people brought, and which tenants have deployed it and are not stopped."""
        found: dict[Wanted, list[TenantId]] = {}
        for key, route in self._living():
            if route.brought and route.release is not None and not self._is_stopped(key, route):
                place = Wanted(route.environment, route.release, key[0] if route.own else None)
                found.setdefault(place, []).append(key[0])
        return found

    def stopped(self) -> set[Wanted]:
        """Return what people brought and would be served, but that every tenant's deployment of it is stopped."""
        found = {
            Wanted(route.environment, route.release, key[0] if route.own else None)
            for key, route in self._living()
            if route.brought and route.release is not None
        }
        return found - self.wanted().keys()

    def tenants(self, environment: Environment, digest: str) -> list[TenantId]:
        """Return who has deployed a release of the installation there and is not stopped."""
        return [key[0] for key, route in self._of(environment, digest) if not self._is_stopped(key, route)]

    def is_over(self, environment: Environment, digest: str) -> bool:
        """Whether a release of the installation serves nobody there: it is revoked, or every deployment of it is stopped."""
        if digest in self._revoked:
            return True
        found = list(self._of(environment, digest))
        return bool(found) and all(self._is_stopped(key, route) for key, route in found)

    def _of(self, environment: Environment, digest: str) -> Iterator[tuple[tuple[TenantId, str], RouteDocument]]:
        return (
            (key, route)
            for key, route in self._living()
            if not route.own and (route.environment, route.release) == (environment, digest)
        )

    def _living(self) -> list[tuple[tuple[TenantId, str], RouteDocument]]:
        return sorted(self._routes.items(), key=lambda item: item[0][1])

    def _is_stopped(self, key: tuple[TenantId, str], route: RouteDocument) -> bool:
        return self._stopped.get(key) in {_ANY, route.release}

    def _route(self, entry: FeedEntry) -> None:
        self._routes.pop((entry.tenant, entry.id), None)
        with contextlib.suppress(msgspec.MsgspecError, ValueError):
            if not entry.deleted:
                document = msgspec.json.decode(entry.body, type=RouteDocument)
                if document.release is not None:
                    self._routes[entry.tenant, str(UUID(entry.id))] = document

    def _stop(self, entry: FeedEntry) -> None:
        self._stopped.pop((entry.tenant, entry.id), None)
        if not entry.deleted:
            try:
                self._stopped[entry.tenant, entry.id] = msgspec.json.decode(entry.body, type=StoppedDocument).release
            except msgspec.MsgspecError:
                self._stopped[entry.tenant, entry.id] = _ANY  # of which release cannot be told: of any
