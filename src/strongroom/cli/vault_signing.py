"""`strongroom vault signing-key …`: keys that sign releases, and whose private halves stay in the vault."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.documents import refuse_existing
from strongroom.cli.failures import Failure
from strongroom.cli.options import OutFile
from strongroom.cli.session import HERE, Session, decoded
from strongroom.cli.vault import VAULT

SIGNING_KEY: Final = App(
    name="signing-key",
    help="Make, look at and rotate keys that sign releases; their private halves stay in the vault.",
    help_epilogue="""
Examples:
  strongroom vault signing-key create releases
  strongroom vault signing-key csr releases --subject "CN=models,O=Example" --name models@example.com --out releases.csr
  strongroom model sign credit-risk@1.0.0 --vault-key releases --certificates chain.pem --signature credit-risk.sig
  strongroom vault signing-key rotate releases
""",
)
VAULT.command(SIGNING_KEY)
Key = Annotated[str, Parameter(help="What the key is called.")]
_COLUMNS: Final = ("name", "version", "versions", "fingerprint", "made_at")
_VERSIONS: Final = ("version", "made_at", "fingerprint")


@SIGNING_KEY.command(
    name="create",
    help_epilogue="""
Example:
  strongroom vault signing-key create releases
""",
)
def create(name: Key, /, *, session: Session = HERE) -> None:
    """Make a key, ECDSA on P-256, and print its public half. Nobody ever gets the private one.

    Args:
        name: what it is called.
        session: how to ask.
    """
    _one(session, ask(session, "POST", place("vault", "signing-keys"), {"name": name}))


@SIGNING_KEY.command(name="list", help_epilogue="")
def list_keys(*, session: Session = HERE) -> None:
    """List the keys: the newest version of each, which signs, and how many there are.

    Args:
        session: how to ask.
    """
    body = ask(session, "GET", place("vault", "signing-keys"))
    if session.json:
        output.raw(body)
        return
    rows = [{**each["versions"][-1], **each, "versions": len(each["versions"])} for each in decoded(body)["data"]]
    output.listing(rows, _COLUMNS, empty="There is no signing key.")


@SIGNING_KEY.command(
    name="show",
    help_epilogue="""
Examples:
  strongroom vault signing-key show releases
  strongroom vault signing-key show releases --every > releases.pub
""",
)
def show(
    name: Key,
    /,
    *,
    every: Annotated[
        bool, Parameter(negative="", help="Print the public halves of all versions, in PEM, and nothing else.")
    ] = False,
    session: Session = HERE,
) -> None:
    """Show a key and its versions, and print its public half in PEM, for who verifies.

    Args:
        name: what it is called.
        every: of all its versions.
        session: how to ask.
    """
    body = ask(session, "GET", place("vault", "signing-keys", name))
    if every and not session.json:
        for each in decoded(body)["versions"]:
            output.raw(each["public_key"].rstrip("\n").encode())
        return
    _one(session, body)


@SIGNING_KEY.command(
    name="rotate",
    help_epilogue="""
Example:
  strongroom vault signing-key rotate releases
""",
)
def rotate(name: Key, /, *, session: Session = HERE) -> None:
    """Add a version, which signs from now on. What older ones signed verifies by their public halves, which stay listed.

    A certificate is of one version: request one for the new one.

    Args:
        name: what it is called.
        session: how to ask.
    """
    _one(session, ask(session, "POST", place("vault", "signing-keys", name, "rotation")))


@SIGNING_KEY.command(
    name="csr",
    help_epilogue="""
Example:
  strongroom vault signing-key csr releases --subject "CN=models,O=Example" --name models@example.com --out releases.csr
""",
)
def csr(
    name: Key,
    /,
    *,
    subject: Annotated[str, Parameter(help="Whom the certificate is to name: CN=models,O=Example (RFC 4514).")],
    names: Annotated[
        tuple[str, ...],
        Parameter(name="--name", negative="", help="An e-mail address, URI or DNS name besides; may be repeated."),
    ] = (),
    out: OutFile = None,
    session: Session = HERE,
) -> None:
    """Request a certificate of the newest version, for an authority of yours: PKCS #10, signed by the key itself.

    Args:
        name: what the key is called.
        subject: whom the certificate is to name.
        names: whom besides.
        out: the file to write it to.
        session: how to ask.
    """
    refuse_existing(out)
    fields: dict[str, object] = {"subject": subject, "names": list(names)}
    body = ask(session, "POST", place("vault", "signing-keys", name, "csr"), fields)
    found: dict[str, Any] = decoded(body)
    if out is not None:
        _write(out, found["request"].encode())
    if session.json:
        output.raw(body)
    elif out is None:
        output.raw(found["request"].rstrip("\n").encode())
    else:
        output.note(f"The request, of version {found['version']}, is in {out}.")


def _one(session: Session, body: bytes) -> None:
    if session.json:
        output.raw(body)
        return
    found = decoded(body)
    output.listing(found["versions"], _VERSIONS, empty="It has no version.")
    output.raw(found["public_key"].rstrip("\n").encode())


def _write(out: Path, content: bytes) -> None:
    try:
        with out.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror}.") from None
