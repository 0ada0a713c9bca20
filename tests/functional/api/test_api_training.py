"""Training through OpenAI's own client, on a real control port: files, jobs, what they may and what they may not."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import ExitStack
from functools import cache
from typing import Any, TypeAlias

import openai
import pytest

from strongroom.app.seed import INSTALLER
from strongroom.app.testing import ControlPlane
from strongroom.identity import issuing
from strongroom.kernel.ids import Name
from strongroom.kernel.principal import Environment, Role
from strongroom.policy import Ask as Facts

Ask: TypeAlias = Any
Client: TypeAlias = openai.OpenAI


def table(rows: int = 200, *, more: str = "") -> bytes:
    """Return a table whose label follows from its numbers, mostly."""
    drawn = random.Random(7)  # noqa: S311 - made-up numbers
    lines = ["income,debt,label" + (",mail" if more else "")]
    for _ in range(rows):
        income, debt = drawn.gauss(0, 1), drawn.gauss(0, 1)
        label = "repaid" if income - debt + drawn.gauss(0, 0.5) > 0 else "defaulted"
        lines.append(f"{income:.3f},{debt:.3f},{label}" + (f",{more}" if more else ""))
    return "\n".join(lines).encode()


@pytest.fixture(scope="module")
def trainers(plane: ControlPlane) -> dict[str, str]:
    """Return keys of training workloads: acme's in dev and in test, and globex's in dev."""

    async def make() -> dict[str, str]:
        found: dict[str, str] = {}
        for tenant, environment in (("acme", "dev"), ("acme", "test"), ("globex", "dev")):
            place, name = Environment(environment), Name("trainer")
            whose, ask = plane.tenants[tenant], Facts()
            made = plane.services.identity
            await made.create_workload(
                INSTALLER, whose, environment=place, name=name, role=Role.TRAINING, owner="team", ask=ask
            )
            key = await made.create_key(INSTALLER, whose, environment=place, workload=name, ask=ask)
            found[f"{tenant}-{environment}"] = key.secret
        await plane.services.follower.refresh(5.0)
        return found

    made: dict[str, str] = plane.run(make())
    return made


@pytest.fixture(scope="module")
def client(plane: ControlPlane, trainers: dict[str, str]) -> Generator[Callable[[str], Client]]:
    """Return a function that makes OpenAI's client with a key, by its name or as it is."""
    with ExitStack() as stack:

        @cache
        def client(name: str) -> Client:
            key = trainers.get(name) or plane.tokens.get(name, name)
            return stack.enter_context(openai.OpenAI(api_key=key, base_url=f"{plane.url}/v1", max_retries=3))

        yield client


def ended(plane: ControlPlane, client: Client, job: str) -> Any:
    """Wait until nothing runs any more, and return what became of a job."""
    plane.run(plane.services.training_jobs.idle())
    return client.fine_tuning.jobs.retrieve(job)


def followed(ask: Ask, job: str, file: str, release: str) -> None:
    """Hold what the lineage says of a deleted file against what is known of its job."""
    graph = ask("GET", f"/api/tenants/acme/lineage?of={file}&kind=file", by="acme-admin").body["graph"]
    nodes = {each["id"].partition(":")[0]: each for each in graph["nodes"]}
    assert (nodes["run"]["name"], nodes["run"]["facts"]["state"]) == (job, "completed")
    assert 0 < float(nodes["run"]["facts"]["epsilon"]) <= 3
    assert (nodes["release"]["name"], nodes["file"]["facts"]["called"]) == (release, "loans.csv")
    assert nodes["file"]["until"] is not None
    assert {each["observed"] for each in graph["edges"]} == {True}
    assert ask("GET", f"/api/tenants/globex/lineage?of={file}&kind=file", by="globex-admin").status == 404
    assert ask("GET", f"/api/tenants/acme/lineage/serves?dataset={file}&kind=file", by="acme-admin").body["data"] == []


def test_a_job_makes_a_release_that_nobody_may_deploy_unapproved_and_its_credential_ends_with_it(
    client: Callable[[str], Client], ask: Ask, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Isolation test 53."""
    secrets: list[str] = []
    real = issuing.issue

    async def issue(*given: Any, **named: Any) -> Any:
        made = await real(*given, **named)
        secrets.append(made[1].text)
        return made

    monkeypatch.setattr(issuing, "issue", issue)
    acme = client("acme-dev")
    file = acme.files.create(file=("loans.csv", table(more="jane.doe@example.org")), purpose="fine-tune")
    assert file.status == "processed"
    assert "mail (200)" in (file.status_details or "")
    asked: dict[str, Any] = {"model": "tabular-logistic-dp", "training_file": file.id, "suffix": "loans"}
    job = acme.fine_tuning.jobs.create(**asked, metadata={"bounds": "*=-3:3", "drop": "mail", "epsilon": "3"}, seed=1)
    # While it runs, nobody else sees it: another tenant as little as another environment of the same.
    for name in ("globex-dev", "acme-test"):
        with pytest.raises(openai.NotFoundError):
            client(name).fine_tuning.jobs.retrieve(job.id)
        with pytest.raises(openai.NotFoundError):
            client(name).files.retrieve(file.id)
        with pytest.raises(openai.NotFoundError):
            client(name).fine_tuning.jobs.create(**asked, metadata={"bounds": "*=-3:3"})
        assert not client(name).fine_tuning.jobs.list().data
        assert not client(name).files.list().data
    found = ended(plane, acme, job.id)
    assert found.status == "succeeded", found.error
    figures = found.model_extra["strongroom"]["figures"]
    assert 0 < figures["epsilon"] <= 3
    assert figures["delta"] == 1e-5
    assert figures["accuracy"] > 0.6
    name, _, version = found.fine_tuned_model.partition("@")
    # Quarantined, scanned and signed; what made it is in its statement; it serves nowhere before people approved it.
    shown = ask("GET", f"/api/models/{name}/{version}?tenant=acme", by="operator")
    assert shown.status == 200, shown.text
    refused = ask(
        "POST",
        "/api/tenants/acme/deployments",
        by="acme-admin",
        data={"environment": "dev", "name": "loans", "release": found.model_extra["strongroom"]["digest"]},
    )
    assert refused.status == 403, refused.text
    assert "approv" in refused.text
    assert [each.message for each in acme.fine_tuning.jobs.list_events(job.id).data][-1].startswith("Created")
    # The job's own credential: it did read and deliver, and now it does nothing.
    (token,) = secrets
    with pytest.raises(openai.AuthenticationError):
        client(token).fine_tuning.jobs.list()
    log = ask("GET", "/api/tenants/acme/audit?limit=200", by="acme-admin").body["data"]
    own = {
        (each["action"], each["outcome"])
        for each in log
        if each["credential"] == found.model_extra["strongroom"]["credential"]
    }
    assert {("dataset.read", "allowed"), ("training.deliver", "allowed"), ("training.run", "allowed")} <= own
    strangers = ask("GET", "/api/audit?limit=50", by="operator").body["data"]
    assert any(found.model_extra["strongroom"]["credential"] in each["reason"] for each in strangers)
    told = ask("GET", f"/api/tenants/acme/training/jobs/{job.id}", by="acme-admin").body
    assert told["release"] == found.fine_tuned_model
    assert ask("GET", f"/api/tenants/acme/training/jobs/{job.id}", by="globex-admin").status == 404
    # Its file, its run and its release are one lineage, which stays when the file is gone.
    acme.files.delete(file.id)
    with pytest.raises(openai.NotFoundError):
        acme.files.retrieve(file.id)
    followed(ask, job.id, file.id, found.fine_tuned_model)


@pytest.mark.parametrize("name", ["acme-inference", "acme-evaluation", "acme-admin", "operator"])
def test_no_other_role_trains_and_the_refusal_is_in_the_log(
    client: Callable[[str], Client], ask: Ask, name: str
) -> None:
    with pytest.raises(openai.APIStatusError) as no:
        client(name).files.create(file=("loans.csv", table()), purpose="fine-tune")
    assert no.value.status_code in {403, 404}
    with pytest.raises(openai.APIStatusError):
        client(name).fine_tuning.jobs.list()
    where, by = ("/api/audit", "operator") if name == "operator" else ("/api/tenants/acme/audit", "acme-admin")
    log = ask("GET", f"{where}?limit=20", by=by).body["data"]
    assert any(each["action"] == "training.run" and each["outcome"] == "refused" for each in log)


def test_a_training_key_brings_no_release_and_asks_no_model(ask: Ask, trainers: dict[str, str]) -> None:
    new = {"name": "x", "version": "1", "files": [{"path": "m.onnx", "size": 1}]}
    assert ask("POST", "/api/uploads", by=trainers["acme-dev"], data=new).status in {403, 404}
    assert ask("GET", "/api/models", by=trainers["acme-dev"]).status in {403, 404}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"a,label\n1,2,3\n", "cells"),
        (b'{"a": 1, "label": {"b": 2}}\n', "flat"),
        (b'{"a": 1, "label": 2}\n{"a": \n', "Line 2"),
        (b"a,label\n1,2\n", "rows"),
    ],
)
def test_what_is_no_table_is_told_so_and_not_kept(client: Callable[[str], Client], content: bytes, says: str) -> None:
    acme = client("acme-test")
    with pytest.raises(openai.BadRequestError) as no:
        acme.files.create(file=("bad.csv", content), purpose="fine-tune")
    assert says in no.value.message
    assert not acme.files.list().data


def test_jobs_that_cannot_be_are_told_why_and_a_running_one_is_cancelled(
    client: Callable[[str], Client], ask: Ask
) -> None:
    acme = client("acme-dev")
    file = acme.files.create(file=("loans.csv", table()), purpose="fine-tune")
    for given, says in (
        ({"model": "gpt-4o"}, "model"),
        ({"suffix": "No Name"}, "suffix"),
        ({"model": "tabular-logistic-dp"}, "bounds"),
        ({"metadata": {"shell": "x"}}, "shell"),
    ):
        asked: dict[str, Any] = {"model": "tabular-logistic", "training_file": file.id, "suffix": "loans", **given}
        with pytest.raises(openai.BadRequestError) as no:
            acme.fine_tuning.jobs.create(**asked)
        assert says in no.value.message + str(no.value.param)
    with pytest.raises(openai.BadRequestError):
        acme.files.create(file=("loans.csv", table()), purpose="assistants")
    job = acme.fine_tuning.jobs.create(model="tabular-boosting", training_file=file.id, suffix="loans")
    with pytest.raises(openai.BadRequestError):  # a job trains with it
        acme.files.delete(file.id)
    assert ask("POST", f"/api/tenants/acme/training/jobs/{job.id}/cancel", by="globex-admin").status == 404
    with pytest.raises(openai.NotFoundError):
        client("globex-dev").fine_tuning.jobs.cancel(job.id)
    assert acme.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    assert acme.fine_tuning.jobs.retrieve(job.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        acme.fine_tuning.jobs.cancel(job.id)
    keys = ask("GET", "/api/tenants/acme/keys", by="acme-admin").body["data"]
    assert {each["status"] for each in keys if each["label"] == f"job {job.id}"} == {"revoked"}
    acme.files.delete(file.id)
