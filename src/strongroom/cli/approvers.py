"""`strongroom approver key …`: the keys that approvers sign with themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter, validators

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import usage
from strongroom.cli.session import HERE, ONLINE, Session
from strongroom.cli.showing import listed, shown
from strongroom.signatures.keys import BadKey, SecretKey

APPROVER: Final = App(
    name="approver",
    group=ONLINE,
    help_epilogue="",
    help="Register and look at the keys that approvers sign with themselves.",
)
KEY: Final = App(
    name="key", help_epilogue="", help="Register and look at the keys that approvers sign with themselves."
)
APPROVER.command(KEY)
OwnKey = Annotated[
    Path | None, Parameter(help="File with your own private key, which signs here [default: the installation signs].")
]
_COLUMNS: Final = ("approver", "id", "algorithm", "status", "registered_at", "expires_at")
_LIMIT: Final = 16 * 1024


@KEY.command(
    name="add",
    help_epilogue="""
Example:
  strongroom signing new-key approver.pem
  strongroom approver key add approver.pem
""",
)
def add(
    key: Annotated[Path, Parameter(help="File with the private key: PEM, Ed25519 or ECDSA on P-256.")],
    /,
    *,
    days: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=730), help="How long it signs.")] = 365,
    session: Session = HERE,
) -> None:
    """Register your own key, to approve releases with. Its private half stays here: it only signs that it is yours.

    Args:
        key: file with the private key.
        days: how long it signs.
        session: how to ask; an approver's token.
    """
    from strongroom.registry.admission.ownkeys import claim  # noqa: PLC0415 - `--help` must not wait for it

    secret = read_key(key)
    name = get(session, place("whoami"))["name"]
    fields: dict[str, object] = {
        "public_key": secret.public.pem(), "proof": claim(name, secret).decode(), "days": days,
    }  # fmt: skip
    body = ask(session, "POST", place("approver-keys"), fields)
    shown(session, body)


@KEY.command(name="list", help_epilogue="\nExample:\n  strongroom approver key list\n")
def list_keys(*, session: Session = HERE) -> None:
    """List approvers' own keys, and whether each signs now. One is ended with `model revoke --signer ID`.

    Args:
        session: how to ask.
    """
    body = ask(session, "GET", place("approver-keys"))
    listed(session, body, _COLUMNS, empty="No approver has registered a key.")


def signed(session: Session, subject: tuple[str, str, str], fields: Mapping[str, object], key: Path) -> str:
    """Return an approval, signed here: of the digest that was just asked for, which is shown.

    Args:
        session: who approves.
        subject: digest, name as approvals write it, and version of what is approved.
        fields: `environment`, `tenant` (by id; None: for all), `days` and `reason`.
        key: file with the private key.
    """
    from strongroom.kernel.principal import Environment  # noqa: PLC0415 - `--help` must not wait for them
    from strongroom.registry.admission.model import Subject  # noqa: PLC0415 - as above
    from strongroom.registry.admission.statements import EVERY_TENANT, Terms, approved  # noqa: PLC0415 - as above

    secret = read_key(key)
    digest, name, version = subject
    output.note(f"You sign for {name}@{version}, {digest}.")
    now = datetime.now(UTC)
    terms = Terms(
        approver=get(session, place("whoami"))["name"],
        environment=Environment(str(fields["environment"])),
        tenant=EVERY_TENANT if fields["tenant"] is None else str(fields["tenant"]),
        expires=now + timedelta(days=int(str(fields["days"]))),
        reason=str(fields["reason"]),
        version=version,
    )
    return approved(Subject(digest=digest, name=name, version=version), terms, now, secret).decode()


def read_key(path: Path) -> SecretKey:
    """Return the private key of a file.

    Raises:
        Failure: when there is none in it.
    """
    try:
        with path.open("rb") as file:
            return SecretKey.read(file.read(_LIMIT).decode("ascii", "replace"))
    except OSError as error:
        raise usage(f"{path}: {error.strerror}.", "Make a key with `strongroom signing new-key FILE`.") from None
    except BadKey as error:
        raise usage(f"{path}: {error}.", "Make a key with `strongroom signing new-key FILE`.") from None
