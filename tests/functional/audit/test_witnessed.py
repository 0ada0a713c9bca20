"""The anchor's heads are cosigned by a witness over HTTP, an export says so, and a witness that is away delays nobody."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from strongroom import audit
from strongroom.audit import Entry, Outcome, reading
from strongroom.audit import strongroom_verify as verifier
from strongroom.audit.export import EpochPart
from strongroom.audit.sealing import Sequencer, Trouble
from strongroom.audit.sealing.cosigning import Cosigner, WitnessAddress
from strongroom.audit.testing import LocalNotary, write
from strongroom.audit.tlog import Note, NoteSigner
from strongroom.audit.tlog.note import COSIGNATURE
from strongroom.audit.tlog.witness import Submission
from strongroom.audit.witness import Witness, service
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.store import Database, Sealer
from strongroom.store.testing import TestDatabase
from strongroom.wire import Reply, Request, serve_tcp

NL = "\n"
ACME = TenantId(UUID(int=0x0190 << 112 | 1))


async def append(db: Database) -> None:
    async with db.tenant(ACME) as tx:
        await audit.append(
            tx,
            Entry(
                id=new_uuid(), at=datetime.now(UTC), actor="a", credential="", action="key.create", resource="r",
                outcome=Outcome.ALLOWED,
            ),
        )  # fmt: skip


@pytest.fixture
async def notary(tmp_path: Path) -> AsyncGenerator[LocalNotary]:
    made = LocalNotary(tmp_path / "notary")
    yield made
    made.notary.close()


async def test_an_export_is_witnessed(
    notary: LocalNotary, db: Database, database: TestDatabase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = notary.notary.key
    witness = Witness(tmp_path / "witness", "witness.example/w1", [base.named(f"{base.name}/anchor")])
    listener = socket.create_server(("127.0.0.1", 0))
    server = await serve_tcp(service(witness), sock=listener)
    sealer, clock, told = await Sealer.connect(database.keeper), SystemClock(), list[str]()
    address = WitnessAddress.parse(f"http://127.0.0.1:{listener.getsockname()[1]} {witness.key}")

    def keeper() -> tuple[Sequencer, Cosigner]:
        cosigner = Cosigner([address], clock, told.append)
        return Sequencer(sealer, notary, clock, anchor_every_s=0, tell=told.append, cosigner=cosigner), cosigner

    sequencer, cosigner = keeper()
    for _ in range(2):
        await append(db)
        await sequencer.round()
    await cosigner.close()
    sequencer, cosigner = keeper()  # one that starts anew learns from the witness up to where it has cosigned
    await append(db)
    await sequencer.round()
    await exported(db, notary, tmp_path / "export")
    words = [str(tmp_path / "export"), "--trust", str(base), "--json"]
    assert verifier.main([*words, "--witness", str(witness.key)]) == 0
    assert "cosigned by witness.example/w1" in json.loads(capsys.readouterr().out)["notes"][-1]
    stranger = Witness(tmp_path / "stranger", "witness.example/w2", [])
    assert verifier.main([*words, "--witness", str(stranger.key)]) == 1
    assert json.loads(capsys.readouterr().out)["kind"] == "wrong key"
    receipt = tmp_path / "export/anchor/epoch.tlog-proof"
    receipt.write_text(receipt.read_text().replace("— witness.example/w1", "— witness.example/w2"))
    assert verifier.main([*words, "--witness", str(witness.key)]) == 1

    await server.close()
    await append(db)
    await sequencer.round()
    assert cosigner.away == 1
    assert sequencer.trouble is Trouble.CONTENDED or sequencer.trouble is Trouble.NONE, (
        "it is sealed and signed all the same"
    )
    assert any("does not cosign" in line for line in told)
    await cosigner.close()
    await sealer.close()


async def exported(db: Database, notary: LocalNotary, folder: Path) -> None:
    async with db.tenant(ACME) as tx:
        (epoch,) = await reading.epochs(tx)
        rows = await reading.sealed(tx, 1, 0, 1000)
        part = await reading.anchor(tx, epoch)
    assert part is not None
    assert epoch.note is not None
    log = EpochPart(
        number=1,
        checkpoint=Note.parse(epoch.note),
        entries=[row.event for row in rows],
        hashes=[row.hash for row in rows],
    )
    write(folder, log, part, notary.notary.key)


@pytest.mark.parametrize("text", ["", "ftp://x y", "http://", "http://x", "http://x a+00000000+AQ=="])
def test_what_is_no_witness_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds
        WitnessAddress.parse(text)


async def test_a_witness_that_signs_more_than_it_was_shown_is_not_heard(
    notary: LocalNotary, db: Database, database: TestDatabase
) -> None:
    signer, lies = NoteSigner("witness.example/w1", bytes(32), COSIGNATURE), list[bytes]()

    async def lie(request: Request, reply: Reply) -> None:
        text = Submission.parse(request.body.decode()).note.text
        lies.append(b"more\n\n" + f"{signer.cosign(text + NL + 'more' + NL, 1)}".encode() + b"\n")
        await reply.send(200, [(b"content-type", b"text/plain")], lies[-1])

    listener = socket.create_server(("127.0.0.1", 0))
    server = await serve_tcp(lie, sock=listener)
    sealer, clock, told = await Sealer.connect(database.keeper), SystemClock(), list[str]()
    address = WitnessAddress.parse(f"http://127.0.0.1:{listener.getsockname()[1]} {signer.key}")
    cosigner = Cosigner([address], clock, told.append)
    sequencer = Sequencer(sealer, notary, clock, anchor_every_s=0, tell=told.append, cosigner=cosigner)
    await append(db)
    await sequencer.round()
    assert lies, "the control: it was asked"
    assert any("does not cosign" in line for line in told)
    await cosigner.close()
    await sealer.close()
    await server.close()
