"""`strongroom signing …` and `strongroom sign-request`: keys to sign with, and the signing of a request for curl."""

# ruff: noqa: PLC0415 - cryptography and TLS come late: `--help` must not wait for them

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.failures import UNDETERMINED, Failure, usage
from strongroom.cli.local import LOCAL
from strongroom.cli.session import Home, Json, find_home

if TYPE_CHECKING:
    from strongroom.signatures.client import RequestSigner

SIGNING: Final = App(
    name="signing",
    group=LOCAL,
    help_epilogue="""
Examples:
  strongroom signing new-key chatbot.pem
  strongroom signing keys --json > answer-keys.json
""",
    help="Keys that requests and answers are signed by.",
)
_DEFAULT: Final = "http://127.0.0.1:8400"
_PATH: Final = "/.well-known/strongroom/answer-keys"
_OK: Final = 200
_MODE: Final = 0o600
_USES: Final = (
    ("signs requests", "strongroom signer add {public} --tenant … --env … --workload …"),
    ("signs your approvals", "strongroom approver key add {private}"),
    ("signs evidence", "strongroom evidence sign … --key {private}; {public} goes into the rules that demand it"),
    ("binds a key or token", "strongroom key create … --bind {public}, account create … --bind {public}"),
)
"""What a pair of keys can be made for, and what comes next then. One pair serves one of them."""
_LIMIT: Final = 64 * 2**20


class _Demo(msgspec.Struct):
    gateway: str


@SIGNING.command(name="new-key")
def new_key(path: Path, /, *, json: Json = False) -> None:
    """Make a key pair to sign with (Ed25519): the private key in a file that only you can read, and FILE.pub.

    What it is for is said where it is registered: a workload signs requests with it (`signer add`), an approver approvals
    (`approver key add`), or a key or token counts only with it (`--bind`). Make one for each of these.

    Args:
        path: the file for the private key; it must not exist yet.
        json: print what was made as JSON.
    """
    from strongroom.signatures import SecretKey

    key, public = SecretKey.generate(), path.with_name(path.name + ".pub")
    try:
        if os.path.lexists(public):
            raise FileExistsError(None, "File exists", str(public))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        with os.fdopen(descriptor, "w") as file:
            file.write(key.pem())
        public.write_text(key.public.pem())
    except OSError as error:
        raise Failure(f"{error.filename or path}: {error.strerror}; nothing is ever replaced.") from None
    made = {"id": key.public.id, "private_key": str(path), "public_key": str(public)}
    if json:
        output.raw(msgspec.json.encode(made))
    else:
        output.record(made)
        output.note("What comes next depends on what it is for:")
        for what, command in _USES:
            output.note(f"{what:<24}{command.format(private=path, public=public)}")


@SIGNING.command(
    name="keys",
    help_epilogue="""
Example:
  strongroom signing keys --json > answer-keys.json
""",
)
def keys(
    *,
    gateway: Annotated[
        str | None,
        Parameter(help=f"URL of the gateway [env: STRONGROOM_GATEWAY; default: the demo's, else {_DEFAULT}]."),
    ] = None,
    ca: Annotated[Path | None, Parameter(help="PEM file of the authorities to trust for https.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Show the public keys that a gateway signs answers by, the one in use first.

    Keep them from a moment when you trust the connection: whoever brings you the keys decides whose answers are good.

    Args:
        gateway: where to ask.
        ca: authorities to trust.
        home: the installation's home, for the demo's address.
        json: print them as a JWK set, as `verify-response --trust` takes it.
    """
    from strongroom.cli.exchange import exchange

    url = urlsplit(gateway or os.environ.get("STRONGROOM_GATEWAY") or _demo(find_home(home)) or _DEFAULT)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path not in {"", "/"}:
        raise usage("That is no address of a gateway.", f"Write it like {_DEFAULT}.")
    status, body = exchange(url, ca, "GET", _PATH, [], b"")
    try:
        found: list[dict[str, Any]] = msgspec.json.decode(body)["keys"] if status == _OK else []
    except (msgspec.DecodeError, KeyError, TypeError):
        found = []
    if not found:
        raise Failure("What answers there publishes no keys.", "Name the gateway with --gateway.", UNDETERMINED)
    if json:
        output.raw(body)
    else:
        rows = [{**key, "state": "signs now" if index == 0 else "older"} for index, key in enumerate(found)]
        output.listing(rows, ("kid", "alg", "state", "x"), empty="")


def sign_request(
    url: str,
    /,
    *,
    key: Annotated[Path, Parameter(help="File with the private key (PEM) that the workload signs with.")],
    body: Annotated[Path | None, Parameter(help="File with the request's body, exactly as it will be sent.")] = None,
    api_key_file: Annotated[
        Path | None, Parameter(help="File with the workload's key [env: STRONGROOM_API_KEY holds it].")
    ] = None,
    method: Annotated[str, Parameter(help="The request's method.")] = "POST",
) -> None:
    """Print the header fields of a signed request, for `curl -H @-`. They count once, and for a minute.

    Args:
        url: the whole URL that will be asked.
        key: the signing key.
        body: the request's body.
        api_key_file: the workload's key, which the signature covers.
        method: the request's method.
    """
    signer, content = _signer(key), b"" if body is None else read(body)
    where = urlsplit(url)
    if where.scheme not in {"http", "https"} or not where.hostname:
        raise usage("That is no URL of a gateway.", f"Write it like {_DEFAULT}/v1/chat/completions.")
    secret = (os.environ.get("STRONGROOM_API_KEY", "") if api_key_file is None else read(api_key_file).decode()).strip()
    if not secret:
        raise usage("There is no API key to sign for.", "Name a file with --api-key-file, or set STRONGROOM_API_KEY.")
    credential = f"Bearer {secret}"
    fields = signer.fields(method.upper(), url, content, credential)
    if sys.stdout.isatty():
        output.note("The field `authorization` belongs to it, and is not shown on a terminal.")
    else:
        fields = {"authorization": credential, **fields}
    for name, value in fields.items():
        sys.stdout.write(f"{name}: {value}\n")


def read(path: Path) -> bytes:
    """Return a file's content; `-` is standard input.

    Raises:
        Failure: when it cannot be read or has more than 64 MiB.
    """
    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read(_LIMIT + 1)
        else:
            with path.open("rb") as file:
                content = file.read(_LIMIT + 1)
    except OSError as error:
        raise usage(f"The file {path} cannot be read: {error.strerror}.") from None
    if len(content) > _LIMIT:
        raise usage(f"The file {path} has more than {_LIMIT // 2**20} MiB.")
    return content


def _signer(path: Path) -> RequestSigner:
    from strongroom.signatures import BadKey
    from strongroom.signatures.client import RequestSigner

    try:
        return RequestSigner.from_file(path)
    except BadKey as error:
        raise usage(f"The signing key cannot be used: {error}.") from None
    except OSError as error:
        raise usage(f"The file {path} cannot be read: {error.strerror}.") from None


def _demo(home: Path) -> str | None:
    try:
        return msgspec.json.decode((home / "demo.json").read_bytes(), type=_Demo).gateway
    except (OSError, msgspec.MsgspecError):
        return None
