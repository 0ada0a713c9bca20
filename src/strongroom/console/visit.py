"""One request to the console as a page sees it: who asks, what was sent, and the services to ask.

A page is `async (Visit) -> Answer`. It never sees the request itself: what it may rely on was checked by `edge.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from strongroom.canaries import CanaryService
from strongroom.console.assets import Assets
from strongroom.console.forms import Form
from strongroom.console.menu import Menu
from strongroom.console.render import Templates
from strongroom.console.sessions import Notice, Session, Sessions
from strongroom.custody import Custody
from strongroom.custody.incidents import Incidents
from strongroom.gateway.reading import RecordReader
from strongroom.identity import Accounts, Directory, Door, Finder, Identity
from strongroom.identity.approvals.service import Proposals
from strongroom.identity.door import Lease
from strongroom.identity.elevation import Elevations
from strongroom.identity.federation.service import FederationService
from strongroom.identity.http import noting
from strongroom.identity.people import CommandLines, SignOn
from strongroom.identity.rotation import Rotation
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import FRESH_S, Action, Ask, Engine, Gate, LogReader, Resource
from strongroom.providers import Providers
from strongroom.registry import Registry
from strongroom.registry.admission import Admission
from strongroom.registry.admission.registrar import Registrar
from strongroom.registry.channels.service import Channels
from strongroom.registry.evaluations import Evaluations
from strongroom.registry.lineage import Lineage
from strongroom.registry.releases import Keeping, Overview, Releases
from strongroom.retention import Retention
from strongroom.rules import Level, Rules
from strongroom.rules.taken import TakenReader
from strongroom.rules.usage import UsageReader
from strongroom.subjects import Subjects

STATUS: Final = {
    RefusalKind.INVALID: 400,
    RefusalKind.UNAUTHENTICATED: 401,
    RefusalKind.FORBIDDEN: 403,
    RefusalKind.HIDDEN: 404,
    RefusalKind.CONFLICT: 409,
    RefusalKind.TOO_LARGE: 413,
    RefusalKind.LIMITED: 429,
    RefusalKind.UNAVAILABLE: 503,
    RefusalKind.UPSTREAM: 502,
}


Rehearse: TypeAlias = Callable[[Principal, TenantId, str, Level, object, Ask], Awaitable[Any]]
"""Says what a document of rules would have changed for those who asked lately."""

EndTenant: TypeAlias = Callable[[Principal, TenantId, Ask], Awaitable[None]]
"""Ends a tenant and everything that belongs to it, in every room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything the console leans on.

    Attributes:
        lease: whether the directory may be relied on now.
        secure: whether browsers reach it over TLS; cookies are bound to that.
        demo: whether the installation was seeded with demo accounts; every page says so.
        signon: the organisation's own provider, if there is one.
        tokens: whether an account's token opens the console too.
    """

    identity: Identity
    accounts: Accounts
    registry: Registry
    admission: Admission
    releases: Releases
    overview: Overview
    registrar: Registrar
    keeping: Keeping
    channels: Channels
    lineage: Lineage
    evaluations: Evaluations
    rules: Rules
    usage: UsageReader
    taken: TakenReader
    pages: bool
    providers: Providers
    logs: LogReader
    subjects: Subjects
    retention: Retention
    federation: FederationService
    elevations: Elevations
    proposals: Proposals
    rehearse: Rehearse
    custody: Custody
    incidents: Incidents
    rotation: Rotation
    records: RecordReader
    canaries: CanaryService
    finder: Finder
    end_tenant: EndTenant
    gate: Gate
    engine: Engine
    directory: Directory
    door: Door
    lease: Lease
    clock: Clock
    command_lines: CommandLines
    secure: bool
    demo: bool = False
    signon: SignOn | None = None
    tokens: bool = True


class Desk:
    """What lives as long as the console: its parts, its sessions, its templates."""

    def __init__(self, parts: Parts) -> None:
        self.parts: Final = parts
        self.assets: Final = Assets.load()
        self.templates: Final = Templates(parts.clock, self.assets)
        self.sessions: Final = Sessions(parts.clock)
        self.menu: Final = Menu(parts.engine)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a page says."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    session: str | None = None
    """A session id for the cookie; an empty one takes the cookie away; None leaves it alone."""
    theme: str | None = None
    sso: str | None = None
    """What ties a sign-on at a provider to this browser; empty takes it away."""


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request, checked. `who` and `session` are there for all pages but those of signing in."""

    desk: Desk
    asked: Ask
    path: str
    peer: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    form: Form
    theme: str
    cookie: str = ""
    sso: str = ""
    signed_in: tuple[Session, Principal] | None = None

    @property
    def parts(self) -> Parts:
        """The services."""
        return self.desk.parts

    @property
    def who(self) -> Principal:
        """Who asks."""
        return self._signed_in()[1]

    @property
    def session(self) -> Session:
        """Their session."""
        return self._signed_in()[0]

    def _signed_in(self) -> tuple[Session, Principal]:
        if self.signed_in is None:
            raise AssertionError("this page needs somebody signed in")
        return self.signed_in

    def ask(self, **detail: str) -> Ask:
        """Return what goes with this request into the audit log."""
        return noting(self.asked, via="console", **detail)

    def may(self, action: Action, resource: Resource) -> bool:
        """Whether to offer something. Offering is a courtesy: the gate decides when it is asked for."""
        return self.desk.menu.may(self.who, action, resource)

    def environment(self) -> Environment | None:
        """Return the environment that the page is narrowed to, if any."""
        chosen = self.query.get("environment", "")
        return Environment(chosen) if chosen in list(Environment) else None

    def render(self, template: str, *, status: int = 200, **context: object) -> Answer:
        """Return a page; what every page shows is added here."""
        common: dict[str, object] = {
            "who": None,
            "session": None,
            "place": None,
            "theme": self.theme,
            "demo": self.parts.demo,
            "by_provider": self.parts.signon is not None,
            "by_token": self.parts.tokens,
            "here": self.here(),
            "request_id": self.asked.request_id,
        }
        if self.signed_in is not None:
            session, who = self.signed_in
            ends = self.parts.directory.expires_at(who.credential)
            common |= {
                "who": who,
                "session": session,
                "notice": session.take_notice(),
                "token_ends": None if ends is None else datetime.fromtimestamp(ends, UTC),
                "menu": self.desk.menu.links(who, self._own_tenant(), self.path),
            }
        return Answer(status=status, body=self.desk.templates.render(template, common | context))

    def _own_tenant(self) -> str | None:
        who = self.who
        return None if who.tenant is None else self.parts.directory.tenant_name(who.tenant)

    def stale(self, back: str) -> Answer | None:
        """Return the way to prove oneself again and come back, for what cannot be undone; None: it was done just now.

        When the session began says nothing: a provider lets who signed in last week begin one today.
        """
        proven_at = self.session.proven_at
        if proven_at is not None and self.parts.clock.boottime() - proven_at <= FRESH_S:
            return None
        return self.prove_again(back)

    def prove_again(self, back: str) -> Answer:
        """Return the way to prove oneself again and come back."""
        to = f"next={quote(back, safe='')}"
        return self.go(f"/sign-in/sso?fresh=1&{to}" if self.session.by_provider else f"/sign-in?{to}")

    def here(self) -> str:
        """Return this page's own address, for forms that come back to it."""
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in self.query.items())
        return f"{quote(self.path)}?{query}" if query else quote(self.path)

    def done(self, to: str, text: str, command: str = "") -> Answer:
        """Return the answer to a form that was carried out: look at `to`, where it says so."""
        self.session.notice = Notice(text=text, command=command)
        return self.go(to)

    def go(self, to: str) -> Answer:
        """Return "see there" (303), so that a reload does not send a form again."""
        return Answer(status=303, headers={"location": to})


Page: TypeAlias = Callable[[Visit], Awaitable[Answer]]


def mendable(no: Refused) -> Refusal:
    """Return the refusal when the form can be mended and sent again; raise it otherwise."""
    if no.refusal.kind not in {RefusalKind.INVALID, RefusalKind.CONFLICT}:
        raise no
    return no.refusal
