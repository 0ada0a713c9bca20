"""Another implementation of RFC 9421 agrees with ours: it takes what we sign, and we take what it signs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import http_message_signatures as oracle
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from http_message_signatures import algorithms

from strongroom.signatures import Algorithm, SecretKey
from strongroom.signatures.answers import COVERED, TAG, AnswerSigner, Facts
from strongroom.signatures.client import RequestSigner
from strongroom.signatures.exchange import Outcome, Saved, check
from strongroom.signatures.fields import content_digest
from strongroom.signatures.requests import CARRIERS, Claim, Parts, read, timely

BODY = b'{"model":"tiny"}'
URL = "http://gateway.example:8400/v1/chat/completions?trace=on"
CREDENTIAL = "Bearer srk_test"
ALGORITHMS: dict[Algorithm, Any] = {
    Algorithm.ED25519: algorithms.ED25519,
    Algorithm.P256: algorithms.ECDSA_P256_SHA256,
}


@dataclass
class Message:
    """A request as the other implementation sees one."""

    method: str = "POST"
    url: str = URL
    headers: dict[str, str] = field(default_factory=lambda: {"authorization": CREDENTIAL})


@dataclass
class Reply:
    """An answer likewise."""

    status_code: int
    headers: dict[str, str]
    request: Message = field(default_factory=Message)


@pytest.fixture(params=list(Algorithm))
def key(request: pytest.FixtureRequest) -> SecretKey:
    if request.param is Algorithm.ED25519:
        return SecretKey.generate()
    return SecretKey(ec.generate_private_key(ec.SECP256R1()))


def resolver(key: SecretKey) -> Any:
    identity = key.public.id
    return oracle.MappingKeyResolver(
        public_keys={identity: key.public.pem().encode()}, private_keys={identity: key.pem().encode()}
    )


def verifier(key: SecretKey) -> Any:
    return oracle.HTTPMessageVerifier(signature_algorithm=ALGORITHMS[key.public.algorithm], key_resolver=resolver(key))


def ours(message: Message) -> Claim | str:
    parts = Parts(
        method=message.method,
        scheme="http",
        host=b"Gateway.example:8400",
        path=b"/v1/chat/completions",
        query=b"trace=on",
        fields={"authorization": CREDENTIAL.encode()},
    )
    fields = {name.lower().encode(): value.encode() for name, value in message.headers.items()}
    return read(parts, {name: [fields[name]] for name in CARRIERS if name in fields}, BODY)


def test_it_takes_what_we_sign(key: SecretKey) -> None:
    message = Message()
    message.headers |= RequestSigner(key).fields("POST", URL, BODY, CREDENTIAL)
    required = ("@method", "@authority", "@path", "@query", "content-digest", "authorization")
    found = verifier(key).verify(
        message, expect_tag="strongroom", max_age=timedelta(seconds=60), require_components=required, body=BODY
    )
    assert len(found) == 1
    message.method = "PUT"
    with pytest.raises(oracle.InvalidSignature):
        verifier(key).verify(message, expect_tag="strongroom")


@pytest.mark.parametrize("place", [("@authority", "@path", "@query"), ("@target-uri",)], ids=["parts", "target"])
@pytest.mark.parametrize("include_alg", [True, False])
def test_we_take_what_it_signs(key: SecretKey, place: tuple[str, ...], *, include_alg: bool) -> None:
    message = Message()
    signer = oracle.HTTPMessageSigner(signature_algorithm=ALGORITHMS[key.public.algorithm], key_resolver=resolver(key))
    signer.sign(
        message,
        body=BODY,
        key_id=key.public.id,
        created=datetime.now(UTC),
        nonce="0123456789abcdef",
        tag="strongroom",
        include_alg=include_alg,
        covered_component_ids=("@method", *place, "content-digest", "authorization"),
    )
    claim = ours(message)
    assert isinstance(claim, Claim), claim
    assert timely(claim, time.time(), 60) is None
    assert key.public.verifies(claim.signature, claim.base)
    assert not SecretKey.generate().public.verifies(claim.signature, claim.base)


def test_it_takes_the_answers_we_sign(key: SecretKey) -> None:
    facts = Facts(
        request=content_digest(b"asked"), release="sha256:ab", model="tiny", policy="p1", rules="r1", request_id="req_1"
    )
    head = [(b"content-type", b"application/json"), (b"x-request-id", b"req_1")]
    head += AnswerSigner(key).whole(facts, 200, b"application/json", BODY, int(time.time()))
    reply = Reply(200, {name.decode(): value.decode() for name, value in head})
    assert verifier(key).verify(reply, expect_tag=TAG, require_components=COVERED, body=BODY)
    kept = Saved(status=200, fields={name.decode(): [value] for name, value in head}, body=BODY)
    assert check(kept, {key.public.id: key.public}, b"asked").outcome is Outcome.GOOD
