"""`strongroom verify-response`: whether a saved answer is what a gateway signed, offline."""

# ruff: noqa: PLC0415 - cryptography comes late: `--help` must not wait for it

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from cyclopts import Parameter

from strongroom.cli import output
from strongroom.cli.failures import FAILED, OK, UNDETERMINED, usage
from strongroom.cli.session import Json
from strongroom.cli.signing import read

if TYPE_CHECKING:
    from strongroom.signatures.exchange import Finding

_CODES: Final = {"good": OK, "bad": FAILED, "undetermined": UNDETERMINED}
_WORDS: Final = {"good": "Good.", "bad": "BAD.", "undetermined": "Undetermined."}

EPILOGUE: Final = """
Example:
  strongroom signing keys --json > answer-keys.json        # once, over a connection you trust
  curl -i --data @request.json … > answer.http
  strongroom verify-response answer.http --request request.json --trust answer-keys.json

Exit codes: 0 good, 1 bad (changed, not signed, or to another request), 2 wrong usage,
3 undetermined (no request given, or signed by a key that is not trusted).
"""


def verify_response(
    answer: Path,
    /,
    *,
    trust: Annotated[
        Path, Parameter(help="File with the gateway's public keys: `strongroom signing keys --json`, or PEM.")
    ],
    request: Annotated[Path | None, Parameter(help="File with the request's body, exactly as it was sent.")] = None,
    body: Annotated[
        Path | None, Parameter(help="File with the answer's body, where ANSWER has the head alone (`curl -D`).")
    ] = None,
    release: Annotated[str | None, Parameter(help="The release that must have answered, as `sha256:…`.")] = None,
    json: Json = False,
) -> int:
    """Check a saved answer, whole or streamed: who signed it, that nothing was changed, and to which request it is.

    Args:
        answer: the saved answer, as `curl -i` prints it; `-` reads standard input.
        trust: the public keys to trust.
        request: the request's body.
        body: the answer's body, where it was saved apart.
        release: the release that must have answered.
        json: print the finding as JSON.
    """
    found = _find(answer, trust, request, body)
    told = found.says.get("strongroom-release", "")
    if release is not None and found.outcome != "bad" and told != release:
        found = msgspec.structs.replace(
            found, outcome=type(found.outcome)("bad"), because="The answer is as it was signed, by another release."
        )
    if json:
        output.raw(msgspec.json.encode(found))
    else:
        output.note(f"{_WORDS[found.outcome]} {found.because}")
        if found.outcome != "bad":  # what a bad one says of itself is nobody's word
            output.record(found.says)
    return _CODES[found.outcome]


def _find(answer: Path, trust: Path, request: Path | None, body: Path | None) -> Finding:
    from strongroom.signatures import BadKey
    from strongroom.signatures.exchange import NotAnAnswer, check, parse
    from strongroom.signatures.keys import read_trusted

    try:
        trusted = read_trusted(read(trust).decode("utf-8", "replace"))
    except BadKey as error:
        raise usage(f"The keys in {trust} cannot be used: {error}.") from None
    try:
        saved = parse(read(answer), None if body is None else read(body))
    except NotAnAnswer as error:
        raise usage(f"{answer} is no saved answer: {error}.", "Save it with `curl -i`.") from None
    return check(saved, trusted, None if request is None else read(request))
