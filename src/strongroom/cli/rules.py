"""`strongroom rules …` and `strongroom disclosure …`."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import FAILED, Failure, usage
from strongroom.cli.proposals import waits
from strongroom.cli.rulefiles import contents, read_file
from strongroom.cli.session import HERE, ONLINE, Session, decoded

RULES: Final = App(
    name="rules",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom rules check disclosure.toml
  strongroom rules dry-run disclosure.toml --tenant acme --ceiling
  strongroom rules set disclosure.toml --tenant acme --ceiling --reason "team-eval measures in dev"
  strongroom rules explain disclosure --key 0123456789abcdef --model smollm2-135m
""",
    help="Say what callers may learn, call and use up: documents of rules, kept by version.",
)
DISCLOSURE: Final = App(
    name="disclosure",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom disclosure explain --key 0123456789abcdef --model smollm2-135m
""",
    help="Say what a key's answers may reveal.",
)

Whose: TypeAlias = Annotated[
    str | None, Parameter(help="The tenant's name or id; without it, the installation's default.")
]
Ceiling: TypeAlias = Annotated[
    bool, Parameter(negative="", help="The operator's word for the tenant, instead of the tenant's own.")
]
Reason: TypeAlias = Annotated[str, Parameter(help="Why; it stands in the history and in the audit log.")]
KeyRef: TypeAlias = Annotated[
    str,
    Parameter(
        allow_leading_hyphen=True,
        help="The key's public id; `-` reads the id, or the whole key, from standard input.",
    ),
]
DocumentFile: TypeAlias = Annotated[Path, Parameter(allow_leading_hyphen=True, help="TOML; `-` reads standard input.")]
Expected: TypeAlias = Annotated[
    int | None, Parameter(help="The version you have seen last; what is in force now if not given.")
]
AtOnce: TypeAlias = Annotated[
    bool,
    Parameter(
        negative="",
        help="In production, in an emergency: in force before anybody else has seen it. Only what takes away; a review is owed.",
    ),
]
_KEY_LIMIT: Final = 4096


@RULES.command(name="list", help_epilogue="")
def list_rules(*, tenant: Whose = None, session: Session = HERE) -> None:
    """List every kind with the versions in force.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", _path(tenant))
    if session.json:
        output.raw(body)
        return
    rows = [
        {"kind": each["kind"], "meaning": each["meaning"]}
        | {level: _shortly(each[level]) for level in ("default", "ceiling", "own")}
        for each in decoded(body)["data"]
    ]
    columns = ("kind", "default", "ceiling", "own", "meaning") if tenant else ("kind", "default", "meaning")
    output.listing(rows, columns, empty="There is no kind of rules.")


@RULES.command(name="show", help_epilogue="")
def show(kind: str, /, *, tenant: Whose = None, ceiling: Ceiling = False, session: Session = HERE) -> None:
    """Print the document in force, as a file that `rules set` takes.

    Args:
        kind: as `strongroom rules list` names it, such as disclosure or limits.
        tenant: whose.
        ceiling: the operator's word.
        session: how to ask.
    """
    level = level_of(tenant, ceiling=ceiling)
    body = ask(session, "GET", _path(tenant, kind))
    if session.json:
        output.raw(body)
        return
    version = decoded(body)[level]
    if version is None:
        raise Failure(
            f"No {kind} document is in force at the level `{level}`.", "`strongroom rules list` shows which are."
        )
    output.note(f"{level}, {_shortly(version)}, by {version['author']}: {version['reason']}")
    sys.stdout.write(_text(version))


@RULES.command(name="set", help_epilogue="")
def put(
    file: DocumentFile,
    /,
    *,
    reason: Reason,
    tenant: Whose = None,
    ceiling: Ceiling = False,
    expected: Expected = None,
    at_once: AtOnce = False,
    session: Session = HERE,
) -> None:
    """Put a document in force; the gateways follow within a second. In production, propose it: somebody else approves.

    Args:
        file: TOML, with `kind = "…"` first; `-` reads standard input.
        reason: why.
        tenant: whose.
        ceiling: the operator's word.
        expected: the version seen last, so that nobody else's is lost.
        at_once: before anybody else has seen it.
        session: how to ask.
    """
    found, level = read_file(file), level_of(tenant, ceiling=ceiling)
    _written(session, found.kind.name, level, tenant, found.document, reason, expected, at_once=at_once)


@RULES.command(name="withdraw", help_epilogue="")
def withdraw(
    kind: str,
    /,
    *,
    reason: Reason,
    tenant: Whose = None,
    ceiling: Ceiling = False,
    expected: Expected = None,
    session: Session = HERE,
) -> None:
    """Take a document out of force: of a ceiling, the default holds again; of a tenant's own, nothing is narrowed.

    Args:
        kind: as `strongroom rules list` names it, such as disclosure or limits.
        reason: why.
        tenant: whose.
        ceiling: the operator's word.
        expected: the version seen last.
        session: how to ask.
    """
    _written(session, kind, level_of(tenant, ceiling=ceiling), tenant, None, reason, expected, at_once=False)


@RULES.command(name="history", help_epilogue="")
def history(
    kind: str,
    /,
    *,
    tenant: Whose = None,
    ceiling: Ceiling = False,
    limit: Annotated[int, Parameter(help="How many versions at most.")] = 20,
    session: Session = HERE,
) -> None:
    """List the versions of a document, the newest first: who wrote each, when and why.

    Args:
        kind: as `strongroom rules list` names it, such as disclosure or limits.
        tenant: whose.
        ceiling: the operator's word.
        limit: how many at most.
        session: how to ask.
    """
    body = ask(session, "GET", _history(tenant, kind, level_of(tenant, ceiling=ceiling), limit=limit))
    if session.json:
        output.raw(body)
    else:
        columns = ("version", "at", "author", "approved_by", "withdrawn", "digest", "reason")
        output.listing(decoded(body)["data"], columns, empty="Nobody has written one yet.")


@RULES.command(name="diff", help_epilogue="")
def diff(
    file: DocumentFile,
    /,
    *,
    tenant: Whose = None,
    ceiling: Ceiling = False,
    session: Session = HERE,
) -> int:
    """Compare a file with what is in force; exit 1 when they differ.

    Args:
        file: TOML, with `kind = "…"` first; `-` reads standard input.
        tenant: whose.
        ceiling: the operator's word.
        session: how to ask.
    """
    from strongroom.rules.files import written  # noqa: PLC0415 - `--help` must not wait for every kind of rules

    found, level = read_file(file), level_of(tenant, ceiling=ceiling)
    version = get(session, _path(tenant, found.kind.name))[level]
    before = "" if version is None else _text(version)
    after = written(found.kind.name, found.canonical)
    names = ("nothing" if version is None else f"{level} {_shortly(version)}", str(file))
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm=""))
    if session.json:
        output.raw(_json({"differs": bool(lines), "diff": lines}))
    elif lines:
        print("\n".join(lines))
    return FAILED if lines else 0


@RULES.command(name="check", help_epilogue="")
def check(
    file: DocumentFile,
    /,
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")] = False,
) -> int:
    """Say whether a file is a document that would be taken, without asking anybody.

    Args:
        file: TOML, with `kind = "…"` first; `-` reads standard input.
        as_json: print JSON.
    """
    from strongroom.rules.files import FileError, parse  # noqa: PLC0415 - as above

    try:
        found = parse(contents(file))
    except FileError as error:
        if as_json:
            output.raw(_json({"ok": False, "line": error.line, "error": error.said}))
            return FAILED
        raise Failure(f"{file}:{error.line or 1}: {error.said}", "Nothing was sent.") from None
    if as_json:
        output.raw(_json({"ok": True, "kind": found.kind.name, "rules": len(found.document.get("rules", ()))}))
    else:
        print(f"{file}: a document of the kind {found.kind.name}, rules: {len(found.document.get('rules', ()))}")
    return 0


@RULES.command(name="explain", help_epilogue="")
def explain(
    kind: str,
    /,
    *,
    key: KeyRef,
    model: Annotated[str, Parameter(help="The deployment's name, as the caller asks for it.")],
    tenant: Annotated[str | None, Parameter(help="Whose; needed where the key no longer lives.")] = None,
    session: Session = HERE,
) -> None:
    """Say field by field what holds for a key that asks a model, and which document and rule said so.

    Args:
        kind: as `strongroom rules list` names it, such as disclosure or limits.
        key: its public id.
        model: by name.
        tenant: whose.
        session: how to ask.
    """
    _explain(session, kind, key, model, tenant)


@DISCLOSURE.command(name="explain")
def explain_disclosure(
    *,
    key: KeyRef,
    model: Annotated[str, Parameter(help="The deployment's name, as the caller asks for it.")],
    tenant: Annotated[str | None, Parameter(help="Whose; needed where the key no longer lives.")] = None,
    session: Session = HERE,
) -> None:
    """Say in plain words what a caller with this key can learn from a model's answers, and why.

    Args:
        key: its public id. The secret is never needed.
        model: by name.
        tenant: whose.
        session: how to ask.
    """
    _explain(session, "disclosure", key, model, tenant)


def _explain(session: Session, kind: str, key: str, model: str, tenant: str | None) -> None:
    body = ask(session, "GET", place("keys", _key_id(key), "rules", kind, model=model, tenant=tenant))
    if session.json:
        output.raw(body)
        return
    told = decoded(body)
    output.note(
        f"The {told['role']} workload {told['workload']} in {told['environment']}, with the key {told['key']}, "
        f"asking {told['model']}. In force: {'; '.join(told['documents']) or 'no document, so the least'}."
    )
    rows = [
        {"field": each["field"], "value": each["value"], "means": each["means"], "because": _because(each)}
        for each in told["fields"]
    ]
    output.listing(rows, ("field", "value", "means", "because"), empty="Nothing is said.")


def _because(field: dict[str, Any]) -> str:
    if field["document"] is None:
        return "nobody said more: the least"
    rules = ", ".join(f"“{name}”" for name in field["rules"])
    return f"{field['document']}{f', {rules}' if rules else ''}"


def _written(
    session: Session,
    kind: str,
    level: str,
    tenant: str | None,
    document: dict[str, Any] | None,
    reason: str,
    expected: int | None,
    *,
    at_once: bool,
) -> None:
    if expected is None:
        expected = get(session, _path(tenant, kind))["last"].get(level, 0)
    path = place("rules", kind) if tenant is None else place("tenants", tenant, "rules", kind, level)
    # Not by `None` left out: that the document is null is what withdraws it.
    fields: dict[str, object] = {"expected": expected, "reason": reason, "at_once": at_once or None}
    body = ask(session, "PUT", path, fields, always={"document": document})
    if session.json:
        output.raw(body)
        return
    version = decoded(body)
    if "state" in version:
        waits(version)
        return
    what = "withdrawn" if version["withdrawn"] else "in force"
    output.note(f"The {kind} document at the level `{level}` is {what} as version {version['version']}.")


def _path(tenant: str | None, *kind: str) -> str:
    return place("rules", *kind) if tenant is None else place("tenants", tenant, "rules", *kind)


def _history(tenant: str | None, kind: str, level: str, **query: object) -> str:
    if tenant is None:
        return place("rules", kind, "history", **query)
    return place("tenants", tenant, "rules", kind, level, "history", **query)


def level_of(tenant: str | None, *, ceiling: bool) -> str:
    """Return the level that the options mean; raise `Failure` for a ceiling without a tenant."""
    if tenant is None:
        if ceiling:
            raise usage("A ceiling is a tenant's.", "Name it with --tenant, or leave --ceiling out for the default.")
        return "default"
    return "ceiling" if ceiling else "own"


def _shortly(version: dict[str, Any] | None) -> str:
    return "" if version is None else f"version {version['version']}"


def _text(version: dict[str, Any]) -> str:
    from strongroom.rules.files import written  # noqa: PLC0415 - as above

    return written(version["kind"], version["document"])


def _key_id(text: str) -> str:
    """Return a key's id: given, or of the key on standard input, whose secret goes no further than this function."""
    from strongroom.identity.secretkey import read  # noqa: PLC0415 - as above

    if text.startswith("srk_"):
        raise usage(
            "A whole key does not belong on a command line, where others can read it.",
            "Give its id, the 16 characters after the environment; or `-`, and the key on standard input.",
        )
    if text != "-":
        return text
    given = sys.stdin.read(_KEY_LIMIT).strip()
    if not given.startswith("srk_"):
        return given
    found = read(given)
    if found is None:
        raise usage("Standard input holds something like a key that is none: its checksum is wrong.")
    return found


def _json(document: object) -> bytes:
    import msgspec  # noqa: PLC0415 - as above

    return msgspec.json.encode(document)
