"""`strongroom canary …`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import FAILED, OK, Failure, usage
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import listed, shown

CANARY: Final = App(
    name="canary",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom canary plant --tenant initech --env prod --model support   # in the instructions of a deployment
  strongroom canary plant handbook.txt --tenant initech --output planted.txt
  strongroom canary plant cases.jsonl --field text --tenant initech --output planted.jsonl
  strongroom canary list --tenant initech
  strongroom canary rotate ID --tenant initech --keep-days 180
  strongroom canary check found-on-a-forum.txt --tenant initech
""",
    help="Plant words that belong nowhere else, and know a copy by them.",
)
_COLUMNS: Final = (
    "id",
    "where",
    "environment",
    "label",
    "status",
    "word",
    "planted_at",
    "planted_by",
    "recognised_until",
)
_Whose = Annotated[str, Parameter(help="The tenant's name or id.")]


@CANARY.command(name="plant", help_epilogue="")
def plant(
    file: Annotated[
        Path | None, Parameter(help="A text or JSONL file to plant one in; none: give --env and --model.")
    ] = None,
    /,
    *,
    tenant: _Whose,
    env: Annotated[str | None, Parameter(help="The deployment's environment.")] = None,
    model: Annotated[str | None, Parameter(help="The deployment's name.")] = None,
    output_file: Annotated[
        Path | None, Parameter(name="--output", help="Where the planted copy goes; it must not exist.")
    ] = None,
    field: Annotated[
        str | None, Parameter(help="Of JSONL: the field to plant it in; otherwise each record's longest text.")
    ] = None,
    label: Annotated[str | None, Parameter(help="What the document is called; otherwise the file's name.")] = None,
    session: Session = HERE,
) -> None:
    """Plant a canary: in the instructions of a deployment, or in a copy of a document.

    In instructions it is added by the gateways to every request that has any, from the next second on. In a document it is put
    into the middle, as a reference that nobody reads aloud. Wherever one comes out of a model, the answer ends and an incident
    opens.

    Args:
        file: the document.
        tenant: whose.
        env: where the deployment is.
        model: what it is called.
        output_file: the planted copy.
        field: of JSONL.
        label: what the document is called.
        session: how to ask.
    """
    if file is None:
        if env is None or model is None:
            raise usage("Give --env and --model, or a file.")
        body = ask(session, "POST", place("tenants", tenant, "canaries"), {"environment": env, "model": model})
        shown(session, body)
        return
    if output_file is None or env is not None or model is not None:
        raise usage("For a file give --output, and neither --env nor --model.")
    if output_file.exists():
        raise Failure(f"{output_file} is there already.", "Choose another name: nothing is overwritten.")
    text = _read(file)
    planter = _jsonl(text, field, file) if file.suffix in {".jsonl", ".ndjson"} else _Text(text)
    name = label or file.name
    body = ask(session, "POST", place("tenants", tenant, "canaries"), {"document": name})
    output_file.write_text(planter.planted(decoded(body)["word"]), encoding="utf-8")
    shown(session, body)


@CANARY.command(name="list", help_epilogue="")
def list_canaries(*, tenant: _Whose, session: Session = HERE) -> None:
    """List a tenant's canaries with their words. Who reads this can avoid them: keep it to yourself.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "canaries"))
    listed(session, body, _COLUMNS, empty="There is no canary.")


@CANARY.command(name="rotate", help_epilogue="")
def rotate(
    canary: str,
    /,
    *,
    tenant: _Whose,
    keep_days: Annotated[int, Parameter(help="For how many days the old one is still recognised.")] = 90,
    session: Session = HERE,
) -> None:
    """Let a new canary take the place of one. The old one is recognised for a while: copies that were made before turn up late.

    For a document the new word is printed; plant it there in the old one's place.

    Args:
        canary: its id.
        tenant: whose.
        keep_days: how long the old one is recognised.
        session: how to ask.
    """
    path = place("tenants", tenant, "canaries", canary, "rotate")
    shown(session, ask(session, "POST", path, {"keep_days": keep_days}))


@CANARY.command(name="check", help_epilogue="")
def check(
    file: Annotated[Path, Parameter(help="The file to look into; - reads standard input.")],
    /,
    *,
    tenant: _Whose,
    session: Session = HERE,
) -> int:
    """Look for the tenant's canaries in a text, in every form that they are looked for in answers. The text stays here.

    Exit codes: 0 none was found, 1 one was, 2 wrong usage, 3 undetermined.

    Args:
        file: the text.
        tenant: whose.
        session: how to ask.
    """
    from strongroom.privacy.canaries import Canaries, Canary  # noqa: PLC0415 - `--help` must not wait for it

    known = {each["id"]: each for each in get(session, place("tenants", tenant, "canaries"))["data"]}
    canaries = Canaries([Canary(each["id"], each["word"]) for each in known.values()])
    found = dict.fromkeys(each.id for each in canaries.find(_read(file)))
    rows = [{name: value for name, value in known[each].items() if name != "word"} for each in found]
    if session.json:
        output.raw(msgspec.json.encode({"found": rows}))
    else:
        output.listing(rows, [each for each in _COLUMNS if each != "word"], empty="No canary is in it.")
    return FAILED if rows else OK


class _Text:
    """A document of text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def planted(self, word: str) -> str:
        """Return it with a line of its own in the middle, between two lines."""
        lines = self._text.splitlines(keepends=True)
        middle = len(lines) // 2
        before = "".join(lines[:middle])
        if before and not before.endswith("\n"):
            before += "\n"
        return f"{before}(ref. {word})\n{''.join(lines[middle:])}"


class _Records:
    """A document of records, one a line."""

    def __init__(self, records: list[dict[str, Any]], place_: int, field: str) -> None:
        self._records = records
        self._place = place_
        self._field = field

    def planted(self, word: str) -> str:
        """Return them with the word at the end of one text."""
        chosen = self._records[self._place]
        chosen[self._field] = f"{chosen[self._field]} (ref. {word})"
        return "".join(msgspec.json.encode(each).decode() + "\n" for each in self._records)


def _jsonl(text: str, field: str | None, file: Path) -> _Records:
    try:
        records = [msgspec.json.decode(line, type=dict[str, Any]) for line in text.splitlines() if line.strip()]
    except msgspec.MsgspecError as error:
        raise Failure(f"{file} is no JSONL of objects: {error}") from None
    middle = len(records) // 2
    for place_ in [*range(middle, len(records)), *range(middle)]:
        texts = {name: value for name, value in records[place_].items() if isinstance(value, str)}
        chosen = field if field is not None else max(texts, key=lambda name: len(texts[name]), default=None)
        if chosen is not None and chosen in texts:
            return _Records(records, place_, chosen)
    raise Failure(f"No record of {file} has a text{'' if field is None else f' called {field}'} to plant it in.")


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from None
