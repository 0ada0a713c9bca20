"""Model signatures both ways: ours verified by `model-signing` 1.1.1, and its verified by us. Not a measurement.

`python -m bench.oms` or `make bench-oms`; installs it, pinned by hash, into an environment of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

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

from strongroom.registry import oms

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
    return 1 if failed else 0


def _chain() -> tuple[x509.Certificate, tuple[x509.Certificate, ...], ec.EllipticCurvePrivateKey]:
    """Return a root, a signer's certificate with one between them, and the signer's key."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in ("root", "between", "signer")]
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
            .public_key(keys[at].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(hours=1))
            .not_valid_after(NOW + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[at].public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[by].public_key()), critical=False)
        )
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        made.append(builder.sign(keys[by], hashes.SHA256()))
    return made[0], (made[2], made[1]), keys[2]


if __name__ == "__main__":
    sys.exit(main())
