"""The processes of our own, and what each is handed over: what its part needs, and nothing beside it.

Always true here:
- who seals the logs is started first, for control refuses changes without it; then control, then the gateways;
- a process may ask the supervisor's broker for the keys of its part alone, by a token of this start of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from strongroom.app import handover, metrics, uids
from strongroom.app.children import Child, ChildSpec
from strongroom.app.contents import s3_key
from strongroom.app.elevation_section import webhook_secret
from strongroom.app.ground import Ports
from strongroom.app.handover import Handover
from strongroom.app.layout import Layout
from strongroom.app.options import Options
from strongroom.app.refusals import CannotStart
from strongroom.app.settings import Edge, Loaded, Settings
from strongroom.app.uids import uid
from strongroom.confinement.tree import RuntimeTree
from strongroom.identity.accesstoken import public_keys
from strongroom.kernel.clock import SystemClock
from strongroom.store import Dsn
from strongroom.store.roles import CONTROL, GATEWAY, KEEPER, OPERATOR, Passwords
from strongroom.vault import Broker, Keyring, Purpose, Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a process of our own does, and what it gets for it.

    Attributes:
        role: the entry point in `processes`.
        uid: whom it runs as (`uids`).
        logins: the database's roles that it may log in as.
        purposes: the keys of the installation that are derived for it.
        uses: for what it may ask for tenants' keys.
        of_subjects: for what it may ask for the keys of one person.
        manages: whether it may turn, renew and destroy keys.
    """

    role: str
    uid: int
    logins: tuple[str, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    uses: frozenset[Use] = frozenset()
    of_subjects: frozenset[Use] = frozenset()
    manages: bool = False


_BOTH: Final = frozenset({Use.PROVIDER_SECRET, Use.CAPTURE, Use.SUBJECT_NAME, Use.VALUE_LIST, Use.SYSTEM_PROMPT})
_SUBJECTS: Final = frozenset({Use.KEPT_RESPONSE, Use.CAPTURE, Use.PRIVACY_TOKEN})
"""What each may seal and open of one person's: control reads what a person is shown of theirs."""

NOTARY: Final = Part(role="notary", uid=uids.NOTARY)
THE_KEEPER: Final = Part(role="keeper", uid=uids.KEEPER, logins=(KEEPER,))
THE_CONTROL: Final = Part(
    role="control",
    uid=uids.CONTROL,
    logins=(CONTROL, OPERATOR),
    purposes=(
        Purpose.KEY_PEPPER,
        Purpose.TOKEN_SIGNING,
        Purpose.REGISTRY,
        Purpose.SYSTEM_PROMPT,
        Purpose.DPOP_NONCE,
        Purpose.PROVIDER_SECRET,  # for what the first versions sealed under it
    ),
    uses=_BOTH | {Use.WEBHOOK, Use.WEIGHTS, Use.DATASET, Use.EVIDENCE},
    of_subjects=_SUBJECTS | {Use.AUDIT_SIDECAR, Use.SUBJECT_REQUEST},
    manages=True,
)
A_GATEWAY: Final = Part(
    role="gateway",
    uid=uids.GATEWAY,
    logins=(GATEWAY,),
    purposes=(
        Purpose.KEY_PEPPER,
        Purpose.CACHE_SCOPE,
        Purpose.ANSWER_SIGNING,
        Purpose.DPOP_NONCE,
        Purpose.KEPT_RESPONSE,
        Purpose.SYSTEM_PROMPT,
    ),
    uses=_BOTH | {Use.KEPT_RESPONSE, Use.PRIVACY_TOKEN},
    of_subjects=_SUBJECTS,
)


@dataclass(frozen=True, slots=True)
class Ours:
    """What the supervisor has, of which each process is handed its part."""

    loaded: Loaded
    options: Options
    places: Layout
    ports: Ports
    admin: Dsn
    passwords: Passwords
    keyring: Keyring
    broker: Broker
    tree: RuntimeTree


def children(ours: Ours, tell: Callable[[str], None], log: Callable[[str, bytes], None]) -> Iterator[Child]:
    """Yield the processes of our own, in the order in which they are started.

    Raises:
        CannotStart: when a file that the settings name cannot be used.
    """
    files, clock, settings = _Files.read(ours.loaded.settings), SystemClock(), ours.loaded.settings
    gateways = [(f"gateway-{number}", A_GATEWAY) for number in range(1, settings.gateway.processes + 1)]
    for name, part in [("notary", NOTARY), ("keeper", THE_KEEPER), ("control", THE_CONTROL), *gateways]:
        listen = _edge(ours, part)[1]
        spec = ChildSpec(
            name=name,
            role=part.role,
            hand_over=partial(_hand, ours, files, name, part),
            listen=listen,
            uid=uid(settings, part.uid),
            log=partial(log, name),
        )
        yield Child(spec, ours.tree, clock, tell)


def _hand(ours: Ours, files: _Files, name: str, part: Part) -> int:
    """Return the reading end of a fresh pipe with what one process is told."""
    places, settings, broker = ours.places, ours.loaded.settings, ours.broker
    edge, listen = _edge(ours, part)
    token = broker.admit(name, part.uses, manages=part.manages, of_subjects=part.of_subjects) if part.uses else b""
    control = part is THE_CONTROL
    return handover.pipe(
        Handover(
            name=name,
            supervisor=os.getpid(),
            settings=settings,
            logins={role: ours.passwords.login(role, ours.admin) for role in part.logins},
            keys=ours.keyring.derive(*part.purposes).dump(),
            home=str(places.home),
            worker_sockets=str(places.worker_sockets),
            spool=str(places.spool),
            content=str(places.content) if control else "",
            content_key=s3_key(settings.content) if control else None,
            blobs=str(places.blobs) if control else "",
            metrics_sockets=str(places.keeper_metrics if part is THE_KEEPER else places.metrics_sockets),
            metrics_token=files.scraper,
            vault_socket=str(places.vault_socket) if token else "",
            vault_token=token,
            token_keys=public_keys(ours.keyring.derive(Purpose.TOKEN_SIGNING).versions(Purpose.TOKEN_SIGNING)),
            sso_secret=files.sso_secret if control else None,
            sso_ca=files.sso_ca,
            webhook_secret=files.hook if control else b"",
            listen=listen,
            demo=ours.options.demo,
            tls=None if edge is None else handover.read_tls(edge, ours.ports.passport),
            keeper_metrics=str(places.keeper_metrics),
            notary=str(places.notary) if part is NOTARY else "",
            notary_socket=str(places.notary_socket) if part in {NOTARY, THE_KEEPER} else "",
            channels=str(places.channels),
            sources=dict(ours.loaded.sources),
        )
    )


def _edge(ours: Ours, part: Part) -> tuple[Edge | None, int | None]:
    """Return the settings of the port that a process serves, and the descriptor of its socket."""
    if part is THE_CONTROL:
        return ours.loaded.settings.control, ours.ports.control.fileno()
    if part is A_GATEWAY:
        return ours.loaded.settings.gateway, ours.ports.gateway.fileno()
    return None, None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Files:
    """What stands in files that the settings name, read once: a change of one takes a new start."""

    scraper: bytes | None
    sso_secret: str | None
    sso_ca: str | None
    hook: bytes

    @classmethod
    def read(cls, settings: Settings) -> _Files:
        """Read them.

        Raises:
            CannotStart: when one cannot be used.
        """
        identity = settings.identity
        try:
            scraper = metrics.token_digest(settings.control.metrics_token_file)
        except (OSError, ValueError) as error:
            raise CannotStart(f"`control.metrics_token_file`: {error}") from None
        try:
            hook = webhook_secret(settings.elevation)
        except (OSError, ValueError) as error:
            raise CannotStart(f"`elevation.webhook_secret_file`: {error}") from None
        return cls(
            scraper=scraper,
            sso_secret=_file("identity.sso_client_secret_file", identity.sso_client_secret_file),
            sso_ca=_file("identity.sso_ca_file", identity.sso_ca_file),
            hook=hook,
        )


def _file(setting: str, path: str | None) -> str | None:
    """Return the text of a file that a setting names, if it names one.

    Raises:
        CannotStart: when it cannot be read, or holds nothing.
    """
    if path is None:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotStart(f"`{setting}`: {error}") from None
    if not text:
        raise CannotStart(f"`{setting}`: {path} is empty")
    return text
