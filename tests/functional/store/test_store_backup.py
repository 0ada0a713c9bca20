"""A backup is one whole file; a restore brings back the rows, the policies and the grants, and no dead key."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import os
import signal
import sys
import tarfile
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId
from strongroom.store import Database, Dsn, Unsafe, backup, binaries, feed, migrate
from strongroom.store.cluster import Cluster
from strongroom.store.feed import FeedEntry
from strongroom.store.follower import Follower
from strongroom.store.lint import lint
from strongroom.store.testing import TestDatabase, TestServer, logins


class Sealing:
    def __init__(self, key: bytes) -> None:
        self.key = key

    def make(self, manifest: bytes) -> bytes:
        return hmac.digest(self.key, manifest, "sha256")

    def fits(self, manifest: bytes, seal: bytes) -> bool:
        return hmac.compare_digest(self.make(manifest), seal)


SEAL = Sealing(b"ours")
KEYS = ("revokedlateraaaa", "alwaysalivebbbbb")
FEDERATION = UUID(int=4)
SIGNER = "a" * 32


async def a_tenant(db: Database) -> TenantId:
    made, workload = TenantId(uuid4()), uuid4()
    async with db.operator() as tx:
        await tx.execute("insert into identity.tenant (tenant_id, name) values ($1, 'acme')", made)
        await tx.execute("insert into identity.environment (tenant_id, name) values ($1, 'dev')", made)
        await tx.execute("insert into identity.account (id, name, role) values ($1, 'op', 'operator')", workload)
        await tx.execute(
            "insert into identity.account_key values ('operatorskeyaaaa', $1, $2, 1, now(), 'infinity')",
            workload,
            b"x" * 32,
        )
        await feed.publish(tx, "credential", "operatorskeyaaaa", b"document")
    async with db.tenant(made) as tx:
        await tx.execute(
            "insert into identity.workload values ($1, $2, 'dev', 'w', 'inference', 'o', now(), null, 't', 'p', 'f')",
            made,
            workload,
        )
        for key in KEYS:
            await tx.execute(
                "insert into identity.key values ($1, $2, $3, $4, 1, '', 'o', now(), 'infinity')",
                made,
                key,
                workload,
                b"x" * 32,
            )
            await feed.publish(tx, "credential", key, b"document")
        await feed.publish(tx, "workload", str(workload), b"document")
    return made


@pytest.fixture
async def target(postgres: TestServer) -> AsyncGenerator[TestDatabase]:
    name = f"r_{uuid4().hex[:12]}"
    yield logins(postgres.admin.to(name), postgres.passwords)
    async with migrate.administrator(postgres.admin) as connection:
        await connection.execute(f"drop database if exists {name} with (force)")


@pytest.fixture
async def tenant(db: Database) -> TenantId:
    return await a_tenant(db)


@dataclass(frozen=True)
class Stored:
    """A database with a tenant in it and its backup, for all tests that change neither."""

    database: TestDatabase
    tenant: TenantId
    archive: Path


@pytest.fixture(scope="module")
async def stored(
    shared_database: TestDatabase, shared_db: Database, tmp_path_factory: pytest.TempPathFactory
) -> Stored:
    tenant, made = await a_tenant(shared_db), tmp_path_factory.mktemp("stored") / "backup.tar"
    await backup.backup(shared_database.admin, made, seal=SEAL, clock=SystemClock())
    return Stored(shared_database, tenant, made)


async def live(dsn: Dsn) -> set[str]:
    async with migrate.administrator(dsn) as connection:
        rows = await connection.fetch(
            """select id from identity.key where revoked_at is null
               union all select id from identity.account_key where revoked_at is null"""
        )
    return {row["id"] for row in rows}


async def test_a_backup_is_one_private_file(stored: Stored) -> None:
    check_file(stored.archive, secret=stored.database.admin.password.encode())
    manifest = backup.read_manifest(stored.archive, SEAL)
    assert manifest.migration == len(migrate.known())
    assert manifest.server.startswith("18")


def check_file(archive: Path, *, secret: bytes) -> None:
    assert archive.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in archive.parent.iterdir()] == ["backup.tar"]
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["manifest.json", "manifest.seal", "database.dump"]
    assert secret not in archive.read_bytes()


async def test_a_backup_replaces_nothing(stored: Stored, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(Unsafe, match="never replaces"):
        await backup.backup(stored.database.admin, tmp_path / "mine", seal=SEAL, clock=SystemClock())
    assert (tmp_path / "mine").read_text() == "mine"


async def test_a_failed_backup_leaves_nothing(stored: Stored, tmp_path: Path) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "pg_dump").write_text('#!/bin/sh\ncat "$PGPASSFILE" > /dev/null && echo "disk full" >&2; exit 1\n')
    (broken / "pg_dump").chmod(0o700)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(Unsafe, match="pg_dump failed: disk full"):
        await backup.backup(stored.database.admin, out / "b.tar", seal=SEAL, clock=SystemClock(), programs=broken)
    assert os.listdir(out) == []  # noqa: PTH208 - all of it, hidden files too


async def test_what_comes_back_is_whole_and_safe(stored: Stored, target: TestDatabase, postgres: TestServer) -> None:
    await backup.restore(target.admin, stored.archive, seal=SEAL, passwords=postgres.passwords)
    assert await lint(target.admin) == []
    restored = await Database.connect(target.control, target.operator)
    async with restored.tenant(stored.tenant) as tx:
        assert {row["id"] for row in await tx.fetch("select id from identity.key")} == set(KEYS)
    async with restored.tenant(TenantId(uuid4())) as tx:
        assert await tx.fetch("select id from identity.key") == []
    await restored.close()


async def test_no_credential_comes_back_alive(stored: Stored, target: TestDatabase, postgres: TestServer) -> None:
    await backup.restore(target.admin, stored.archive, seal=SEAL, passwords=postgres.passwords)
    assert await live(target.admin) == set()
    async with migrate.administrator(target.admin) as connection:
        rows = await connection.fetch("select kind, deleted, length(body) as size from feed.entry")
    assert {(row["kind"], row["deleted"], row["size"]) for row in rows} == {
        ("credential", True, 0),
        ("workload", False, 8),
    }


async def test_credentials_stay_alive_when_the_caller_vouches(
    stored: Stored, target: TestDatabase, postgres: TestServer
) -> None:
    await backup.restore(target.admin, stored.archive, seal=SEAL, passwords=postgres.passwords, keep_keys=True)
    assert await live(target.admin) == {*KEYS, "operatorskeyaaaa"}


async def test_followers_begin_again_after_a_restore_in_place(
    database: TestDatabase, db: Database, tenant: TenantId, tmp_path: Path, postgres: TestServer
) -> None:
    archive = tmp_path / "backup.tar"
    await backup.backup(database.admin, archive, seal=SEAL, clock=SystemClock())
    calls: list[tuple[list[FeedEntry], bool]] = []
    follower = Follower(database.gateway, SystemClock(), lambda entries, full: calls.append((entries, full)))
    follower.start()
    async with db.tenant(tenant) as tx:  # after the backup: one key revoked, one made
        await tx.execute("update identity.key set revoked_at = now(), revoked_reason = 'leak' where id = $1", KEYS[0])
        await feed.withdraw(tx, "credential", KEYS[0])
        await feed.publish(tx, "credential", "madelatercccccc", b"document")
    assert await follower.refresh(5.0)
    seen = follower.version
    await backup.restore(database.admin, archive, seal=SEAL, passwords=postgres.passwords, replace=True)
    assert await follower.refresh(20.0)
    await follower.close()
    entries, full = calls[-1]
    assert full
    assert min(entry.version for entry in entries) > seen
    alive = {entry.id for entry in entries if not entry.deleted}
    assert alive.isdisjoint({*KEYS, "madelatercccccc"})
    async with db.tenant(tenant) as tx:  # the pool found the new database by itself
        assert await tx.fetchval("select count(*) from identity.key where revoked_at is null") == 0


async def test_a_database_with_something_in_it_is_not_replaced_unasked(stored: Stored, postgres: TestServer) -> None:
    with pytest.raises(Unsafe, match="is not empty"):
        await backup.restore(stored.database.admin, stored.archive, seal=SEAL, passwords=postgres.passwords)
    assert await live(stored.database.admin) == {*KEYS, "operatorskeyaaaa"}


def repacked(archive: Path, to: Path, *, manifest: dict[str, Any] | None = None, dump: bytes | None = None) -> Path:
    with tarfile.open(archive) as tar:
        content = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    if manifest is not None:
        content["manifest.json"] = json.dumps({**json.loads(content["manifest.json"]), **manifest}).encode()
    if dump is not None:
        content["database.dump"] = dump
    with tarfile.open(to, "w") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return to


def spoil(archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    flipped = bytearray(whole)
    flipped[len(flipped) // 2] ^= 1
    (tmp_path / "flipped").write_bytes(flipped)
    (tmp_path / "short").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "head").write_bytes(whole[:700])
    (tmp_path / "letter").write_text("dear database")
    (tmp_path / "empty").write_bytes(b"")
    repacked(archive, tmp_path / "newer", manifest={"format": 99, "unknown": 1})
    repacked(archive, tmp_path / "newer-database", manifest={"migration": 9999})
    repacked(archive, tmp_path / "swapped", dump=b"other")
    repacked(archive, tmp_path / "stranger", manifest={"unknown": 1})


async def test_what_is_wrong_with_an_archive_is_said_before_anything_changes(
    stored: Stored, tmp_path: Path, postgres: TestServer
) -> None:
    database, archive = stored.database, stored.archive
    spoil(archive, tmp_path)
    cases = {
        "flipped": "damaged",
        "short": "damaged",
        "head": "damaged",
        "letter": "damaged or no backup",
        "empty": "damaged or no backup",
        "newer": "format 99, newer",
        "newer-database": "newer than this Strongroom",
        "swapped": "damaged",
        "stranger": "damaged",
    }
    before = hashlib.sha256(repr(sorted(await live(database.admin))).encode()).digest()
    for name, said in cases.items():
        with pytest.raises(Unsafe, match=said):
            await backup.restore(database.admin, tmp_path / name, seal=None, passwords=postgres.passwords, replace=True)
    assert hashlib.sha256(repr(sorted(await live(database.admin))).encode()).digest() == before


async def test_a_dump_that_does_not_restore_leaves_the_old_database(
    stored: Stored, tmp_path: Path, postgres: TestServer
) -> None:
    database, archive = stored.database, stored.archive
    bad = b"PGDMP but not really"
    manifest = {"bytes": len(bad), "sha256": hashlib.sha256(bad).hexdigest()}
    repacked(archive, tmp_path / "bad", manifest=manifest, dump=bad)
    with pytest.raises(Unsafe, match="pg_restore failed"):
        await backup.restore(database.admin, tmp_path / "bad", seal=None, passwords=postgres.passwords, replace=True)
    assert await live(database.admin) == {*KEYS, "operatorskeyaaaa"}


async def test_only_our_databases_are_backed_up(postgres: TestServer, tmp_path: Path) -> None:
    with pytest.raises(Unsafe, match="not one of Strongroom's"):
        await backup.backup(postgres.admin, tmp_path / "b.tar", seal=SEAL, clock=SystemClock())


def resealed(archive: Path, to: Path, seal: bytes | None) -> Path:
    with tarfile.open(archive) as tar:
        content = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    content.pop("manifest.seal")
    if seal is not None:
        content["manifest.seal"] = seal
    with tarfile.open(to, "w") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return to


async def test_what_another_keyring_sealed_or_nobody_is_not_restored_unasked(
    stored: Stored, target: TestDatabase, postgres: TestServer, tmp_path: Path
) -> None:
    archive = stored.archive
    foreign = (
        resealed(archive, tmp_path / "none", None),
        resealed(archive, tmp_path / "empty", b""),
        resealed(archive, tmp_path / "wrong", Sealing(b"theirs").make(b"{}")),
        repacked(archive, tmp_path / "later", manifest={"created_at": "2999-01-01T00:00:00Z"}),
    )
    for each in foreign:
        with pytest.raises(Unsafe, match="not sealed"):
            await backup.restore(target.admin, each, seal=SEAL, passwords=postgres.passwords)
        with pytest.raises(Unsafe, match="not sealed"):
            backup.read_manifest(each, SEAL)
    await backup.restore(target.admin, foreign[0], seal=None, passwords=postgres.passwords)
    assert await live(target.admin) == set()


@pytest.mark.parametrize("keep_keys", [False, True])
async def test_a_credential_that_only_the_feed_knows_does_not_come_back(
    database: TestDatabase,
    tenant: TenantId,
    target: TestDatabase,
    postgres: TestServer,
    tmp_path: Path,
    keep_keys: bool,
) -> None:
    nobody = TenantId(UUID(int=0))
    async with migrate.administrator(database.admin) as connection:
        for whose, key in ((tenant, "ghostaaaaaaaaaaa"), (nobody, "ghostbbbbbbbbbbb")):
            await connection.execute(
                "insert into feed.entry values ($1, 'credential', $2, 1, 'document', false)", whose, key
            )
        await connection.execute(
            "update identity.key set revoked_at = now(), revoked_reason = 'x' where id = $1", KEYS[0]
        )
        await connection.execute(
            """insert into identity.signer (tenant_id, id, workload_id, algorithm, public_key, owner, expires_at)
               select tenant_id, $2, id, 'ed25519', decode(repeat('00', 44), 'hex'), 'team', now() + interval '1 day'
               from identity.workload where tenant_id = $1 limit 1""",
            tenant,
            SIGNER,
        )
        for signer in (SIGNER, "b" * 32):
            await connection.execute(
                "insert into feed.entry values ($1, 'signer', $2, 1, 'document', false)", tenant, signer
            )
        await connection.execute(
            """insert into identity.federation_rule
                   (tenant_id, id, workload_id, kind, issuer, audience, subject, max_age_s, token_s, owner)
               select tenant_id, $2, id, 'oidc', 'i', 'a', 's', 60, 60, 'team'
               from identity.workload where tenant_id = $1 limit 1""",
            tenant,
            FEDERATION,
        )
        for rule in (FEDERATION, UUID(int=5)):
            await connection.execute(
                "insert into feed.entry values ($1, 'federation', $2, 1, 'document', false)", tenant, str(rule)
            )
    made = tmp_path / "backup.tar"
    await backup.backup(database.admin, made, seal=SEAL, clock=SystemClock())
    await backup.restore(target.admin, made, seal=SEAL, passwords=postgres.passwords, keep_keys=keep_keys)
    async with migrate.administrator(target.admin) as connection:
        rules = await connection.fetch("select id from feed.entry where kind = 'federation' and not deleted")
        over = await connection.fetchval("select ended_reason from identity.federation_rule where id = $1", FEDERATION)
        rows = await connection.fetch("select id from feed.entry where kind = 'credential' and not deleted")
        signers = await connection.fetch("select id from feed.entry where kind = 'signer' and not deleted")
        ended = await connection.fetchval("select revoked_reason from identity.signer where id = $1", SIGNER)
    assert {row["id"] for row in rows} == ({KEYS[1], "operatorskeyaaaa"} if keep_keys else set())
    assert {row["id"] for row in signers} == ({SIGNER} if keep_keys else set())
    assert {row["id"] for row in rules} == ({str(FEDERATION)} if keep_keys else set())
    assert ended == over == (None if keep_keys else "restored from a backup")


async def test_an_archive_that_would_weaken_the_walls_is_not_restored(
    database: TestDatabase, tenant: TenantId, postgres: TestServer, tmp_path: Path
) -> None:
    del tenant
    async with migrate.administrator(database.admin) as connection:
        await connection.execute("alter table identity.key disable row level security")
    made = tmp_path / "backup.tar"
    await backup.backup(database.admin, made, seal=SEAL, clock=SystemClock())
    async with migrate.administrator(database.admin) as connection:
        await connection.execute("alter table identity.key enable row level security")
    with pytest.raises(Unsafe, match=r"row-security: identity\.key"):
        await backup.restore(database.admin, made, seal=SEAL, passwords=postgres.passwords, replace=True)
    assert await live(database.admin) == {*KEYS, "operatorskeyaaaa"}
    async with migrate.administrator(postgres.admin) as connection:
        assert not await connection.fetchval(
            "select count(*) from pg_database where datname = $1", f"{database.admin.database}_restoring"
        )


def older(tmp_path: Path, also: str = "") -> Path:
    """Return programs whose pg_restore says what it says to a PostgreSQL 15 or 16 besides restoring, and `also`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    errors = 1 + bool(also)
    (programs / "pg_restore").write_text(f"""#!/bin/sh
{binaries.from_wheel()}/pg_restore "$@" || exit 1
cat >&2 <<'END'
pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"
Command was: SET transaction_timeout = 0;
{also}pg_restore: warning: errors ignored on restore: {errors}
END
exit 1
""")
    (programs / "pg_restore").chmod(0o755)
    return programs


async def test_a_server_that_does_not_know_a_setting_of_newer_programs_is_restored_to(
    stored: Stored, target: TestDatabase, postgres: TestServer, tmp_path: Path
) -> None:
    await backup.restore(
        target.admin, stored.archive, seal=SEAL, passwords=postgres.passwords, programs=older(tmp_path), keep_keys=True
    )
    assert await live(target.admin) == {*KEYS, "operatorskeyaaaa"}


async def test_any_other_error_beside_it_ends_the_restore(
    stored: Stored, target: TestDatabase, postgres: TestServer, tmp_path: Path
) -> None:
    also = (
        'pg_restore: error: could not execute query: ERROR:  role "x" does not exist\nCommand was: GRANT SELECT;\n\n\n'
    )
    with pytest.raises(Unsafe, match="pg_restore failed"):
        await backup.restore(
            target.admin, stored.archive, seal=SEAL, passwords=postgres.passwords, programs=older(tmp_path, also)
        )


KILLED = """
import asyncio, json, os, signal, sys
from asyncpg import Connection
from pathlib import Path
from strongroom.store import Dsn, backup
from strongroom.store.roles import Passwords

asked = json.load(sys.stdin)
execute, met = Connection.execute, 0


async def counted(self, query, *args, **named):
    global met
    about = query.startswith(("create database", "drop database")) or " rename to " in query
    met += about
    if about and met == asked["point"] and not asked["after"]:
        os.kill(os.getpid(), signal.SIGKILL)
    done = await execute(self, query, *args, **named)
    if about and met == asked["point"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return done


Connection.execute = counted
admin, passwords = Dsn(**asked["admin"]), Passwords(**asked["passwords"])
asyncio.run(backup.restore(admin, Path(asked["archive"]), seal=None, passwords=passwords, replace=True))
"""


async def test_a_restore_that_is_killed_anywhere_leaves_one_database_or_the_other_and_can_be_repeated(
    stored: Stored, postgres: TestServer, own: TestDatabase, cluster: Cluster
) -> None:
    """Killed before and after each statement about databases: between two names there was none, and a start made an empty one."""
    admin, everybody = own.admin, {*KEYS, "operatorskeyaaaa"}

    async def whole(*, keep_keys: bool) -> None:
        await backup.restore(
            admin, stored.archive, seal=SEAL, passwords=postgres.passwords, replace=True, keep_keys=keep_keys
        )

    async def databases() -> set[str]:
        async with migrate.administrator(admin.to("postgres")) as connection:
            rows = await connection.fetch(
                "select datname from pg_database where starts_with(datname, $1)", admin.database
            )
        return {row["datname"] for row in rows}

    await whole(keep_keys=True)
    ends = set[tuple[int, frozenset[str]]]()
    for point, after in ((point, after) for point in range(1, 9) for after in (False, True)):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, stdin=asyncio.subprocess.PIPE)
        asked = {"point": point, "after": after, "admin": asdict(admin), "passwords": asdict(postgres.passwords)}
        await process.communicate(json.dumps({**asked, "archive": str(stored.archive)}).encode())
        assert process.returncode in {0, -signal.SIGKILL}
        alive = await live(admin)
        assert alive in (everybody, set()), "the one database or the other"
        ends.add((process.returncode, frozenset(alive)))
        if not alive or process.returncode == 0:
            await whole(keep_keys=True)
            assert await databases() == {admin.database}, "nothing is left of those that were killed"
        if process.returncode == 0:
            break
    assert ends == {(-signal.SIGKILL, frozenset(everybody)), (-signal.SIGKILL, frozenset()), (0, frozenset())}
    async with migrate.administrator(admin.to("postgres")) as connection:
        for name in (f"{admin.database}_restoring", f"{admin.database}_replaced_0123abcd", "strongroomer_restoring"):
            await connection.execute(f"create database {name}")
    await cluster.stop()
    await cluster.start()
    assert await databases() == {admin.database, "strongroomer_restoring"}, "a start clears up, and takes nothing else"
