"""The database roles: what each process may be, and nothing more.

Always true here:
- `sr_owner` owns every object and cannot log in; the others own nothing and are members of nothing;
- a password never travels: the server is given the SCRAM verifier, computed here;
- a role that exists already with more power than it should have is refused, not mended: somebody gave it that.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from strongroom.store.dsn import Dsn
from strongroom.store.errors import Unsafe

if TYPE_CHECKING:
    from strongroom.store.driver import Connection

OWNER: Final = "sr_owner"
CONTROL: Final = "sr_control"
OPERATOR: Final = "sr_operator"
GATEWAY: Final = "sr_gateway"
KEEPER: Final = "sr_keeper"
SERVING: Final = (CONTROL, OPERATOR, GATEWAY, KEEPER)

_ITERATIONS: Final = 4096  # RFC 7677 §4's least; the passwords are 256 random bits, so more would guard nothing

# connections: two pools of a control process, a follower and a writer in each of several gateways.
_LIMITS: Final = {CONTROL: 40, OPERATOR: 20, GATEWAY: 40, KEEPER: 10}
_SETTINGS: Final = {
    "statement_timeout": "8s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "15s",
    "search_path": "pg_catalog, pg_temp",  # every name in SQL carries its schema
    "track_activities": "off",  # else one session reads another's statements in pg_stat_activity (test 30)
}

# The keeper looks rows up by their keys alone. A plan made while a table was empty, or whose figures are old, scanned it once
# for each of a batch's thousand entries: eight seconds, and then nothing was sealed.
_BY_KEY: Final = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
_OWN_SETTINGS: Final[dict[str, dict[str, str]]] = {KEEPER: _BY_KEY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    """The passwords of the roles that log in; never shown."""

    control: str = field(repr=False)
    operator: str = field(repr=False)
    gateway: str = field(repr=False)
    keeper: str = field(repr=False)

    @classmethod
    def generate(cls) -> Passwords:
        """Return fresh ones, 256 bits each."""
        return cls(control=new_password(), operator=new_password(), gateway=new_password(), keeper=new_password())

    def login(self, role: str, server: Dsn) -> Dsn:
        """Return `server` as seen by `role`."""
        return server.login(role, self._by_role()[role])

    def _by_role(self) -> dict[str, str]:
        return {CONTROL: self.control, OPERATOR: self.operator, GATEWAY: self.gateway, KEEPER: self.keeper}

    def verifiers(self) -> dict[str, str]:
        """Return what the server stores for each role instead of the password."""
        return {role: scram_verifier(password) for role, password in self._by_role().items()}


def new_password() -> str:
    """Return 256 random bits as URL-safe ASCII, which SASLprep leaves as it is."""
    return secrets.token_urlsafe(32)


def scram_verifier(password: str, *, salt: bytes | None = None) -> str:
    """Return PostgreSQL's SCRAM-SHA-256 verifier for an ASCII `password` (RFC 5802 §3, RFC 7677)."""
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    parts = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"


async def ensure(connection: Connection, passwords: Passwords) -> None:
    """Create the roles or bring them to their limits and `passwords`; run as a superuser.

    Raises:
        Unsafe: when a role has powers that it must not have.
    """
    async with connection.transaction():
        # Roles belong to the server: another database of it may be migrated at this moment, under a lock of its own.
        await connection.execute("lock table pg_catalog.pg_authid in share row exclusive mode")
        await _bring_about(connection, passwords)
        await _refuse_powers(connection)


async def _bring_about(connection: Connection, passwords: Passwords) -> None:
    there = {row["rolname"] for row in await connection.fetch("select rolname from pg_catalog.pg_roles")}
    if OWNER not in there:
        await connection.execute(f"create role {OWNER} nologin noinherit")
    for role, verifier in passwords.verifiers().items():
        # Role statements take no parameters. Names are constants above; a verifier is base64 and "$:-".
        verb = "alter" if role in there else "create"
        await connection.execute(
            f"{verb} role {role} login noinherit connection limit {_LIMITS[role]} password '{verifier}'"
        )
        for name, value in (_SETTINGS | _OWN_SETTINGS.get(role, {})).items():
            shown = value if name == "search_path" else f"'{value}'"
            await connection.execute(f"alter role {role} set {name} = {shown}")


async def _refuse_powers(connection: Connection) -> None:
    mighty = await connection.fetch(
        """
        select r.rolname from pg_catalog.pg_roles r
        where r.rolname = any($1::text[])
          and (r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolcreatedb or r.rolreplication
               or exists (select from pg_catalog.pg_auth_members m where m.member = r.oid)
               or (r.rolname = $2 and r.rolcanlogin))
        """,
        [OWNER, *SERVING],
        OWNER,
    )
    if mighty:
        names = ", ".join(sorted(row["rolname"] for row in mighty))
        raise Unsafe(f"these database roles have powers or memberships they must not have: {names}; take them away")
