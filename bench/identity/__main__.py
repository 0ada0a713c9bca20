"""What tokens and proofs cost: exchanges a second, a token's check, and what a proof or a signature adds to a request.

.venv/bin/python -m bench.identity [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import platform
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from strongroom.app.testing import ControlPlane, control_plane
from strongroom.gateway.signing import verify
from strongroom.gateway.signing.possession import Possession
from strongroom.identity.accesstoken import Claims, Signer, Verifier, public_keys
from strongroom.identity.federation.exchange import GRANT, JWT
from strongroom.identity.federation.testing import SigningKey
from strongroom.identity.signers import Signers
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, new_key_id, new_uuid
from strongroom.kernel.principal import Confirmation, Environment, Principal, Proof, Role
from strongroom.signatures import SecretKey, requests
from strongroom.signatures.dpop import Prover, check
from strongroom.signatures.jose import KeySet, VerifyingKey, read
from strongroom.signatures.requests import Parts, sign
from strongroom.store.testing import shared
from strongroom.wire import Request

RESULTS = Path(__file__).resolve().parents[1] / "results"
URL = "http://127.0.0.1/v1/chat/completions"


def micro(what: Callable[[], object], count: int) -> float:
    """Return the median of five rounds, in microseconds a call."""
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(count):
            what()
        rounds.append((time.perf_counter() - began) / count * 1e6)
    return round(statistics.median(rounds), 2)


def tokens(count: int) -> dict[str, float]:
    seed = os.urandom(32)
    signer, keys = Signer(1, seed), public_keys({1: seed})
    now = int(time.time())
    claims = Claims(new_key_id(), Environment.PROD, new_uuid(), now, now + 900, None)
    text, warm = signer.mint(claims), Verifier(keys)
    warm.verify(text)
    return {
        "mint a token, µs": micro(lambda: signer.mint(claims), count),
        "check it the first time in a process, µs": micro(lambda: Verifier(keys).verify(text), count),
        "check it again, µs": micro(lambda: warm.verify(text), 10 * count),
    }


def proofs(count: int) -> dict[str, float]:
    """Return what each kind of proof takes by itself, without the insert that makes it count once."""
    key = SecretKey.generate()
    prover, token, now = Prover(key), "srk_tok_prod_" + "x" * 190, time.time()
    proof = prover.proof("POST", URL, token=token)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 1000}]}).encode()
    parts = Parts(
        method="POST", scheme="http", host=b"127.0.0.1", path=b"/v1/chat/completions", query=b"",
        fields={"authorization": f"Bearer {token}".encode()},
    )  # fmt: skip
    signed = sign(parts, body, key, int(now))
    carriers = {name.encode(): [value.encode()] for name, value in signed.items()}

    def signature() -> None:
        claim = requests.read(parts, carriers, body)
        assert not isinstance(claim, str)
        assert key.public.verifies(claim.signature, claim.base)

    return {
        "check a DPoP proof (Ed25519), µs": micro(
            lambda: check(proof, method="POST", url=URL, now=now, token=token), count
        ),
        "check an RFC 9421 signature (Ed25519, 1 KiB body), µs": micro(signature, count),
    }


def _verified(keys: KeySet, token: str) -> bool | None:
    return keys.verify(read(token))


def others(count: int) -> dict[str, float]:
    """Return what it takes to check another issuer's token, its keys at hand."""
    found = {}
    for alg in ("ES256", "RS256"):
        key = SigningKey.make(alg)
        keys, token = KeySet([VerifyingKey.of(key.jwk)]), key.token({"iss": "https://issuer.example", "jti": "x" * 32})
        what = f"read and verify an issuer's token ({alg}), µs"
        found[what] = micro(partial(_verified, keys, token), count)
    return found


class _Nonces:
    """Stands for the database, so that the check alone is timed."""

    async def take(self, tenant: TenantId, signer: str, nonce: str) -> bool:
        del tenant, signer, nonce
        return True


async def possession(count: int) -> float:
    """Return what the gateway's check of a bound credential takes, but for the database, in µs."""
    prover, token = Prover.generate(), "srk_tok_prod_x"
    nonces: Any = _Nonces()
    check_ = Possession(nonces, verify.Verifier(Signers(), nonces, SystemClock()), SystemClock())
    fields = [
        (b"host", b"127.0.0.1"),
        (b"authorization", b"DPoP " + token.encode()),
        (b"dpop", prover.proof("POST", URL, token=token).encode()),
    ]
    request = Request(method="POST", path="/v1/chat/completions", headers=fields)
    proven = check(fields[2][1].decode(), method="POST", url=URL, now=time.time(), token=token)
    bound = Confirmation(Proof.DPOP, proven.thumbprint)
    who = Principal(role=Role.INFERENCE, name="w", credential=KeyId("x" * 16), tenant=TenantId(new_uuid()))
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(count):
            assert await check_.check(request, who, bound, token) is None
        rounds.append((time.perf_counter() - began) / count * 1e6)
    return round(statistics.median(rounds), 2)


def exchanges(plane: ControlPlane, count: int) -> dict[str, float]:
    """Return how fast one connection exchanges, one after the other: client, port, PostgreSQL, all on this machine."""
    key = SigningKey.make()
    line = http.client.HTTPConnection("127.0.0.1", plane.port)

    def ask(path: str, body: bytes, kind: str, **fields: str) -> dict[str, object]:
        line.request("POST", path, body, {"content-type": kind, **fields})
        answer = line.getresponse()
        content: dict[str, object] = json.loads(answer.read())
        assert answer.status < 300, content
        return content

    rule = ask(
        "/api/tenants/acme/federation",
        json.dumps(
            {
                "environment": "dev", "workload": "inference", "kind": "oidc", "issuer": "https://issuer.example",
                "audience": "a", "subject": "s", "keys": json.dumps({"keys": [key.jwk]}),
            }
        ).encode(),
        "application/json",
        authorization=f"Bearer {plane.tokens['operator']}",
    )["id"]  # fmt: skip
    now = int(time.time())
    said = {"iss": "https://issuer.example", "aud": "a", "sub": "s", "iat": now, "exp": now + 300}
    forms = [
        urlencode(
            {
                "grant_type": GRANT, "subject_token_type": JWT, "audience": str(rule),
                "subject_token": key.token({**said, "jti": uuid.uuid4().hex}),
            }
        ).encode()
        for _ in range(count)
    ]  # fmt: skip
    took = []
    for form in forms:
        began = time.perf_counter()
        ask("/oauth2/token", form, "application/x-www-form-urlencoded")
        took.append(time.perf_counter() - began)
    return {
        "exchanges a second, one connection": round(count / sum(took), 1),
        "an exchange, median, ms": round(statistics.median(took) * 1000, 2),
        "an exchange, 95 %, ms": round(sorted(took)[int(len(took) * 0.95)] * 1000, 2),
    }


async def database(directory: Path, count: int) -> dict[str, float]:
    with shared(directory / "pg") as server:
        async with server.database() as made:
            return await asyncio.to_thread(_served, made, directory, count)


def _served(made: object, directory: Path, count: int) -> dict[str, float]:
    (directory / "keys").mkdir()
    with control_plane(made, directory / "keys") as plane:  # type: ignore[arg-type]
        return exchanges(plane, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    count = 50 if parser.parse_args().quick else 500
    found = tokens(count) | proofs(count) | others(count)
    found["the gateway's check of a bound credential, without the database, µs"] = asyncio.run(possession(count))
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)  # the database runs under a uid of its own
        found |= asyncio.run(database(Path(name), count))
    for what, figure in found.items():
        print(f"{figure:>10}  {what}")
    RESULTS.mkdir(exist_ok=True)
    about = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
    (RESULTS / "identity.json").write_text(json.dumps({"about": about, "figures": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
