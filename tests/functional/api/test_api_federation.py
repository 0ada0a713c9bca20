"""Tokens of others in exchange for ours: what a rule names and nothing else, once, for minutes (isolation test 15)."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Generator
from typing import Any
from urllib.parse import urlencode

import pytest

from strongroom.app.testing import ControlPlane
from strongroom.identity.federation.exchange import ACCESS_TOKEN, GRANT, ID_TOKEN, JWT, TELL
from strongroom.identity.federation.testing import LocalIssuer, SigningKey, compact, encoded, local_issuer
from strongroom.signatures.dpop import Prover

Ask = Any

SUBJECT = "repo:octo/app:ref:refs/heads/main"
PINS = {"repository_id": "1296269", "repository_owner_id": "583231"}
ACME = "/api/tenants/acme/federation"


@pytest.fixture(scope="module")
def issuer() -> Generator[LocalIssuer]:
    with local_issuer() as issuer:
        yield issuer


def rule_of(of: LocalIssuer, **more: Any) -> dict[str, Any]:
    said = {
        "environment": "dev",
        "workload": "inference",
        "kind": "oidc",
        "issuer": of.url,
        "audience": "strongroom",
        "subject": SUBJECT,
        "claims": PINS,
        **more,
    }
    return {name: value for name, value in said.items() if value is not None}


@pytest.fixture(scope="module")
def rule(ask: Ask, issuer: LocalIssuer) -> str:
    made = ask("POST", ACME, by="acme-admin", data=rule_of(issuer))
    assert made.status == 201, made.text
    return str(made.body["id"])


def good(issuer: LocalIssuer, **more: Any) -> str:
    return issuer.token(**{"aud": "strongroom", "sub": SUBJECT, **PINS, **more})


def exchange(ask: Ask, rule: str, token: str, **more: str | None) -> Any:
    form = {
        "grant_type": GRANT,
        "subject_token": token,
        "subject_token_type": ID_TOKEN,
        "audience": rule,
        **more,
    }
    body = urlencode({name: value for name, value in form.items() if value is not None}).encode()
    return ask("POST", "/oauth2/token", raw=body, headers={"content-type": "application/x-www-form-urlencoded"})


def reasons(ask: Ask, answer: Any) -> list[tuple[str, str]]:
    """Return (action, reason) of what the logs say of one answer."""
    request = answer.body["request_id"]
    found: list[tuple[str, str]] = []
    for path, by in (("/api/audit?limit=200", "operator"), ("/api/tenants/acme/audit?limit=200", "acme-admin")):
        log = ask("GET", path, by=by).body["data"]
        found += [(each["action"], each["reason"]) for each in log if each["request_id"] == request]
    return found


def test_a_token_is_exchanged_for_one_of_the_workloads_own(ask: Ask, issuer: LocalIssuer, rule: str) -> None:
    answer = exchange(ask, rule, good(issuer))
    assert answer.status == 200, answer.text
    assert (answer.fields["cache-control"], answer.fields["pragma"]) == ("no-store", "no-cache")
    assert answer.body.keys() == {"access_token", "issued_token_type", "token_type", "expires_in"}
    assert (answer.body["issued_token_type"], answer.body["token_type"]) == (ACCESS_TOKEN, "Bearer")
    assert answer.body["expires_in"] == 3600
    me = ask("GET", "/api/whoami", by=answer.body["access_token"])
    assert (me.status, me.body["role"], me.body["name"]) == (200, "inference", "inference")
    assert (me.body["tenant_name"], me.body["environment"]) == ("acme", "dev")
    # It administers as little as the workload's key does.
    assert ask("GET", "/api/tenants/acme/keys", by=answer.body["access_token"]).status == 404

    listed = ask("GET", "/api/tenants/acme/tokens", by="acme-admin").body["data"]
    given = next(each for each in listed if each["id"] == me.body["credential"])
    assert (given["rule"], given["workload"], given["status"]) == (rule, "inference", "active")
    log = ask("GET", "/api/tenants/acme/audit?limit=50", by="acme-admin")
    entry = next(
        each for each in log.body["data"] if each["credential"] == given["id"] and each["action"] == "token.issue"
    )
    assert (entry["outcome"], entry["actor"]) == ("allowed", "inference/inference")
    assert answer.body["access_token"] not in log.text
    assert ask("GET", "/api/tenants/globex/tokens", by="globex-admin").body["data"] == []


@pytest.mark.parametrize(("environment", "seconds"), [("dev", 3600), ("test", 1800), ("prod", 900)])
def test_a_token_lives_no_longer_than_its_environment_allows(
    ask: Ask, issuer: LocalIssuer, environment: str, seconds: int
) -> None:
    workload = {"name": "brief", "environment": environment, "role": "inference", "owner": "o"}
    assert ask("POST", "/api/tenants/acme/workloads", by="acme-admin", data=workload).status == 201
    terms = rule_of(issuer, environment=environment, workload="brief")
    too_long = ask("POST", ACME, by="acme-admin", data=terms | {"token_minutes": seconds / 60 + 0.1})
    assert (too_long.status, too_long.body["param"]) == (400, "token_minutes")
    made = ask("POST", ACME, by="acme-admin", data=terms)
    assert made.body["token_s"] == seconds
    answer = exchange(ask, made.body["id"], good(issuer))
    assert answer.body["expires_in"] == seconds
    assert answer.body["access_token"].startswith(f"srk_tok_{environment}_")


def wrong_tokens(issuer: LocalIssuer) -> dict[str, tuple[str, str]]:
    """Return every wrong token by what is wrong with it, and what the log must say."""
    key, now = issuer.keys[0], int(time.time())
    right = issuer.claims(aud="strongroom", sub=SUBJECT, **PINS)
    stranger, rsa = SigningKey.make(), SigningKey.make("RS256")
    header = {"alg": key.alg, "typ": "JWT", "kid": key.kid}
    whole = key.token(right)
    flipped = whole[:-2] + ("AA" if whole[-2:] != "AA" else "BB")
    twice = json.dumps(right)[:-1] + ', "sub": "repo:octo/app:ref:refs/heads/main"}'
    own = {"jwk": stranger.jwk}
    return {
        "another audience": (good(issuer, aud="sigstore"), "audience"),
        "an audience beside ours": (good(issuer, aud=["strongroom", "sigstore"]), "audience"),
        "no audience": (good(issuer, aud=None), "audience"),
        "our audience as part of another": (good(issuer, aud="strongroom.example"), "audience"),
        "another issuer": (good(issuer, iss="https://token.actions.githubusercontent.com"), "issuer"),
        "the issuer with a slash": (good(issuer, iss=issuer.url + "/"), "issuer"),
        "no issuer": (good(issuer, iss=None), "issuer"),
        "another subject": (good(issuer, sub="repo:octo/app:ref:refs/heads/other"), "subject"),
        "a longer subject": (good(issuer, sub=SUBJECT + "x"), "subject"),
        "a subject in capitals": (good(issuer, sub=SUBJECT.upper()), "subject"),
        "a subject that is a list": (good(issuer, sub=[SUBJECT]), "subject"),
        "the name of another owner's repository": (good(issuer, repository_owner_id="666"), "repository_owner_id"),
        "no pinned claim": (good(issuer, repository_id=None), "repository_id"),
        "a pinned claim that is a list": (good(issuer, repository_id=["1296269"]), "repository_id"),
        "ended": (good(issuer, exp=now - 60), "ended"),
        "not yet": (good(issuer, nbf=now + 120), "count yet"),
        "from the future": (good(issuer, iat=now + 120), "future"),
        "too old, though it lasts": (good(issuer, iat=now - 7200, nbf=None, exp=now + 7200), "too long ago"),
        "without an end": (good(issuer, exp=None), "does not say"),
        "without a beginning": (good(issuer, iat=None), "does not say"),
        "a time that is text": (good(issuer, exp=str(now + 60)), "no time"),
        "a time that is true": (good(issuer, exp=True), "no time"),
        "alg none": (compact({**header, "alg": "none"}, right, lambda _: b"\x00"), "algorithm"),
        "alg None": (compact({**header, "alg": "None"}, right, lambda _: b"\x00"), "algorithm"),
        "no alg": (compact({"typ": "JWT", "kid": key.kid}, right, key.sign), "algorithm"),
        "the public key as a shared secret": (key.as_shared_secret(right), "algorithm"),
        "an algorithm of another kind of key": (key.token(right, alg="RS256"), "no such key"),
        "another curve's algorithm": (key.token(right, alg="ES384"), "no such key"),
        "a key of nobody's": (stranger.token(right), "no such key"),
        "a key under the issuer's name": (stranger.token(right, kid=key.kid), "signature"),
        "an RSA key under the issuer's name": (rsa.token(right, kid=key.kid), "no such key"),
        "no signature": (whole.rsplit(".", 1)[0] + ".", "base64url"),
        "a changed signature": (flipped, "signature|spelled"),
        "changed claims": (
            ".".join([whole.split(".")[0], encoded(json.dumps(right | {"x": 1}).encode()), whole.split(".")[2]]),
            "signature",
        ),
        "its own key": (stranger.token(right, **own), "its own key"),
        "a key from an address": (key.token(right, jku=f"{issuer.url}/evil"), "its own key"),
        "a certificate from an address": (key.token(right, x5u=f"{issuer.url}/evil"), "its own key"),
        "a certificate": (key.token(right, x5c=["MIIB"]), "its own key"),
        "an extension": (key.token(right, crit=["exp"]), "extension"),
        "an unencoded payload": (key.token(right, b64=False), "extension"),
        "a proof's type": (key.token(right, typ="dpop+jwt"), "type"),
        "an access token's type": (key.token(right, typ="at+jwt"), "type"),
        "a type that is a number": (key.token(right, typ=1), "type"),
        "a key's name that is a path": (key.token(right, kid="../../../../dev/null"), "no such key"),
        "a key's name that is none": (key.token(right, kid=7), "key"),
        "a member twice": (compact(header, twice.encode(), key.sign), "twice"),
        "no JSON": (compact(header, b"{", key.sign), "JSON"),
        "a list": (compact(header, b"[]", key.sign), "object"),
        "deep": (compact(header, b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", key.sign), "JSON"),
        "NaN": (compact(header, b'{"exp": NaN}', key.sign), "number"),
        "four parts": (whole + ".x", "compact"),
        "encrypted": ("a.b.c.d.e", "compact"),
        "padded": (base64.urlsafe_b64encode(b'{"alg":"ES256"}').decode() + ".e30.AA", "base64url|algorithm|issuer"),
        "nothing of the kind": ("nonsense", "compact"),
        "too long": ("a" * 16_500, "long"),
    }


def test_every_wrong_token_is_refused_in_the_same_words_and_the_log_says_why(
    ask: Ask, issuer: LocalIssuer, rule: str
) -> None:
    assert exchange(ask, rule, good(issuer)).status == 200  # the positive control: the keys are there
    wrong: list[str] = []
    explained = 0
    for name, (token, why) in wrong_tokens(issuer).items():
        answer = exchange(ask, rule, token)
        told = {key: value for key, value in answer.body.items() if key != "request_id"}
        if (answer.status, told) != (400, {"error": "invalid_request", "error_description": TELL}):
            wrong.append(f"{name}: {answer.status} {answer.text}")
            continue
        said = " | ".join(reason for _, reason in reasons(ask, answer))
        explained += bool(said)
        if said and not any(part in said for part in why.split("|")):
            wrong.append(f"{name}: the log says {said!r}")
        if any(part in said for part in token.split(".") if len(part) > 20):
            wrong.append(f"{name}: the log holds a part of the token")
    assert not wrong, "\n".join(wrong)
    assert explained >= 20  # strangers beyond a rate are counted, not written one by one
    assert issuer.asked["/evil"] == 0


def test_a_token_is_exchanged_once(ask: Ask, issuer: LocalIssuer, rule: str) -> None:
    token = good(issuer)
    assert exchange(ask, rule, token).status == 200
    again = exchange(ask, rule, token)
    assert (again.status, again.body["error_description"]) == (400, TELL)
    assert ("token.issue", "the token was exchanged before: a replay") in reasons(ask, again)
    # Signed anew under the same name it is the same token, and so under another rule of the tenant's.
    name = uuid.uuid4().hex
    assert exchange(ask, rule, good(issuer, jti=name)).status == 200
    assert exchange(ask, rule, good(issuer, jti=name)).status == 400
    other = ask("POST", ACME, by="acme-admin", data=rule_of(issuer)).body["id"]
    assert exchange(ask, other, good(issuer, jti=name)).status == 400
    # Without a name it is known by what was signed, not by its signature, which can be written in two ways.
    nameless = good(issuer, jti=None)
    assert exchange(ask, rule, nameless).status == 200
    assert exchange(ask, rule, _other_half(nameless)).status == 400


def _other_half(token: str) -> str:
    """Return the same ES256 token with its other valid signature: (r, n - s)."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    head, claims, signature = token.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    s = order - int.from_bytes(raw[32:], "big")
    return f"{head}.{claims}.{encoded(raw[:32] + s.to_bytes(32, 'big'))}"


def test_of_many_at_once_one_gets_a_token(ask: Ask, issuer: LocalIssuer, rule: str) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - beside its only use

    token = good(issuer)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: exchange(ask, rule, token).status, range(8)))
    assert sorted(answers) == [200] + [400] * 7


def test_what_was_given_out_ends_with_its_rule_its_workload_and_by_itself(ask: Ask, issuer: LocalIssuer) -> None:
    def fresh(workload: str) -> tuple[str, str]:
        made = ask("POST", ACME, by="acme-admin", data=rule_of(issuer, workload=workload)).body["id"]
        return made, exchange(ask, made, good(issuer)).body["access_token"]

    def counts(token: str) -> bool:
        return bool(ask("GET", "/api/whoami", by=token).status == 200)

    ended, by_rule = fresh("inference")
    other, by_itself = fresh("inference")
    _, beside = fresh("inference")
    assert counts(by_rule)
    gone = ask("DELETE", f"{ACME}/{ended}", by="acme-admin")
    assert (gone.status, gone.body["status"], gone.body["ended_reason"]) == (200, "ended", "deleted")
    assert not counts(by_rule)
    assert exchange(ask, ended, good(issuer)).status == 400

    token_id = by_itself.split("_")[3]
    assert counts(by_itself)
    revoked = ask("POST", f"/api/tenants/acme/tokens/{token_id}/revoke", by="acme-admin", data={"reason": "leaked"})
    assert (revoked.status, revoked.body["status"]) == (200, "revoked")
    assert not counts(by_itself)
    assert ask("POST", f"/api/tenants/globex/tokens/{token_id}/revoke", by="globex-admin", data={}).status == 404
    assert counts(beside)  # the positive control: nobody else's ended with it
    assert exchange(ask, other, good(issuer)).status == 200

    workload = {"name": "passing", "environment": "dev", "role": "inference", "owner": "o"}
    assert ask("POST", "/api/tenants/acme/workloads", by="acme-admin", data=workload).status == 201
    rule, token = fresh("passing")
    assert counts(token)
    assert ask("DELETE", "/api/tenants/acme/workloads/dev/passing", by="acme-admin").status == 204
    assert not counts(token)
    assert ask("GET", f"{ACME}/{rule}", by="acme-admin").body["ended_reason"] == "workload deleted"


def test_a_changed_token_is_nobodys(ask: Ask, issuer: LocalIssuer, rule: str) -> None:
    from strongroom.identity.accesstoken import _base62, _crc_of  # noqa: PLC0415 - the attacker's own arithmetic

    token = exchange(ask, rule, good(issuer)).body["access_token"]
    assert ask("GET", "/api/whoami", by=token).status == 200
    for at in (8, 14, 40, 60, 120, 190):
        body = token[:-6]
        body = body[:at] + ("1" if body[at] != "1" else "2") + body[at + 1 :]
        assert ask("GET", "/api/whoami", by=body + _crc_of(body)).status == 401
    for changed in (token.replace("_dev_", "_prod_"), token[:-1], token + "0", token.swapcase()):
        assert ask("GET", "/api/whoami", by=changed).status == 401
    assert _base62(0, 1) == "0"


def test_the_form_is_read_strictly(ask: Ask, issuer: LocalIssuer, rule: str) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    for raw, error in (
        (b"", "invalid_request"),
        (b"grant_type=client_credentials", "unsupported_grant_type"),
        (urlencode({"grant_type": GRANT}).encode(), "invalid_request"),
        (b"grant_type=a&grant_type=b", "invalid_request"),
        (b"\xff=1", "invalid_request"),
    ):
        answer = ask("POST", "/oauth2/token", raw=raw, headers=form)
        assert (answer.status, answer.body["error"]) == (400, error), answer.text
    assert exchange(ask, rule, good(issuer), scope="everything").status == 400
    assert exchange(ask, rule, good(issuer), requested_token_type=ID_TOKEN).status == 400
    assert exchange(ask, rule, good(issuer), subject_token_type=ACCESS_TOKEN).status == 400
    assert exchange(ask, str(uuid.uuid4()), good(issuer)).status == 400
    assert exchange(ask, "nonsense", good(issuer)).status == 400
    assert ask("POST", "/oauth2/token", data={"grant_type": GRANT}).status == 400
    assert exchange(ask, rule, good(issuer), requested_token_type=ACCESS_TOKEN).status == 200


def test_a_new_key_is_fetched_once_and_an_old_one_ends_with_the_set(ask: Ask) -> None:
    with local_issuer() as issuer:
        rule = ask("POST", ACME, by="acme-admin", data=rule_of(issuer)).body["id"]
        assert exchange(ask, rule, good(issuer)).status == 200
        assert issuer.asked == {"/.well-known/openid-configuration": 1, "/jwks": 1}
        for _ in range(3):
            assert exchange(ask, rule, SigningKey.make().token(issuer.claims(aud="strongroom"))).status == 400
        assert issuer.asked["/jwks"] == 1  # unknown keys make no fetch each: the set is half a minute young


@pytest.mark.parametrize(
    "answers",
    [
        {"/jwks": (404, b"{}")},
        {"/jwks": (302, b"/elsewhere")},
        {"/jwks": (200, b"no json")},
        {"/jwks": (200, b'{"keys": []}')},
        {"/jwks": (200, b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}')},
        {"/jwks": (200, b" " * 300_000)},
        {"/.well-known/openid-configuration": (200, b'{"issuer": "https://other.example", "jwks_uri": "x"}')},
        {"/.well-known/openid-configuration": (500, b"")},
    ],
    ids=lambda each: " ".join(str(part)[:40] for part in each.items()) if isinstance(each, dict) else "",
)
def test_an_issuer_that_answers_wrong_lets_nobody_in(ask: Ask, answers: dict[str, tuple[int, bytes]]) -> None:
    with local_issuer() as issuer:
        issuer.answers |= answers
        rule = ask("POST", ACME, by="acme-admin", data=rule_of(issuer)).body["id"]
        answer = exchange(ask, rule, good(issuer))
        assert (answer.status, answer.body["error_description"]) == (400, TELL)
        assert issuer.asked["/elsewhere"] == 0
        issuer.answers.clear()
        other = ask("POST", ACME, by="acme-admin", data=rule_of(issuer, keys_url=f"{issuer.url}/jwks")).body["id"]
        assert exchange(ask, other, good(issuer)).status == 200  # the positive control: asked right, it lets in


def test_a_key_set_of_another_origin_counts_only_where_the_rule_names_it(ask: Ask) -> None:
    with local_issuer() as issuer, local_issuer() as other:
        issuer.answers["/.well-known/openid-configuration"] = (
            200,
            json.dumps({"issuer": issuer.url, "jwks_uri": f"{other.url}/jwks"}).encode(),
        )
        token = other.keys[0].token(issuer.claims(aud="strongroom", sub=SUBJECT, **PINS))
        rule = ask("POST", ACME, by="acme-admin", data=rule_of(issuer)).body["id"]
        assert exchange(ask, rule, token).status == 400
        assert not other.asked
        named = ask("POST", ACME, by="acme-admin", data=rule_of(issuer, keys_url=f"{other.url}/jwks")).body["id"]
        assert exchange(ask, named, token).status == 200


@pytest.mark.parametrize("url", ["http://169.254.169.254", "http://localhost.:1", "https://10.0.0.1", "http://[::1]:1"])
def test_no_rule_makes_us_ask_an_inner_address(ask: Ask, issuer: LocalIssuer, url: str) -> None:
    made = ask("POST", ACME, by="acme-admin", data=rule_of(issuer, issuer=url))
    assert made.status == 201, made.text
    token = good(issuer, iss=url)
    answer = exchange(ask, made.body["id"], token)
    assert (answer.status, answer.body["error_description"]) == (400, TELL)


@pytest.mark.parametrize(
    ("param", "more"),
    [
        ("proof", {"proof": "signature"}),
        ("issuer", {"issuer": "file:///etc/passwd"}),
        ("issuer", {"issuer": "https://user@issuer.example"}),
        ("subject", {"subject": "repo:octo/*"}),
        ("claims", {"kind": "github", "issuer": "https://token.actions.githubusercontent.com", "claims": {}}),
        ("claims", {"kind": "kubernetes", "subject": "system:serviceaccount:a:b", "claims": {}}),
        ("subject", {"kind": "kubernetes", "subject": "system:serviceaccount:a"}),
        ("issuer", {"kind": "spiffe", "issuer": "https://example.org"}),
        ("subject", {"kind": "spiffe", "issuer": "spiffe://a", "subject": "spiffe://ab/c", "claims": {}}),
        ("keys", {"kind": "spiffe", "issuer": "spiffe://a", "subject": "spiffe://a/c", "claims": {}}),
        ("keys", {"keys": "{}"}),
        ("networks", {"networks": ["10.0.0.0/33"]}),
        ("workload", {"workload": "No Name"}),
    ],
)
def test_a_rule_that_pins_too_little_or_makes_no_sense_is_refused(
    ask: Ask, issuer: LocalIssuer, param: str, more: dict[str, Any]
) -> None:
    made = ask("POST", ACME, by="acme-admin", data=rule_of(issuer, **more))
    assert (made.status, made.body["param"]) == (400, param), made.text


def test_a_service_account_is_known_by_its_uid(ask: Ask, issuer: LocalIssuer) -> None:
    uid = str(uuid.uuid4())
    subject = "system:serviceaccount:search:indexer"
    terms = rule_of(
        issuer,
        kind="kubernetes",
        subject=subject,
        claims={"/kubernetes.io/serviceaccount/uid": uid},
        networks=["::1/128"],
    )
    elsewhere = ask("POST", ACME, by="acme-admin", data=terms).body["id"]
    rule = ask("POST", ACME, by="acme-admin", data=terms | {"networks": ["127.0.0.0/8"]}).body["id"]

    def token(uid: str) -> str:
        within = {"namespace": "search", "serviceaccount": {"name": "indexer", "uid": uid}}
        return issuer.token(aud=["strongroom"], sub=subject, **{"kubernetes.io": within})

    assert exchange(ask, rule, token(str(uuid.uuid4()))).status == 400  # made anew under the same name
    assert exchange(ask, elsewhere, token(uid)).status == 400
    given = exchange(ask, rule, token(uid))
    assert given.status == 200, given.text


def test_a_svid_is_checked_against_its_trust_domains_bundle(ask: Ask) -> None:
    key, x509 = SigningKey.make(), SigningKey.make()
    bundle = json.dumps({"keys": [{**key.jwk, "use": "jwt-svid"}, {**x509.jwk, "use": "x509-svid"}]})
    with local_issuer() as issuer:
        terms = rule_of(
            issuer, kind="spiffe", issuer="spiffe://prod.example", subject="spiffe://prod.example/search", claims={}
        )
        rule = ask("POST", ACME, by="acme-admin", data=terms | {"keys": bundle}).body["id"]
        issuer.answers["/bundle"] = (200, bundle.encode())
        fetched = ask("POST", ACME, by="acme-admin", data=terms | {"keys_url": f"{issuer.url}/bundle"}).body["id"]

        def svid(signs: SigningKey = key, **more: Any) -> str:
            said = {"aud": ["strongroom"], "sub": "spiffe://prod.example/search", "iss": None, "iat": None, **more}
            return signs.token(issuer.claims(**said), typ=None)

        def shown(rule: str, token: str, kind: str = JWT) -> int:
            return int(exchange(ask, rule, token, subject_token_type=kind).status)

        assert shown(rule, svid()) == 200
        assert shown(fetched, svid()) == 200
        assert shown(rule, svid(), ID_TOKEN) == 400
        assert shown(rule, svid(sub="spiffe://dev.example/search")) == 400
        assert shown(rule, svid(sub="spiffe://prod.example.evil/search")) == 400
        assert shown(rule, svid(sub="spiffe://prod.example/search/x")) == 400
        assert shown(rule, svid(x509)) == 400  # a key for certificates is none for tokens
        assert shown(rule, svid(exp=int(time.time()) + 86_400)) == 400  # without `iat`, the end must be near


def test_another_tenant_makes_no_rule_for_acme_and_gets_nothing_by_its_own(ask: Ask, issuer: LocalIssuer) -> None:
    assert ask("POST", ACME, by="globex-admin", data=rule_of(issuer)).status == 404
    theirs = ask("POST", "/api/tenants/globex/federation", by="globex-admin", data=rule_of(issuer)).body["id"]
    given = exchange(ask, theirs, good(issuer)).body["access_token"]
    assert ask("GET", "/api/whoami", by=given).body["tenant_name"] == "globex"
    for by in ("acme-inference", "approver"):
        assert ask("POST", ACME, by=by, data=rule_of(issuer)).status in {403, 404}
    assert ask("GET", f"{ACME}/{theirs}", by="acme-admin").status == 404
    assert ask("DELETE", f"{ACME}/{theirs}", by="acme-admin").status == 404
    assert ask("GET", "/api/whoami", by=given).status == 200


def test_when_a_tenant_ends_its_tokens_do(ask: Ask, issuer: LocalIssuer) -> None:
    assert ask("POST", "/api/tenants", by="operator", data={"name": "initech"}).status == 201
    workload = {"name": "w", "environment": "dev", "role": "inference", "owner": "o"}
    assert ask("POST", "/api/tenants/initech/workloads", by="operator", data=workload).status == 201
    rule = ask("POST", "/api/tenants/initech/federation", by="operator", data=rule_of(issuer, workload="w")).body["id"]
    token = exchange(ask, rule, good(issuer)).body["access_token"]
    assert ask("GET", "/api/whoami", by=token).status == 200
    assert ask("DELETE", "/api/tenants/initech", by="operator").status in {200, 204}
    assert ask("GET", "/api/whoami", by=token).status == 401
    assert exchange(ask, rule, good(issuer)).status == 400


def test_a_replay_is_refused_by_a_process_that_never_saw_the_token(
    plane: ControlPlane, ask: Ask, issuer: LocalIssuer, rule: str
) -> None:
    from strongroom.identity.federation.exchange import Exchange, Wanted  # noqa: PLC0415 - beside its only use
    from strongroom.identity.federation.issuers import Issuers  # noqa: PLC0415 - as above
    from strongroom.identity.possession import Shown  # noqa: PLC0415 - as above
    from strongroom.kernel.refusal import Refused  # noqa: PLC0415 - as above
    from strongroom.policy import Ask as Asked  # noqa: PLC0415 - as above
    from strongroom.wire.addresses import Networks  # noqa: PLC0415 - as above

    token, services = good(issuer), plane.services
    assert exchange(ask, rule, token).status == 200

    async def elsewhere() -> None:
        other = Exchange(
            services.gate,
            services.follower,
            services.directory.federation,
            Issuers(Networks(["127.0.0.0/8"]), services.clock),
            services.exchange._signer,
            services.clock,
        )
        wanted = Wanted(rule=rule, subject_token=token, subject_token_type=ID_TOKEN, peer="127.0.0.1")
        with pytest.raises(Refused, match="exchanged before"):
            await other.exchange(wanted, Shown(method="POST", url="", scheme=""), Asked())

    plane.run(elsewhere())


def test_a_token_is_given_out_bound_to_the_key_that_was_proven_and_counts_with_proof_alone(
    plane: ControlPlane, ask: Ask, issuer: LocalIssuer, rule: str
) -> None:
    prover, thief = Prover.generate(), Prover.generate()
    form = {"content-type": "application/x-www-form-urlencoded"}

    def exchanged(rule: str, **fields: str) -> Any:
        said = {
            "grant_type": GRANT,
            "subject_token": good(issuer),
            "subject_token_type": ID_TOKEN,
            "audience": rule,
        }
        return ask("POST", "/oauth2/token", raw=urlencode(said).encode(), headers=form | fields)

    at = f"{plane.url}/oauth2/token"
    answer = exchanged(rule, dpop=prover.proof("POST", at))
    assert (answer.status, answer.body["token_type"]) == (200, "DPoP")
    token, me = answer.body["access_token"], f"{plane.url}/api/whoami"

    def who(*, scheme: str = "DPoP", proof: str | None) -> int:
        fields = {"authorization": f"{scheme} {token}"} | ({} if proof is None else {"dpop": proof})
        return int(ask("GET", "/api/whoami", headers=fields).status)

    assert who(proof=prover.proof("GET", me, token=token)) == 200
    once = prover.proof("GET", me, token=token)
    assert [who(proof=once), who(proof=once)] == [200, 401]
    assert who(proof=None) == 401
    assert who(proof=None, scheme="Bearer") == 401
    assert who(proof=prover.proof("GET", me, token=token), scheme="Bearer") == 401
    assert who(proof=thief.proof("GET", me, token=token)) == 401
    assert who(proof=prover.proof("POST", me, token=token)) == 401

    strict = ask("POST", ACME, by="acme-admin", data=rule_of(issuer, proof="dpop")).body["id"]
    assert exchanged(strict).status == 400
    assert exchanged(strict, dpop=prover.proof("GET", at)).status == 400
    used = prover.proof("POST", at)
    assert exchanged(strict, dpop=used).status == 200
    assert exchanged(strict, dpop=used).status == 400
    certificate = ask("POST", ACME, by="acme-admin", data=rule_of(issuer, proof="mtls")).body["id"]
    assert exchanged(certificate).status == 400  # the connection shows no certificate
