"""`strongroom token …`."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.failures import FAILED, UNDETERMINED, Failure, usage
from strongroom.cli.options import Tenant
from strongroom.cli.session import HERE, ONLINE, Session
from strongroom.cli.showing import listed, shown

TOKEN: Final = App(
    name="token",
    group=ONLINE,
    help_epilogue="""
Examples:
  export STRONGROOM_RULE=01a21cac-1b8c-75da-99c5-294fa77236ce
  strongroom token --control https://models.example:8401       (in a job of GitHub Actions, or a pod)
  strongroom token --subject-file svid.jwt --json
  strongroom token --keep /run/strongroom/token                (renews the file until it is ended)
""",
    help="Exchange this program's own token (GitHub Actions, Kubernetes, SPIFFE) for an access token, and print it.",
)
_COLUMNS: Final = ("id", "environment", "workload", "rule", "status", "issued_at", "expires_at")
_TYPES: Final = {"jwt": "urn:ietf:params:oauth:token-type:jwt", "id_token": "urn:ietf:params:oauth:token-type:id_token"}
_WAIT_SHARE: Final = 0.5
_AGAIN_S: Final = 5.0


@TOKEN.default
def exchange(
    *,
    rule: Annotated[str | None, Parameter(help="The federation rule's id [env: STRONGROOM_RULE].")] = None,
    audience: Annotated[str, Parameter(help="What GitHub is asked to write as the audience.")] = "strongroom",
    subject_file: Annotated[
        Path | None,
        Parameter(
            allow_leading_hyphen=True,
            help="File with the token to exchange; `-` reads it from standard input. Without it, what is around is used.",
        ),
    ] = None,
    subject_type: Annotated[Literal["jwt", "id_token"], Parameter(help="What it is called.")] = "jwt",
    keep: Annotated[
        Path | None, Parameter(help="Keep this file (0600) renewed until ended, instead of printing.")
    ] = None,
    session: Session = HERE,
) -> None:
    """Exchange a token for an access token of the workload that a federation rule names.

    Args:
        rule: which rule.
        audience: for GitHub.
        subject_file: the token to exchange.
        subject_type: what it is called.
        keep: the file to keep.
        session: how to ask. No token of your own is needed; with --proof-key the new one is bound to that key (DPoP).
    """
    import ssl  # noqa: PLC0415 - `--help` must not wait for TLS

    from strongroom.client import ExchangeRefused, SubjectUnavailable, TokenSource  # noqa: PLC0415 - as above

    named = rule or os.environ.get("STRONGROOM_RULE")
    if not named:
        raise usage(
            "Name the federation rule with --rule, or in STRONGROOM_RULE.", "`strongroom federation list` has its id."
        )
    url = session.server()
    try:
        subject = _subject(subject_file, subject_type, audience)
        tls = ssl.create_default_context(cafile=session.authorities) if url.scheme == "https" else None
        source = TokenSource(url.geturl(), named, subject, tls=tls, proof=session.prover())
        if keep is not None:
            _keep(source, keep)
            return
        token = source.token()
    except (ExchangeRefused, SubjectUnavailable) as error:
        said = str(error)
        raise Failure(
            said[:1].upper() + said[1:], "The audit log says why; see docs/how-to/federation.md.", FAILED
        ) from None
    except OSError as error:
        raise Failure(f"The control port could not be asked: {error}.", "Check --control.", UNDETERMINED) from None
    if session.json:
        told = {"access_token": token.text, "token_type": token.kind, "expires_in": int(token.lives_s)}
        output.raw(msgspec.json.encode(told))
    else:
        print(token.text)


def _subject(path: Path | None, kind: str, audience: str) -> Any:
    from strongroom.client import File, Given, ambient  # noqa: PLC0415 - as above

    if path is None:
        return ambient(audience)
    if str(path) == "-":
        return Given(sys.stdin.read(16 * 1024).strip(), _TYPES[kind])
    return File(path, _TYPES[kind])


def _keep(source: Any, path: Path) -> None:
    """Write a token, and again before it ends, until the program is ended. Between two nobody reads half of one."""
    from strongroom.client import ExchangeRefused, SubjectUnavailable  # noqa: PLC0415 - as above

    written = ""
    ended = threading.Event()
    while True:
        wait = _AGAIN_S
        try:
            token = source.token()
        except (ExchangeRefused, SubjectUnavailable, OSError) as error:
            if not written:
                raise
            output.note(f"not renewed, trying again: {error}")
        else:
            if token.text != written:
                _write(path, token.text)
                written = token.text
                output.note(f"{path}: a token for {int(token.lives_s)} s")
                wait = token.lives_s * _WAIT_SHARE
        ended.wait(wait)


def _write(path: Path, text: str) -> None:
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    Path(draft).replace(path)


@TOKEN.command(name="list", help_epilogue="")
def list_tokens(tenant: Tenant, *, session: Session = HERE) -> None:
    """List the latest access tokens that a tenant's rules gave out, dead ones included.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "tokens"))
    listed(session, body, _COLUMNS, empty="No token was given out.")


@TOKEN.command(name="revoke", help_epilogue="")
def revoke(
    token: str,
    /,
    *,
    tenant: Tenant,
    reason: Annotated[str | None, Parameter(help="Why; it stands in the audit log.")] = None,
    session: Session = HERE,
) -> None:
    """End an access token at once, on every gateway process.

    Args:
        token: its id, 16 characters.
        tenant: whose.
        reason: why.
        session: how to ask.
    """
    body = ask(session, "POST", place("tenants", tenant, "tokens", token, "revoke"), {"reason": reason})
    shown(session, body)
