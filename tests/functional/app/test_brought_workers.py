"""A release that somebody brought is served by a worker of its own, and only while it is what was admitted and may serve."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from strongroom.app.judging import Judges, Judging, judging
from strongroom.app.loading import Wanted
from strongroom.app.seed import INSTALLER
from strongroom.app.serving import Parts, Serving
from strongroom.app.settings import Settings
from strongroom.app.testing import ControlPlane, control_plane
from strongroom.confinement.tree import prepare_tree
from strongroom.gateway.upstreams import worker_socket
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.events import Event
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask
from strongroom.registry.content import PART
from strongroom.registry.content.quarantine import Part, Stage
from strongroom.registry.releases import NewRelease
from strongroom.runtime import artefacts, sandbox
from strongroom.runtime.events import WorkerBarred, WorkerStarted
from strongroom.runtime.infer_front import ITS_ONLY_MODEL
from strongroom.runtime.launch import MODULES, Launcher
from strongroom.runtime.rig import ask as asked
from strongroom.runtime.rig import scope
from strongroom.runtime.supervise import WorkerHost
from strongroom.store import TenantTx
from strongroom.store.follower import Follower
from strongroom.store.testing import TestDatabase, TestServer

_onnx: Any = importlib.import_module("onnx")  # it does not say what a path is
MODEL = (Path(artefacts.__file__).parent / "models" / "credit-risk.onnx").read_bytes()
ROW = [3159.0, 19610.0, 24.0, 0.803, 30.0, 108.0, 3.0, 0.245, 0.0, 0.0, 60.0, 0.0]
INPUT = {"inputs": [{"name": "features", "shape": [1, 12], "datatype": "FP32", "data": [ROW]}]}
DEV = Environment.DEV
GENEROUS_S = 50.0  # less than a coroutine on the control port gets


class House:
    """A control port, and the supervisor's part of serving beside it, on one loop."""

    def __init__(self, plane: ControlPlane, serving: Serving, sockets: Path, database: TestDatabase) -> None:
        self.plane, self.serving, self.sockets, self.database = plane, serving, sockets, database
        self.revoked: set[str] = set()
        self.said: list[str] = []
        self.judging: Judging
        self.events: list[Event] = []

    def brought(self, name: str, tenant: str, *more: tuple[str, bytes]) -> str:
        """Bring a release for a tenant and approve it; return its digest."""
        digest = str(self.plane.run(self._brought(name, self.plane.tenants[tenant], *more)))
        self.approve(name, tenant, "approver")
        return digest

    def approve(self, name: str, tenant: str, by: str) -> None:
        who = Principal(role=Role.APPROVER, name=by, credential=KeyId(""))
        whose = self.plane.tenants[tenant]
        self.plane.run(
            self.plane.services.admission.approve(who, name, "1", DEV, tenant=whose, days=1, reason="a test", ask=Ask())
        )

    def shared(self, name: str, **approvers: str) -> Wanted:
        """Bring a release of the installation, have each tenant's approver approve it for that tenant, and deploy it to all."""
        services = self.plane.services
        digest = str(self.plane.run(self._brought(name, None)))
        for tenant, by in approvers.items():
            self.plane.run(services.accounts.create(INSTALLER, Name(by), Role.APPROVER, ask=Ask()))
            self.approve(name, tenant, by)
        self.plane.run(services.channels.promote(INSTALLER, name, "1", DEV, "a test", Ask()))
        for tenant in approvers:
            self.deploy(name, tenant, digest)
        return Wanted(DEV, digest, None)

    def ends(self, approver: str) -> None:
        """End an approver's account, and with it what it approved; and judge everything again."""
        self.plane.run(self.plane.services.accounts.delete(INSTALLER, Name(approver), Ask()))
        self.judged()

    def judged(self) -> None:
        self.plane.run(_judged(self.judging))

    async def _brought(self, name: str, tenant: TenantId | None, *more: tuple[str, bytes]) -> str:
        own = [] if any(path.endswith(".onnx") for path, _ in more) else [("model.onnx", MODEL)]
        services, files = self.plane.services, [*own, ("README.md", name.encode()), *more]
        new = NewRelease(name=name, version="1", files=[Part(path, len(data)) for path, data in files])
        begun = await services.releases.begin(INSTALLER, new, tenant, Ask())
        for index, (_, data) in enumerate(files):
            for at in range(0, len(data), PART):
                await services.releases.take(INSTALLER, begun.id, index, at, data[at : at + PART])
        sums = [hashlib.sha256(data).hexdigest() for _, data in files]
        await services.releases.finish(INSTALLER, begun.id, sums, Ask())
        await services.releases.settled()
        ended = await services.releases.progress(INSTALLER, begun.id)
        assert ended.stage is Stage.ADMITTED, ended
        return ended.digest

    def deploy(self, name: str, tenant: str, digest: str) -> Wanted:
        whose = self.plane.tenants[tenant]
        self.plane.run(self.plane.services.registry.deploy(INSTALLER, whose, DEV, Name(name), digest, Ask()))
        return Wanted(DEV, digest, whose)

    def withdraw(self, name: str, tenant: str) -> None:
        whose = self.plane.tenants[tenant]
        self.plane.run(self.plane.services.registry.withdraw(INSTALLER, whose, DEV, Name(name), Ask()))

    def becomes(self, done: Callable[[dict[Wanted, str]], bool]) -> bool:
        return bool(self.plane.run(self.serving.until(done, GENEROUS_S)))

    def infer(self, place: Wanted, given: Any = INPUT) -> Any:
        socket = worker_socket(self.sockets, place.environment, place.digest, place.tenant)
        return asyncio.run(asked(socket, f"/v2/models/{ITS_ONLY_MODEL}/infer", given, scope=scope("acme")))

    def refused(self, tenant: str, action: str) -> list[str]:
        log = self.plane.run(
            self.plane.services.audit.of_tenant(INSTALLER, self.plane.tenants[tenant], Ask(), limit=200)
        )
        return [each.reason for each in log if each.action == action and each.outcome == "refused"]


@pytest.fixture(scope="module")
def house(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    home = Path(tempfile.mkdtemp(prefix="sr-brought-"))
    home.chmod(0o755)
    with asyncio.Runner() as runner:
        manager = postgres.database()
        database = runner.run(manager.__aenter__())
        try:
            with control_plane(database, tmp_path_factory.mktemp("control")) as plane:
                tree = prepare_tree()
                facts = sandbox.probe(tree, own_uid=True).facts
                launcher = Launcher(tree=tree, facts=facts, scratch=home / "scratch", modules=MODULES)
                held: list[House] = []
                events: list[Event] = []

                async def may_serve(tx: TenantTx, digest: str, environment: Environment) -> str | None:
                    del tx, environment
                    return "It was revoked." if held and digest in held[0].revoked else None

                def tell(line: str) -> None:
                    for each in held:
                        each.said.append(line)

                async def begin() -> tuple[Serving, Judging, Any]:
                    host = WorkerHost(
                        launcher, clock=SystemClock(), observe=events.append, log=lambda _name, _line: None
                    )
                    parts = Parts(
                        gate=plane.services.gate,
                        admission=plane.services.admission,
                        shelf=plane.services.keeping.shelf,
                        host=host,
                        settings=Settings(),
                        sockets=home,
                        tell=tell,
                        runtime=plane.services.evidence.reader.runtime,
                        may_serve=may_serve,
                    )
                    serving = Serving(parts)
                    follower = Follower(database.control, SystemClock(), serving.apply)
                    follower.start()
                    task = asyncio.create_task(serving.run())
                    services = plane.services
                    judges = Judges(
                        gate=services.gate, admission=services.admission, evidence=services.evidence.reader,
                        believed_s=3600.0, tell=tell,
                    )  # fmt: skip
                    loop = judging(judges, database.control)
                    again = await loop.__aenter__()

                    async def end() -> None:
                        await loop.__aexit__(None, None, None)
                        task.cancel()
                        await asyncio.gather(task, return_exceptions=True)
                        await follower.close()
                        await host.stop()

                    return serving, again, end

                serving, again, end = plane.run(begin())
                held.append(House(plane, serving, home, database))
                held[0].judging, held[0].events = again, events
                try:
                    yield held[0]
                finally:
                    plane.run(end())
        finally:
            runner.run(manager.__aexit__(None, None, None))
            shutil.rmtree(home, ignore_errors=True)


def test_a_deployed_release_is_served_attested_and_its_worker_ends_with_its_deployment(house: House) -> None:
    digest = house.brought("churn", "acme")
    assert house.serving.states() == {}, "nobody has deployed it: no worker"
    place = house.deploy("churn", "acme", digest)
    assert house.becomes(lambda states: states.get(place) == "attested"), (house.serving.states(), house.said)
    answer = house.infer(place)
    assert answer.status == 200, answer.body
    assert {each["name"] for each in answer.json()["outputs"]} == {"label", "probabilities"}
    # The same files, as another tenant's own, are another release with another worker.
    assert house.brought("churn", "globex") == digest
    other = house.deploy("churn", "globex", digest)
    assert house.becomes(lambda states: states.get(other) == "attested"), house.serving.states()
    house.withdraw("churn", "acme")
    assert house.becomes(lambda states: place not in states)
    assert not worker_socket(house.sockets, DEV, digest, place.tenant).exists()
    assert house.infer(other).status == 200
    house.withdraw("churn", "globex")
    assert house.becomes(lambda states: states == {})


def outside(path: str) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    """Return a model, at a path, that adds up a row of two numbers by weights in a file beside it, as `onnx` saves it."""
    value = helper.make_tensor_value_info
    weights = numpy_helper.from_array(np.asarray([[2.0], [40.0]], dtype=np.float32), "w")
    made = helper.make_graph(
        [helper.make_node("MatMul", ["features", "w"], ["sum"])],
        "test",
        [value("features", TensorProto.FLOAT, [None, 2])],
        [value("sum", TensorProto.FLOAT, [None, 1])],
        [weights],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / Path(path).name
        _onnx.save_model(model, file, save_as_external_data=True, size_threshold=0, location="model.onnx.data")
        return (path, file.read_bytes()), (f"{path}.data", file.with_name("model.onnx.data").read_bytes())


def test_a_model_with_its_data_in_another_file_is_served_from_the_bytes_that_were_admitted(house: House) -> None:
    model, data = outside("onnx/model.onnx")
    assert len(data[1]) == 8
    digest = house.brought("outside", "acme", model, data)
    place = house.deploy("outside", "acme", digest)
    assert house.becomes(lambda states: states.get(place) == "attested"), (house.serving.states(), house.said)
    row = {"name": "features", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 1.0]}
    answer = house.infer(place, {"inputs": [row]})
    assert (answer.status, answer.json()["outputs"][0]["data"]) == (200, [42.0])
    house.withdraw("outside", "acme")
    assert house.becomes(lambda states: place not in states)
    # A byte of the data that is another: nothing of it is loaded.
    stored = house.plane.services.keeping.shelf.store.place(
        house.plane.tenants["acme"], hashlib.sha256(data[1]).hexdigest()
    )
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    house.deploy("outside", "acme", digest)
    assert house.becomes(lambda states: "not what was admitted" in states.get(place, ""))
    assert "onnx/model.onnx.data" in house.serving.states()[place]
    assert any("onnx/model.onnx.data" in reason for reason in house.refused("acme", "model.load"))
    assert not worker_socket(house.sockets, DEV, digest, place.tenant).exists()
    house.withdraw("outside", "acme")


def test_a_model_that_takes_more_memory_than_a_worker_has_is_not_begun(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = house.brought("large", "acme", ("weights.md", b"# as much as a model\n" * 60_000))
    monkeypatch.setattr("strongroom.app.serving.MIB", 1024)
    place = house.deploy("large", "acme", digest)
    assert house.becomes(lambda states: "raise workers.memory_mib" in states.get(place, "")), house.serving.states()
    house.withdraw("large", "acme")


def test_a_release_that_was_changed_in_the_store_is_not_loaded_and_that_is_told_and_audited(house: House) -> None:
    digest = house.brought("spoilt", "acme", ("notes.txt", b"a file of its own"))
    plane = house.plane
    shown = plane.run(plane.services.admission.show(INSTALLER, "spoilt", "1", plane.tenants["acme"], Ask()))
    notes = next(each.sha256 for each in shown.files if each.path == "notes.txt")
    stored = plane.services.keeping.shelf.store.place(plane.tenants["acme"], notes)
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    place = house.deploy("spoilt", "acme", digest)
    assert house.becomes(lambda states: "not what was admitted" in states.get(place, ""))
    assert any("not what was admitted" in reason for reason in house.refused("acme", "model.load"))
    assert not worker_socket(house.sockets, DEV, digest, place.tenant).exists()
    assert any("does not serve" in line for line in house.said)
    house.withdraw("spoilt", "acme")


def test_what_is_revoked_or_loses_its_evidence_while_it_runs_is_stopped(house: House) -> None:
    digest = house.brought("running", "acme")
    place = house.deploy("running", "acme", digest)
    assert house.becomes(lambda states: states.get(place) == "attested"), house.serving.states()
    house.revoked.add(digest)
    house.plane.run(_told(house.serving))
    assert house.becomes(lambda states: states.get(place) == "It was revoked.")
    assert not worker_socket(house.sockets, DEV, digest, place.tenant).exists()
    assert "It was revoked." in house.refused("acme", "model.attest")
    house.revoked.clear()
    house.plane.run(_told(house.serving))
    assert house.becomes(lambda states: states.get(place) == "attested"), house.serving.states()
    # A row that somebody edits says nothing: what was signed was another name.
    house.plane.run(_edited(house.database))
    house.plane.run(_told(house.serving))
    assert house.becomes(lambda states: "The verdict is about other files, or another release" in states.get(place, ""))


def test_a_shared_worker_goes_on_for_whom_it_may_serve_ends_with_the_last_and_starts_again_by_itself(
    house: House,
) -> None:
    place = house.shared("shared", acme="hers", globex="theirs")
    acme, globex = (house.plane.tenants[each] for each in ("acme", "globex"))
    assert house.becomes(lambda states: states.get(place) == "attested"), (house.serving.states(), house.said)
    house.ends("theirs")
    assert house.becomes(lambda _: house.serving.wanted().get(place) == [acme])
    assert house.serving.states()[place] == "attested"
    assert house.infer(place).status == 200
    kinds = [each.kind for each in house.plane.run(house.plane.services.incidents.list(INSTALLER, globex, Ask()))]
    assert kinds == ["serving-stopped"]
    house.ends("hers")
    assert house.becomes(lambda states: states.get(place) == "stopped"), house.serving.states()
    assert house.becomes(lambda _: not worker_socket(house.sockets, DEV, place.digest, None).exists())
    assert any("every deployment of it is stopped" in line for line in house.said)
    house.approve("shared", "globex", "approver")
    house.judged()
    assert house.becomes(lambda states: states.get(place) == "attested"), (house.serving.states(), house.said)
    assert house.serving.wanted()[place] == [globex]
    assert house.infer(place).status == 200
    for tenant in ("acme", "globex"):
        house.withdraw("shared", tenant)


def test_a_worker_that_crashes_asks_before_it_starts_again(house: House) -> None:
    digest = house.brought("crashing", "acme")
    place = house.deploy("crashing", "acme", digest)
    assert house.becomes(lambda states: states.get(place) == "attested"), house.serving.states()
    house.revoked.add(digest)  # and nobody tells the supervisor
    pid = [each.pid for each in house.events if isinstance(each, WorkerStarted) and each.worker.startswith("crashing")][
        -1
    ]
    os.kill(pid, signal.SIGKILL)
    assert house.plane.run(_barred(house.events)) == "It was revoked."
    assert "It was revoked." in house.refused("acme", "model.load")
    house.revoked.clear()
    house.withdraw("crashing", "acme")
    assert house.becomes(lambda states: place not in states)


async def _barred(events: list[Event]) -> str:
    async with asyncio.timeout(GENEROUS_S):
        while True:
            for each in events:
                if isinstance(each, WorkerBarred):
                    return each.reason
            await asyncio.sleep(0.05)  # the observer is called, and tells nobody


async def _edited(database: TestDatabase) -> None:
    connection = await asyncpg.connect(**database.admin.arguments())
    try:
        await connection.execute("UPDATE registry.own_release SET version = '2' WHERE name = 'running'")
    finally:
        await connection.close()


async def _judged(judging: Judging) -> None:
    before = judging.turns
    judging.look_again()
    await judging.turned(before)


async def _told(serving: Serving) -> None:
    serving.look_again()
