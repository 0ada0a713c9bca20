"""Every route refuses whom it should, and no refusal says more than it should (isolation tests 1-3, 5, 17, 19, 55-58)."""

# pyright: reportPrivateUsage=false
# A wrong secret with a right checksum is made as the product makes one.

from __future__ import annotations

import re
import socket
import statistics
import time
from typing import Any, Final

import pytest
from litestar.routes import HTTPRoute

from strongroom.app.api import control_app
from strongroom.app.testing import RELEASE, ControlPlane
from strongroom.identity.secretkey import _crc
from strongroom.signatures import SecretKey

Ask = Any

KEY: Final = "0123456789abcdef"
HASH: Final = {"name": "x", "environment": "dev", "release": RELEASE.digest}
RULES: Final[dict[str, Any]] = {"document": {"rules": []}, "expected": 0, "reason": "because"}
PROVIDER: Final = {"name": "x", "kind": "openai", "base_url": "https://127.0.0.1", "owner": "o"}
SIGNER: Final = {"environment": "dev", "workload": "inference", "public_key": SecretKey.generate().public.pem()}
RULE: Final = "01a21cac-1b8c-75da-99c5-294fa77236ce"
FEDERATION: Final = {
    "environment": "dev",
    "workload": "inference",
    "kind": "oidc",
    "issuer": "https://issuer.example",
    "audience": "a",
    "subject": "s",
}
NOBODY: Final = "0190a000-0000-7000-8000-000000000000"
ELEVATION: Final = {"tenant": "acme", "actions": ["audit.read"], "ticket": "T-1", "reason": "because"}
CAPTURE: Final = {
    "tenant": "globex",
    "environment": "dev",
    "model": "tiny",
    "share": 100,
    "minutes": 5,
    "octets": 65536,
    "ticket": "T",
    "reason": "x",
}
DECISION: Final = {"digest": f"sha256:{'0' * 64}", "reason": "because"}
UPLOAD: Final = {"name": "x", "version": "1", "files": [{"path": "m.gguf", "size": 1}], "tenant": "globex"}
FILE: Final = f"file-{'0' * 32}"
JOB: Final = f"ftjob-{'0' * 32}"
SOURCE: Final = {"name": "x", "owner": "first-approver", "contact": "c", "licence": "l", "risk": "low"}
DATASET: Final = {"name": "x", "version": "1", "source": "x", "environment": "dev", "format": "csv", "size": 1}
APPROVAL: Final = {"environment": "dev", "reason": "because"}
WORKLOAD: Final = {"name": "x", "environment": "dev", "role": "inference", "owner": "o"}

# Each route, as acme's administrator would have to write it to reach globex or the installation: path, body, and the
# status it gets. 200 stands beside the few that everybody may ask.
EVIDENCE: Final = {"about": "release", "subject": f"sha256:{'0' * 64}", "envelope": "{}", "tenant": "globex"}
CASES: Final[dict[tuple[str, str], tuple[str, Any, int]]] = {
    ("GET", "/api/whoami"): ("/api/whoami", None, 200),
    ("POST", "/api/sign-out"): ("/api/sign-out", None, 404),
    ("GET", "/api/tenants"): ("/api/tenants", None, 200),
    ("POST", "/api/tenants"): ("/api/tenants", {"name": "x"}, 404),
    ("GET", "/api/tenants/{tenant}"): ("/api/tenants/globex", None, 404),
    ("DELETE", "/api/tenants/{tenant}"): ("/api/tenants/globex", None, 404),
    ("POST", "/api/tenants/{tenant}/shred"): ("/api/tenants/globex/shred", None, 404),
    ("POST", "/api/tenants/{tenant}/keys-of-data"): ("/api/tenants/globex/keys-of-data", None, 404),
    ("GET", "/api/vault"): ("/api/vault", None, 404),
    ("POST", "/api/vault/rotation"): ("/api/vault/rotation", None, 404),
    ("POST", "/api/vault/rewrap"): ("/api/vault/rewrap", {"most": 1}, 404),
    ("POST", "/api/vault/secrets"): ("/api/vault/secrets", {"most": 1}, 404),
    ("POST", "/api/vault/units/{unit}/dissolution"): ("/api/vault/units/retail/dissolution", None, 404),
    ("GET", "/api/vault/signing-keys"): ("/api/vault/signing-keys", None, 404),
    ("POST", "/api/vault/signing-keys"): ("/api/vault/signing-keys", {"name": "x"}, 404),
    ("GET", "/api/vault/signing-keys/{key}"): ("/api/vault/signing-keys/x", None, 404),
    ("POST", "/api/vault/signing-keys/{key}/rotation"): ("/api/vault/signing-keys/x/rotation", None, 404),
    ("POST", "/api/vault/signing-keys/{key}/csr"): ("/api/vault/signing-keys/x/csr", {"subject": "CN=x"}, 404),
    ("POST", "/api/models/{name}/{version}/signature"): ("/api/models/tiny/1/signature", {"vault_key": "x"}, 403),
    ("POST", "/api/tenants/{tenant}/rules/{kind}/{level}/dry-run"): (
        "/api/tenants/globex/rules/disclosure/own/dry-run",
        {"document": {"rules": []}},
        404,
    ),
    ("GET", "/api/elevations"): ("/api/elevations", None, 404),
    ("POST", "/api/elevations"): ("/api/elevations", ELEVATION, 404),
    ("POST", "/api/elevations/break-glass"): ("/api/elevations/break-glass", ELEVATION, 404),
    ("GET", "/api/elevations/{elevation}"): (f"/api/elevations/{NOBODY}", None, 404),
    ("POST", "/api/elevations/{elevation}/approve"): (f"/api/elevations/{NOBODY}/approve", DECISION, 404),
    ("POST", "/api/elevations/{elevation}/deny"): (f"/api/elevations/{NOBODY}/deny", DECISION, 404),
    ("POST", "/api/elevations/{elevation}/begin"): (f"/api/elevations/{NOBODY}/begin", None, 404),
    ("POST", "/api/elevations/{elevation}/end"): (f"/api/elevations/{NOBODY}/end", {}, 404),
    ("GET", "/api/captures"): ("/api/captures", None, 404),
    ("POST", "/api/captures"): ("/api/captures", CAPTURE, 404),
    ("POST", "/api/captures/{capture}/approve"): (f"/api/captures/{NOBODY}/approve", DECISION, 404),
    ("POST", "/api/captures/{capture}/deny"): (f"/api/captures/{NOBODY}/deny", DECISION, 404),
    ("GET", "/api/tenants/{tenant}/captures"): ("/api/tenants/globex/captures", None, 404),
    ("POST", "/api/tenants/{tenant}/captures/{capture}/stop"): (
        f"/api/tenants/globex/captures/{NOBODY}/stop",
        {"reason": "x"},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/captures/{capture}/entries"): (
        f"/api/tenants/globex/captures/{NOBODY}/entries",
        None,
        404,
    ),
    ("GET", "/api/tenants/{tenant}/captures/{capture}/entries/{entry}"): (
        f"/api/tenants/globex/captures/{NOBODY}/entries/{NOBODY}",
        None,
        404,
    ),
    ("GET", "/api/proposals"): ("/api/proposals", None, 200),  # its own tenant's, of which there are none
    ("GET", "/api/proposals/{proposal}"): (f"/api/proposals/{NOBODY}", None, 404),
    ("POST", "/api/proposals/{proposal}/approve"): (f"/api/proposals/{NOBODY}/approve", DECISION, 404),
    ("POST", "/api/proposals/{proposal}/deny"): (f"/api/proposals/{NOBODY}/deny", DECISION, 404),
    ("POST", "/api/proposals/{proposal}/withdraw"): (f"/api/proposals/{NOBODY}/withdraw", None, 404),
    ("POST", "/api/elevations/{elevation}/review"): (f"/api/elevations/{NOBODY}/review", {"note": "x"}, 404),
    ("GET", "/api/tenants/{tenant}/environments"): ("/api/tenants/globex/environments", None, 404),
    ("GET", "/api/tenants/{tenant}/workloads"): ("/api/tenants/globex/workloads", None, 404),
    ("POST", "/api/tenants/{tenant}/workloads"): ("/api/tenants/globex/workloads", WORKLOAD, 404),
    ("DELETE", "/api/tenants/{tenant}/workloads/{environment}/{name}"): (
        "/api/tenants/globex/workloads/dev/inference",
        None,
        404,
    ),
    ("GET", "/api/tenants/{tenant}/keys"): ("/api/tenants/globex/keys", None, 404),
    ("POST", "/api/tenants/{tenant}/keys"): (
        "/api/tenants/globex/keys",
        {"environment": "dev", "workload": "inference"},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/keys/{key}"): ("/api/tenants/globex/keys/{globex_key}", None, 404),
    ("POST", "/api/tenants/{tenant}/keys/{key}/revoke"): ("/api/tenants/globex/keys/{globex_key}/revoke", {}, 404),
    ("GET", "/api/tenants/{tenant}/signers"): ("/api/tenants/globex/signers", None, 404),
    ("POST", "/api/tenants/{tenant}/signers"): ("/api/tenants/globex/signers", SIGNER, 404),
    ("POST", "/api/tenants/{tenant}/signers/{signer}/revoke"): (
        f"/api/tenants/globex/signers/{'0' * 32}/revoke",
        {},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/federation"): ("/api/tenants/globex/federation", None, 404),
    ("POST", "/api/tenants/{tenant}/federation"): ("/api/tenants/globex/federation", FEDERATION, 404),
    ("GET", "/api/tenants/{tenant}/federation/{rule}"): (f"/api/tenants/globex/federation/{RULE}", None, 404),
    ("DELETE", "/api/tenants/{tenant}/federation/{rule}"): (f"/api/tenants/globex/federation/{RULE}", None, 404),
    ("GET", "/api/tenants/{tenant}/tokens"): ("/api/tenants/globex/tokens", None, 404),
    ("POST", "/api/tenants/{tenant}/tokens/{token}/revoke"): (f"/api/tenants/globex/tokens/{KEY}/revoke", {}, 404),
    ("GET", "/api/keys/{key}"): ("/api/keys/{globex_key}", None, 404),
    ("POST", "/api/keys/{key}/revoke"): ("/api/keys/{globex_key}/revoke", {}, 404),
    ("POST", "/api/keys/{key}/revoke/prove"): ("/api/keys/{globex_key}/revoke/prove", {}, 404),
    ("GET", "/api/keys/{key}/impact"): ("/api/keys/{globex_key}/impact", None, 404),
    ("GET", "/api/tenants/{tenant}/endpoints/{name}/keys"): ("/api/tenants/globex/endpoints/tiny/keys", None, 404),
    ("GET", "/api/tenants/{tenant}/key-review"): ("/api/tenants/globex/key-review", None, 404),
    ("POST", "/api/keys/{key}/leak"): ("/api/keys/{globex_key}/leak", {}, 404),
    # A person trains nothing, and an administrator may know that there are jobs: 403.
    ("POST", "/v1/files"): ("/v1/files", None, 403),
    ("GET", "/v1/files"): ("/v1/files", None, 403),
    ("GET", "/v1/files/{file}"): (f"/v1/files/{FILE}", None, 403),
    ("DELETE", "/v1/files/{file}"): (f"/v1/files/{FILE}", None, 403),
    ("POST", "/v1/fine_tuning/jobs"): (
        "/v1/fine_tuning/jobs",
        {"model": "tabular-logistic", "training_file": FILE, "suffix": "x"},
        403,
    ),
    ("GET", "/v1/fine_tuning/jobs"): ("/v1/fine_tuning/jobs", None, 403),
    ("GET", "/v1/fine_tuning/jobs/{job}"): (f"/v1/fine_tuning/jobs/{JOB}", None, 403),
    ("GET", "/v1/fine_tuning/jobs/{job}/events"): (f"/v1/fine_tuning/jobs/{JOB}/events", None, 403),
    ("POST", "/v1/fine_tuning/jobs/{job}/cancel"): (f"/v1/fine_tuning/jobs/{JOB}/cancel", None, 403),
    ("GET", "/api/tenants/{tenant}/training/jobs"): ("/api/tenants/globex/training/jobs", None, 404),
    ("GET", "/api/tenants/{tenant}/training/jobs/{job}"): (f"/api/tenants/globex/training/jobs/{JOB}", None, 404),
    ("POST", "/api/tenants/{tenant}/training/jobs/{job}/cancel"): (
        f"/api/tenants/globex/training/jobs/{JOB}/cancel",
        None,
        404,
    ),
    ("GET", "/api/tenants/{tenant}/canaries"): ("/api/tenants/globex/canaries", None, 404),
    ("POST", "/api/tenants/{tenant}/canaries"): ("/api/tenants/globex/canaries", {"document": "x"}, 404),
    ("POST", "/api/tenants/{tenant}/canaries/{canary}/rotate"): (
        f"/api/tenants/globex/canaries/{NOBODY}/rotate",
        {},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/lists"): ("/api/tenants/globex/lists", None, 404),
    ("POST", "/api/tenants/{tenant}/lists/{name}/values"): (
        "/api/tenants/globex/lists/x/values",
        {"values": ["4711-0815"]},
        404,
    ),
    ("DELETE", "/api/tenants/{tenant}/lists/{name}"): ("/api/tenants/globex/lists/x", None, 404),
    ("GET", "/api/tenants/{tenant}/flows"): ("/api/tenants/globex/flows", None, 404),
    ("GET", "/api/tenants/{tenant}/flows/files"): ("/api/tenants/globex/flows/files", None, 404),
    ("POST", "/api/tenants/{tenant}/flows/files"): (
        "/api/tenants/globex/flows/files",
        {"number": 1, "name": "x", "text": "x", "reason": "x"},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/incidents"): ("/api/tenants/globex/incidents", None, 404),
    ("GET", "/api/tenants/{tenant}/incidents/{incident}"): (f"/api/tenants/globex/incidents/{NOBODY}", None, 404),
    ("POST", "/api/tenants/{tenant}/incidents/{incident}/close"): (
        f"/api/tenants/globex/incidents/{NOBODY}/close",
        {"cause": "x"},
        404,
    ),
    ("POST", "/api/keys/{key}/bind"): ("/api/keys/{globex_key}/bind", {"bindings": {}}, 404),
    ("POST", "/api/keys/{key}/rotate"): ("/api/keys/{globex_key}/rotate", {}, 404),
    ("POST", "/api/deliveries/open"): ("/api/deliveries/open", None, 403),
    ("GET", "/api/models"): ("/api/models", None, 200),
    ("GET", "/api/tenants/{tenant}/deployments"): ("/api/tenants/globex/deployments", None, 404),
    ("POST", "/api/tenants/{tenant}/deployments"): ("/api/tenants/globex/deployments", HASH, 404),
    ("DELETE", "/api/tenants/{tenant}/deployments/{environment}/{name}"): (
        "/api/tenants/globex/deployments/dev/tiny",
        None,
        404,
    ),
    ("GET", "/api/tenants/{tenant}/evaluations"): ("/api/tenants/globex/evaluations", None, 404),
    ("POST", "/api/tenants/{tenant}/evaluations"): (
        "/api/tenants/globex/evaluations",
        {"environment": "dev", "deployment": "tiny", "suite": "x", "answers": []},
        404,
    ),
    ("POST", "/api/tenants/{tenant}/labels"): (
        "/api/tenants/globex/labels",
        {"environment": "dev", "labels": [{"request": f"req_{'0' * 32}", "label": "1", "predicted": "1"}]},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/quality/{environment}/{name}/{version}"): (
        "/api/tenants/globex/quality/dev/m/1",
        None,
        404,
    ),
    ("GET", "/api/tenants/{tenant}/sources"): ("/api/tenants/globex/sources", None, 404),
    ("POST", "/api/tenants/{tenant}/sources"): ("/api/tenants/globex/sources", SOURCE, 404),
    ("GET", "/api/tenants/{tenant}/datasets"): ("/api/tenants/globex/datasets", None, 404),
    ("POST", "/api/tenants/{tenant}/datasets"): ("/api/tenants/globex/datasets", DATASET, 404),
    ("PUT", "/api/tenants/{tenant}/dataset-uploads/{upload}"): (
        f"/api/tenants/globex/dataset-uploads/{NOBODY}?offset=0",
        None,
        404,
    ),
    ("POST", "/api/tenants/{tenant}/dataset-uploads/{upload}/finish"): (
        f"/api/tenants/globex/dataset-uploads/{NOBODY}/finish",
        {"sha256": "0" * 64},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/datasets/{name}/{version}"): ("/api/tenants/globex/datasets/x/1", None, 404),
    ("POST", "/api/tenants/{tenant}/datasets/{name}/{version}/approvals"): (
        "/api/tenants/globex/datasets/x/1/approvals",
        {"reason": "because"},
        404,
    ),
    ("POST", "/api/tenants/{tenant}/datasets/{name}/{version}/withdraw"): (
        "/api/tenants/globex/datasets/x/1/withdraw",
        {"reason": "because"},
        404,
    ),
    ("POST", "/api/tenants/{tenant}/datasets/{name}/{version}/grants"): (
        "/api/tenants/globex/datasets/x/1/grants",
        {"workload": "inference"},
        404,
    ),
    ("DELETE", "/api/tenants/{tenant}/datasets/{name}/{version}/grants/{workload}"): (
        "/api/tenants/globex/datasets/x/1/grants/inference",
        None,
        404,
    ),
    ("GET", "/api/tenants/{tenant}/datasets/{name}/{version}/content"): (
        "/api/tenants/globex/datasets/x/1/content",
        None,
        404,
    ),
    ("GET", "/api/tenants/{tenant}/lineage"): ("/api/tenants/globex/lineage?of=x@1", None, 404),
    ("GET", "/api/tenants/{tenant}/lineage/picture"): ("/api/tenants/globex/lineage/picture?of=x@1", None, 404),
    ("GET", "/api/tenants/{tenant}/lineage/serves"): ("/api/tenants/globex/lineage/serves?dataset=x@1", None, 404),
    ("POST", "/api/tenants/{tenant}/lineage/links"): (
        "/api/tenants/globex/lineage/links",
        {"dataset": "x@1", "release": "x@1", "reason": "because"},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/lineage/events"): ("/api/tenants/globex/lineage/events", None, 404),
    ("POST", "/api/tenants/{tenant}/lineage/events"): (
        "/api/tenants/globex/lineage/events",
        {"environment": "dev", "events": [{}]},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/prompts"): ("/api/tenants/globex/prompts", None, 404),
    ("POST", "/api/tenants/{tenant}/prompts"): (
        "/api/tenants/globex/prompts",
        {"name": "x", "version": "1", "text": "x"},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/prompts/{name}/{version}"): ("/api/tenants/globex/prompts/x/1", None, 404),
    ("POST", "/api/tenants/{tenant}/prompts/{name}/{version}/approvals"): (
        "/api/tenants/globex/prompts/x/1/approvals",
        APPROVAL,
        404,
    ),
    ("POST", "/api/tenants/{tenant}/subjects/look-up"): ("/api/tenants/globex/subjects/look-up", {"subject": "x"}, 404),
    ("GET", "/api/tenants/{tenant}/subjects/requests"): ("/api/tenants/globex/subjects/requests", None, 404),
    ("POST", "/api/tenants/{tenant}/subjects/requests"): (
        "/api/tenants/globex/subjects/requests",
        {"kind": "erase", "subject": "x"},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/subjects/requests/{request_id}"): (
        f"/api/tenants/globex/subjects/requests/{NOBODY}",
        None,
        404,
    ),
    ("POST", "/api/tenants/{tenant}/subjects/requests/{request_id}/confirm"): (
        f"/api/tenants/globex/subjects/requests/{NOBODY}/confirm",
        None,
        404,
    ),
    ("POST", "/api/tenants/{tenant}/subjects/requests/{request_id}/refuse"): (
        f"/api/tenants/globex/subjects/requests/{NOBODY}/refuse",
        {"reason": "x"},
        404,
    ),
    ("POST", "/api/tenants/{tenant}/subjects/requests/{request_id}/export"): (
        f"/api/tenants/globex/subjects/requests/{NOBODY}/export",
        None,
        404,
    ),
    ("POST", "/api/tenants/{tenant}/subjects/requests/{request_id}/erase"): (
        f"/api/tenants/globex/subjects/requests/{NOBODY}/erase",
        {},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/subjects/requests/{request_id}/certificate"): (
        f"/api/tenants/globex/subjects/requests/{NOBODY}/certificate",
        None,
        404,
    ),
    ("GET", "/api/tenants/{tenant}/subjects/requests/{request_id}/proof"): (
        f"/api/tenants/globex/subjects/requests/{NOBODY}/proof",
        None,
        404,
    ),
    ("GET", "/api/tenants/{tenant}/subjects/holds"): ("/api/tenants/globex/subjects/holds", None, 404),
    ("POST", "/api/tenants/{tenant}/subjects/holds"): (
        "/api/tenants/globex/subjects/holds",
        {"owner": "o", "reason": "x"},
        404,
    ),
    ("POST", "/api/tenants/{tenant}/subjects/holds/{hold}/release"): (
        f"/api/tenants/globex/subjects/holds/{NOBODY}/release",
        {"reason": "x"},
        404,
    ),
    ("GET", "/api/tenants/{tenant}/records/analytics"): ("/api/tenants/globex/records/analytics", None, 404),
    ("GET", "/api/retention"): ("/api/retention", None, 404),
    ("POST", "/api/retention/run"): ("/api/retention/run", None, 404),
    ("POST", "/api/tenants/{tenant}/retention/holds"): (
        "/api/tenants/globex/retention/holds",
        {"owner": "o", "reason": "x"},
        404,
    ),
    ("POST", "/api/tenants/{tenant}/retention/holds/{hold}/release"): (
        f"/api/tenants/globex/retention/holds/{NOBODY}/release",
        {"reason": "x"},
        404,
    ),
    ("GET", "/api/audit/log"): ("/api/audit/log", None, 404),
    ("GET", "/api/audit/entries"): ("/api/audit/entries", None, 404),
    ("GET", "/api/audit/search"): ("/api/audit/search", None, 404),
    ("GET", "/api/audit/key"): ("/api/audit/key", None, 404),
    ("GET", "/api/audit/receipts/{entry}"): (f"/api/audit/receipts/{NOBODY}", None, 404),
    ("POST", "/api/audit/recover"): ("/api/audit/recover", {"reason": "because"}, 404),
    ("GET", "/api/tenants/{tenant}/audit/log"): ("/api/tenants/globex/audit/log", None, 404),
    ("GET", "/api/tenants/{tenant}/audit/entries"): ("/api/tenants/globex/audit/entries", None, 404),
    ("GET", "/api/tenants/{tenant}/audit/search"): ("/api/tenants/globex/audit/search", None, 404),
    ("GET", "/api/tenants/{tenant}/audit/key"): ("/api/tenants/globex/audit/key", None, 404),
    ("GET", "/api/tenants/{tenant}/audit/records/{request_id}"): (
        f"/api/tenants/globex/audit/records/req_{'0' * 32}",
        None,
        404,
    ),
    ("GET", "/api/tenants/{tenant}/audit/receipts/{entry}"): (
        f"/api/tenants/globex/audit/receipts/{NOBODY}",
        None,
        404,
    ),
    ("GET", "/api/tenants/{tenant}/limits"): ("/api/tenants/globex/limits", None, 404),
    ("GET", "/api/tenants/{tenant}/exports"): ("/api/tenants/globex/exports", None, 404),
    ("GET", "/api/tenants/{tenant}/rules"): ("/api/tenants/globex/rules", None, 404),
    ("GET", "/api/tenants/{tenant}/rules/{kind}"): ("/api/tenants/globex/rules/disclosure", None, 404),
    ("PUT", "/api/tenants/{tenant}/rules/{kind}/{level}"): ("/api/tenants/globex/rules/disclosure/own", RULES, 404),
    ("GET", "/api/tenants/{tenant}/rules/{kind}/{level}/history"): (
        "/api/tenants/globex/rules/disclosure/own/history",
        None,
        404,
    ),
    ("GET", "/api/keys/{key}/rules/{kind}"): ("/api/keys/{globex_key}/rules/disclosure?model=tiny", None, 404),
    ("GET", "/api/rules"): ("/api/rules", None, 404),
    ("GET", "/api/rules/{kind}"): ("/api/rules/disclosure", None, 404),
    ("PUT", "/api/rules/{kind}"): ("/api/rules/disclosure", RULES, 404),
    ("GET", "/api/rules/{kind}/history"): ("/api/rules/disclosure/history", None, 404),
    ("GET", "/api/providers"): ("/api/providers", None, 404),
    ("POST", "/api/providers"): ("/api/providers", PROVIDER, 404),
    ("GET", "/api/providers/{name}"): ("/api/providers/x", None, 404),
    ("PATCH", "/api/providers/{name}"): ("/api/providers/x", {"region": "eu"}, 404),
    ("DELETE", "/api/providers/{name}"): ("/api/providers/x", None, 404),
    ("GET", "/api/models/{name}/{version}"): ("/api/models/none/1", None, 404),
    ("GET", "/api/models/{name}/{version}/bom"): (f"/api/models/{RELEASE.name}/1/bom?tenant=globex", None, 404),
    ("GET", "/api/models/{name}/{version}/card"): (f"/api/models/{RELEASE.name}/1/card?tenant=globex", None, 404),
    ("DELETE", "/api/models/{name}/{version}"): (f"/api/models/{RELEASE.name}/1?tenant=globex", None, 404),
    ("POST", "/api/models/{name}/{version}/verify"): (f"/api/models/{RELEASE.name}/1/verify?tenant=globex", None, 404),
    ("POST", "/api/models/{name}/{version}/rescan"): (f"/api/models/{RELEASE.name}/1/rescan?tenant=globex", None, 404),
    ("GET", "/api/models/{name}/{version}/content"): (
        f"/api/models/{RELEASE.name}/1/content?path=model.txt",
        None,
        403,
    ),
    ("GET", "/api/evidence"): ("/api/evidence?tenant=globex", None, 404),
    ("POST", "/api/evidence"): ("/api/evidence", EVIDENCE, 404),
    ("GET", "/api/evidence/{piece}"): (f"/api/evidence/{NOBODY}?tenant=globex", None, 404),
    ("GET", "/api/uploads"): ("/api/uploads", None, 200),
    ("POST", "/api/uploads"): ("/api/uploads", UPLOAD, 404),
    ("GET", "/api/uploads/{upload}"): (f"/api/uploads/{NOBODY}", None, 404),
    ("PUT", "/api/uploads/{upload}/files/{index}"): (f"/api/uploads/{NOBODY}/files/0?offset=0", None, 404),
    ("POST", "/api/uploads/{upload}/finish"): (f"/api/uploads/{NOBODY}/finish", {"sha256": ["0" * 64]}, 404),
    ("DELETE", "/api/uploads/{upload}"): (f"/api/uploads/{NOBODY}", None, 404),
    ("POST", "/api/models/{name}/{version}/approvals"): ("/api/models/none/1/approvals", APPROVAL, 403),
    ("GET", "/api/approver-keys"): ("/api/approver-keys", None, 403),
    ("POST", "/api/approver-keys"): ("/api/approver-keys", {"public_key": "x", "proof": "x"}, 404),
    ("GET", "/api/channels"): ("/api/channels", None, 404),
    ("GET", "/api/channels/{channel}"): ("/api/channels/prod", None, 404),
    ("GET", "/api/channels/{channel}/metadata/{role}/{version}"): ("/api/channels/prod/metadata/root/1", None, 404),
    ("POST", "/api/channels/{environment}/promotions"): (
        "/api/channels/prod/promotions",
        {"name": "tiny", "version": "1", "reason": "because"},
        404,
    ),
    ("POST", "/api/channels/{environment}/rollbacks"): (
        "/api/channels/prod/rollbacks",
        {"name": "tiny", "reason": "because"},
        404,
    ),
    ("POST", "/api/channels/{environment}/freezes"): (
        "/api/channels/prod/freezes",
        {"name": "none", "reason": "because"},
        404,
    ),
    ("POST", "/api/channels/{environment}/unfreezes"): ("/api/channels/prod/unfreezes", {"reason": "because"}, 404),
    ("POST", "/api/channels/{channel}/recoveries"): ("/api/channels/prod/recoveries", {"reason": "because"}, 404),
    ("POST", "/api/revocations"): ("/api/revocations", {"digest": "none", "reason": "because"}, 404),
    ("POST", "/api/revocations/prove"): ("/api/revocations/prove", {"digest": "none", "reason": "because"}, 404),
    ("GET", "/api/tenants/{tenant}/providers"): ("/api/tenants/globex/providers", None, 404),
    ("GET", "/api/accounts"): ("/api/accounts", None, 404),
    ("POST", "/api/accounts"): ("/api/accounts", {"name": "x", "role": "operator"}, 404),
    ("DELETE", "/api/accounts/{name}"): ("/api/accounts/operator", None, 404),
    ("POST", "/api/accounts/{name}/token"): ("/api/accounts/operator/token", None, 404),
    ("GET", "/api/tenants/{tenant}/audit"): ("/api/tenants/globex/audit", None, 404),
    ("GET", "/api/tenants/{tenant}/records"): ("/api/tenants/globex/records", None, 404),
    ("GET", "/metrics"): ("/metrics", None, 404),
    ("GET", "/api/audit"): ("/api/audit", None, 404),
    ("GET", "/api/config"): ("/api/config", None, 404),
    ("GET", "/api/doctor"): ("/api/doctor", None, 404),
}
OPEN: Final = {
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/api"),
    ("GET", "/api/openapi.json"),
    ("POST", "/oauth2/token"),
    ("POST", "/oauth2/backchannel-logout"),
    ("POST", "/oauth2/par"),
    ("POST", "/oauth2/device_authorization"),
    ("GET", "/.well-known/oauth-authorization-server"),
}

GARBLED: Final = (
    None,
    "",
    "nonsense",
    "srk_opr_all_0123456789abcdef_" + "A" * 49,
    "srk_" + "é" * 40,
    "srk_" + "A" * 5000,
)


def routes(plane: ControlPlane) -> set[tuple[str, str]]:
    """Return (method, path) of every route that the application serves."""
    app = control_app(plane.services)
    return {
        (method, re.sub(r":\w+\}", "}", route.path))
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS"
    }


def test_every_route_has_its_refused_case(plane: ControlPlane) -> None:
    served = routes(plane)
    missing = served - OPEN - CASES.keys()
    assert not missing, (
        f"no refused case for {sorted(missing)}: add to CASES how acme's administrator would ask it for what is "
        "globex's or the installation's, and the 404 it must get"
    )
    assert not (OPEN | CASES.keys()) - served, "these routes are gone: take their cases out"


def uniform(answer: Any) -> tuple[Any, ...]:
    """Return everything of an answer but its id and the second it was given."""
    body = {name: value for name, value in answer.body.items() if name != "request_id"}
    fields = {name: value for name, value in answer.fields.items() if name not in {"x-request-id", "date"}}
    fields.pop("content-length")
    return answer.status, body, fields


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_without_a_credential_every_route_is_401(ask: Ask, case: tuple[str, str]) -> None:
    path, data, _ = CASES[case]
    answer = ask(case[0], path.format(globex_key=KEY), data=data)
    assert answer.status == 401
    assert answer.fields["www-authenticate"].startswith("Bearer")
    openai = path.startswith("/v1/")  # in the shape that its clients read
    assert answer.fields["content-type"] == ("application/json" if openai else "application/problem+json")
    assert answer.fields["cache-control"] == "no-store"
    assert (answer.body["error"] if openai else answer.body)["request_id"] == answer.fields["x-request-id"]


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_a_tenant_reaches_nothing_of_another(plane: ControlPlane, ask: Ask, case: tuple[str, str]) -> None:
    path, data, status = CASES[case]
    answer = ask(case[0], path.format(globex_key=plane.key_ids["globex"]), by="acme-admin", data=data)
    assert answer.status == status, answer.text
    assert str(plane.tenants["globex"]) not in answer.text
    if status == 404:
        elsewhere = path.replace("globex/", "nowhere/").replace("/globex", "/nowhere").format(globex_key=KEY)
        assert uniform(answer) == uniform(ask(case[0], elsewhere, by="acme-admin", data=data))
        assert uniform(answer) == uniform(ask("GET", "/api/no/such/route", by="acme-admin"))


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_a_workload_key_administers_nothing(plane: ControlPlane, ask: Ask, case: tuple[str, str]) -> None:
    path, data, _ = CASES[case]
    own = path.replace("globex", "acme").format(acme_key=plane.key_ids["acme"])
    for by in ("acme-inference", "acme-evaluation"):
        answer = ask(case[0], own, by=by, data=data)
        # A workload may see its own deployments on the gateway, so of those alone it is told "not you".
        about_deployments = any(part in case[1] for part in ("deployments", "evaluations", "labels", "quality"))
        expected = {200} if case[1] == "/api/whoami" else {403, 404} if about_deployments else {404}
        if by == "acme-evaluation" and case[1].endswith("/labels"):  # the one thing that it tells, of its own tenant
            expected = {201}
            assert answer.body == {"told": 1, "kept": None}, "whether there was such a request is not said"
        assert answer.status in expected, answer.text


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_an_approver_reads_the_catalogue_decides_and_does_no_more(
    plane: ControlPlane, ask: Ask, case: tuple[str, str]
) -> None:
    path, data, _ = CASES[case]
    answer = ask(case[0], path.format(globex_key=plane.key_ids["globex"]), by="approver", data=data)
    asks = {("POST", "/api/elevations"), ("POST", "/api/elevations/break-glass")}
    asks |= {("POST", "/api/elevations/{elevation}/begin")}  # it may know of elevations, and not have one
    prompts = "/api/tenants/{tenant}/prompts"  # which it reads, and does not write
    asks |= {("POST", prompts)}
    release = "/api/models/{name}/{version}"
    asks |= {("DELETE", release), ("POST", f"{release}/verify"), ("POST", f"{release}/rescan")}
    asks |= {("GET", f"{release}/content"), ("POST", "/api/uploads")}  # it knows of releases, and brings none
    asks |= {("POST", f"{release}/signature")}  # nor has it one signed
    open_to_it = {"/api/whoami", "/api/models"}
    read = {"/api/elevations", "/api/proposals", "/api/uploads", prompts, "/api/tenants/{tenant}/evaluations"}
    captures = (
        "/api/tenants/{tenant}/captures"  # it sees sessions, to decide on them, and reads nothing that was captured
    )
    read |= {"/api/captures", captures}
    asks |= {("POST", "/api/captures"), ("GET", f"{captures}/{{capture}}/entries")}
    asks |= {("GET", f"{captures}/{{capture}}/entries/{{entry}}")}
    read |= {f"{release}/bom", f"{release}/card", "/api/evidence"}
    asks |= {("POST", "/api/evidence")}
    open_to_it |= read if case[0] == "GET" else set[str]()
    training = "/api/tenants/{tenant}/datasets"  # it looks, and says yes
    open_to_it |= {training, "/api/tenants/{tenant}/sources"} if case[0] == "GET" else set[str]()
    asks |= {("POST", training), ("POST", "/api/tenants/{tenant}/sources")}
    asks |= {("GET", f"{training}/{{name}}/{{version}}/content"), ("POST", f"{training}/{{name}}/{{version}}/grants")}
    asks |= {("DELETE", f"{training}/{{name}}/{{version}}/grants/{{workload}}")}
    told = "/api/tenants/{tenant}/lineage"
    open_to_it |= {f"{told}/events"} if case[0] == "GET" else set[str]()
    asks |= {("POST", f"{told}/events"), ("POST", f"{told}/links")}
    channels = "/api/channels/{environment}/"  # it sees them and may stop what is in them, and does not change them
    asks |= {("POST", channels + each) for each in ("promotions", "rollbacks", "unfreezes")}
    asks |= {("POST", "/api/channels/{channel}/recoveries")}
    if case[0] == "GET":
        open_to_it |= {"/api/channels", "/api/channels/{channel}", "/api/channels/{channel}/metadata/{role}/{version}"}
    if case == ("GET", "/api/approver-keys"):
        open_to_it |= {"/api/approver-keys"}
    expected = 403 if case in asks else 200 if case[1] in open_to_it else 404
    stops = {
        "/api/revocations": 400,
        "/api/revocations/prove": 400,
        channels + "freezes": 201,
    }  # the one has no digest, the other no release
    if case == ("POST", "/api/approver-keys"):
        expected = 400  # its own to add to, and this is no key
    assert answer.status == stops.get(case[1], expected), answer.text


def test_nothing_of_the_above_was_done(plane: ControlPlane, ask: Ask) -> None:
    # The positive control: globex is as it was, and its administrator sees it.
    key = ask("GET", f"/api/keys/{plane.key_ids['globex']}", by="globex-admin")
    assert (key.status, key.body["status"]) == (200, "active")
    assert ask("GET", "/api/tenants/globex", by="globex-admin").status == 200
    names = [each["name"] for each in ask("GET", "/api/tenants/globex/deployments", by="globex-admin").body["data"]]
    assert names == ["tiny"]
    said = ask("GET", "/api/audit/search?outcome=refused&actor=tenant-admin/acme*", by="operator").body["data"]
    assert said, "each no stands in the log"


def test_what_one_may_see_but_not_do_is_forbidden(ask: Ask) -> None:
    answer = ask("DELETE", "/api/tenants/acme", by="acme-admin")
    assert (answer.status, answer.body["detail"]) == (403, "This credential does not permit tenant.delete here.")


@pytest.mark.parametrize("presented", GARBLED)
def test_no_bad_credential_is_told_from_another(ask: Ask, presented: str | None) -> None:
    headers = {} if presented is None else {"authorization": f"Bearer {presented}".encode().decode("latin-1")}
    assert uniform(ask("GET", "/api/whoami", headers=headers)) == uniform(ask("GET", "/api/whoami"))


def test_a_wrong_secret_is_refused_like_an_unknown_key(plane: ControlPlane, ask: Ask) -> None:
    good = plane.tokens["operator"]
    wrong = good[:-7] + ("A" if good[-7] != "A" else "B")
    unknown = "srk_opr_all_zzzzzzzzzzzzzzzz_" + "A" * 43
    assert uniform(ask("GET", "/api/whoami", by=wrong + _crc(wrong))) == uniform(
        ask("GET", "/api/whoami", by=unknown + _crc(unknown))
    )


def test_strangers_are_written_down_without_what_they_showed(plane: ControlPlane, ask: Ask) -> None:
    entry, log = None, None
    for _ in range(200):  # strangers are written within a rate, which the tests before may have used up
        refused = ask("GET", "/api/tenants", by="nonsense-credential")
        log = ask("GET", "/api/audit?limit=200", by="operator")
        entry = next((each for each in log.body["data"] if each["request_id"] == refused.body["request_id"]), None)
        if entry is not None:
            break
    assert entry is not None
    assert log is not None
    assert (entry["actor"], entry["outcome"]) == ("stranger", "refused")
    assert "nonsense" not in log.text
    assert plane.tokens["operator"] not in log.text


@pytest.mark.parametrize(
    "headers",
    [
        {"x-tenant": "globex"},
        {"x-strongroom-tenant": "globex"},
        {"x-forwarded-user": "operator"},
        {"x-original-url": "/api/tenants/globex"},
        {"x-http-method-override": "DELETE"},
    ],
    ids=str,
)
def test_a_header_changes_nobodys_tenant(ask: Ask, headers: dict[str, str]) -> None:
    data = ask("GET", "/api/tenants", by="acme-admin", headers=headers).body["data"]
    assert [each["name"] for each in data] == ["acme"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/tenants/globex%2fkeys",
        "/api/tenants/acme/../globex/keys",
        "/api/tenants/./globex",
        "/api/tenants/%67lobex",
        "/api/tenants/acme%00",
        "/api/tenants/root",
        "/api/tenants/GLOBEX",
        "/api/tenants/gl%D0%BEbex",
        "/api/tenants/00000000-0000-0000-0000-000000000000",
        "/api//tenants//globex",
        "/api/keys/../audit",
    ],
)
def test_no_spelling_of_a_path_reaches_further(ask: Ask, path: str) -> None:
    answer = ask("GET", path, by="acme-admin")
    assert answer.status in {400, 404}
    assert "globex" not in answer.text


@pytest.mark.parametrize("path", ["/api/tenants/", "/api//tenants", "/api/tenants//acme", "/api/whoami/"])
def test_a_path_has_one_spelling(ask: Ask, path: str) -> None:
    answer = ask("GET", path, by="operator")
    assert (answer.status, answer.body["title"]) == (404, "Not Found")


def test_a_browser_gets_a_page_where_there_is_none(ask: Ask) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/nope", "/tenants/acme/nope", "/apis"):
        page = ask("GET", path, headers=browser)
        assert page.status == 404
        assert page.fields["content-type"].startswith("text/html")
        assert "Not here" in page.text
        assert page.fields["x-request-id"]
        assert "content-security-policy" in page.fields
        assert ask("GET", path).fields["content-type"] == "application/problem+json"
    for path in ("/api/nope", "/api/tenants/nope/nope"):
        assert ask("GET", path, by="operator", headers=browser).fields["content-type"] == "application/problem+json"


def test_the_query_names_no_other_tenant(plane: ControlPlane, ask: Ask) -> None:
    for key in (plane.key_ids["globex"], plane.key_ids["acme"]):
        assert ask("GET", f"/api/keys/{key}?tenant=globex", by="acme-admin").status == 404


def test_guessed_cursors_find_nothing(ask: Ask) -> None:
    theirs = ask("GET", "/api/tenants/globex/audit?limit=1", by="globex-admin").body["data"][0]["id"]
    assert ask("GET", f"/api/tenants/acme/audit?before={theirs}", by="acme-admin").body == {"data": []}


def test_missing_and_hidden_take_the_same_time(ask: Ask) -> None:
    # AUC of the two samples (Mann-Whitney): 0.5 is no information, 1 is certainty. Interleaved, so that drift cancels.
    samples: dict[str, list[float]] = {"globex": [], "nowhere": []}
    for _ in range(60):
        for name, taken in samples.items():
            began = time.perf_counter()
            ask("GET", f"/api/tenants/{name}/keys", by="acme-admin")
            taken.append(time.perf_counter() - began)
    wins = sum(a < b for a in samples["globex"] for b in samples["nowhere"])
    auc = wins / (60 * 60)
    assert 0.3 < auc < 0.7, (auc, {name: statistics.median(taken) for name, taken in samples.items()})


def test_two_credentials_are_none(plane: ControlPlane) -> None:
    # No client library sends this.
    request = (
        f"GET /api/whoami HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {plane.tokens['acme-admin']}\r\n"
        f"authorization: Bearer {plane.tokens['operator']}\r\nconnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", plane.port), timeout=10) as connection:
        connection.sendall(request.encode())
        assert connection.recv(4096).split(b" ")[1] in {b"400", b"401"}
