"""The demonstration's own model, deployed four times: under each name its tenant's rules tell another exactness."""

from __future__ import annotations

import json
import tempfile
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from strongroom.app.rig.installation import Up

FORMS = ("full", "rounded", "top1", "label")


@contextmanager
def gateway() -> Generator[dict[str, Any]]:
    """Run an installation and yield how to ask it: {"url", "key", "models"}."""
    with tempfile.TemporaryDirectory(prefix="sr-bench-disclosure-") as name:
        home = Path(name) / "home"
        with Up(home) as up:
            demo = up.started().demo
            control, token = demo.control, demo.operator.token
            [digest] = [
                each["digest"]
                for each in _call(control, token, "GET", "/api/models")["data"]
                if each["kind"] == "infer"
            ]
            for form in FORMS:
                wanted = {"name": f"credit-{form}", "environment": "dev", "release": digest}
                _call(control, token, "POST", "/api/tenants/acme/deployments", wanted)
            rules = [{"name": form, "models": [f"credit-{form}"], "scores": form} for form in FORMS]
            seen = _call(control, token, "GET", "/api/tenants/acme/rules/disclosure")["last"].get("ceiling", 0)
            written = {"document": {"rules": rules}, "expected": seen, "reason": "bench/disclosure"}
            _call(control, token, "PUT", "/api/tenants/acme/rules/disclosure/ceiling", written)
            key = demo.tenants["acme"]["dev"]["inference_key"]
            yield {"url": demo.gateway, "key": key, "models": {form: f"credit-{form}" for form in FORMS}}


def _call(control: str, token: str, method: str, path: str, body: object = None) -> Any:
    asked = urllib.request.Request(  # noqa: S310 - our own control port on loopback
        control + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - as above
        return json.load(answer)
