"""Jobs and lineage: what a job trained with, made and reached is told; a data set is trained with by who may, and while they may."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Generator
from contextlib import ExitStack
from functools import cache
from typing import Any, TypeAlias

import openai
import pytest

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import ControlPlane
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask as Facts
from strongroom.registry.content.quarantine import Part, Stage
from strongroom.registry.datasets import Contract, NewDataset, Tier
from strongroom.registry.datasets.model import Format
from strongroom.registry.releases import NewRelease
from strongroom.registry.scan.testing.build import safetensors
from strongroom.subjects import RequestKind
from strongroom.training.pool import Failed, Made

Ask: TypeAlias = Any
Client: TypeAlias = openai.OpenAI
DEV, ASK = Environment.DEV, Facts()


def rows(count: int = 120, about: str = "") -> bytes:
    """Return rows whose label follows from their numbers, mostly."""
    drawn = random.Random(11)  # noqa: S311 - made-up numbers
    lines: list[str] = []
    for _ in range(count):
        income, debt = drawn.gauss(0, 1), drawn.gauss(0, 1)
        outcome = "repaid" if income - debt + drawn.gauss(0, 0.5) > 0 else "defaulted"
        row = {"income": round(income, 3), "debt": round(debt, 3), "outcome": outcome}
        lines.append(json.dumps(row | ({about: f"customer-{len(lines) % 9}"} if about else {})))
    return "\n".join(lines).encode() + b"\n"


def admin(plane: ControlPlane, tenant: str) -> Principal:
    """Return a tenant's administrator."""
    return Principal(role=Role.TENANT_ADMIN, name=f"{tenant}-data", credential=KeyId(""), tenant=plane.tenants[tenant])


def bring(plane: ControlPlane, name: str, *, environment: Environment = DEV, about: str = "") -> Any:
    """Admit a data set of acme's."""
    data, services = rows(about=about), plane.services

    async def made() -> Any:
        new = NewDataset(
            environment=environment, name=Name(name), version="1", source="ledger", format=Format.JSONL, size=len(data),
            contract=Contract(max_rejected=1.0, subject=about or None),  # short rows look alike to the check for copies
        )  # fmt: skip
        who, acme = admin(plane, "acme"), plane.tenants["acme"]
        upload = await services.datasets.begin(who, acme, new, ASK)
        services.datasets.take(who, acme, upload, 0, data)
        return await services.datasets.finish(who, acme, upload, hashlib.sha256(data).hexdigest(), ASK)

    return plane.run(made())


@pytest.fixture(scope="module")
def keys(plane: ControlPlane) -> dict[str, str]:
    """Return keys of training workloads of acme, once there is a source, and of globex."""

    async def make() -> dict[str, str]:
        services, found = plane.services, dict[str, str]()
        for tenant, name in (("acme", "fitter"), ("acme", "stranger"), ("globex", "fitter")):
            whose = plane.tenants[tenant]
            await services.identity.create_workload(
                INSTALLER, whose, environment=DEV, name=Name(name), role=Role.TRAINING, owner="team", ask=ASK
            )
            key = await services.identity.create_key(INSTALLER, whose, environment=DEV, workload=Name(name), ask=ASK)
            found[f"{tenant}-{name}"] = key.secret
        await services.datasets.add_source(
            INSTALLER,
            plane.tenants["acme"],
            Name("ledger"),
            "first-approver",
            "data@acme.example",
            "ours",
            Tier.LOW,
            ASK,
        )
        await services.follower.refresh(5.0)
        return found

    made: dict[str, str] = plane.run(make())
    return made


@pytest.fixture(scope="module")
def client(plane: ControlPlane, keys: dict[str, str]) -> Generator[Callable[[str], Client]]:
    """Return a function that makes OpenAI's client with a workload's key."""
    with ExitStack() as stack:

        @cache
        def client(name: str) -> Client:
            return stack.enter_context(openai.OpenAI(api_key=keys[name], base_url=f"{plane.url}/v1", max_retries=3))

        yield client


def granted(plane: ControlPlane, name: str, *, revoke: bool = False) -> None:
    """Let acme's fitter read a data set, or not any more."""
    who, acme = admin(plane, "acme"), plane.tenants["acme"]
    plane.run(plane.services.datasets.grant(who, acme, name, "1", Name("fitter"), ASK, revoke=revoke))


def begun(client: Client, called: str, suffix: str = "scores") -> Any:
    """Ask for a job over a data set."""
    return client.fine_tuning.jobs.create(
        model="tabular-logistic",
        training_file=f"dataset:{called}",
        suffix=suffix,
        seed=3,
        metadata={"label": "outcome"},
    )


def ended(plane: ControlPlane, client: Client, job: str) -> Any:
    """Wait until nothing runs any more, and return what became of a job."""
    plane.run(plane.services.training_jobs.idle())
    return client.fine_tuning.jobs.retrieve(job)


def test_what_a_job_read_and_made_stands_in_the_lineage_and_its_data_is_followed_to_what_serves(
    plane: ControlPlane, client: Callable[[str], Client], ask: Ask
) -> None:
    brought = bring(plane, "loans")
    assert brought.usable, brought.reasons
    granted(plane, "loans")
    acme = client("acme-fitter")
    job = ended(plane, acme, begun(acme, "loans@1").id)
    assert job.status == "succeeded", job.error
    assert job.training_file == "dataset:loans@1"
    called, digest = job.fine_tuned_model, job.model_extra["strongroom"]["digest"]

    told = ask("GET", f"/api/tenants/acme/lineage?of={called}", by="acme-admin").body["graph"]
    nodes = {each["id"].partition(":")[0]: each for each in told["nodes"]}
    assert nodes.keys() == {"source", "dataset", "run", "release"}
    run = nodes["run"]
    assert (run["name"], run["by"], run["facts"]["state"]) == (job.id, "training/fitter", "completed")
    assert run["until"] is not None
    assert (
        run["facts"] | {"seed": "3", "label": "outcome", "known": "observed", "trainer": "tabular-logistic"}
        == run["facts"]
    )
    assert float(run["facts"]["accuracy"]) > 0.6
    assert {(each["source"], each["target"], each["observed"]) for each in told["edges"]} >= {
        (f"dataset:{brought.digest}", run["id"], True),
        (run["id"], f"release:{digest}", True),
    }
    log = ask("GET", "/api/tenants/acme/audit?limit=200", by="acme-admin").body["data"]
    reads = [
        each for each in log if each["action"] == "dataset.read" and each["credential"] == run["facts"]["credential"]
    ]
    assert [(each["outcome"], each["resource"].rpartition("/")[2]) for each in reads] == [("allowed", "loans:1")]

    events = ask("GET", "/api/tenants/acme/lineage/events", by="acme-admin").body["data"]
    (done,) = [each for each in events if each["job"]["name"] == job.id and each["eventType"] == "COMPLETE"]
    assert [each["name"] for each in done["inputs"]] == ["dataset/loans@1"]
    assert [each["name"] for each in done["outputs"]] == [f"release/{called}"]
    forged = done | {"eventType": "FAIL"}
    no = ask(
        "POST", "/api/tenants/acme/lineage/events", by="acme-admin", data={"environment": "dev", "events": [forged]}
    )
    assert (no.status, "what was seen is not overwritten" in no.text) == (409, True)

    name, _, version = called.partition("@")
    approving = plane.services.admission.approve(
        Principal(role=Role.APPROVER, name="first-approver", credential=KeyId("")), name, version, DEV,
        tenant=plane.tenants["acme"], days=30, reason="looked at it", ask=ASK,
    )  # fmt: skip
    plane.run(approving)
    deployed = ask(
        "POST", "/api/tenants/acme/deployments", by="acme-admin",
        data={"environment": "dev", "name": "scores", "release": digest},
    )  # fmt: skip
    assert deployed.status == 201, deployed.text
    (serves,) = ask("GET", "/api/tenants/acme/lineage/serves?dataset=loans@1", by="acme-admin").body["data"]
    assert (serves["deployment"], serves["until"], serves["observed"]) == ("dev/scores", None, True)
    assert serves["by_way_of"] == ["loans@1", job.id, called]
    assert ask("DELETE", "/api/tenants/acme/deployments/dev/scores", by="acme-admin").status in {200, 204}
    (past,) = ask("GET", "/api/tenants/acme/lineage/serves?dataset=loans@1", by="acme-admin").body["data"]
    assert past["until"] is not None
    told = ask("GET", f"/api/tenants/acme/lineage?of={called}", by="acme-admin").body["graph"]
    (deployment,) = [each for each in told["nodes"] if each["id"].startswith("deployment:")]
    assert deployment["by"].endswith("acme-admin")
    assert deployment["facts"]["withdrawn by"] == deployment["by"]


def test_nobody_trains_with_a_data_set_without_a_grant_from_another_tenant_or_across_environments(
    plane: ControlPlane, client: Callable[[str], Client], ask: Ask
) -> None:
    bring(plane, "kept")
    bring(plane, "prods", environment=Environment.PROD)
    with pytest.raises(openai.PermissionDeniedError, match="has no grant for kept@1"):
        begun(client("acme-fitter"), "kept@1")
    granted(plane, "kept")
    with pytest.raises(openai.PermissionDeniedError, match="has no grant for kept@1"):
        begun(client("acme-stranger"), "kept@1")
    with pytest.raises(openai.PermissionDeniedError, match="is prod's, and is used nowhere else"):
        begun(client("acme-fitter"), "prods@1")
    for called in ("kept@1", "none@1", "kept", "@"):
        with pytest.raises(openai.NotFoundError):
            begun(client("globex-fitter"), called)
    log = ask("GET", "/api/tenants/acme/audit?limit=100", by="acme-admin").body["data"]
    no = [each for each in log if each["action"] == "training.run" and each["outcome"] == "refused"]
    assert {each["detail"]["file"] for each in no} >= {"dataset:kept@1", "dataset:prods@1"}


def test_a_grant_that_is_revoked_or_a_set_that_is_withdrawn_while_a_job_trains_ends_it_and_nothing_is_delivered(
    plane: ControlPlane, client: Callable[[str], Client], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, who, whose, datasets = (
        client("acme-fitter"),
        admin(plane, "acme"),
        plane.tenants["acme"],
        plane.services.datasets,
    )

    async def broke() -> Any:
        raise Failed("out_of_memory", "It needs more memory than a job may have.")

    acts: dict[str, Callable[[], Any]] = {
        "revoked": lambda: datasets.grant(who, whose, "revoked", "1", Name("fitter"), ASK, revoke=True),
        "withdrawn": lambda: datasets.withdraw(who, whose, "withdrawn", "1", "poisoned", ASK),
        "broke": broke,
    }
    for name, act in acts.items():
        bring(plane, name)
        granted(plane, name)

        async def meanwhile(*_: Any, act: Callable[[], Any] = act) -> Made:
            await act()
            return Made(model=b"never looked at", figures={})

        monkeypatch.setattr(plane.services.training_jobs._pool, "train", meanwhile)
        job = ended(plane, acme, begun(acme, f"{name}@1").id)
        told = job.error.code, job.fine_tuned_model, job.status
        assert told == ("out_of_memory" if name == "broke" else "refused", None, "failed")
        graph = ask("GET", f"/api/tenants/acme/lineage?of={name}@1&kind=dataset", by="acme-admin").body["graph"]
        (run,) = [each for each in graph["nodes"] if each["id"].startswith("run:")]
        assert (run["name"], run["facts"]["state"]) == (job.id, "failed")
        if name != "broke":
            with pytest.raises(openai.PermissionDeniedError):
                begun(acme, f"{name}@1")


def test_what_is_made_of_rows_that_were_erased_while_a_job_trained_is_not_delivered(
    plane: ControlPlane, client: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    services, who, whose = plane.services, admin(plane, "acme"), plane.tenants["acme"]
    verdicts = list[str]()

    async def erase() -> None:
        request = await services.subjects.take(who, whose, RequestKind.ERASE, "customer-3", "", "", ASK)
        text = await services.subject_work.erase(who, whose, "acme", request.id, "customer-3", ASK)
        verdicts.append(json.loads(text)["verdict"])

    async def meanwhile(_: Any, data: bytes) -> Made:
        assert b"sub_" not in data, "nobody stands in what is trained with"
        if not verdicts:
            await erase()
        return Made(model=b"never looked at", figures={})

    bring(plane, "people", about="who")
    granted(plane, "people")
    monkeypatch.setattr(services.training_jobs._pool, "train", meanwhile)
    job = ended(plane, client("acme-fitter"), begun(client("acme-fitter"), "people@1").id)
    assert (job.error.code, job.fine_tuned_model, verdicts) == ("changed", None, ["erased"])
    again = ended(plane, client("acme-fitter"), begun(client("acme-fitter"), "people@1").id)
    assert again.error.code != "changed", "the positive control: it goes on to be scanned, and is no model"


def test_what_a_brought_release_was_trained_on_is_said_with_it_and_a_wrong_word_is_told_before_a_byte_is_sent(
    plane: ControlPlane, ask: Ask
) -> None:
    brought = bring(plane, "outside")
    data = safetensors({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"\1" * 8)
    new: dict[str, Any] = {"name": "churn", "version": "1", "files": [{"path": "m.safetensors", "size": len(data)}]}
    for wrong, says in (
        ({"trained_on": ["none@1"]}, "There is no data set none@1"),
        ({"run": "00000000-0000-0000-0000-000000000001"}, "There is no run"),
    ):
        refused = ask("POST", "/api/uploads", by="acme-admin", data=new | wrong)
        assert (refused.status, says in refused.text) == (400, True), refused.text
    of_all = ask("POST", "/api/uploads", by="operator", data=new | {"trained_on": ["outside@1"]})
    assert (of_all.status, "are a tenant's" in of_all.text) == (400, True), of_all.text
    theirs = ask("POST", "/api/uploads", by="globex-admin", data=new | {"trained_on": ["outside@1"]})
    assert theirs.status == 400

    releases, who = plane.services.releases, admin(plane, "acme")
    asked = NewRelease(
        name="churn", version="1", files=[Part("m.safetensors", len(data))], trained_on=["outside@1", brought.digest]
    )
    begin = plane.run(releases.begin(who, asked, None, ASK))
    plane.run(releases.take(who, begin.id, 0, 0, data))
    plane.run(releases.finish(who, begin.id, [hashlib.sha256(data).hexdigest()], ASK))
    plane.run(releases.settled())
    assert plane.run(releases.progress(who, begin.id)).stage is Stage.ADMITTED
    told = ask("GET", "/api/tenants/acme/lineage?of=churn@1", by="acme-admin").body["graph"]
    (edge,) = [each for each in told["edges"] if each["target"].startswith("release:")]
    assert (edge["source"], edge["observed"], edge["by"]) == (f"dataset:{brought.digest}", False, str(who))
