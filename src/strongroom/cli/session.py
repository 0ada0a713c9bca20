"""Where the control API is, who asks it, and how: the options that every online command shares.

Always true here:
- a token goes to the server it was meant for: the demonstration's only to this machine, none over plain HTTP to another;
- a token is read from a file or the environment, never from the command line, where every process could see it.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit

import msgspec
from cyclopts import Parameter

from strongroom.cli import logins
from strongroom.cli.failures import UNDETERMINED, Failure, usage
from strongroom.cli.logins import Login

if TYPE_CHECKING:
    from strongroom.signatures.dpop import Prover

DEFAULT: Final = "http://127.0.0.1:8401"
ONLINE: Final = "Through the control API"
"""The heading that online commands stand under."""
_TOKEN_LIMIT: Final = 4096

Home = Annotated[
    Path | None,
    Parameter(help="The installation's home [env: STRONGROOM_HOME; default ./.strongroom].", show_default=False),
]
Json = Annotated[bool, Parameter(negative="", help="Print the answer as JSON and nothing else.")]


class _Token(msgspec.Struct):
    token: str


class _Demo(msgspec.Struct):
    """The part of HOME/demo.json that is read here."""

    control: str
    operator: _Token


@Parameter(name="*", group="Server")
@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The options of every command that asks the control API."""

    control: Annotated[
        str | None,
        Parameter(help=f"URL of the control API [env: STRONGROOM_CONTROL; default: the demo's, else {DEFAULT}]."),
    ] = None
    token_file: Annotated[
        Path | None,
        Parameter(
            allow_leading_hyphen=True,
            help="File with your token; `-` reads it from standard input [env: STRONGROOM_TOKEN holds a token].",
        ),
    ] = None
    ca: Annotated[
        Path | None, Parameter(help="PEM file of the authorities to trust for https [env: STRONGROOM_CA].")
    ] = None
    proof_key: Annotated[
        Path | None,
        Parameter(help="PEM file of the private key that the token is bound to (DPoP) [env: STRONGROOM_PROOF_KEY]."),
    ] = None
    home: Home = None
    json: Json = False
    verbose: Annotated[
        bool, Parameter(alias="-v", negative="", help="Say on standard error which server and token are used.")
    ] = False

    @property
    def where(self) -> Path:
        """The home to look into."""
        return find_home(self.home)

    @property
    def authorities(self) -> Path | None:
        """The file of authorities to trust instead of the system's, if one was named."""
        named = os.environ.get("STRONGROOM_CA")
        return self.ca or (Path(named) if named else None)

    def say(self, text: str) -> None:
        """Say something besides the answer, when asked to."""
        if self.verbose:
            print(text, file=sys.stderr)

    def server(self) -> SplitResult:
        """Return the control API's URL.

        Raises:
            Failure: when it is none that a token may be sent to.
        """
        demo = self._demo()
        text = self.control or os.environ.get("STRONGROOM_CONTROL") or (demo.control if demo else DEFAULT)
        url = urlsplit(text)
        try:
            sound = url.scheme in {"http", "https"} and url.hostname and (url.port is None or url.port > 0)
        except ValueError:
            sound = False
        if not sound or url.path not in {"", "/"} or url.query or url.username:
            raise usage(f"`{url.scheme}://…` is no address of a control API.", f"Write it like {DEFAULT}.")
        if url.scheme == "http" and not is_loopback(url.hostname or ""):
            raise usage(
                "A token is not sent over plain HTTP to another machine.",
                "Use https:// (and --ca for a private authority), or a tunnel to this machine.",
            )
        self.say(f"control API: {text}")
        return url

    def token(self, url: SplitResult) -> str:
        """Return the token to ask with.

        Raises:
            Failure: when there is none.
        """
        if self.token_file is not None:
            self.say(f"token: from {self.token_file}")
            return _read_token(self.token_file)
        if held := os.environ.get("STRONGROOM_TOKEN", "").strip():
            self.say("token: from STRONGROOM_TOKEN")
            return held
        demo = self._demo()
        if demo is not None and is_loopback(url.hostname or ""):
            self.say(f"token: the operator's of {self.where / 'demo.json'}")
            return demo.operator.token
        raise usage(
            "There is no token to ask with.",
            "Sign in with `strongroom login`, name a file with --token-file, set STRONGROOM_TOKEN, or say with --home where the "
            "demonstration runs.",
        )

    def _signed_in(self, url: SplitResult) -> Login | None:
        """Return who is signed in there, where no token was named.

        Raises:
            Failure: when that has ended: what comes next in line is somebody else's.
        """
        if self.token_file is not None or os.environ.get("STRONGROOM_TOKEN", "").strip():
            return None
        return logins.current(url)

    def credential(
        self, url: SplitResult, method: str, path: str, *, nonce: str | None = None, login: Login | None = None
    ) -> list[tuple[bytes, bytes]]:
        """Return the fields that say who asks, with the proof that a bound token needs.

        Args:
            url: the server.
            method: of the request.
            path: of the request.
            nonce: what the server wants in the proof.
            login: whose sign-in it is; whoever is signed in there, unless a token was named.

        Raises:
            Failure: when there is no token, or the key cannot be read.
        """
        found = login or self._signed_in(url)
        if found is not None:
            self.say(f"token: {found.who}'s, by `strongroom login`")
        token = self.token(url) if found is None else found.token
        prover = self.prover() if found is None else found.prover()
        if prover is None:
            return [(b"authorization", f"Bearer {token}".encode())]
        self.say(f"proof: by the key {prover.thumbprint}")
        proof = prover.proof(method, f"{url.scheme}://{url.netloc}{path}", token=token, nonce=nonce)
        return [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode())]

    def prover(self) -> Prover | None:
        """Return what proves that the holder's private key is held, if one was named.

        Raises:
            Failure: when it cannot be read.
        """
        named = os.environ.get("STRONGROOM_PROOF_KEY")
        path = self.proof_key or (Path(named) if named else None)
        return None if path is None else _prover(path)

    def _demo(self) -> _Demo | None:
        try:
            return msgspec.json.decode((self.where / "demo.json").read_bytes(), type=_Demo)
        except (OSError, msgspec.MsgspecError):
            return None


HERE: Final = Session()
"""What a command has when no option is given."""


def find_home(given: Path | None) -> Path:
    """Return the home to use: what was given, else STRONGROOM_HOME, else ./.strongroom."""
    return given or Path(os.environ.get("STRONGROOM_HOME") or ".strongroom")


def decoded(body: bytes) -> Any:
    """Return a JSON answer decoded.

    Raises:
        Failure: when it is none: whatever answers there is not the control API.
    """
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise Failure("What answers there is not Strongroom's control API.", "Check --control.", UNDETERMINED) from None


def _prover(path: Path) -> Prover:
    """Return what proves that the private key in `path` is held.

    Raises:
        Failure: when there is none.
    """
    from strongroom.signatures import BadKey  # noqa: PLC0415 - `--help` must not wait for cryptography
    from strongroom.signatures.client import read_secret  # noqa: PLC0415 - as above
    from strongroom.signatures.dpop import Prover  # noqa: PLC0415 - as above

    try:
        return Prover(read_secret(path))
    except (OSError, BadKey) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise usage(f"{path} holds no private key: {why}.", "`strongroom signing new-key` makes one.") from None


def _read_token(path: Path) -> str:
    try:
        text = sys.stdin.read(_TOKEN_LIMIT) if str(path) == "-" else path.read_text(encoding="utf-8")[:_TOKEN_LIMIT]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise usage(f"The token file {path} cannot be read: {why}.") from None
    token = text.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise usage(f"The token file {path} does not hold one token.", "It has a single line, the token.")
    return token


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
