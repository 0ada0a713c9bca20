"""What the supervisor tells a process it starts: over a pipe, so that no secret stands in argv, environment or a file.

A process gets what its role needs and no more: the gateway learns one database login and the derived keys that it uses.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from strongroom.app.passport import Passport
from strongroom.app.settings import Edge, Settings
from strongroom.store import Dsn
from strongroom.vault import PurposeKeys
from strongroom.wire import Admission, TlsOptions

_PIPE_CAPACITY = 64 * 1024  # one write fits, so neither side waits for the other


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """PEM texts of one edge."""

    certificate: bytes
    key: bytes
    client_ca: bytes | None = None

    def __repr__(self) -> str:
        """Show nothing."""
        return "Tls()"

    def options(self) -> TlsOptions:
        """Return them as the wire takes them: files that only this process has (memfd)."""
        return TlsOptions(
            certificate=_memory_file(self.certificate),
            key=_memory_file(self.key),
            client_ca=None if self.client_ca is None else _memory_file(self.client_ca),
            require_client=self.client_ca is not None,
        )


def _memory_file(content: bytes) -> Path:
    descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    return Path(f"/proc/self/fd/{descriptor}")


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one process is told.

    Attributes:
        name: what it is called in logs.
        supervisor: pid of the process that hands over, whose end is the other's too.
        settings: the settings in force; they hold no secret.
        logins: database logins by role.
        keys: derived keys (`PurposeKeys.dump`).
        home: the installation's home, for what the process shows of it.
        worker_sockets: where model workers listen.
        spool: where a gateway keeps records on their way to the database.
        content: where releases that people brought lie, sealed; empty for all but control.
        content_key: what opens the bucket in which they lie instead, if one is set; for control alone.
        blobs: where the files of those that came along lie; empty for all but control.
        metrics_sockets: where processes show their figures.
        vault_socket: where the supervisor answers for the vault.
        vault_token: what this start of the process is known by there.
        token_keys: public keys that access tokens are signed by, by version (32 bytes each).
        sso_secret: what this installation proves itself with to the provider that people sign in with.
        sso_ca: authorities (PEM) to trust for it.
        webhook_secret: what notices are signed with; empty when nobody is paged.
        metrics_token: SHA-256 of the token that reads metrics, if there is one.
        listen: the inherited listening socket's descriptor; None for a process that listens on none.
        keeper_metrics: where the keeper shows its figures.
        notary: the notary's directory; empty for all but itself.
        notary_socket: where the notary listens; empty for all but itself and the keeper.
        channels: where it is kept what was seen of the channels last.
        demo: whether demo accounts count.
        tls: certificate and key of the edge, if it has any.
        sources: where each setting that is no default came from.
    """

    name: str
    supervisor: int
    settings: Settings
    logins: dict[str, Dsn]
    keys: bytes
    home: str
    worker_sockets: str
    spool: str
    metrics_sockets: str
    listen: int | None
    demo: bool
    tls: Tls | None = None
    vault_socket: str = ""
    vault_token: bytes = b""
    webhook_secret: bytes = b""
    metrics_token: bytes | None = None
    token_keys: dict[int, bytes] = {}
    sso_secret: str | None = None
    sso_ca: str | None = None
    sources: dict[str, str] = {}
    keeper_metrics: str = ""
    content: str = ""
    content_key: tuple[str, str] | None = None
    blobs: str = ""
    notary: str = ""
    notary_socket: str = ""
    channels: str = ""

    def __repr__(self) -> str:
        """Name the process only."""
        return f"Handover({self.name})"

    @property
    def purpose_keys(self) -> PurposeKeys:
        """The derived keys."""
        return PurposeKeys.parse(self.keys)


def pipe(handover: Handover) -> int:
    """Return the reading end of a pipe that holds `handover`; the caller passes it on and closes it."""
    content = msgspec.json.encode(handover)
    if len(content) > _PIPE_CAPACITY:
        raise ValueError("the settings are too large to hand over")
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        os.write(writing, content)
    finally:
        os.close(writing)
    return reading


def receive(descriptor: int) -> Handover:
    """Read what `pipe` wrote, once."""
    with os.fdopen(descriptor, "rb") as file:
        return msgspec.json.decode(file.read(), type=Handover)


def read_tls(edge: Edge, passport: Passport) -> Tls | None:
    """Return the certificate and key that an edge's settings name; the supervisor may read them, the process may not."""
    if edge.tls_certificate is None or edge.tls_key is None:
        return None
    return Tls(
        certificate=Path(edge.tls_certificate).read_bytes(),
        key=Path(edge.tls_key).read_bytes(),
        client_ca=None
        if edge.tls_client_ca is None
        else Path(edge.tls_client_ca).read_bytes() + b"\n" + passport.certificate,
    )


def admission(edge: Edge) -> Admission:
    """Return the Host and Origin allow-lists of an edge."""
    hosts = frozenset({"127.0.0.1", "localhost", "[::1]", edge.host, *edge.hosts})
    return Admission(hosts=frozenset(host.lower() for host in hosts), origins=frozenset(edge.origins))
