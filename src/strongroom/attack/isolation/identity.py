"""Cases 1, 2, 3, 5 and 6: being somebody else, or reaching what is somebody else's, by name, field, id or path."""

from __future__ import annotations

from typing import Final

from strongroom.attack.attempt import NOT_FOUND, OK, Attempt, question
from strongroom.attack.http import raw
from strongroom.attack.target import Target
from strongroom.attack.verdict import Notes, case

_BAD, _FORBIDDEN, _METHOD = 400, 403, 405
_CHAT: Final = "/v1/chat/completions"
_HEADERS: Final = (
    "X-Tenant", "X-Tenant-Id", "X-Strongroom-Tenant", "X-Scope-OrgID", "X-Organization", "X-Account-Id", "X-User",
    "X-Forwarded-User", "X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "OpenAI-Organization", "OpenAI-Project",
    "Baggage", "Cookie", "X-Strongroom-Scope",
)  # fmt: skip


@case(1, "A's key on B's model")
def another_tenants_model(target: Target, notes: Notes) -> None:
    """Ask for a model that only B has, on every endpoint: the answers are those for a model that nobody has."""
    at, theirs, nobodys = Attempt(target, notes), target.b.own, f"own-{'0' * len(target.canary)}"
    for path, body in (
        (_CHAT, question(theirs)),
        (_CHAT, question(theirs, stream=True)),
        ("/v1/completions", {"model": theirs, "prompt": "One", "max_tokens": 1}),
        ("/v1/embeddings", {"model": theirs, "input": "One"}),
    ):
        answer = at.data_plane("POST", path, data=body)
        at.refused(answer, path)
        at.same(answer, at.data_plane("POST", path, data=body | {"model": nobodys}), path)
        at.logged(answer, path)
    answer = at.data_plane("GET", f"/v1/models/{theirs}")
    at.refused(answer, "models.retrieve")
    at.same(answer, at.data_plane("GET", f"/v1/models/{nobodys}"), "models.retrieve")
    listed = at.data_plane("GET", "/v1/models").json()["data"]
    ours = {target.a.own, target.chat, target.embedding}
    notes.hold({each["id"] for each in listed} == ours, "models.list shows other models than A's own")
    at.works(target.b.dev, theirs, "B asks its own model")


@case(2, "spoofed tenant in header, path, query and body")
def spoofed_tenant(target: Target, notes: Notes) -> None:
    """Say in every way but the key that one is B: nothing changes."""
    at, b = Attempt(target, notes), target.b
    plain = at.data_plane("POST", _CHAT, data=question(b.own))
    at.refused(plain, "no spoof")
    for name in _HEADERS:
        for value in (b.id, b.name, f"tenant={b.id}"):
            spoofed = at.data_plane("POST", _CHAT, data=question(b.own), fields={name: value})
            at.same(plain, spoofed, f"field {name}")
    for query in (f"tenant={b.id}", f"tenant={b.name}&tenant_id={b.id}", f"organization={b.name}"):
        at.same(plain, at.data_plane("POST", f"{_CHAT}?{query}", data=question(b.own)), "query")
        at.refused(at.control_plane("GET", f"/api/whoami?{query}"), "control query", _BAD)
    for field in ("tenant", "tenant_id", "organization", "environment"):
        at.refused(
            at.data_plane("POST", _CHAT, data=question(b.own, **{field: b.id})), f"body {field}", _BAD, NOT_FOUND
        )
        body = {"environment": "dev", "workload": "inference", field: b.id}
        at.refused(
            at.control_plane("POST", f"/api/tenants/{target.a.id}/keys", data=body), f"control body {field}", _BAD
        )
    for model in (f"{b.name}/{b.own}", f"{b.id}/{b.own}", f"{b.id}:{b.own}", f"../{b.id}/{b.own}", b.deployment):
        at.same(plain, at.data_plane("POST", _CHAT, data=question(model)), "a tenant in the model's name")
    for path in (f"/{b.name}{_CHAT}", f"/v1/{b.id}/chat/completions", f"/tenants/{b.id}/v1/models"):
        at.refused(at.data_plane("GET", path), "a tenant in the path")
    for name in ("X-Tenant", "X-Tenant-Id"):
        who = at.control_plane("GET", "/api/whoami", fields={name: b.id})
        notes.hold(who.json()["tenant"] in {target.a.id, target.a.name}, f"{name} changes who A is")
    at.refused(at.control_plane("GET", f"/api/tenants/{b.id}/keys", fields={"X-Tenant": b.id}), "path of B")
    at.works(b.dev, b.own, "B asks its own model")


@case(3, "A revokes B's key by its id (CVE-2026-40264)")
def another_tenants_key(target: Target, notes: Notes) -> None:
    """End B's key from A, by every route: the answers are those for a key that does not exist, and the key lives."""
    at, a, b = Attempt(target, notes), target.a, target.b
    theirs, nobodys = b.evaluator.id, "0" * 16
    paths = ("/api/tenants/{b}/keys/{key}/revoke", "/api/tenants/{a}/keys/{key}/revoke", "/api/keys/{key}/revoke",
             "/api/keys/{key}/revoke?tenant={b}", "/api/keys/{key}/revoke?tenant={a}")  # fmt: skip
    for pattern in paths:
        path, guess = (pattern.format(a=a.id, b=b.id, key=key) for key in (theirs, nobodys))
        answer = at.control_plane("POST", path, data={})
        at.refused(answer, pattern)
        at.same(answer, at.control_plane("POST", guess, data={}), pattern)
        at.logged(answer, pattern)
        at.refused(
            at.control_plane("POST", path, a.dev, data={}), f"{pattern} with a workload's key", NOT_FOUND, _FORBIDDEN
        )
        shown = path.removesuffix("/revoke").replace("/revoke?", "?")
        at.refused(at.control_plane("GET", shown), f"GET {pattern}")
    at.works(b.evaluator, b.own, "B's key lives on")
    ended = at.as_b("POST", f"/api/tenants/{b.id}/keys/{b.keys['test'].id}/revoke", {})
    notes.hold(ended.status == OK, f"control: B cannot revoke its own key: {ended.status}")


@case(5, "dots, percent signs, root and look-alikes in tenant and object paths")
def twisted_paths(target: Target, notes: Notes) -> None:
    """Write B's paths, and those of everybody, in every way but the plain one."""
    at, a, b = Attempt(target, notes), target.a, target.b
    roots = (".", "..", "root", "*", "%", "%2f", "%2e%2e", "%2e", "..%2f", "%252f", "%00", "", "null", "0", "-", "~",
             "00000000-0000-0000-0000-000000000000", b.id.upper(), b.name.upper(), f"{b.name}.", f".{b.name}",
             f"{b.name}%20", f"{b.name};", f"{a.id}%2f..%2f{b.id}", f"{a.id}/../{b.id}", f"{a.id}/..%2f{b.id}",
             f"./{b.id}", f"{a.id},{b.id}", b.id.replace("-", ""), f"urn:uuid:{b.id}", f"{{{b.id}}}",
             b.name.replace("o", "%CE%BF"), b.name.replace("i", "%D1%96"), b.name.replace("-", "%E2%80%90"))  # fmt: skip
    for name in roots:
        # Nothing after the slash is the list, of which A sees its own tenant.
        for rest in () if name == "" else ("", "/keys", "/workloads", "/deployments", "/audit", f"/keys/{b.dev.id}"):
            at.refused(
                at.control_plane("GET", f"/api/tenants/{name}{rest}"),
                f"tenant {name!r}{rest[:12]}",
                _BAD,
                NOT_FOUND,
                _METHOD,
            )
    for prefix in ("//", "/./", "/../", "/api/../", "/%61pi/", "/API/"):
        answer = at.control_plane("GET", f"{prefix}api/tenants/{b.id}")
        at.refused(answer, f"prefix {prefix}", _BAD, NOT_FOUND)
    for model in (
        f"{a.own}/../{b.own}",
        f"{a.own}%2f..%2f{b.own}",
        f"%2e%2e/{b.own}",
        f".{b.own}",
        f"{b.own}%00",
        "",
        "..",
        b.own.upper(),
    ):
        at.refused(at.data_plane("GET", f"/v1/models/{model}"), "model path", _BAD, NOT_FOUND)
        at.refused(at.data_plane("POST", _CHAT, data=question(model)), "model name", _BAD, NOT_FOUND)
    host = target.control.partition("//")[2].encode()
    for path in (
        "/api/tenants/" + b.name.replace("o", "\u03bf"),
        f"/api/tenants/{b.name}\u3002",
        "/api/\uff0e\uff0e/tenants",
    ):
        message = b"GET %s HTTP/1.1\r\nhost: %s\r\nauthorization: Bearer %s\r\n\r\n" % (
            path.encode(),
            host,
            a.admin.secret.encode(),
        )
        answer = raw(target.control, message)
        at.inspect(answer, "bytes beyond ASCII in a path")
        at.refused(answer, "bytes beyond ASCII in a path", _BAD, NOT_FOUND)
    for name in (".", "..", "a/b", "a%2fb", b.name.replace("o", "\u03bf"), b.name + "\u200b", "A" + b.name, ""):
        made = at.as_operator("POST", "/api/tenants", {"name": name})
        at.refused(made, "a look-alike as a tenant's name", _BAD)
    shown = at.as_b("GET", f"/api/tenants/{b.name}")
    notes.hold(shown.status == OK and shown.json()["id"] == b.id, "control: B does not see itself by its plain name")


@case(6, "a dev key at what stands in prod")
def another_environment(target: Target, notes: Notes) -> None:
    """Ask in dev for what the same tenant has in prod only, and the other way round."""
    at, a = Attempt(target, notes), target.a
    for environment, foreign in (
        ("dev", a.prod_only),
        ("test", a.prod_only),
        ("prod", a.own),
        ("prod", target.embedding),
    ):
        key = a.keys[environment]
        answer = at.data_plane("POST", _CHAT, key, data=question(foreign))
        at.refused(answer, f"{environment} key")
        at.same(answer, at.data_plane("POST", _CHAT, key, data=question(f"no-{foreign}")), f"{environment} key")
        at.logged(answer, f"{environment} key")
        at.refused(at.data_plane("GET", f"/v1/models/{foreign}", key), f"{environment} key, models.retrieve")
        at.refused(
            at.data_plane("POST", _CHAT, key, data=question(foreign), fields={"X-Environment": "prod"}),
            f"{environment} key with a field",
        )
        listed = {each["id"] for each in at.data_plane("GET", "/v1/models", key).json()["data"]}
        notes.hold(foreign not in listed, f"models.list of {environment} shows another environment's")
    swapped = a.dev.secret.replace("_dev_", "_prod_")
    at.refused(
        at.data_plane("POST", _CHAT, type(a.dev)(a.dev.id, swapped), data=question(a.prod_only)), "a renamed key", 401
    )
    at.works(a.keys["prod"], a.prod_only, "A's prod key asks what stands in prod")
    at.works(a.dev, a.own, "A's dev key asks what stands in dev")
