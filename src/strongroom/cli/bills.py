"""`strongroom model bom` and `model card`: what is known of a release, as documents that others read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.documents import refuse_existing
from strongroom.cli.failures import UNDETERMINED, Failure
from strongroom.cli.models import MODEL
from strongroom.cli.options import OutFile
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.shelf import named

_Whose = Annotated[
    str | None,
    Parameter(
        help="Of that tenant's own releases, and with that tenant's evaluations [default: the installation's, or your own]."
    ),
]


@MODEL.command(
    name="bom",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom model bom credit-risk@1.0.0
  strongroom model bom credit-risk@1.0.0 --tenant acme --out credit-risk.cdx.json

Exit codes: 0 written, 1 refused, 3 what came back is no CycloneDX 1.6.
""",
)
def bom(release: str, /, *, out: OutFile = None, tenant: _Whose = None, session: Session = HERE) -> None:
    """Export a release as a CycloneDX 1.6 ML-BOM: files, verdict, signature, approvals, channels and evaluations.

    It is held against the schema of CycloneDX before it is written.

    Args:
        release: NAME@VERSION.
        out: where to write it.
        tenant: whose own it is, and whose evaluations stand in it.
        session: how to ask.
    """
    refuse_existing(out)
    body = ask(session, "GET", place("models", *named(release), "bom", tenant=tenant))
    put_bom(body, out, of=release)


@MODEL.command(
    name="card",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom model card credit-risk@1.0.0
  strongroom model card credit-risk@1.0.0 --tenant acme --out MODEL_CARD.md
""",
)
def card(release: str, /, *, out: OutFile = None, tenant: _Whose = None, session: Session = HERE) -> None:
    """Export a release's model card, in Markdown, or with --json the facts that it is made of.

    Args:
        release: NAME@VERSION.
        out: where to write it.
        tenant: whose own it is, and whose evaluations stand in it.
        session: how to ask.
    """
    refuse_existing(out)
    found = decoded(ask(session, "GET", place("models", *named(release), "card", tenant=tenant)))
    text = msgspec.json.format(msgspec.json.encode(found["facts"])).decode() + "\n" if session.json else None
    put(found["markdown"] if text is None else text, out, of=f"The model card of {release}")


def put_bom(body: bytes, out: Path | None, *, of: str) -> None:
    """Write a bill of materials that follows the schema, and no other.

    Raises:
        Failure: for what does not, or a file that cannot be written.
    """
    from strongroom.registry.bills.schema import NotCycloneDx, validate  # noqa: PLC0415 - a second to import

    try:
        validate(body.decode())
    except (NotCycloneDx, UnicodeDecodeError) as error:
        raise Failure(str(error), "Nothing was written.", UNDETERMINED) from None
    put(msgspec.json.format(body).decode() + "\n", out, of=f"The bill of materials of {of}")


def put(text: str, out: Path | None, *, of: str) -> None:
    """Write a document to a file that is not there yet, or print it.

    Raises:
        Failure: when the file cannot be written.
    """
    if out is None:
        sys.stdout.write(text)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror}.") from None
    output.note(f"{of} is in {out}.")
