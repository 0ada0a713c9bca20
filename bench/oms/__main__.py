"""Model signatures both ways: ours verified by `model-signing` 1.1.1, and its verified by us. Not a measurement.

`python -m bench.oms` or `make bench-oms`; installs it, pinned by hash, into an environment of its own.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.peers import environments
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from strongroom.kernel.clock import SystemClock
from strongroom.registry import oms
from strongroom.registry.oms.service import bundled, message, payload
from strongroom.vault import FileKeystore, Keyring
from strongroom.vault.signing import request_for, request_signed

CURVES: Final = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
NOW: Final = datetime.now(UTC)


def main() -> int:
    program = environments.python("oms", Path(__file__).parent / "environments" / "model-signing.txt") / "model_signing"
    failed = 0

    def said(what: str, good: object, wanted: bool = True) -> None:
        nonlocal failed
        failed += bool(good) is not wanted
        print(f"{'ok ' if bool(good) is wanted else 'BAD'} {what}")

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        model = place / "sample"
        (model / "sub").mkdir(parents=True)
        (model / "config.json").write_text("{}")
        (model / "sub" / "weights.bin").write_bytes(bytes(range(256)) * 4096)

        def theirs(*words: object) -> bool:
            return subprocess.run([program, *map(str, words)], capture_output=True, check=False).returncode == 0  # noqa: S603 - pinned

        def ours(signature: Path, trusted: oms.PublicKeys | oms.Certificates) -> bool:
            try:
                oms.verify(model, "sample", signature.read_bytes(), trusted)
            except (oms.BadSignature, oms.NotAModel):
                return False
            return True

        signature = place / "sample.sig"
        for name, curve in CURVES.items():
            key = ec.generate_private_key(curve)
            private, public = place / "key.pem", place / "key.pub"
            private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
            trusted = oms.PublicKeys.read(public.read_bytes())
            signature.write_bytes(oms.sign(model, "sample", oms.SigningKey(key))[0])
            verify = ("verify", "key", model, "--signature", signature, "--public_key", public)
            said(f"{name}: they verify what we signed", theirs(*verify))
            (model / "config.json").write_text("{ }")
            said(f"{name}: they refuse it when a file was changed", theirs(*verify), wanted=False)
            (model / "config.json").write_text("{}")
            said(f"{name}: they sign", theirs("sign", "key", model, "--private_key", private, "--signature", signature))
            said(f"{name}: we verify what they signed", ours(signature, trusted))
            (model / ".gitignore").write_text("added")
            said(f"{name}: they take a file that was added as .gitignore", theirs(*verify))
            said(f"{name}: we do not", ours(signature, trusted), wanted=False)
            (model / ".gitignore").unlink()
        root, chain, signer = _chain()
        paths = {
            "root": place / "root.pem",
            "leaf": place / "leaf.pem",
            "between": place / "between.pem",
            "key": place / "leaf.key",
        }
        for certificate, path in ((root, paths["root"]), (chain[0], paths["leaf"]), (chain[1], paths["between"])):
            path.write_bytes(certificate.public_bytes(Encoding.PEM))
        paths["key"].write_bytes(signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        signature.write_bytes(oms.sign(model, "sample", oms.SigningKey(signer, chain))[0])
        verify = ("verify", "certificate", model, "--signature", signature, "--certificate_chain", paths["root"])
        said("certificates: they verify what we signed", theirs(*verify))
        sign = ("sign", "certificate", model, "--private_key", paths["key"], "--signing_certificate", paths["leaf"])
        said(
            "certificates: they sign", theirs(*sign, "--certificate_chain", paths["between"], "--signature", signature)
        )
        said("certificates: we verify what they signed", ours(signature, oms.Certificates((root,), NOW)))
        _vault(place, model, said, theirs, ours)
    return 1 if failed else 0


def _vault(
    place: Path,
    model: Path,
    said: Callable[..., None],
    theirs: Callable[..., bool],
    ours: Callable[[Path, oms.PublicKeys | oms.Certificates], bool],
) -> None:
    """Sign by a key of the embedded vault, bare and by a certificate that it asked for, and verify both ways."""
    signature, root = place / "vault.sig", place / "vault-root.pem"
    files = oms.digests(model)
    held = asyncio.run(_by_vault(place, files))
    signature.write_bytes(held.bare)
    public = place / "vault.pub"
    public.write_text(held.public_key)
    verify = ("verify", "key", model, "--signature", signature, "--public_key", public)
    said("a key of the vault: they verify what it signed", theirs(*verify))
    said("a key of the vault: we verify it", ours(signature, oms.PublicKeys.read(public.read_bytes())))
    (model / "config.json").write_text("{ }")
    said("a key of the vault: they refuse it when a file was changed", theirs(*verify), wanted=False)
    (model / "config.json").write_text("{}")
    signature.write_bytes(held.certified)
    root.write_bytes(held.root.public_bytes(Encoding.PEM))
    verify = ("verify", "certificate", model, "--signature", signature, "--certificate_chain", root)
    said("a certificate that it asked for: they verify what it signed", theirs(*verify))
    said("a certificate that it asked for: we verify it", ours(signature, oms.Certificates((held.root,), NOW)))


class _Held(NamedTuple):
    """What a key of the vault signed, by itself and by a certificate that it asked for, and what both are verified by."""

    bare: bytes
    certified: bytes
    public_key: str
    root: x509.Certificate


async def _by_vault(place: Path, files: dict[str, str]) -> _Held:
    keystore = FileKeystore(place / "vault", Keyring.open(place / "keyring.json"), SystemClock())
    key = (await keystore.signing.make("releases")).current
    body = payload("sample", files)
    signature = await keystore.signing.sign("releases", 1, message(body))
    asked = request_for(key.key, x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "releases")]), None)
    request = request_signed(asked, await keystore.signing.sign("releases", 1, asked))
    root, chain, _ = _chain(request)
    return _Held(bundled(body, signature, key.key, ()), bundled(body, signature, key.key, chain), key.public_key, root)


def _chain(
    request: x509.CertificateSigningRequest | None = None,
) -> tuple[x509.Certificate, tuple[x509.Certificate, ...], ec.EllipticCurvePrivateKey]:
    """Return a root, a signer's certificate (or the one that is requested) with one between them, and the signer's key."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in ("root", "between", "signer")]
    public: list[Any] = [each.public_key() for each in keys]
    if request is not None:
        names[2], public[2] = request.subject, request.public_key()
    made: list[x509.Certificate] = []
    for at in range(3):
        by = max(0, at - 1)
        ca = at < 2
        usage = x509.KeyUsage(
            digital_signature=not ca, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[at])
            .issuer_name(names[by])
            .public_key(public[at])
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(hours=1))
            .not_valid_after(NOW + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public[at]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[by].public_key()), critical=False)
        )
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        made.append(builder.sign(keys[by], hashes.SHA256()))
    return made[0], (made[2], made[1]), keys[2]


if __name__ == "__main__":
    sys.exit(main())
