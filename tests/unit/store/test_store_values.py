"""Logins, verifiers, the order of migrations, versions of formats, and how the driver's errors are told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from strongroom.store import Conflict, Denied, Dsn, Unavailable, Unfit, Unsafe, migrate, roles
from strongroom.store import format as formats
from strongroom.store.errors import mapped
from strongroom.store.migrate import Migration

URLS: list[tuple[str, dict[str, Any]]] = [
    ("postgresql://u:p%40@db.example/x", {"host": "db.example", "password": "p@", "tls": "verify-full", "port": 5432}),
    ("postgres://u@db.example:6/x?sslmode=require", {"port": 6, "tls": "require", "password": ""}),
    ("postgresql://u@/x?host=/run/pg", {"host": "/run/pg", "tls": "disable"}),
    ("postgresql://u@127.0.0.1/x", {"tls": "disable"}),
    (
        "postgresql://localhost/x?user=v&sslmode=verify-ca&sslrootcert=/ca",
        {"user": "v", "tls": "verify-ca", "tls_ca": "/ca"},
    ),
]


@pytest.mark.parametrize(("url", "wanted"), URLS)
def test_a_url_names_a_login(url: str, wanted: dict[str, Any]) -> None:
    dsn = Dsn.parse(url)
    assert {name: getattr(dsn, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u@h/x",
        "postgresql://u@h/",
        "postgresql://h/x",
        "postgresql://u@h/x?options=-c",
        "postgresql://u@h/x?sslmode=allow",
        "x",
    ],
)
def test_a_url_that_says_too_little_or_too_much_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        Dsn.parse(url)
    assert url not in str(caught.value)


def test_tls_checks_the_server_unless_told_not_to() -> None:
    context = Dsn.parse("postgresql://u@db.example/x").arguments()["ssl"]
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
    assert Dsn.parse("postgresql://u@db.example/x?sslmode=require").arguments()["ssl"].verify_mode.name == "CERT_NONE"
    assert Dsn.parse("postgresql://u@/x?host=/run").arguments()["ssl"] is False


def test_the_verifier_answers_as_the_standards_example() -> None:
    # RFC 7677 §3: user "user", password "pencil"; the server's signature proves the server key, the client's proof the
    # stored key.
    nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    said = f"n=user,r=rOprNGfwEbeRWgbNEkqO,{nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,{nonce}".encode()
    verifier = roles.scram_verifier("pencil", salt=base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
    head, keys = verifier.rsplit("$", 1)
    assert head == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    stored, server = (base64.b64decode(key) for key in keys.split(":"))
    signature = hmac.digest(server, said, "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client_key = bytes(a ^ b for a, b in zip(proof, hmac.digest(stored, said, "sha256"), strict=True))
    assert hashlib.sha256(client_key).digest() == stored


def test_passwords_are_never_shown() -> None:
    passwords = roles.Passwords.generate()
    assert passwords.control not in repr(passwords)
    assert len({passwords.control, passwords.operator, passwords.gateway}) == 3


def step(version: int, sha256: str = "") -> Migration:
    return Migration(version=version, name=f"m{version}", sql="", sha256=sha256 or str(version))


@pytest.mark.parametrize(("applied", "todo"), [({}, [1, 2, 3]), ({1: "1"}, [2, 3]), ({1: "1", 2: "2", 3: "3"}, [])])
def test_what_is_pending(applied: dict[int, str], todo: list[int]) -> None:
    assert [m.version for m in migrate.pending([step(1), step(2), step(3)], applied)] == todo


@pytest.mark.parametrize(
    ("applied", "said"),
    [
        ({1: "1", 2: "other"}, "0002 .* was edited"),
        ({1: "1", 3: "3"}, "missing"),
        ({2: "2"}, "missing"),
        ({1: "1", 2: "2", 3: "3", 4: "4"}, "newer version"),
    ],
)
def test_a_database_of_another_history_is_refused(applied: dict[int, str], said: str) -> None:
    with pytest.raises(Unsafe, match=said):
        migrate.pending([step(1), step(2), step(3)], applied)


def test_the_migrations_of_this_code_are_in_order() -> None:
    assert [m.version for m in migrate.known()][:1] == [1]


def test_a_home_is_recorded_and_recognised(tmp_path: Path) -> None:
    assert not formats.check(tmp_path)
    formats.record(tmp_path)
    assert formats.check(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["format.json"]
    assert (tmp_path / "format.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"feed": 2}, "feed format is at version 2, newer"),
        ({"hologram": 1}, "hologram .* newer"),
        ({"keyring": 0}, "keyring .* needs 1: back up with"),
        ({"backup": None}, "does not say the version of backup"),
    ],
)
def test_other_formats_are_refused(tmp_path: Path, change: dict[str, int | None], said: str) -> None:
    content = {name: version for name, version in {**formats.CURRENT, **change}.items() if version is not None}
    (tmp_path / "format.json").write_text(json.dumps(content))
    with pytest.raises(Unsafe, match=said):
        formats.check(tmp_path)


def test_an_older_database_is_for_the_migrations(tmp_path: Path) -> None:
    (tmp_path / "format.json").write_text(json.dumps({**formats.CURRENT, "database": 0}))
    assert formats.check(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"home": "1"}'])
def test_a_damaged_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "format.json").write_text(text)
    with pytest.raises(Unsafe, match="damaged"):
        formats.check(tmp_path)


def test_a_record_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formats.record(tmp_path)
    before = (tmp_path / "format.json").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        formats.record(tmp_path, current={"home": 2})
    assert (tmp_path / "format.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        FileNotFoundError(),
        TimeoutError(),
        asyncpg.CannotConnectNowError("x"),
        asyncpg.TooManyConnectionsError("x"),
        asyncpg.AdminShutdownError("x"),
        asyncpg.CrashShutdownError("x"),
        asyncpg.QueryCanceledError("x"),
        asyncpg.ConnectionDoesNotExistError("x"),
        asyncpg.DeadlockDetectedError("x"),
        asyncpg.LockNotAvailableError("x"),
        asyncpg.SerializationError("x"),
        asyncpg.IdleInTransactionSessionTimeoutError("x"),
        asyncpg.DiskFullError("x"),
        asyncpg.InterfaceError("connection is closed"),
    ],
)
def test_not_now_is_unavailable(error: Exception) -> None:
    with pytest.raises(Unavailable) as caught, mapped():
        raise error
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "error",
    [asyncpg.UndefinedTableError("x"), asyncpg.InterfaceError("another operation is in progress"), KeyError("x")],
)
def test_a_fault_stays_a_fault(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, mapped():
        raise error
    assert caught.value is error


def test_a_refusal_by_the_database_is_denied() -> None:
    with pytest.raises(Denied), mapped():
        raise asyncpg.InsufficientPrivilegeError("permission denied for table key")


def test_a_conflict_without_a_name_says_so() -> None:
    with pytest.raises(Conflict, match="unnamed"), mapped():
        raise asyncpg.UniqueViolationError("x")


@pytest.mark.parametrize(
    "error", [asyncpg.CharacterNotInRepertoireError("a\0b"), asyncpg.UntranslatableCharacterError("x")]
)
def test_text_that_no_column_takes_is_unfit_and_not_repeated(error: Exception) -> None:
    with pytest.raises(Unfit, match="text") as caught, mapped():
        raise error
    assert "\0" not in str(caught.value)
