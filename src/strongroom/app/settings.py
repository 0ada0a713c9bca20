"""Settings: frozen, typed, with units in their names, checked before anything starts.

Always true here:
- a setting comes from its default, from HOME/strongroom.toml, from the environment or from the command line, in that
  order of weight, and `explain` tells which;
- a name that is not known is an error wherever it stands, so a typing mistake cannot silently weaken anything;
- no setting holds a secret: where one is needed, the setting names a file.

In the environment a setting is `STRONGROOM_<SECTION>_<NAME>`, such as `STRONGROOM_GATEWAY_PORT=9000`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast, get_args, get_type_hints
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Meta

from strongroom.app.approvals_section import SIMULATED, ApprovalsSection
from strongroom.app.audit_section import AuditSection
from strongroom.app.content_section import ContentSection, check_content
from strongroom.app.elevation_section import ElevationSection, check_elevation
from strongroom.app.evidence_section import EvidenceSection
from strongroom.app.identity_section import IdentitySection, check_identity, check_networks
from strongroom.app.keys_section import KeysSection
from strongroom.app.logs.model import LogsSection
from strongroom.app.releases_section import ReleasesSection
from strongroom.app.vault_section import LOOPBACK, Section, SettingsError, VaultSection, check_vault
from strongroom.app.workers_section import Count, WorkersSection

__all__ = [
    "DEFAULT_UID_BASE",
    "FILE",
    "ControlSection",
    "DatabaseSection",
    "Edge",
    "ElevationSection",
    "Explained",
    "GatewaySection",
    "Installation",
    "Loaded",
    "ReleasesSection",
    "Settings",
    "SettingsError",
    "VaultSection",
    "WorkersSection",
    "load",
]

FILE: Final = "strongroom.toml"
DEFAULT_UID_BASE: Final = 1_900_000_000
"""In a range that no distribution, container manager or systemd hands out."""

_PREFIX: Final = "STRONGROOM_"
_OF_COMMANDS: Final = (
    "HOME", "TOKEN", "CONTROL", "GATEWAY", "CA", "PROOF_KEY", "API_KEY", "RULE", "SUBJECT_TOKEN_FILE",
)  # fmt: skip
"""Variables of the command line, read there."""

Port = Annotated[int, Meta(ge=0, le=65535)]


class Installation(Section, frozen=True, kw_only=True):
    """The installation as a whole."""

    mode: Annotated[
        Literal["development", "production"],
        Meta(description="`production` refuses to start in a shape that is fit for trying out only, and says why."),
    ] = "development"
    uid_base: Annotated[
        int,
        Meta(
            ge=1000,
            le=2**31 - 1000,
            description="First of the numeric uids that processes run under when started as root.",
        ),
    ] = DEFAULT_UID_BASE


class Edge(Section, frozen=True, kw_only=True):
    """What both listening ports share."""

    host: Annotated[str, Meta(description="Address to listen on. Anything but loopback needs TLS.")] = "127.0.0.1"
    tls_certificate: Annotated[str | None, Meta(description="PEM file with the certificate chain.")] = None
    tls_key: Annotated[str | None, Meta(description="PEM file with its private key.")] = None
    tls_client_ca: Annotated[
        str | None, Meta(description="PEM file of the authorities whose client certificates are required.")
    ] = None
    hosts: Annotated[
        tuple[str, ...],
        Meta(description="Host names clients may use besides loopback's; any other is refused (DNS rebinding)."),
    ] = ()
    origins: Annotated[tuple[str, ...], Meta(description="Origins that browsers may send besides the port's own.")] = ()


class GatewaySection(Edge, frozen=True, kw_only=True):
    """The data plane's port and its bounds."""

    port: Annotated[Port, Meta(description="Port of the OpenAI-compatible API; 0 takes a free one.")] = 8400
    processes: Annotated[Count, Meta(description="Gateway processes.")] = 2
    max_body_bytes: Annotated[int, Meta(ge=1024, le=64 * 2**20, description="Largest request body.")] = 4 * 2**20
    max_connections: Annotated[int, Meta(ge=1, le=65536, description="Open client connections per process.")] = 1024
    max_output_tokens: Annotated[int, Meta(ge=1, description="The most a caller may ask for in one answer.")] = 4096
    default_output_tokens: Annotated[int, Meta(ge=1, description="What a caller gets who names no bound.")] = 1024
    answer_timeout_s: Annotated[float, Meta(gt=0, le=3600, description="How long one answer may take.")] = 300.0
    spool_mib: Annotated[
        int,
        Meta(
            ge=16,
            le=1_048_576,
            description=(
                "Records that each process keeps on disk while the database takes none; beyond it, tenants with `strict` "
                "records get 503, and the records of others are counted as lost."
            ),
        ),
    ] = 256
    kept_responses: Annotated[
        int,
        Meta(
            ge=2,
            le=100_000,
            description=(
                "How many responses one tenant may have kept at a time (`store: true`); one workload half of them."
            ),
        ),
    ] = 10_000
    kept_mib: Annotated[
        int,
        Meta(
            ge=2,
            le=1_048_576,
            description="How large they are together, one tenant's, sealed, in MiB; one workload's half of it.",
        ),
    ] = 256
    upstream_networks: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Networks (CIDR) besides the public internet in which providers may be, such as `10.2.0.0/16`; plain HTTP "
                "is spoken there alone. Link-local and metadata addresses are refused whatever stands here."
            )
        ),
    ] = ()


class ControlSection(Edge, frozen=True, kw_only=True):
    """The control API's and console's port."""

    port: Annotated[Port, Meta(description="Port of the control API and console; 0 takes a free one.")] = 8401
    metrics_token_file: Annotated[
        str | None,
        Meta(
            description=(
                "File with the token that a Prometheus server shows at /metrics, 32 characters or more; unset: operators' "
                "credentials alone."
            )
        ),
    ] = None


class DatabaseSection(Section, frozen=True, kw_only=True):
    """Where the database is."""

    url: Annotated[
        str | None,
        Meta(
            description="postgresql://… of an administrator of your own PostgreSQL (15 or newer); unset: the embedded one."
        ),
    ] = None
    password_file: Annotated[str | None, Meta(description="File with the password for `url`, mode 0600.")] = None


class Settings(Section, frozen=True, kw_only=True):
    """Everything that can be set."""

    installation: Installation = Installation()
    gateway: GatewaySection = GatewaySection()
    control: ControlSection = ControlSection()
    identity: IdentitySection = IdentitySection()
    database: DatabaseSection = DatabaseSection()
    workers: WorkersSection = WorkersSection()
    releases: ReleasesSection = ReleasesSection()
    content: ContentSection = ContentSection()
    vault: VaultSection = VaultSection()
    audit: AuditSection = AuditSection()
    keys: KeysSection = KeysSection()
    elevation: ElevationSection = ElevationSection()
    approvals: ApprovalsSection = ApprovalsSection()
    evidence: EvidenceSection = EvidenceSection()
    logs: LogsSection = LogsSection()

    @property
    def production(self) -> bool:
        """Whether unsafe shapes are refused."""
        return self.installation.mode == "production"

    @property
    def own_keys(self) -> bool:
        """Whether approvals count only by approvers' own keys."""
        return self.production if self.approvals.own_keys is None else self.approvals.own_keys

    @property
    def evaluations(self) -> frozenset[str]:
        """The suites that a release must have passed before it serves in prod, whatever rules say."""
        said = self.approvals.evaluations
        return frozenset((SIMULATED if self.production else ()) if said is None else said)

    @property
    def full_sandbox(self) -> bool:
        """Whether anything less than the full sandbox is refused."""
        return (self.workers.sandbox or ("required" if self.production else "best")) == "required"


@dataclass(frozen=True, slots=True)
class Explained:
    """One setting as it stands, and where it came from."""

    name: str
    value: object
    source: str
    description: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with the source of each value that is not a default."""

    settings: Settings
    sources: Mapping[str, str]

    def explain(self) -> list[Explained]:
        """Return every setting, in the order of definition."""
        rows: list[Explained] = []
        for section, field, description in _fields():
            name = f"{section}.{field}"
            value = getattr(getattr(self.settings, section), field)
            rows.append(Explained(name, value, self.sources.get(name, "default"), description))
        return rows


def load(
    home: Path, environment: Mapping[str, str] | None = None, overrides: Mapping[str, object] | None = None
) -> Loaded:
    """Return the settings in force.

    Args:
        home: where `strongroom.toml` is, if there is one.
        environment: variables; those of the process if not given.
        overrides: values from the command line by `section.name`; None means not given.

    Raises:
        SettingsError: for an unknown name, a wrong type, a value out of its bounds, an unreadable file.
    """
    tree: dict[str, dict[str, object]] = {}
    sources: dict[str, str] = {}
    for source, name, value in (
        *_from_file(home / FILE),
        *_from_environment(os.environ if environment is None else environment),
        *(("command line", name, value) for name, value in (overrides or {}).items() if value is not None),
    ):
        section, _, field = name.partition(".")
        tree.setdefault(section, {})[field] = _converted(source, name, value)
        sources[name] = source
    try:
        settings = msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(error)) from None
    _check(settings)
    return Loaded(settings, sources)


def _from_file(path: Path) -> list[tuple[str, str, object]]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    values: list[tuple[str, str, object]] = []
    for section, fields in document.items():
        if not isinstance(fields, dict):
            raise SettingsError(f"{path}: `{section}` stands outside a section; sections are {_sections()}")
        if section not in {field.name for field in msgspec.structs.fields(Settings)}:
            raise SettingsError(f"{path}: there is no section `{section}`; sections are {_sections()}")
        table = cast("dict[str, object]", fields)
        values.extend((str(path), f"{section}.{field}", value) for field, value in table.items())
    return values


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, str, object]]:
    known = {f"{_PREFIX}{section}_{field}".upper(): f"{section}.{field}" for section, field, _ in _fields()}
    values: list[tuple[str, str, object]] = []
    for variable, text in sorted(environment.items()):
        if not variable.startswith(_PREFIX) or variable.removeprefix(_PREFIX) in _OF_COMMANDS:
            continue
        if variable not in known:
            raise SettingsError(f"{variable} is no setting; `strongroom config explain` lists them")
        values.append((variable, known[variable], text))
    return values


def _converted(source: str, name: str, value: object) -> object:
    """Check one value by itself, so that the error can name its source. Text is read by the setting's own type."""
    section, _, field = name.partition(".")
    kind = _types().get((section, field))
    if kind is None:
        raise SettingsError(f"{source}: `{name}` is no setting; `strongroom config explain` lists them")
    if isinstance(value, str) and _is_list(kind):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, kind, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source}: `{name}`: {error}") from None


def _is_list(kind: Any) -> bool:
    return any("tuple" in str(part) for part in (kind, *get_args(kind)))


def _types() -> dict[tuple[str, str], Any]:
    return {
        (section.name, field.name): get_type_hints(section.type, include_extras=True)[field.name]
        for section in msgspec.structs.fields(Settings)
        for field in msgspec.structs.fields(section.type)
    }


def _fields() -> list[tuple[str, str, str]]:
    """Return (section, name, description) of every setting, in order."""
    return [(section, field, _description(kind)) for (section, field), kind in _types().items()]


def _description(kind: Any) -> str:
    for part in (kind, *get_args(kind)):
        for meta in getattr(part, "__metadata__", ()):
            if isinstance(meta, Meta) and meta.description:
                return meta.description
    return ""


def _sections() -> str:
    return ", ".join(field.name for field in msgspec.structs.fields(Settings))


def _explain(error: msgspec.ValidationError) -> str:
    return f"settings: {error}"


def _check(settings: Settings) -> None:
    """Refuse what no single value shows to be wrong."""
    edges: tuple[tuple[str, Edge], ...] = (("gateway", settings.gateway), ("control", settings.control))
    for name, edge in edges:
        if (edge.tls_certificate is None) != (edge.tls_key is None):
            raise SettingsError(f"`{name}.tls_certificate` and `{name}.tls_key` go together")
        if edge.tls_client_ca is not None and edge.tls_certificate is None:
            raise SettingsError(f"`{name}.tls_client_ca` needs `{name}.tls_certificate`")
        for origin in edge.origins:
            if not _is_origin(origin):
                raise SettingsError(f"`{name}.origins`: write each as scheme://host[:port]; `null` is anybody's")
        if edge.host not in LOOPBACK and edge.tls_certificate is None:
            raise SettingsError(
                f"`{name}.host` is {edge.host}: plain HTTP is for loopback only; set `{name}.tls_certificate`"
            )
    if settings.database.url is not None and _holds_password(settings.database.url):
        raise SettingsError(
            "`database.url` holds a password; put it into a file and name it in `database.password_file`"
        )
    check_vault(settings.vault)
    check_content(settings.content)
    check_networks("gateway.upstream_networks", settings.gateway.upstream_networks)
    check_identity(settings.identity)
    check_elevation(settings.elevation)
    if settings.gateway.default_output_tokens > settings.gateway.max_output_tokens:
        raise SettingsError("`gateway.default_output_tokens` is above `gateway.max_output_tokens`")


def _is_origin(text: str) -> bool:
    """Whether `text` names one origin as a browser sends it. A sandboxed frame of any site sends `null`."""
    try:
        parts = urlsplit(text)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return False
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return parts.scheme in {"http", "https"} and host != "" and text == f"{parts.scheme}://{host}{port}"


def _holds_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise SettingsError("`database.url` is no URL") from None
    return parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True)
