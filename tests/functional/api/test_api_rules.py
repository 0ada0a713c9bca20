"""Documents of rules through the control API: who may write which, that versions do not get lost, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.app.testing import ControlPlane

Ask = Any

OWN = "/api/tenants/acme/rules/disclosure/own"
CEILING = "/api/tenants/acme/rules/disclosure/ceiling"


def body(document: object, expected: int = 0, reason: str = "a test") -> dict[str, Any]:
    return {"document": document, "expected": expected, "reason": reason}


def last(ask: Ask, tenant: str = "acme") -> dict[str, int]:
    found: dict[str, int] = ask("GET", f"/api/tenants/{tenant}/rules/disclosure", by="operator").body["last"]
    return found


def test_operators_write_ceilings_and_administrators_narrow(ask: Ask) -> None:
    made = ask("PUT", CEILING, by="operator", data=body({"rules": [{"seed": True, "n": 3}]}))
    assert made.status == 200, made.text
    assert (made.body["version"], made.body["level"], made.body["author"]) == (1, "ceiling", "operator/operator")
    assert made.body["document"] == {"rules": [{"n": 3, "seed": True}]}
    own = ask("PUT", OWN, by="acme-admin", data=body({"rules": [{"n": 2}]}))
    assert own.status == 200, own.text

    shown = ask("GET", "/api/tenants/acme/rules/disclosure", by="acme-admin").body
    assert shown["ceiling"] == made.body
    assert shown["own"] == own.body
    assert shown["last"] == {"ceiling": 1, "own": 1}
    kinds = {each["kind"]: each for each in ask("GET", "/api/tenants/acme/rules", by="operator").body["data"]}
    assert kinds["disclosure"]["own"]["digest"] == own.body["digest"]
    assert ask("GET", "/api/tenants/globex/rules/disclosure", by="globex-admin").body["own"] is None

    # Each may write its own word and no other's.
    assert ask("PUT", CEILING, by="acme-admin", data=body({"rules": []}, 1)).status == 403
    assert ask("PUT", OWN, by="operator", data=body({"rules": []}, 1)).status == 403
    assert ask("PUT", "/api/rules/disclosure", by="acme-admin", data=body({"rules": []})).status == 404
    assert last(ask) == {"ceiling": 1, "own": 1}
    log = ask("GET", "/api/tenants/acme/audit?limit=50", by="acme-admin").body["data"]
    written = [each for each in log if each["action"].startswith("rules.write")]
    assert {(each["action"], each["outcome"]) for each in written} >= {
        ("rules.write", "allowed"),
        ("rules.write_ceiling", "allowed"),
        ("rules.write_ceiling", "refused"),
    }
    assert next(each for each in written if each["outcome"] == "allowed")["detail"]["reason"] == "a test"


def test_a_version_is_not_lost_to_a_writer_who_has_not_seen_it(ask: Ask) -> None:
    path = "/api/tenants/globex/rules/disclosure/ceiling"
    for expected in range(3):
        document = {"rules": [{"n": expected + 1}]}
        assert ask("PUT", path, by="operator", data=body(document, expected, f"step {expected}")).status == 200
    for stale in (0, 2, 4, 100):
        late = ask("PUT", path, by="operator", data=body({"rules": []}, stale))
        assert (late.status, late.body["param"]) == (409, "expected")
    history = ask("GET", f"{path}/history", by="globex-admin").body["data"]
    assert [each["version"] for each in history] == [3, 2, 1]
    assert [each["reason"] for each in history] == ["step 2", "step 1", "step 0"]
    assert len({each["digest"] for each in history}) == 3
    page = ask("GET", f"{path}/history?limit=1&before=3", by="operator").body["data"]
    assert [each["version"] for each in page] == [2]


def test_what_is_withdrawn_is_in_force_no_more_and_in_the_history_still(ask: Ask) -> None:
    assert ask("PUT", "/api/rules/disclosure", by="operator", data=body({"rules": [{"n": 7}]})).status == 200
    seen = ask("GET", "/api/tenants/acme/rules/disclosure", by="acme-admin").body
    assert seen["default"]["document"] == {"rules": [{"n": 7}]}
    gone = ask("PUT", "/api/rules/disclosure", by="operator", data=body(None, 1)).body
    assert (gone["withdrawn"], gone["document"]) == (True, {})
    shown = ask("GET", "/api/rules/disclosure", by="operator").body
    assert (shown["default"], shown["last"]) == (None, {"default": 2})
    assert [each["withdrawn"] for each in ask("GET", "/api/rules/disclosure/history", by="operator").body["data"]] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("data", "param"),
    [
        (body({"rules": [{"seed": "yes"}]}), "rules[0].seed"),
        (body({"rules": [{"sed": True}]}), "rules[0]"),
        (body({"rules": [{"models": ["UPPER"]}]}), "rules[0].models[0]"),
        (body({"rules": [{"name": "srk_inf_dev_0123456789abcdef"}]}), "document"),
        (body({}, reason=""), "reason"),
        (body({}, expected=-1), "expected"),
        ({"expected": 0, "reason": "r"}, "document"),
        (body([]), "document"),
    ],
    ids=str,
)
def test_a_document_is_refused_where_it_is_wrong(ask: Ask, data: dict[str, Any], param: str) -> None:
    answer = ask("PUT", OWN, by="acme-admin", data=data)
    assert (answer.status, answer.body.get("param")) == (400, param), answer.text


@pytest.mark.parametrize("path", ["nonsense/own", "disclosure/default", "disclosure/nonsense"])
def test_there_is_no_other_kind_or_level(ask: Ask, path: str) -> None:
    answer = ask("PUT", f"/api/tenants/acme/rules/{path}", by="acme-admin", data=body({}))
    assert answer.status in {400, 404}, answer.text


def test_a_tenant_reaches_no_rules_of_another(ask: Ask) -> None:
    before = last(ask, "globex")
    answer = ask("PUT", "/api/tenants/globex/rules/disclosure/own", by="acme-admin", data=body({"rules": []}))
    assert answer.status == 404
    assert last(ask, "globex") == before


def test_the_gate_is_asked_before_a_document_is_read(ask: Ask) -> None:
    """What is wrong with a document is told, and takes time to find out, for nobody who may not write it."""
    wrong = {"rules": [{"forbid": "not cedar"}]}
    data = body(wrong)
    assert ask("PUT", "/api/tenants/acme/rules/access/ceiling", by="acme-admin", data=data).status == 403
    assert ask("PUT", "/api/rules/access", by="acme-admin", data=data).status == 404
    assert ask("PUT", "/api/tenants/acme/rules/access/own", by="acme-admin", data=data).status == 400
    path, tried = "/api/tenants/acme/rules/access/own/dry-run", {"document": wrong}
    answer = ask("POST", path, by="acme-admin", data=tried)
    assert (answer.status, answer.body["param"]) == (400, "rules[0].forbid")
    for method, where, sent in (("POST", path, tried), ("PUT", path.removesuffix("/dry-run"), data)):
        answer = ask(method, where, by="acme-inference", data=sent)
        assert answer.status in {403, 404}, answer.text


def test_what_holds_for_a_key_is_explained_by_its_id_alone(plane: ControlPlane, ask: Ask) -> None:
    at = last(ask).get("ceiling", 0)
    ceiling = {"rules": [{"name": "everybody", "seed": True, "n": 3}, {"name": "other", "models": ["big"], "n": 9}]}
    assert ask("PUT", CEILING, by="operator", data=body(ceiling, at)).status == 200
    assert ask("PUT", OWN, by="acme-admin", data=body({"rules": [{"n": 2}]}, last(ask).get("own", 0))).status == 200
    key = plane.key_ids["acme"]
    for by in ("operator", "acme-admin"):
        told = ask("GET", f"/api/keys/{key}/rules/disclosure?model=tiny", by=by)
        assert told.status == 200, told.text
        fields = {each["field"]: each for each in told.body["fields"]}
        assert fields["seed"]["value"] is True
        assert fields["seed"]["document"].startswith("the tenant's ceiling, version ")
        assert fields["seed"]["rules"] == ["everybody"]
        assert (fields["n"]["value"], fields["n"]["rules"]) == (2, ["rule 1"])
        assert fields["n"]["document"].startswith("the tenant's own document")
        assert (fields["logprobs"]["value"], fields["logprobs"]["document"]) == (False, None)
        assert told.body["environment"] == "dev"
    assert ask("GET", f"/api/keys/{key}/rules/disclosure", by="operator").status == 400
    assert ask("GET", f"/api/keys/{key}/rules/disclosure?model=No+Name", by="operator").status == 400
    assert ask("GET", f"/api/keys/{key}/rules/nonsense?model=tiny", by="operator").status == 404
    token = ask("GET", "/api/whoami", by="operator").body["credential"]
    assert ask("GET", f"/api/keys/{token}/rules/disclosure?model=tiny", by="operator").status == 404
