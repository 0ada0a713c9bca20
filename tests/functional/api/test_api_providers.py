"""Providers: registered by operators, reached at checked addresses alone, and never with their secret in an answer."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from strongroom.providers import PROVIDER, ProviderDocument

Ask = Any

SECRET: Final = "sk-canary-7f3a90b1c2d4"
ASSESSED: Final = {
    "region": "eu-central",
    "agreement": "DPA-2026-014",
    "assessed_on": "2026-01-01",
    "assessed_until": "2099-12-31",
}
WHERE: Final = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "owner": "Team Procurement"}


def test_a_provider_from_its_registration_to_its_end(ask: Ask) -> None:
    body = {"name": "outside", **WHERE, **ASSESSED, "secret": SECRET}
    made = ask("POST", "/api/providers", by="operator", data=body)
    assert made.status == 201
    assert made.body["has_secret"] is True
    assert made.body["obstacle"] is None
    assert made.body["base_url"] == "http://127.0.0.1:9"  # the protocol's own paths begin with /v1
    assert ask("GET", "/api/providers/outside", by="operator").body == made.body
    assert ask("POST", "/api/providers", by="operator", data=body).status == 409

    changed = ask("PATCH", "/api/providers/outside", by="operator", data={"assessed_until": "2026-01-31"})
    assert changed.body["obstacle"] == "not routed to: assessment ended 2026-01-31"
    assert changed.body["version"] == 2
    assert changed.body["has_secret"] is True
    listed = ask("GET", "/api/providers", by="operator").body["data"]
    assert [each["obstacle"] for each in listed if each["name"] == "outside"] == [changed.body["obstacle"]]

    assert ask("DELETE", "/api/providers/outside", by="operator").status == 204
    assert ask("GET", "/api/providers/outside", by="operator").status == 404
    again = ask("POST", "/api/providers", by="operator", data={"name": "outside", **WHERE})
    assert again.body["id"] != made.body["id"]
    assert again.body["has_secret"] is False
    assert again.body["obstacle"] == "not routed to: no assessment"


def test_a_secret_is_in_no_answer_no_log_and_no_document(ask: Ask) -> None:
    answers = [
        ask("POST", "/api/providers", by="operator", data={"name": "sealed", **WHERE, **ASSESSED, "secret": SECRET}),
        ask("PATCH", "/api/providers/sealed", by="operator", data={"secret": f"{SECRET}2"}),
        ask("PATCH", "/api/providers/sealed", by="operator", data={"secret": f"{SECRET} with a space"}),
        ask("PATCH", "/api/providers/sealed", by="operator", data={"secret": [SECRET]}),
        ask("GET", "/api/providers", by="operator"),
        ask("GET", "/api/providers/sealed", by="operator"),
        ask("GET", "/api/audit", by="operator"),
        ask("GET", "/api/tenants/acme/providers", by="acme-admin"),
    ]
    assert [answer.status for answer in answers] == [201, 200, 400, 400, 200, 200, 200, 200]
    assert "changes" in answers[6].text  # the names of the fields are told
    for answer in answers:
        assert SECRET not in answer.text
        assert SECRET not in str(answer.fields)


@pytest.mark.parametrize(
    ("base_url", "says"),
    [
        ("http://169.254.169.254/latest", "link-local"),
        ("https://[fd00:ec2::254]/", "link-local"),
        ("https://[::ffff:169.254.169.254]/", "link-local"),
        ("https://[64:ff9b::a9fe:a9fe]/", "link-local"),
        ("https://0.0.0.0/", "link-local"),
        ("https://[::]/", "link-local"),
        ("https://224.0.0.1/", "link-local"),
        ("https://10.0.0.1/", "upstream_networks"),
        ("https://192.168.1.1/", "upstream_networks"),
        ("https://[::1]/", "upstream_networks"),
        ("https://[fc00::1]/", "upstream_networks"),
        ("http://93.184.216.34/", "without TLS"),
        ("https://no-such-name.example/", "cannot be resolved"),
        ("https://user:pass@127.0.0.1/", "without user"),
        ("https://127.0.0.1/?q", "without user"),
        ("https://127.0.0.1/a/../b", "no `.`"),
        ("ftp://127.0.0.1/x", "A base URL"),
        ("https://127.0.0.1:99999/", "A base URL"),
    ],
)
def test_an_address_that_must_not_be_asked_is_refused_at_registration(ask: Ask, base_url: str, says: str) -> None:
    body = {"name": "bad", **WHERE, "base_url": base_url}
    answer = ask("POST", "/api/providers", by="operator", data=body)
    assert (answer.status, answer.body["param"]) == (400, "base_url")
    assert says in answer.body["detail"]
    assert ask("GET", "/api/providers/bad", by="operator").status == 404


def test_a_stored_secret_does_not_follow_to_another_address(ask: Ask) -> None:
    ask("POST", "/api/providers", by="operator", data={"name": "moving", **WHERE, "secret": SECRET})
    moved = {"base_url": "http://127.0.0.1:10"}
    answer = ask("PATCH", "/api/providers/moving", by="operator", data=moved)
    assert (answer.status, answer.body["param"]) == (400, "secret")
    assert ask("GET", "/api/providers/moving", by="operator").body["base_url"] == "http://127.0.0.1:9"
    assert ask("PATCH", "/api/providers/moving", by="operator", data={**moved, "secret": SECRET}).status == 200


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"assessed_on": "2026-01-01"}, "assessed_until"),
        ({"assessed_on": "2026-02-01", "assessed_until": "2026-01-01"}, "assessed_until"),
        ({"ca": "-----BEGIN CERTIFICATE-----\nnot one\n"}, "ca"),
        ({"open_to": ["nobody"]}, None),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    ask: Ask, change: dict[str, Any], param: str | None
) -> None:
    answer = ask("POST", "/api/providers", by="operator", data={"name": "odd", **WHERE, **change})
    assert answer.status == (404 if param is None else 400)
    assert answer.body.get("param") == param
    assert ask("GET", "/api/providers/odd", by="operator").status == 404


def test_a_tenant_sees_what_is_open_to_it_and_neither_address_nor_secret(ask: Ask) -> None:
    for name, open_to in (("for-acme", ["acme"]), ("for-globex", ["globex"])):
        body = {"name": name, **WHERE, **ASSESSED, "open_to": open_to, "secret": SECRET}
        assert ask("POST", "/api/providers", by="operator", data=body).status == 201
    seen = ask("GET", "/api/tenants/acme/providers", by="acme-admin").body["data"]
    names = {each["name"] for each in seen}
    assert "for-acme" in names
    assert "for-globex" not in names
    assert set(seen[0]) == {"name", "kind", "region", "owner", "assessed_on", "assessed_until", "routed"}
    assert "127.0.0.1" not in json.dumps(seen)
    of_globex = ask("GET", "/api/tenants/globex/providers", by="globex-admin").body["data"]
    assert "for-globex" in {each["name"] for each in of_globex}
    assert ask("GET", "/api/tenants/globex/providers", by="acme-admin").status == 404


def test_a_refused_registration_is_audited(ask: Ask) -> None:
    assert ask("POST", "/api/providers", by="acme-admin", data={"name": "mine", **WHERE}).status == 404
    entries = ask("GET", "/api/tenants/acme/audit", by="acme-admin").body["data"]
    assert ("provider.create", "refused") in {(entry["action"], entry["outcome"]) for entry in entries}


def test_a_document_does_not_show_its_secret() -> None:
    document = ProviderDocument(
        name="x", kind="openai", engine="other", base_url="https://x", ca=None, secret=b"sealed", secret_version=1,  # type: ignore[arg-type]
        open_to=None, region=None, agreement=None, assessed_on=None, assessed_until=None,
    )  # fmt: skip
    assert PROVIDER == "provider"
    assert "sealed" not in repr(document)


def test_a_deployment_of_providers_from_its_beginning_to_its_end(ask: Ask) -> None:
    for name, open_to in (("first", ["acme"]), ("second", None), ("theirs", ["globex"])):
        body = {"name": name, **WHERE, **ASSESSED, **({} if open_to is None else {"open_to": open_to})}
        assert ask("POST", "/api/providers", by="operator", data=body).status == 201
    targets = [
        {"provider": "first", "model": "gpt-x", "weight": 3, "fallback": 0},
        {"provider": "second", "model": "gpt-y", "weight": 1, "fallback": 1},
    ]
    place = "/api/tenants/acme/deployments"
    wanted = {"name": "outside", "environment": "prod", "kind": "chat", "targets": targets}
    made = ask("POST", place, by="acme-admin", data=wanted)
    assert made.status == 201
    assert made.body["targets"] == targets
    assert (made.body["release"], made.body["kind"]) == (None, "chat")
    assert made.body in ask("GET", place, by="acme-admin").body["data"]
    assert ask("POST", place, by="acme-admin", data=wanted).status == 409

    def refused(**changes: Any) -> str:
        answer = ask("POST", place, by="acme-admin", data={**wanted, "name": "other", **changes})
        assert answer.status == 400, answer.text
        return str(answer.body["param"])

    foreign, absent = ({"provider": name, "model": "m"} for name in ("theirs", "nowhere"))
    assert refused(targets=[foreign]) == refused(targets=[absent]) == "targets[0].provider"
    assert refused(kind="infer") == "targets[0].provider"
    assert refused(kind=None) == "kind"
    assert refused(targets=[]) == "release"
    assert refused(release=f"sha256:{'a' * 64}") == "release"
    assert refused(targets=[{"provider": "first", "model": "has space"}]) == "targets[0].model"

    tensors = {"name": "tensors", **WHERE, **ASSESSED, "kind": "oip"}
    assert ask("POST", "/api/providers", by="operator", data=tensors).status == 201
    for model in ("..", ".", "../../metrics", "m/versions/..", "m/versions/", "a/b", "%2e%2e", "..;", "/versions/1"):
        asked = refused(kind="infer", targets=[{"provider": "tensors", "model": model}])
        assert asked == "targets[0].model", model
    fine = [{"provider": "tensors", "model": "credit.v1/versions/3"}]
    assert (
        ask("POST", place, by="acme-admin", data={**wanted, "name": "t", "kind": "infer", "targets": fine}).status
        == 201
    )
    assert ask("DELETE", f"{place}/prod/t", by="acme-admin").status == 204

    assert ask("DELETE", "/api/providers/first", by="operator").status == 204
    now = next(each for each in ask("GET", place, by="acme-admin").body["data"] if each["name"] == "outside")
    assert [target["provider"] for target in now["targets"]] == ["(not open to this tenant)", "second"]
    assert ask("DELETE", f"{place}/prod/outside", by="acme-admin").status == 204
