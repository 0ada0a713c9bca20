"""`strongroom model sign` and `strongroom model verify-signature`: OMS signatures, offline but by a key of the vault."""

# ruff: noqa: PLC0415 - cryptography comes late: `--help` must not wait for it

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import msgspec
from cyclopts import Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.failures import FAILED, OK, UNDETERMINED, Failure, usage
from strongroom.cli.models import MODEL
from strongroom.cli.progress import Moved, over_bytes
from strongroom.cli.proposals import AGAIN, Approved, waits
from strongroom.cli.session import HERE, Json, Session, decoded
from strongroom.cli.shelf import named
from strongroom.cli.signing import read

if TYPE_CHECKING:
    from strongroom.registry.oms import RevocationLists, SigningKey, SigstoreRoot
    from strongroom.registry.oms.keys import Trust

_Made = TypeVar("_Made")
_NAME: Final = "What the model is called [default: the name of PATH]."

_SIGN_EPILOGUE: Final = """
Examples:
  strongroom model sign ./my-model --key signer.pem --signature my-model.sig
  strongroom model sign ./my-model --key signer.pem --certificates signer-chain.pem \\
      --name risk --signature risk.sig
  strongroom model sign credit-risk@1.0.0 --vault-key releases --signature credit-risk.sig

With --vault-key it is a release that the server holds, signed as NAME@VERSION by a key that stays in the vault.
A key in a file is ECDSA on P-256, P-384 or P-521: openssl ecparam -name prime256v1 -genkey -noout
"""
_VERIFY_EPILOGUE: Final = """
Examples:
  strongroom model verify-signature ./my-model --signature my-model.sig --public-key signer.pub
  strongroom model verify-signature ./my-model --signature my-model.sig --roots ca.pem \\
      --identity models@example.com --crl ca.crl
  strongroom model verify-signature ./my-model --signature my-model.sig --trusted-root trusted_root.json \
      --identity models@example.com --issuer https://login.example.com

Exit codes: 0 it is what was signed, 1 it is not, 2 wrong usage, 3 a file could not be read.
"""


@MODEL.command(name="sign", help_epilogue=_SIGN_EPILOGUE)
def sign(
    path: Path,
    /,
    *,
    key: Annotated[Path | None, Parameter(help="File with the private key, PEM, unencrypted.")] = None,
    vault_key: Annotated[str | None, Parameter(help="The vault's signing key that signs a release.")] = None,
    signature: Annotated[Path, Parameter(help="The file to write the signature to, beside the model or in it.")],
    certificates: Annotated[
        Path | None, Parameter(help="PEM file with the key's certificate and those between it and its root.")
    ] = None,
    name: Annotated[str | None, Parameter(help=_NAME)] = None,
    approved: Approved = None,
    quiet: Annotated[bool, Parameter(negative="", help="Show no progress.")] = False,
    session: Session = HERE,
) -> int:
    """Sign a model's files and name: OpenSSF Model Signing 1.0, which `model-signing` verifies.

    Every file is covered, whatever it is called; links, odd names and empty directories are refused.

    Args:
        path: a directory or a file; with --vault-key, a release: NAME@VERSION.
        key: the private key.
        vault_key: the key in the vault.
        signature: where to write the signature.
        certificates: the key's certificate, and those between it and its root.
        name: what the model is called.
        approved: by which proposal.
        quiet: show no progress.
        session: how to ask, and whether to print what was signed as JSON.
    """
    if (key is None) == (vault_key is None):
        raise usage("Say what signs: --key FILE, or --vault-key NAME for a release of the server's.")
    if key is None:
        if name is not None:
            raise usage("A release is signed under its own name: leave --name out.")
        return _by_vault(session, str(path), str(vault_key), signature, certificates, approved)
    if approved is not None:
        raise usage("--approved goes with --vault-key: a key in a file waits for nobody.")
    return _by_file(path, key, signature, certificates, name, json=session.json, quiet=quiet)


def _by_file(
    path: Path, key: Path, signature: Path, certificates: Path | None, name: str | None, *, json: bool, quiet: bool
) -> int:
    from strongroom.registry import oms

    signer = _key(key, certificates)
    called = _called(path, name)
    with over_bytes(quiet=quiet) as moved:
        data, found = _tried(lambda: oms.sign(path, called, signer, without=signature, progress=_added(moved)))
    _write(signature, data)
    said = {"name": called, "files": len(found.signed.files), "root": f"sha256:{found.signed.root}"}
    _told({**said, "signer": found.signer, "signature": str(signature)}, json=json)
    return OK


def _by_vault(
    session: Session, release: str, vault_key: str, signature: Path, certificates: Path | None, approved: str | None
) -> int:
    chain = None if certificates is None else read(certificates).decode(errors="replace")
    fields: dict[str, object] = {"vault_key": vault_key, "certificates": chain, "approved": approved}
    body = ask(session, "POST", place("models", *named(release), "signature"), fields)
    found = decoded(body)
    if "state" in found:
        if session.json:
            output.raw(body)
        else:
            waits(found, AGAIN)
        return OK
    _write(signature, found.pop("signature").encode())
    said = {**found, "certificates": found["certificates"] or None, "signature": str(signature)}
    _told({name: value for name, value in said.items() if value is not None}, json=session.json)
    return OK


def _write(signature: Path, data: bytes) -> None:
    try:
        signature.write_bytes(data + b"\n")
    except OSError as error:
        raise Failure(f"{signature}: {error.strerror}.") from None


@MODEL.command(name="verify-signature", help_epilogue=_VERIFY_EPILOGUE)
def verify_signature(
    path: Path,
    /,
    *,
    signature: Annotated[Path, Parameter(help="The signature: a Sigstore bundle.")],
    public_key: Annotated[
        Path | None, Parameter(help="PEM file with the public keys to trust, one after the other.")
    ] = None,
    roots: Annotated[Path | None, Parameter(help="PEM file with the root certificates to trust.")] = None,
    identity: Annotated[
        str | None, Parameter(help="Whom the certificate must name: e-mail address, URI, DNS name or common name.")
    ] = None,
    trusted_root: Annotated[
        Path | None, Parameter(help="trusted_root.json of the Sigstore service to trust; nothing is fetched.")
    ] = None,
    issuer: Annotated[
        str | None, Parameter(help="Who must have vouched for the identity; goes with --trusted-root.")
    ] = None,
    crl: Annotated[
        Path | None,
        Parameter(help="File with lists of revoked certificates, one of each issuer [default: nobody asks]."),
    ] = None,
    at: Annotated[datetime | None, Parameter(help="When the certificate must count [default: now].")] = None,
    name: Annotated[str | None, Parameter(help=_NAME)] = None,
    json: Json = False,
    quiet: Annotated[bool, Parameter(negative="", help="Show no progress.")] = False,
) -> int:
    """Tell whether a model is the one that was signed: exactly those files, those bytes and that name, by a trusted key.

    An added file is refused whatever it is called, also where the signature says that it may be ignored.

    Args:
        path: a directory or a file.
        signature: the signature.
        public_key: the keys to trust.
        roots: the root certificates to trust.
        identity: whom the certificate must name.
        trusted_root: the Sigstore service to trust.
        issuer: who must have vouched for the identity.
        crl: lists of revoked certificates; without one that counts today a certificate does not count.
        at: when the certificate must count.
        name: what the model must have been signed as.
        json: print the finding as JSON.
        quiet: show no progress.
    """
    from strongroom.registry import oms

    if (public_key, roots, trusted_root).count(None) != 2:  # noqa: PLR2004 - of three, one
        raise usage("Say whom to trust: --public-key, --roots or --trusted-root, one of the three.")
    if trusted_root is not None:
        trust: Trust = _service(trusted_root, identity, issuer, crl, at)
    elif issuer is not None:
        raise usage("--issuer goes with --trusted-root.")
    else:
        trust = _trust(public_key, roots, identity, crl, at)
    called, bundle = _called(path, name), read(signature)
    try:
        with over_bytes(quiet=quiet) as moved:
            found = _tried(lambda: oms.verify(path, called, bundle, trust, without=signature, progress=_added(moved)))
    except oms.BadSignature as error:
        if json:
            output.raw(msgspec.json.encode({"outcome": "bad", "because": str(error)}))
        else:
            output.note(f"BAD. The signature does not hold: {error}.")
        return FAILED
    said = {"name": found.signed.name, "files": len(found.signed.files), "root": f"sha256:{found.signed.root}"}
    if json:
        output.raw(msgspec.json.encode({"outcome": "good", **said, "signer": found.signer}))
    else:
        output.note("Good. It is what was signed.")
        output.record({**said, "signer": found.signer})
    return OK


def _key(key: Path, certificates: Path | None) -> SigningKey:
    from strongroom.registry import oms
    from strongroom.registry.oms.keys import BadKey

    try:
        return oms.SigningKey.read(read(key), b"" if certificates is None else read(certificates))
    except BadKey as error:
        raise usage(f"The key in {key} cannot be used: {error}.") from None


def _lists(crl: Path | None) -> RevocationLists | None:
    from strongroom.kernel.clock import SystemClock
    from strongroom.registry import oms
    from strongroom.registry.oms.revoked import BadList

    try:
        return None if crl is None else oms.RevocationLists.read(read(crl), SystemClock().now())
    except BadList as error:
        raise usage(f"{crl} cannot be used: {error}.") from None


def _service(
    root: Path, identity: str | None, issuer: str | None, crl: Path | None, at: datetime | None
) -> SigstoreRoot:
    from strongroom.registry import oms
    from strongroom.registry.oms.keys import BadKey

    if not identity or not issuer:
        raise usage(
            "Say who must have signed: --identity and --issuer. Without these anybody who can log in there could."
        )
    if at is not None:
        raise usage("--at goes with --roots: the log of a Sigstore service dates its signatures.")
    try:
        return oms.SigstoreRoot.read(read(root), identity, issuer, _lists(crl))
    except BadKey as error:
        raise usage(f"{root} cannot be used: {error}.") from None


def _trust(
    public_key: Path | None, roots: Path | None, identity: str | None, crl: Path | None, at: datetime | None
) -> Trust:
    from strongroom.kernel.clock import SystemClock
    from strongroom.registry import oms
    from strongroom.registry.oms.keys import BadKey

    if public_key is not None and (identity, crl, at) != (None, None, None):
        raise usage("--identity, --crl and --at go with --roots: a bare key names nobody and has no end.")
    try:
        if public_key is not None:
            return oms.PublicKeys.read(read(public_key))
        assert roots is not None  # noqa: S101 - one of the two
        moment = at.astimezone() if at is not None else SystemClock().now()
        return oms.Certificates.read(read(roots), moment, identity, _lists(crl))
    except BadKey as error:
        raise usage(f"{public_key or roots} cannot be used: {error}.") from None


def _called(path: Path, name: str | None) -> str:
    if not os.path.lexists(path):
        raise usage(f"There is no {path}.", "Name the model's folder, or its file.")
    called = name if name is not None else path.absolute().name
    if not called:
        raise usage("Say what the model is called: --name NAME.")
    return called


def _tried(work: Callable[[], _Made]) -> _Made:
    from strongroom.registry import oms

    try:
        return work()
    except oms.NotAModel as error:
        raise Failure(f"This cannot be signed, nor be what was signed: {error}.") from None
    except OSError as error:
        raise Failure(f"{error.filename or 'A file'}: {error.strerror}.", code=UNDETERMINED) from None


def _added(moved: Moved | None) -> Callable[[str, int], None] | None:
    if moved is None:
        return None
    done = 0

    def more(name: str, count: int) -> None:
        nonlocal done
        done += count
        moved(name, done, 0)

    return more


def _told(said: dict[str, object], *, json: bool) -> None:
    if json:
        output.raw(msgspec.json.encode(said))
    else:
        output.record(said)
