"""Certificates and exports of people as files: the text whose digest stands in the log, and its proof beside it."""

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path
from typing import Any, Final

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import FAILED, UNDETERMINED, Failure, usage
from strongroom.cli.session import Session

_SEALED_S: Final = 20.0
_AGAIN_S: Final = 0.5
_README: Final = """\
This is what is kept of one person by {tenant}, written {at}.

export.json            everything that was found, place by place, and for how long each place keeps it
export.json.proof      the entry of the signed log that commits to exactly this text
strongroom_verify.py   checks it offline, with Python 3.10 or later:

    python3 strongroom_verify.py export.json --trust VKEY

VKEY is the verifier key of the installation (`strongroom audit key`). Take it by another way than this file.
"""


def refuse_existing(out: Path | None) -> None:
    """Refuse a file that is there, before anything is done that cannot be done again.

    Raises:
        Failure: naming it.
    """
    if out is not None and out.exists():
        raise usage(f"{out} is there already, and is not replaced.", "Name another file with --out.")


def proof_of(session: Session, tenant: str, request: str) -> bytes:
    """Return the proof of a request's document, once the log is sealed over it: that takes a second or two.

    Raises:
        Failure: when it is not sealed in time, or another reason stands against it.
    """
    until = time.monotonic() + _SEALED_S
    while True:
        try:
            return ask(session, "GET", place("tenants", tenant, "subjects", "requests", request, "proof"))
        except Failure as failure:
            if failure.code != FAILED or time.monotonic() > until:
                raise Failure(
                    f"{failure.said} The document is made, its proof is not there yet.",
                    f"`strongroom subject certificate {request} --tenant {tenant} --out FILE` writes both later.",
                    UNDETERMINED,
                ) from None
        time.sleep(_AGAIN_S)


def write(session: Session, tenant: str, request: str, document: str, out: Path) -> None:
    """Write a document and its proof, each 0600."""
    proof = proof_of(session, tenant, request)
    _private(out, document.encode())
    _private(beside(out), proof + b"\n")
    output.note(
        f"It stands in {out}, its proof in {beside(out)}; `strongroom audit verify {out} --trust VKEY` checks it."
    )


def archive(session: Session, tenant: str, request: str, document: str, out: Path) -> None:
    """Write an export as one archive that a person can be handed: the document, its proof, and what checks it."""
    import msgspec  # noqa: PLC0415 - only here

    from strongroom.audit import strongroom_verify  # noqa: PLC0415 - a program of its own

    proof, said = proof_of(session, tenant, request), msgspec.json.decode(document)
    _private(out, b"")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _README.format(tenant=said["tenant_name"], at=said["exported_at"]))
        archive.writestr("export.json", document)
        archive.writestr("export.json.proof", proof + b"\n")
        archive.writestr("strongroom_verify.py", Path(strongroom_verify.__file__).read_bytes())
    output.note(f"It stands in {out}: hand it to the person, and delete it then. It is kept nowhere else.")


def beside(path: Path) -> Path:
    """Return where a document's proof lies."""
    return path.with_name(f"{path.name}.proof")


def id_of(session: Session, tenant: str) -> str:
    """Return a tenant's id: by it alone is it found once it has ended."""
    try:
        return str(get(session, place("tenants", tenant))["id"])
    except Failure:
        return tenant


def of_tenant(session: Session, tenant: str, out: Path) -> None:
    """Write the certificate of a tenant that has ended."""
    listed: list[dict[str, Any]] = get(session, place("tenants", tenant, "subjects", "requests"))["data"]
    newest = next(each for each in listed if each["kind"] == "offboard")
    found = get(session, place("tenants", tenant, "subjects", "requests", newest["id"], "certificate"))
    write(session, tenant, newest["id"], found["document"], out)


def _private(path: Path, content: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise usage(f"{path} cannot be written: {error.strerror}.") from None
