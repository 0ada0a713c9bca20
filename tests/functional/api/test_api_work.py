"""What an operator and a tenant's administrator do every day."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.app.testing import RELEASE, ControlPlane

Ask = Any


def test_everyone_learns_who_they_are(plane: ControlPlane, ask: Ask) -> None:
    roles = {name: ask("GET", "/api/whoami", by=name).body for name in plane.tokens}
    assert roles["operator"]["role"] == "operator"
    assert roles["operator"]["tenant"] is None
    assert roles["acme-admin"]["tenant_name"] == "acme"
    assert roles["acme-inference"]["environment"] == "dev"
    assert roles["acme-inference"]["expires_at"].endswith("Z")
    assert {answer["role"] for answer in roles.values()} == {
        "operator",
        "approver",
        "tenant-admin",
        "inference",
        "evaluation",
    }


def test_a_tenant_from_its_beginning_to_its_end(ask: Ask) -> None:
    made = ask("POST", "/api/tenants", by="operator", data={"name": "initech"})
    assert made.status == 201
    tenant = made.body
    assert ask("GET", "/api/tenants/initech", by="operator").body == tenant
    assert ask("GET", f"/api/tenants/{tenant['id']}", by="operator").body == tenant
    names = [each["name"] for each in ask("GET", "/api/tenants", by="operator").body["data"]]
    assert names == ["acme", "globex", "initech"]
    places = ask("GET", "/api/tenants/initech/environments", by="operator").body["data"]
    assert places == [
        {"name": "dev", "max_key_days": 7},
        {"name": "test", "max_key_days": 30},
        {"name": "prod", "max_key_days": 90},
    ]

    admin = ask(
        "POST", "/api/accounts", by="operator", data={"name": "ada", "role": "tenant-admin", "tenant": "initech"}
    ).body
    workload = {"name": "search", "environment": "prod", "role": "inference", "owner": "Team Search"}
    made = ask("POST", "/api/tenants/initech/workloads", by=admin["token"], data=workload)
    assert made.status == 201
    assert made.body | workload == made.body
    key = ask(
        "POST", "/api/tenants/initech/keys", by=admin["token"], data={"environment": "prod", "workload": "search"}
    )
    assert key.status == 201
    assert key.fields["cache-control"] == "no-store"
    assert key.body["secret"].startswith("srk_inf_prod_")
    assert ask("GET", "/api/whoami", by=key.body["secret"]).body["name"] == "search"
    deployed = ask(
        "POST",
        "/api/tenants/initech/deployments",
        by=admin["token"],
        data={"name": "tiny", "environment": "prod", "release": RELEASE.digest},
    )
    assert deployed.status == 201

    again = ask("POST", "/api/tenants", by="operator", data={"name": "initech"})
    assert (again.status, again.body["detail"]) == (409, "There is a tenant called initech already.")

    assert ask("DELETE", "/api/tenants/initech", by="operator").status == 204
    assert ask("GET", "/api/tenants/initech", by="operator").status == 404
    assert ask("GET", f"/api/tenants/{tenant['id']}", by="operator").status == 404
    for dead in (key.body["secret"], admin["token"]):
        assert ask("GET", "/api/whoami", by=dead).status == 401
    assert "ada" not in {each["name"] for each in ask("GET", "/api/accounts", by="operator").body["data"]}

    second = ask("POST", "/api/tenants", by="operator", data={"name": "initech"}).body
    assert second["id"] != tenant["id"]
    assert ask("GET", "/api/whoami", by=key.body["secret"]).status == 401  # the old tenant's keys stay dead
    assert ask("GET", "/api/tenants/initech/keys", by="operator").body == {"data": []}
    assert ask("DELETE", "/api/tenants/initech", by="operator").status == 204


@pytest.mark.parametrize("by", ["operator", "acme-admin"])
@pytest.mark.parametrize("path", ["/api/tenants/acme/keys/{id}", "/api/keys/{id}"])
def test_a_key_is_revoked_and_refused_in_the_next_request(ask: Ask, by: str, path: str) -> None:
    made = ask(
        "POST", "/api/tenants/acme/keys", by=by, data={"environment": "dev", "workload": "inference", "label": "ci"}
    ).body
    place = path.format(id=made["key"]["id"])
    assert ask("GET", place, by=by).body == made["key"]
    ended = ask("POST", f"{place}/revoke", by=by, data={"reason": "it leaked"})
    assert ended.status == 200
    assert ended.body["status"] == "revoked"
    assert ended.body["revoked_reason"] == "it leaked"
    assert ask("GET", "/api/whoami", by=made["secret"]).status == 401
    again = ask("POST", f"/api/keys/{made['key']['id']}/revoke?tenant=acme", by=by, data={})
    assert again.body == ended.body  # ending it again changes nothing
    newest = ask("GET", "/api/tenants/acme/audit?limit=20", by=by).body["data"]
    entry = next(each for each in newest if each["action"] == "key.revoke" and "reason" in each["detail"])
    assert entry["detail"]["reason"] in {"it leaked", "revoked"}


def test_an_accounts_token_is_reissued_and_revoked(ask: Ask) -> None:
    made = ask("POST", "/api/accounts", by="operator", data={"name": "bob", "role": "approver"}).body
    assert ask("GET", "/api/models", by=made["token"]).status == 200
    newer = ask("POST", "/api/accounts/bob/token", by="operator").body
    assert ask("GET", "/api/whoami", by=made["token"]).status == 401
    assert ask("GET", "/api/whoami", by=newer["token"]).status == 200
    shown = ask("GET", f"/api/keys/{newer['key_id']}", by="operator").body
    assert (shown["account"], shown["status"]) == ("bob", "active")
    ended = ask("POST", f"/api/keys/{newer['key_id']}/revoke", by="operator", data={"reason": "lost laptop"}).body
    assert ended["status"] == "revoked"
    assert ask("GET", "/api/whoami", by=newer["token"]).status == 401
    assert ask("POST", f"/api/keys/{newer['key_id']}/revoke", by="operator", data={}).body == ended
    assert ask("DELETE", "/api/accounts/bob", by="operator").status == 204
    assert ask("DELETE", "/api/accounts/bob", by="operator").status == 404


def test_a_workload_and_a_deployment_end(ask: Ask) -> None:
    workload = {"name": "batch", "environment": "test", "role": "evaluation", "owner": "qa"}
    assert ask("POST", "/api/tenants/globex/workloads", by="globex-admin", data=workload).status == 201
    assert ask("POST", "/api/tenants/globex/workloads", by="globex-admin", data=workload).status == 409
    key = ask(
        "POST", "/api/tenants/globex/keys", by="globex-admin", data={"environment": "test", "workload": "batch"}
    ).body
    assert ask("DELETE", "/api/tenants/globex/workloads/test/batch", by="globex-admin").status == 204
    assert ask("GET", "/api/whoami", by=key["secret"]).status == 401
    assert ask("DELETE", "/api/tenants/globex/workloads/test/batch", by="globex-admin").status == 404

    deployment = {"name": "second", "environment": "test", "release": RELEASE.digest}
    assert ask("POST", "/api/tenants/globex/deployments", by="globex-admin", data=deployment).status == 201
    listed = ask("GET", "/api/tenants/globex/deployments", by="globex-admin").body["data"]
    assert [each["name"] for each in listed] == ["tiny", "second"]
    assert ask("DELETE", "/api/tenants/globex/deployments/test/second", by="globex-admin").status == 204
    assert ask("DELETE", "/api/tenants/globex/deployments/test/second", by="globex-admin").status == 404


def test_the_logs_are_read_in_pages(ask: Ask) -> None:
    for path, by in (("/api/audit", "operator"), ("/api/tenants/acme/audit", "acme-admin")):
        first = ask("GET", f"{path}?limit=2", by=by).body["data"]
        assert len(first) == 2
        rest = ask("GET", f"{path}?limit=200&before={first[-1]['id']}", by=by).body["data"]
        assert not {each["id"] for each in first} & {each["id"] for each in rest}
        assert rest[0]["at"] <= first[-1]["at"]


def test_settings_and_checks_are_shown_to_operators(ask: Ask) -> None:
    settings = {each["name"]: each for each in ask("GET", "/api/config", by="operator").body["data"]}
    assert settings["gateway.port"]["value"] == 8400
    assert settings["gateway.port"]["source"] == "default"
    assert ask("GET", "/api/doctor", by="operator").body == {
        "data": [{"name": "database", "status": "ok", "detail": "answers", "fix": ""}]
    }


def test_health_and_the_document_need_no_credential(ask: Ask) -> None:
    assert ask("GET", "/livez").text == "ok\n"
    assert ask("GET", "/readyz").text == "ready\n"
    document = ask("GET", "/api/openapi.json")
    assert document.fields["content-type"].startswith("application/json")
    assert document.body["openapi"].startswith("3.1")
    assert "strongroom.identity" not in document.text  # no module names in schema names
    assert ask("GET", "/schema").status == 404
    assert ask("GET", "/api/swagger").status == 404


def test_what_was_used_of_limits_is_for_the_tenant_and_the_operator(ask: Ask) -> None:
    for caller in ("operator", "acme-admin"):
        assert ask("GET", "/api/tenants/acme/limits", by=caller).body == {"data": []}
    for caller in ("acme-inference", "globex-admin", "approver"):
        assert ask("GET", "/api/tenants/acme/limits", by=caller).status in {403, 404}
