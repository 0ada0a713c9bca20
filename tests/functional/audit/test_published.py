"""The anchor's heads stand in a file that is only added to, and have timestamps of a real authority; exports are held against both."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from strongroom import audit
from strongroom.audit import Entry, Outcome, reading
from strongroom.audit import strongroom_verify as verifier
from strongroom.audit.export import EpochPart, files
from strongroom.audit.sealing import Sequencer
from strongroom.audit.sealing.anchor_file import AnchorFile, make
from strongroom.audit.sealing.publishing import Authority, Publisher
from strongroom.audit.testing import AT, LocalNotary
from strongroom.audit.tlog import Note
from strongroom.cli.audit import verify
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.store import Database, Sealer, migrate
from strongroom.store.testing import TestDatabase
from strongroom.wire import Reply, Request, serve_tcp

ACME = TenantId(UUID(int=0x0190 << 112 | 1))
ANCHOR = UUID(int=(1 << 128) - 1)
CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {0}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
"""


def openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)  # noqa: S603, S607 - the distribution's own


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority's keys and certificates, and those of a stranger's, made by OpenSSL."""
    place = tmp_path_factory.mktemp("tsa")
    (place / "one.conf").write_text(CONFIG.format(place))
    (place / "serial").write_text("01\n")
    (place / "eku").write_text("extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n")
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("root", "stranger"):
        openssl(*new, "-x509", "-days", "30", "-subj", f"/CN={name}", "-keyout", f"{place}/{name}.key",
                "-out", f"{place}/{name}.pem")  # fmt: skip
    openssl(*new, "-subj", "/CN=tsa", "-keyout", f"{place}/tsa.key", "-out", f"{place}/tsa.csr")
    openssl("x509", "-req", "-in", f"{place}/tsa.csr", "-CA", f"{place}/root.pem", "-CAkey", f"{place}/root.key",
            "-set_serial", "2", "-days", "30", "-extfile", f"{place}/eku", "-out", f"{place}/tsa.pem")  # fmt: skip
    return place


@asynccontextmanager
async def answering(tsa: Path, tmp_path: Path, *, stale: bytes = b"") -> AsyncGenerator[str]:
    """Serve the authority over HTTP; with `stale`, one that gives the same answer to whatever it is asked."""

    async def answer(request: Request, reply: Reply) -> None:
        query, out = tmp_path / "query", tmp_path / "answer"
        query.write_bytes(request.body)
        words = ("ts", "-reply", "-config", f"{tsa}/one.conf", "-queryfile", str(query), "-signer", f"{tsa}/tsa.pem",
                 "-inkey", f"{tsa}/tsa.key", "-out", str(out))  # fmt: skip
        await asyncio.to_thread(openssl, *words)
        await reply.send(200, [(b"content-type", b"application/timestamp-reply")], stale or out.read_bytes())

    listener = socket.create_server(("127.0.0.1", 0))
    server = await serve_tcp(answer, sock=listener)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/tsr"
    await server.close()


@pytest.fixture
async def notary(tmp_path: Path) -> AsyncGenerator[LocalNotary]:
    made = LocalNotary(tmp_path / "notary")
    yield made
    made.notary.close()


@pytest.fixture
async def sealer(database: TestDatabase) -> AsyncGenerator[Sealer]:
    made = await Sealer.connect(database.keeper)
    yield made
    await made.close()


class Keeper:
    """Seals, anchors and puts outside, in this process."""

    def __init__(self, sealer: Sealer, notary: LocalNotary, file: Path | None, authority: Authority | None) -> None:
        clock = SystemClock()
        self.told: list[str] = []
        self.notary = notary
        self.sequencer = Sequencer(sealer, notary, clock, anchor_every_s=0, tell=self.told.append)
        self.publisher = Publisher(
            sealer, clock, file=file, authority=authority, every_s=0, tell=self.told.append
        )  # fmt: skip

    async def works(self, db: Database, *, put_outside: bool = True) -> None:
        """Write an entry, seal, anchor and sign, and put the head outside."""
        async with db.tenant(ACME) as tx:
            entry = Entry(
                id=new_uuid(), at=datetime.now(UTC), actor="a", credential="", action="key.create", resource="r",
                outcome=Outcome.ALLOWED,
            )  # fmt: skip
            await audit.append(tx, entry)
        await self.sequencer.round()
        if put_outside:
            assert await self.publisher.round()

    async def exported(self, db: Database, folder: Path) -> Path:
        """Write an export of the tenant's log."""
        async with db.tenant(ACME) as tx:
            (epoch,) = await reading.epochs(tx)
            rows = await reading.sealed(tx, 1, 0, 1000)
            anchor, outside = await reading.anchor(tx, epoch), await reading.published(tx, epoch)
        assert anchor is not None
        assert epoch.note is not None
        part = EpochPart(
            number=1,
            checkpoint=Note.parse(epoch.note),
            entries=[row.event for row in rows],
            hashes=[row.hash for row in rows],
        )
        for path, content in files("acme", [part], anchor, self.notary.notary.key, AT, outside):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder


def file_away(keeper: Keeper) -> bool:
    """Return what is so now: a checker would take it to stay as it was when it was asked last."""
    return keeper.publisher.file_away


def found(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    said: dict[str, object] = json.loads(capsys.readouterr().out)
    return said


@pytest.mark.parametrize("directory", [False, True])
async def test_an_export_is_held_against_the_anchor_file(
    notary: LocalNotary, sealer: Sealer, db: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], *,
    directory: bool,
) -> None:  # fmt: skip
    file = tmp_path / "anchors"
    if directory:
        file.mkdir()
    keeper = Keeper(sealer, notary, file, None)
    for _ in range(3):
        await keeper.works(db)
    for _ in range(4):  # the head that was put outside stays provable while the anchor goes on
        await keeper.works(db, put_outside=False)
    export = await keeper.exported(db, tmp_path / "export")
    words = [str(export), "--trust", str(notary.notary.key), "--json", "--anchor-file", str(file)]
    assert verifier.main(words) == 0
    notes = str(found(capsys)["notes"])
    assert "up to entry 3" in notes
    assert "the anchor file has it" in notes

    other = tmp_path / "other"
    shutil.copytree(file, other) if directory else shutil.copy(file, other)
    at = max(other.iterdir()) if directory else other
    lines = at.read_text().splitlines()
    row = json.loads(lines[-1])
    origin, size, _, *rest = row["note"].split("\n")
    row["note"] = "\n".join([origin, size, "A" * 43 + "=", *rest])
    if directory:
        at.chmod(0o600)
    at.write_text("\n".join([*lines[:-1], json.dumps(row)]) + "\n")
    assert verifier.main([*words[:-1], str(other)]) == 1
    assert found(capsys)["kind"] == "forked"
    at.write_text("\n".join(lines[:-1]) + "\n")  # what the machine's owner would like: that it never stood there
    assert verifier.main([*words[:-1], str(other)]) == 1
    assert found(capsys)["kind"] == "forked"
    shutil.rmtree(export / "anchor/published")
    assert verifier.main(words) == 1
    assert found(capsys)["kind"] == "deleted"


async def test_a_machine_that_was_turned_back_is_told_by_its_anchor_file(
    notary: LocalNotary, sealer: Sealer, db: Database, database: TestDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "anchors"
    keeper = Keeper(sealer, notary, file, None)
    for _ in range(3):
        await keeper.works(db)
    before = file.read_bytes()
    # Turned back with its notary and all: the database has less of the anchor, and nothing on the machine knows better.
    async with migrate.administrator(database.admin) as admin:
        await admin.execute("delete from audit.publication")
        await admin.execute("update audit.log set signed_size = 1, size = 1, note = note where tenant_id = $1", ANCHOR)
    again = Keeper(sealer, notary, file, None)
    await again.publisher.round()
    assert again.publisher.differs
    assert any("turned back" in line for line in again.told)
    assert file.read_bytes() == before, "nothing is added to it"
    async with db.operator() as tx:
        assert [each.action for each in await audit.recent(tx)].count("log.anchor_differs") == 1


async def test_a_file_that_takes_nothing_delays_nobody_and_is_told(
    notary: LocalNotary, sealer: Sealer, db: Database, tmp_path: Path
) -> None:
    keeper = Keeper(sealer, notary, tmp_path / "away" / "anchors", None)
    await keeper.works(db)
    assert file_away(keeper)
    assert any("takes nothing" in line for line in keeper.told)
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "anchors").write_bytes(b'{"cut short')
    await keeper.works(db)
    assert not file_away(keeper)
    cut, line = (tmp_path / "away" / "anchors").read_text().splitlines()
    assert cut == '{"cut short'
    assert "note" in json.loads(line)


async def test_an_export_carries_a_timestamp_that_openssl_and_we_hold_true(
    notary: LocalNotary, sealer: Sealer, db: Database, tmp_path: Path, tsa: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with answering(tsa, tmp_path) as url:
        authority = Authority(url)
        keeper = Keeper(sealer, notary, None, authority)
        began = datetime.now(UTC).replace(microsecond=0)
        await keeper.works(db)
        await authority.close()
    assert not keeper.publisher.authority_away, keeper.told
    await keeper.works(db, put_outside=False)
    export = await keeper.exported(db, tmp_path / "export")
    key = (str(notary.notary.key),)
    assert verify(export, trust=key, tsa_ca=tsa / "root.pem", json=True) == 0
    said = found(capsys)
    assert said["verdict"] == "verified"
    assert f"existed at {began.year}" in str(said["notes"])
    assert verifier.main([str(export), "--trust", *key]) == 0
    assert "NOT checked here" in capsys.readouterr().out, "the file without dependencies names it, and claims nothing"

    receipt, answer = export / "anchor/published/epoch.tlog-proof", export / "anchor/published/timestamp.tsr"
    note = tmp_path / "note"
    note.write_text(receipt.read_text().partition("\n\n")[2])
    openssl("ts", "-verify", "-data", str(note), "-in", str(answer), "-CAfile", f"{tsa}/root.pem")

    assert verify(export, trust=key, tsa_ca=tsa / "stranger.pem", json=True) == 1, "another authority's root"
    assert found(capsys)["kind"] == "wrong timestamp"
    whole = answer.read_bytes()
    answer.write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    assert verify(export, trust=key, tsa_ca=tsa / "root.pem", json=True) == 1
    answer.write_bytes(whole)
    receipt.write_text(receipt.read_text() + "\n")
    assert verify(export, trust=key, tsa_ca=tsa / "root.pem", json=True) == 1, "a timestamp of another text"
    answer.unlink()
    assert verify(export, trust=key, tsa_ca=tsa / "root.pem", json=True) == 1, "none at all"
    assert "no timestamp" in capsys.readouterr().out


async def test_an_answer_to_another_question_is_no_timestamp(
    notary: LocalNotary, sealer: Sealer, db: Database, database: TestDatabase, tmp_path: Path, tsa: Path
) -> None:
    async with answering(tsa, tmp_path) as url:
        authority = Authority(url)
        old = await authority.stamp("another note")
        await authority.close()
    for stale, why in ((old, "another question"), (b"hello", "no timestamp")):
        async with answering(tsa, tmp_path, stale=stale) as url:
            authority = Authority(url)
            keeper = Keeper(sealer, notary, None, authority)
            await keeper.works(db)
            await authority.close()
        assert keeper.publisher.authority_away
        assert any(why in line for line in keeper.told)
    async with migrate.administrator(database.admin) as admin:
        assert await admin.fetchval("select count(*) from audit.publication where timestamp is not null") == 0


def test_the_kernel_takes_additions_alone_where_it_can(tmp_path: Path) -> None:
    file = tmp_path / "anchors"
    held = make(file, os.geteuid())
    try:
        note = Note("strongroom/0/anchor\n1\n" + "A" * 43 + "=\n", ())
        AnchorFile(file).add(note, AT)
        AnchorFile(file).add(note, AT)
        assert len(file.read_bytes().splitlines()) == 2
        assert make(file, os.geteuid()) is held, "a second start takes it as it is"
        if held:  # root, on a file system that knows it
            for undo in (file.unlink, lambda: file.write_bytes(b""), lambda: os.truncate(file, 0)):
                with pytest.raises(PermissionError):
                    undo()
    finally:
        if held:
            subprocess.run(["chattr", "-a", str(file)], check=True)  # noqa: S603, S607 - or pytest could not clear up


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "x"])
def test_what_is_no_authority_is_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds
        Authority(url)
