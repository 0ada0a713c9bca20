"""`strongroom evidence …`: what others found of a release, of this installation or of its image."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.documents import refuse_existing
from strongroom.cli.failures import FAILED, OK, Failure, usage
from strongroom.cli.options import OutFile
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.shelf import Whose, named

EVIDENCE: Final = App(
    name="evidence",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom evidence sign trivy.cdx.json --subject sha256:… \\
      --key scanner.pem --out trivy.intoto.json
  strongroom evidence add trivy.intoto.json --release credit-risk@1.0.0
  strongroom evidence add provenance.intoto.json --runtime this
  strongroom evidence list --release credit-risk@1.0.0
""",
    help="Take in, list and verify what others found and signed: bills of materials, scans, VEX, provenance, signatures.",
)
_COLUMNS: Final = ("id", "about", "form", "tool", "made_at", "parts", "findings", "signer", "by")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_MOST: Final = 4 << 20

Release = Annotated[str | None, Parameter(help="The release that it is about: NAME@VERSION.")]
Runtime = Annotated[
    str | None, Parameter(help="The installation that it is about: its digest, or `this` for the one that is asked.")
]
Image = Annotated[str | None, Parameter(help="The image that it is about: its digest, or `this`.")]


@EVIDENCE.command(
    name="add",
    help_epilogue="""
Examples:
  strongroom evidence add trivy.intoto.json --release credit-risk@1.0.0
  strongroom evidence add scan.intoto.json --runtime this
  strongroom evidence add publisher.sig --release credit-risk@1.0.0
""",
)
def add(
    file: Path,
    /,
    *,
    release: Release = None,
    runtime: Runtime = None,
    image: Image = None,
    tenant: Whose = None,
    session: Session = HERE,
) -> None:
    """Take in a document: an in-toto statement in a DSSE envelope, signed by a key that the rules about approvals name.

    Or the signature of a release by its publisher (OpenSSF Model Signing), as the same rules demand it.

    Args:
        file: the envelope, or the publisher's signature.
        release: the release that it is about.
        runtime: the installation that it is about.
        image: the image that it is about.
        tenant: whose own release it is.
        session: how to ask.
    """
    about, subject = _subject(session, release, runtime, image, tenant)
    envelope = _read(file).decode(errors="replace")
    fields: dict[str, object] = {"about": about, "subject": subject, "envelope": envelope, "tenant": tenant}
    body = ask(session, "POST", place("evidence"), fields)
    if session.json:
        output.raw(body)
        return
    output.record(decoded(body))
    output.note(f"Taken in, about {subject}.")


@EVIDENCE.command(name="list", help_epilogue="")
def list_evidence(
    *,
    release: Release = None,
    runtime: Runtime = None,
    image: Image = None,
    tenant: Whose = None,
    session: Session = HERE,
) -> None:
    """List what was taken in, newest first: all of it, or what is about one thing.

    Args:
        release: about that release.
        runtime: about that installation.
        image: about that image.
        tenant: of that tenant's own releases.
        session: how to ask.
    """
    subject = None
    if (release, runtime, image) != (None, None, None):
        subject = _subject(session, release, runtime, image, tenant)[1]
    body = ask(session, "GET", place("evidence", subject=subject, tenant=tenant))
    if session.json:
        output.raw(body)
        return
    found = decoded(body)
    output.listing(found["data"], _COLUMNS, empty="There is no evidence.")
    output.note(f"The installation is {found['runtime'] or 'not known'}, its image {found['image'] or 'not named'}.")


@EVIDENCE.command(name="show", help_epilogue="")
def show(piece: str, /, *, tenant: Whose = None, session: Session = HERE) -> None:
    """Print what was read of a document; with --json the document too.

    Args:
        piece: id of it.
        tenant: whose own release it is about.
        session: how to ask.
    """
    body = ask(session, "GET", place("evidence", piece, tenant=tenant))
    if session.json:
        output.raw(body)
        return
    found = decoded(body)
    output.record({**found["piece"], "holds": found["holds"]})
    output.listing(
        found["facts"].get("findings", []),
        ("id", "severity", "published", "parts"),
        empty="It tells of no vulnerability.",
    )


@EVIDENCE.command(
    name="verify",
    help_epilogue="""
Exit codes: 0 it holds, 1 it does not.
""",
)
def verify(piece: str, /, *, tenant: Whose = None, session: Session = HERE) -> int:
    """Verify a document anew: its seal, its signature, whether its key still counts, and what is read of it.

    Args:
        piece: id of it.
        tenant: whose own release it is about.
        session: how to ask.
    """
    body = ask(session, "GET", place("evidence", piece, tenant=tenant))
    found = decoded(body)
    if session.json:
        output.raw(body)
    else:
        output.note(found["because"])
    return OK if found["holds"] else FAILED


@EVIDENCE.command(
    name="sign",
    help_epilogue="""
Examples:
  strongroom evidence sign trivy.cdx.json --subject sha256:… \\
      --key scanner.pem --out trivy.intoto.json
  strongroom runtime bom --out runtime.cdx.json
  strongroom evidence sign runtime.cdx.json --subject sha256:… --key builder.pem
""",
)
def sign(
    document: Path,
    /,
    *,
    subject: Annotated[str, Parameter(help="The digest that it is about: sha256:….")],
    key: Annotated[
        Path, Parameter(help="File with the private key of whoever made it: PEM, Ed25519 or ECDSA on P-256.")
    ],
    name: Annotated[str, Parameter(help="What the subject is called.")] = "subject",
    out: OutFile = None,
) -> None:
    """Sign what a tool wrote (CycloneDX, SARIF, a predicate `vulns`, SLSA provenance) as a statement. Needs no server.

    Args:
        document: the file.
        subject: the digest that it is about.
        key: your private key; its public half is named in the rules about approvals.
        name: what the subject is called.
        out: where to write the envelope.
    """
    from strongroom.cli.approvers import read_key  # noqa: PLC0415 - `--help` must not wait for it
    from strongroom.registry.evidence.model import BadEvidence  # noqa: PLC0415 - as above
    from strongroom.registry.evidence.reading import stated  # noqa: PLC0415 - as above

    refuse_existing(out)
    if _DIGEST.fullmatch(subject) is None:
        raise usage("A subject is a digest: sha256:….", "`strongroom model show` and `runtime bom` tell it.")
    secret = read_key(key)
    try:
        envelope = stated(_read(document), subject, name, secret)
    except BadEvidence as error:
        raise Failure(f"{document}: {error}") from None
    if out is None:
        sys.stdout.write(envelope.decode() + "\n")
        return
    try:
        with out.open("xb") as file:
            file.write(envelope)
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror}.") from None
    output.note(f"Signed, by {secret.public.id}; the envelope is in {out}.")


def _subject(
    session: Session, release: str | None, runtime: str | None, image: str | None, tenant: str | None
) -> tuple[str, str]:
    given = [(about, text) for about, text in (("release", release), ("runtime", runtime), ("image", image)) if text]
    if len(given) != 1:
        raise usage("Say what it is about.", "One of --release NAME@VERSION, --runtime DIGEST and --image DIGEST.")
    ((about, text),) = given
    if about == "release":
        return about, str(get(session, place("models", *named(text), tenant=tenant))["digest"])
    if text == "this":
        text = str(get(session, place("evidence"))[about])
        if not text:
            raise Failure(f"The installation does not know its {about}.", "Set `evidence.image`, or name the digest.")
    if _DIGEST.fullmatch(text) is None:
        raise usage("A digest is sha256:… .", f"Or --{about} this.")
    return about, text


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        raise usage(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > _MOST:
        raise Failure(f"{path} has more than {_MOST >> 20} MiB.")
    return data
