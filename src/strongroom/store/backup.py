"""Backing up the database and bringing it back, without bringing back what was taken away.

Always true here:
- a backup is one file: a tar of `manifest.json`, its seal and `database.dump` (pg_dump's custom format, one snapshot),
  of mode 0600, there whole or not at all;
- files beside the database go with it sealed as they lie, each with its digest; none is read, and no key of theirs is in it;
- passwords go to the programs in a file of mode 0600 (PGPASSFILE), never in an argument or the environment;
- nothing is restored that is damaged, from newer code, sealed by another keyring, or on top of what is there, unless
  told. Restoring runs what is in the archive as the database's administrator, so the seal is looked at first;
- what was restored takes the database's name only if the catalog lint finds nothing in it;
- neither the keyring nor the peppers are in it: fingerprints without their pepper open nothing, and a stolen backup
  is no more than that. Keep HOME/secrets elsewhere; without it the restored keys cannot be checked.

What a restore does to credentials. The rows come back as they were, so a key that was revoked after the backup would
live again, and so would the keys of a deleted workload or tenant. No journal inside the database can know of it (it
is restored too), and one outside can be lost with the disk that made the restore necessary. So the rule needs no
memory: **restoring revokes every live credential**, of workloads and of people, unless the caller asks for
`keep_keys=True` and so vouches that nothing was revoked since. Everything in Strongroom acts through a credential;
with none alive, nothing that came back can act. Every document of kind `credential` is withdrawn from the feed as well,
whatever its row says (with `keep_keys`: every one without a living row of its own), and the feed moves on beyond any
version it can have had, under a new epoch, so that every follower begins again from what was restored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from strongroom.kernel.clock import Clock
from strongroom.store import attached, binaries, migrate, naming, roles
from strongroom.store.archive import DUMP, Manifest, Seal, digest, pack, unpack
from strongroom.store.attached import Moved
from strongroom.store.dsn import Dsn
from strongroom.store.errors import StoreError, Unsafe
from strongroom.store.format import CURRENT
from strongroom.store.lint import lint
from strongroom.store.scratch import scratch

_LIMIT: Final = 3_600.0
_WORK: Final = ".strongroom-"
HELD: Final = ".backup-"
"""What the directories in the content begin with by which a backup holds files."""

Noted: TypeAlias = Callable[[Dsn, Manifest], Awaitable[None]]

# One restore more than a version per millisecond would be needed to outrun this; a publish takes longer.
_MOVE_ON: Final = """
    update feed.version set epoch = gen_random_uuid(),
        version = greatest(version + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint);
    update feed.entry set version = (select version from feed.version);
"""
_REVOKE: Final = """
    update identity.key set revoked_at = now(), revoked_reason = 'restored from a backup' where revoked_at is null;
    update identity.account_key set revoked_at = now(), revoked_reason = 'restored from a backup' where revoked_at is null;
    update identity.signer set revoked_at = now(), revoked_reason = 'restored from a backup' where revoked_at is null;
    update identity.federation_rule set ended_at = now(), ended_reason = 'restored from a backup' where ended_at is null;
    update feed.entry set deleted = true, body = '' where kind in ('credential', 'signer', 'federation');
"""
# What the feed says is what is checked, so a document that no living row stands behind would be a key of nobody's.
_KEEP: Final = """
    update feed.entry e set deleted = true, body = '' where kind = 'credential' and not deleted
    and not exists (select from identity.key k where k.tenant_id = e.tenant_id and k.id = e.id and k.revoked_at is null)
    and not exists (select from identity.account_key k where k.id = e.id and k.revoked_at is null
                    and e.tenant_id = '00000000-0000-0000-0000-000000000000');
    update feed.entry e set deleted = true, body = '' where kind = 'federation' and not deleted
    and not exists (select from identity.federation_rule r where r.tenant_id = e.tenant_id and r.id::text = e.id
                    and r.ended_at is null);
    update feed.entry e set deleted = true, body = '' where kind = 'signer' and not deleted
    and not exists (select from identity.signer s where s.tenant_id = e.tenant_id and s.id = e.id and s.revoked_at is null);
"""


async def backup(
    admin: Dsn,
    archive: Path,
    *,
    seal: Seal,
    clock: Clock,
    programs: Path | None = None,
    content: Path | None = None,
    moved: Moved | None = None,
) -> Manifest:
    """Write a backup of a database to `archive`, which must not exist; return what it says of itself.

    Args:
        admin: a superuser's login: row security hides rows from anybody else.
        archive: the file to make.
        seal: makes the archive known as this installation's.
        clock: says when.
        programs: directory of pg_dump; None for the wheel's, else PATH's.
        content: directory whose files go with it; None: none.
        moved: told how far these are.

    Raises:
        Unavailable: when the database does not answer.
        Unsafe: when the file exists or pg_dump fails.
    """
    _refuse_existing(archive)
    server, migration = await _describe(admin)
    with _workspace(archive.parent.absolute()) as work, _held(content) as held:
        dump = work / DUMP
        await _run(admin, work, "pg_dump", "--format=custom", f"--file={dump}", "--no-password", programs=programs)
        if content is not None and held is not None:
            attached.hold(content, held)  # and what came while it was dumped: no row of it is without its file
        manifest = Manifest(
            format=CURRENT["backup"],
            created_at=clock.now(),
            server=server,
            migration=migration,
            bytes=dump.stat().st_size,
            sha256=digest(dump),
        )
        return await asyncio.to_thread(pack, work, manifest, archive, seal, held, moved)


@contextmanager
def _held(content: Path | None) -> Generator[Path | None]:
    """Hold every file of a directory by a second name, for as long as it takes to copy them."""
    if content is None:
        yield None
        return
    with scratch(content, HELD) as held:  # what one that was killed left goes: it would keep what is deleted since
        attached.hold(content, held)
        yield held


async def restore(
    admin: Dsn,
    archive: Path,
    *,
    seal: Seal | None,
    passwords: roles.Passwords,
    replace: bool = False,
    keep_keys: bool = False,
    programs: Path | None = None,
    noted: Noted | None = None,
) -> Manifest:
    """Bring a database back from `archive`, migrated to this code; return what the archive says of itself.

    The old database stands until the new one is complete: it is restored beside it and takes its name at the end.

    Args:
        admin: a superuser's login to the database to make; its server's other databases stay as they are.
        archive: a file that `backup` made.
        seal: tells this installation's archives from others; None takes anybody's, whose content then runs as `admin`.
        passwords: of the serving roles, set anew.
        replace: allow to replace a database that holds something.
        keep_keys: leave credentials alive; say so only when none was revoked since the backup.
        programs: directory of pg_restore; None for the wheel's, else PATH's.
        noted: writes into what was restored that it was, before it takes its name: nobody meets the one without the other.

    Raises:
        Unavailable: when the database does not answer.
        Unsafe: when the archive is damaged, not ours or newer than this code, when there is something to lose, or when
            what was restored breaks a rule of the catalog lint.
    """
    with _workspace(None) as work:
        manifest = unpack(archive, work, seal)
        fresh = naming.restoring(admin.database)
        server = admin.to("postgres")
        if not replace:
            await refuse_filled(admin)
        async with migrate.administrator(server) as connection:
            await roles.ensure(connection, passwords)
            await naming.drop_left(connection, admin.database)
            await connection.execute(f"create database {naming.quoted(fresh)} template template0")
        try:
            await _fill(admin.to(fresh), work, passwords, keep_keys=keep_keys, programs=programs)
            if noted is not None:
                await noted(admin.to(fresh), manifest)
            await naming.take_name(server, admin.database)
        except BaseException:
            await _forget(server, fresh)
            raise
    return manifest


async def _fill(target: Dsn, work: Path, passwords: roles.Passwords, *, keep_keys: bool, programs: Path | None) -> None:
    # Without --exit-on-error: see `_only_newer`. What was not restored would be missed by the exit code all the same.
    await _run(
        target,
        work,
        "pg_restore",
        "--no-password",
        f"--dbname={target.database}",
        work / DUMP,
        programs=programs,
        forgiven=_only_newer,
    )
    await migrate.migrate(target, passwords)
    # Before anything is changed in it: a trigger that came along would run with the change.
    findings = await lint(target)
    if findings:
        listed = "; ".join(str(finding) for finding in findings)
        raise Unsafe(f"what the backup holds is not safe to serve from, and nothing was replaced: {listed}")
    async with migrate.administrator(target) as connection, connection.transaction():
        await connection.execute(_KEEP if keep_keys else _REVOKE)
        await connection.execute(_MOVE_ON)


async def _forget(server: Dsn, fresh: str) -> None:
    # The first fault is the one to tell; what is left is dropped by the next restore.
    with suppress(StoreError):
        async with migrate.administrator(server) as connection:
            await connection.execute(f"drop database if exists {naming.quoted(fresh)} with (force)")


def read_manifest(
    archive: Path, seal: Seal | None, *, files: Path | None = None, moved: Moved | None = None
) -> Manifest:
    """Return what a backup says of itself, after checking all of it. `seal` as `restore`, `files` as `unpack`.

    Raises:
        Unsafe: when it is damaged, not ours or newer than this code.
    """
    with _workspace(None) as work:
        return unpack(archive, work, seal, files, moved)


async def dump_schema(admin: Dsn, *, programs: Path | None = None) -> str:
    """Return a database's tables, policies and grants as SQL, without a row.

    Raises:
        Unavailable: when the database does not answer.
        Unsafe: when pg_dump fails.
    """
    with _workspace(None) as work:
        out = work / "schema"
        await _run(admin, work, "pg_dump", "--schema-only", f"--file={out}", "--no-password", programs=programs)
        return out.read_text()


async def _describe(admin: Dsn) -> tuple[str, int]:
    async with migrate.administrator(admin) as connection:
        done = await migrate.applied(connection)
        if not done:
            raise Unsafe(f"database {admin.database} is not one of Strongroom's")
        return await connection.fetchval("show server_version"), max(done)


async def refuse_filled(admin: Dsn) -> None:
    """Refuse a database that holds something.

    Raises:
        Unavailable: when it does not answer.
        Unsafe: when it does.
    """
    if await _holds_something(admin):
        raise Unsafe(f"database {admin.database} is not empty; say --replace if it may be replaced")


async def _holds_something(admin: Dsn) -> bool:
    async with migrate.administrator(admin.to("postgres")) as connection:
        if not await connection.fetchval("select true from pg_database where datname = $1", admin.database):
            return False
    async with migrate.administrator(admin) as connection:
        return bool(
            await connection.fetchval(
                """select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema')"""
            )
        )


def _only_newer(said: str) -> bool:
    """Whether pg_restore failed at nothing but a setting of its own session that a server older than 17 does not know.

    pg_restore 17 and 18 switch `transaction_timeout` off for themselves, whatever server they speak to.
    """
    errors = [line for line in said.splitlines() if line.startswith("pg_restore: error:")]
    return (
        len(errors) == 1
        and errors[0].endswith('unrecognized configuration parameter "transaction_timeout"')
        and "\nCommand was: SET transaction_timeout = 0;\n" in said
        and said.rstrip().endswith("errors ignored on restore: 1")
    )


async def _run(
    dsn: Dsn,
    work: Path,
    program: str,
    *arguments: str | Path,
    programs: Path | None,
    forgiven: Callable[[str], bool] = lambda _: False,
) -> None:
    passfile = work / "pgpass"
    passfile.touch(mode=0o600)
    fields = ("*", "*", "*", dsn.user, dsn.password)
    passfile.write_text(":".join(field.replace("\\", "\\\\").replace(":", "\\:") for field in fields) + "\n")
    surroundings = {
        "PGPASSFILE": str(passfile),
        "PGHOST": dsn.host,
        "PGPORT": str(dsn.port),
        "PGUSER": dsn.user,
        "PGDATABASE": dsn.database,
        "PGSSLMODE": "disable" if dsn.is_socket else dsn.tls,
    }
    if dsn.tls_ca is not None:
        surroundings["PGSSLROOTCERT"] = dsn.tls_ca
    elif surroundings["PGSSLMODE"] == "verify-full":
        surroundings["PGSSLROOTCERT"] = "system"  # libpq takes it together with verify-full only
    try:
        code, _, err = await binaries.run(
            binaries.find(program, programs),
            *arguments,
            timeout=_LIMIT,
            **binaries.RunAs().process(work, surroundings),
        )
    finally:
        passfile.unlink()
    said = err.decode(errors="replace")
    if code != 0 and not forgiven(said):
        # The first line says what went wrong; later ones may quote the statement.
        first = said.strip().partition("\n")[0]
        raise Unsafe(f"{program} failed: {first}")


def _refuse_existing(archive: Path) -> None:
    if archive.exists():
        raise Unsafe(f"{archive} exists; a backup never replaces one")


def _workspace(beside: Path | None) -> AbstractContextManager[Path]:
    return scratch(beside, _WORK)
