"""The HTTP side: one request at a time that either gives a document, nothing (404), or a reason for an operator."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.vault.keystore import VaultUnavailable
from strongroom.wire import ClientError, Pool, ReplyLimits, TcpTarget, client_context

Document: TypeAlias = dict[str, object]

_REQUEST_S: Final = 8.0
_MOST_BYTES: Final = 4 * 2**20
_RENEW_AFTER: Final = 2 / 3  # of a lease
_OK, _NOTHING = (200, 204), 404
_BAD, _DENIED, _SEALED, _CONFLICT = 400, 403, 503, "check-and-set"


@dataclass(frozen=True, slots=True)
class AppRole:
    """Login by AppRole: the id is a setting, the secret id stands in a file."""

    role_id: str
    secret_id_file: Path
    mount: str = "approle"

    def login(self) -> tuple[str, Document]:
        """Return where to log in and with what; raise `OSError` when the file cannot be read."""
        secret = self.secret_id_file.read_text(encoding="utf-8").strip()
        return f"auth/{self.mount}/login", {"role_id": self.role_id, "secret_id": secret}


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """Login by the service account that the cluster mounts into the pod."""

    role: str
    token_file: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    mount: str = "kubernetes"

    def login(self) -> tuple[str, Document]:
        """Return where to log in and with what; raise `OSError` when the file cannot be read."""
        return f"auth/{self.mount}/login", {
            "role": self.role,
            "jwt": self.token_file.read_text(encoding="utf-8").strip(),
        }


class CasMissedError(Exception):
    """Somebody else wrote the same KV document first."""


class _Auth(msgspec.Struct, frozen=True):
    client_token: str
    lease_duration: int
    renewable: bool = False

    def __repr__(self) -> str:
        return "_Auth()"


class _Reply(msgspec.Struct, frozen=True):
    data: Document | None = None
    auth: _Auth | None = None
    errors: tuple[str, ...] = ()


@dataclass(slots=True)
class _Lease:
    token: str
    renew_at: float
    ends_at: float
    renewable: bool


class Client:
    """Speaks to one server under one login. One event loop."""

    def __init__(
        self, address: str, login: AppRole | Kubernetes, clock: Clock, *, ca: str | None = None, namespace: str = ""
    ) -> None:
        """Make a client; nothing is connected yet.

        Args:
            address: `https://host:port`, or `http://` on loopback.
            login: how to log in.
            clock: for the lease.
            ca: PEM text of the authorities that the server's certificate comes from; None: the system's.
            namespace: the namespace that all of this stands in; empty: the root.
        """
        parts = urlsplit(address)
        secure = parts.scheme == "https"
        tls = client_context(ca_text=ca) if secure else None
        self.address: Final = address
        self.namespace: Final = namespace.strip("/")
        target = TcpTarget(parts.hostname or "", parts.port or (443 if secure else 80), tls)
        self._pool: Final = Pool(target, max_connections=8, limits=ReplyLimits(), idle_s=20.0)
        self._login: Final = login
        self._clock: Final = clock
        self._lease: _Lease | None = None
        self._logging_in: Final = asyncio.Lock()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, inside: str = ""
    ) -> Document | None:
        """Return the `data` of the reply to one request; None when there is nothing there.

        Args:
            method: the verb; `LIST` lists names.
            path: below `/v1/`.
            body: what is sent as JSON.
            inside: the namespace below the client's own.

        Raises:
            VaultUnavailable: with what an operator should do.
            CasMissedError: when a check-and-set found another version.
        """
        status, reply = await self._sent(method, path, body, inside, await self._token())
        if status == _DENIED:  # the lease may have been revoked before its time: log in once more
            self._lease = None
            status, reply = await self._sent(method, path, body, inside, await self._token())
        return self._judged(status, reply, path, reads=method != "POST")

    async def health(self) -> tuple[int, str]:
        """Return the server's own word: 200 active, 501 not initialised, 503 sealed; and its version."""
        content = await self._exchange("GET", "/v1/sys/health", {}, b"")
        try:
            version = str(msgspec.json.decode(content[1], type=dict[str, object]).get("version", ""))
        except msgspec.MsgspecError:
            version = ""
        return content[0], version

    def _judged(self, status: int, reply: _Reply, path: str, *, reads: bool = False) -> Document | None:
        if status in _OK:
            return reply.data or {}
        if status == _NOTHING and (reads or not reply.errors):  # no such document, mount or namespace
            return None
        if status == _BAD and reply.data is not None and "batch_results" in reply.data:
            return reply.data  # each item says what it is
        said = _said(reply)
        if status == _BAD and _CONFLICT in said:
            raise CasMissedError
        if status == _DENIED:
            raise VaultUnavailable(
                f"OpenBao at {self.address} refuses {path}: give the role the policy in docs/how-to/keep-keys-in-openbao.md"
            )
        if status == _SEALED:
            raise VaultUnavailable(f"OpenBao at {self.address} is sealed or standing by; unseal it")
        raise VaultUnavailable(f"OpenBao at {self.address} answered {status} to {path}: {said}")

    # --- the lease

    async def _token(self) -> str:
        async with self._logging_in:
            now, lease = self._clock.boottime(), self._lease
            if lease is not None and now < lease.renew_at:
                return lease.token
            if lease is not None and lease.renewable and now < lease.ends_at:
                status, reply = await self._sent("POST", "auth/token/renew-self", {}, "", lease.token)
                if status in _OK and reply.auth is not None and reply.auth.lease_duration > 1:
                    return self._leased(now, reply.auth)
            return await self._logged_in(now)

    async def _logged_in(self, now: float) -> str:
        try:
            path, body = await asyncio.to_thread(self._login.login)
        except (OSError, UnicodeDecodeError) as error:
            raise VaultUnavailable(
                f"the file to log in to OpenBao with cannot be read ({type(error).__name__})"
            ) from None
        status, reply = await self._sent("POST", path, body, "", None)
        if reply.auth is None:
            if status in {_BAD, _DENIED}:
                raise VaultUnavailable(f"OpenBao at {self.address} does not accept this login ({path}): {_said(reply)}")
            self._judged(status, reply, path)
            raise VaultUnavailable(f"OpenBao at {self.address} gave no token ({path})")
        return self._leased(now, reply.auth)

    def _leased(self, now: float, auth: _Auth) -> str:
        lasts = float(auth.lease_duration or 3600)
        self._lease = _Lease(auth.client_token, now + lasts * _RENEW_AFTER, now + lasts, auth.renewable)
        return auth.client_token

    # --- one request

    async def _sent(
        self, method: str, path: str, body: Mapping[str, object] | None, inside: str, token: str | None
    ) -> tuple[int, _Reply]:
        place = "/".join(part for part in (self.namespace, inside) if part)
        fields = {"x-vault-request": "true", "content-type": "application/json"}
        if token is not None:
            fields["x-vault-token"] = token
        if place:
            fields["x-vault-namespace"] = place
        query = "?list=true" if method == "LIST" else ""
        content = b"" if body is None else msgspec.json.encode(body)
        status, text = await self._exchange(
            "GET" if method == "LIST" else method, f"/v1/{path}{query}", fields, content
        )
        try:
            return status, msgspec.json.decode(text, type=_Reply) if text else _Reply()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise VaultUnavailable(f"what answers at {self.address} is no OpenBao ({status} to {path})") from None

    async def _exchange(self, method: str, path: str, fields: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        headers = [(name.encode(), value.encode()) for name, value in fields.items()]
        try:
            async with self._pool.request(method, path, headers, body, timeout_s=_REQUEST_S) as response:
                return response.status, await response.read(_MOST_BYTES)
        except ClientError as error:
            raise VaultUnavailable(
                f"OpenBao at {self.address} does not answer ({type(error).__name__}); start it, or correct `vault.address`"
            ) from None


def _said(reply: _Reply) -> str:
    return "; ".join(reply.errors)[:300] or "no reason given"
