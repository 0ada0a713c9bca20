"""What cannot be understood gets a clear 400, and no answer names a class, a statement or a path (isolation test 58)."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from strongroom.app.testing import ControlPlane
from strongroom.identity import Identity

Ask = Any

INTERNAL: Final = re.compile(
    r"Traceback|\.py\b|strongroom\.|msgspec|litestar|asyncpg|psql|select |insert |update |pg_|/src/|\wError\b|Exception|Struct",
    re.IGNORECASE,
)
KEYS: Final = "/api/tenants/acme/keys"
GOOD: Final = {"environment": "dev", "workload": "inference"}


@pytest.mark.parametrize(
    ("data", "param"),
    [
        (GOOD | {"days": -1}, "days"),
        (GOOD | {"days": 0}, "days"),
        (GOOD | {"days": 1e-9}, "days"),
        (GOOD | {"days": 0.0006}, "days"),
        (GOOD | {"days": 8}, "days"),
        (GOOD | {"days": 1e308}, "days"),
        (GOOD | {"days": "5"}, "days"),
        (GOOD | {"days": True}, "days"),
        (GOOD | {"label": 7}, "label"),
        (GOOD | {"label": "x" * 101}, "label"),
        (GOOD | {"owner": ""}, "owner"),
        (GOOD | {"environment": "production"}, "environment"),
        (GOOD | {"environment": None}, "environment"),
        (GOOD | {"workload": "../x"}, "workload"),
        (GOOD | {"workload": "x\n"}, "workload"),
        (GOOD | {"workload": "İnference"}, "workload"),
        (GOOD | {"tenant": "globex"}, "tenant"),
        ({"environment": "dev"}, "workload"),
        ([], None),
        ("text", None),
        (7, None),
        ({}, "environment"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(ask: Ask, data: Any, param: str | None) -> None:
    answer = ask("POST", KEYS, by="acme-admin", data=data)
    assert answer.status == 400
    assert answer.body.get("param") == param
    assert not INTERNAL.search(answer.text)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"environment": "dev", "workload": "inference"} {}',
        b"\xff\xfe",
        b'{"environment": "dev", "workload": "\xff"}',
        b'{"environment": "dev", "workload": "inference", "label": "\\ud800"}',
        b'{"environment": "dev", "workload": "inference", "label": "a\\u0000b"}',
        b"[" * 50_000,
        b'{"a":' * 10_000,
        b"NaN",
        b"<xml/>",
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_a_body_that_is_no_json_is_400(ask: Ask, raw: bytes) -> None:
    answer = ask("POST", KEYS, by="acme-admin", raw=raw)
    assert answer.status == 400
    assert not INTERNAL.search(answer.text)


NOWHERE: Final = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("data", [{"cause": "a\0b"}, {"cause": "two\nlines", "fix": "\x1b[2J"}], ids=str)
def test_text_of_several_lines_holds_no_other_control_character(ask: Ask, data: Any) -> None:
    close = f"/api/tenants/acme/incidents/{NOWHERE}/close"
    answer = ask("POST", close, by="operator", data=data)
    assert answer.status == 400, answer.text
    assert not INTERNAL.search(answer.text)
    assert ask("POST", close, by="operator", data={"cause": "two\nlines\tand a tab"}).status == 404


def test_a_text_that_the_database_does_not_take_is_400_and_stands_in_the_log(ask: Ask) -> None:
    """A zero in a label of a workload's was a fault of ours."""
    label = {"request": f"req_{'0' * 32}", "label": "a\x00b", "predicted": "1"}
    answer = ask(
        "POST", "/api/tenants/acme/labels", by="acme-evaluation", data={"environment": "dev", "labels": [label]}
    )
    assert answer.status == 400, answer.text
    assert not INTERNAL.search(answer.text)
    log = ask("GET", "/api/tenants/acme/audit?limit=50", by="acme-admin").body["data"]
    assert next(each["outcome"] for each in log if each["action"] == "model.label") == "refused"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "application/xml", ""])
def test_another_media_type_is_415(ask: Ask, kind: str) -> None:
    answer = ask("POST", KEYS, by="acme-admin", data=GOOD, headers={"content-type": kind})
    assert answer.status == 415


def test_a_large_body_is_413(ask: Ask) -> None:
    assert ask("POST", KEYS, by="acme-admin", raw=b'"' + b"x" * 100_000 + b'"').status == 413
    assert ask("POST", KEYS, by="acme-admin", raw=b'"' + b"x" * 1_000_000 + b'"').status == 413


@pytest.mark.parametrize(
    "path",
    [
        "/api/tenants/acme/audit?limit=0",
        "/api/tenants/acme/audit?limit=-5",
        "/api/tenants/acme/audit?limit=201",
        "/api/tenants/acme/audit?limit=ten",
        "/api/tenants/acme/audit?limit=1&limit=2",
        "/api/tenants/acme/audit?before=1",
        "/api/tenants/acme/audit?befor=1",
        "/api/tenants?x=1",
    ],
)
def test_a_wrong_parameter_is_400(ask: Ask, path: str) -> None:
    answer = ask("GET", path, by="acme-admin")
    assert answer.status == 400, answer.text
    assert not INTERNAL.search(answer.text)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/tenants/acme/workloads/staging/inference"),
        ("DELETE", "/api/tenants/acme/workloads/dev/In_Valid"),
        ("DELETE", "/api/tenants/acme/deployments/dev/-"),
        ("GET", "/api/evidence?subject=sha256%2f%13"),
    ],
)
def test_a_path_that_names_nothing_possible_is_refused(ask: Ask, method: str, path: str) -> None:
    answer = ask(method, path, by="acme-admin")
    assert answer.status in {400, 404}
    assert not INTERNAL.search(answer.text)


def test_another_method_is_405(ask: Ask) -> None:
    answer = ask("PUT", "/api/tenants", by="operator", data={})
    assert answer.status == 405
    assert answer.fields["content-type"] == "application/problem+json"
    assert answer.body["request_id"] == answer.fields["x-request-id"]


@pytest.mark.parametrize("field", ["label", "owner"])
def test_a_key_pasted_into_a_label_is_not_kept(plane: ControlPlane, ask: Ask, field: str) -> None:
    answer = ask("POST", KEYS, by="acme-admin", data=GOOD | {field: plane.tokens["acme-inference"]})
    assert answer.status == 400
    assert "srk_" not in answer.text


def test_a_key_pasted_as_the_reason_is_not_kept(plane: ControlPlane, ask: Ask) -> None:
    path = f"/api/keys/{plane.key_ids['acme']}/revoke"
    answer = ask("POST", path, by="acme-admin", data={"reason": plane.tokens["acme-inference"]})
    assert answer.status == 400
    assert ask("GET", f"/api/keys/{plane.key_ids['acme']}", by="acme-admin").body["status"] == "active"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"name": "mallory", "role": "inference"}, 400),
        ({"name": "mallory", "role": "tenant-admin"}, 400),
        ({"name": "mallory", "role": "operator", "tenant": "acme"}, 400),
        ({"name": "mallory", "role": "tenant-admin", "tenant": "nowhere"}, 404),
        ({"name": "acme-admin", "role": "approver"}, 409),
        ({"name": "mallory", "role": "approver", "demo": True}, 400),
    ],
    ids=str,
)
def test_accounts_that_cannot_be(ask: Ask, data: Any, status: int) -> None:
    answer = ask("POST", "/api/accounts", by="operator", data=data)
    assert answer.status == status
    assert not INTERNAL.search(answer.text)


@contextmanager
def broken(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("SELECT secret FROM identity.key -- /srv/strongroom/x.py")

    with monkeypatch.context() as patch:
        patch.setattr(Identity, "list_tenants", fail)
        yield


def test_a_fault_says_its_id_and_nothing_else(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with broken(monkeypatch):
        answer = ask("GET", "/api/tenants", by="operator")
    assert answer.status == 500
    assert not INTERNAL.search(answer.text)
    assert answer.body["request_id"] in caplog.text  # the operator finds it
    assert "SELECT secret" not in caplog.text  # a fault's text may hold anything
    assert ask("GET", "/api/tenants", by="operator").status == 200
