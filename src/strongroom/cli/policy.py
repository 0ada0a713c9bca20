"""`strongroom policy …`: the Cedar policies, checked, tested, compared and explained; no server is asked."""

# ruff: noqa: PLC0415 - Cedar takes its time to load: `--help` and the online commands must not wait for that

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.failures import FAILED, OK, Failure, usage
from strongroom.cli.session import Json

if TYPE_CHECKING:
    from strongroom.policy import Decides, Engine

POLICY: Final = App(
    name="policy",
    group="This machine",
    help="Check, test, compare and explain the policies that say who may do what.",
    help_epilogue="""
Examples:
  strongroom policy check
  strongroom policy check my.cedar --own
  strongroom policy test cases.toml
  strongroom policy diff old.cedar new.cedar
  strongroom policy diff --installation policy.toml
  strongroom policy explain --role inference --action model.invoke --environment prod
""",
)
Schema = Annotated[Path | None, Parameter(help="Schema to hold them against [default: the product's].")]
Policies = Annotated[Path | None, Parameter(help="Policies to ask [default: the product's].")]
Installation = Annotated[
    Path | None,
    Parameter(help="Ask with the installation's own policies beside them: a document of rules of the kind `policy`."),
]


@POLICY.command(name="check", help_epilogue="")
def check(
    policies: Path | None = None,
    /,
    *,
    schema: Schema = None,
    own: Annotated[
        bool, Parameter(negative="", help="Check them as a tenant's own, which may forbid and never permit.")
    ] = False,
    json: Json = False,
) -> int:
    """Parse policies, hold them against the schema, and print their digest. Exit code 1 when they do not hold.

    Args:
        policies: the file; the product's own if not given.
        schema: the schema.
        own: as a tenant's own.
        json: as JSON.
    """
    from strongroom.policy import Narrowing, PolicyError

    try:
        version = Narrowing(_text(policies or _missing())).version if own else _engine(policies, schema).version
    except PolicyError as error:
        return _said(json, {"holds": False, "problem": str(error)}, FAILED)
    return _said(json, {"holds": True, "digest": f"sha256:{version}"}, OK)


@POLICY.command(name="test", help_epilogue="")
def run_cases(
    cases: Path | None = None,
    /,
    *,
    policies: Policies = None,
    installation: Installation = None,
    schema: Schema = None,
    json: Json = False,
) -> int:
    """Ask every case of a file and compare; without one, compare the truth table of this checkout. Exit code 1 on a difference.

    Args:
        cases: TOML with tables `[[case]]`: role, action, tenant (own, other, installation), environment, expect (allow, deny).
        policies: the policies to ask.
        installation: those beside them.
        schema: the schema.
        json: as JSON.
    """
    product = _checked(policies, schema)
    if cases is None:
        return _table(product, json=json)
    from strongroom.policy import compare

    engine = _beside(product, installation)

    try:
        found = compare.cases(tomllib.loads(_text(cases)))
    except ValueError as error:
        raise usage(f"{cases}: {error}") from None
    failed: list[dict[str, str]] = []
    for case in found:
        decision = case.decide(engine)
        if ("allow" if decision.allowed else "deny") != case.expect:
            failed.append({"case": str(case), "expected": str(case.expect), "because": decision.reason})
    for each in [] if json else failed:
        output.note(f"{each['case']}: expected {each['expected']}; {each['because']}")
    said = {"cases": len(found), "failed": failed if json else len(failed)}
    return _said(json, said, FAILED if failed else OK)


@POLICY.command(name="diff", help_epilogue="")
def diff(
    old: Path | None = None,
    new: Path | None = None,
    /,
    *,
    installation: Installation = None,
    schema: Schema = None,
    json: Json = False,
) -> int:
    """Show the cells of the truth table that differ between two sets of policies. Exit code 1 when any does.

    Args:
        old: a file of policies; the product's own if not given.
        new: another; the product's own if not given.
        installation: those beside the new ones.
        schema: the schema of both.
        json: as JSON.
    """
    from strongroom.policy import compare

    if old is None and installation is None:
        raise usage("Name the older file of policies, or with --installation what stands beside the product's.")
    found = compare.changed(_checked(old, schema), _beside(_checked(new, schema), installation))
    if json:
        output.raw(msgspec.json.encode({"changes": found}))
    else:
        columns = ("who", "change", "action", "relation", "environment", "sensitivity")
        output.listing(found, columns, empty="No answer differs.")
    return FAILED if found else OK


@POLICY.command(name="explain", help_epilogue="")
def explain(
    *,
    role: str,
    action: str,
    tenant: Annotated[str, Parameter(help="Whose the thing is: own, other, or installation.")] = "own",
    environment: str | None = None,
    sensitivity: Annotated[str, Parameter(help="How closely it is held: normal or restricted.")] = "normal",
    production: Annotated[bool, Parameter(negative="", help="As in an installation in production.")] = False,
    policies: Policies = None,
    installation: Installation = None,
    schema: Schema = None,
    json: Json = False,
) -> int:
    """Say whether a role may do an action somewhere, and which policies say so. Exit code 0 for yes, 1 for no.

    Args:
        role: such as operator, tenant-admin, inference.
        action: such as model.invoke.
        tenant: whose.
        environment: where.
        sensitivity: how closely held.
        production: as in production.
        policies: the policies to ask.
        installation: those beside them.
        schema: the schema.
        json: as JSON.
    """
    from strongroom.policy import compare

    asked = {"role": role, "action": action, "tenant": tenant, "sensitivity": sensitivity, "production": production}
    if environment is not None:
        asked["environment"] = environment
    try:
        case = msgspec.convert(asked, compare.Case)
    except msgspec.ValidationError as error:
        raise usage(*_wrong(asked, str(error))) from None
    decision = case.decide(_beside(_checked(policies, schema), installation))
    said = {
        "question": str(case),
        "allowed": decision.allowed,
        "policies": list(decision.policies),
        "reason": decision.reason,
        "digest": f"sha256:{decision.version}",
        **({"beside": decision.beside} if decision.beside else {}),
    }
    return _said(json, said, OK if decision.allowed else FAILED)


def _wrong(asked: dict[str, Any], said: str) -> tuple[str, str]:
    """Return what is wrong with a question, and what could be asked."""
    from strongroom.kernel.principal import Environment, Role
    from strongroom.policy import Action, Sensitivity

    choices = {
        "role": [each.value for each in Role],
        "action": [each.value for each in Action],
        "tenant": ["own", "other", "installation"],
        "environment": [each.value for each in Environment],
        "sensitivity": [each.value for each in Sensitivity],
    }
    for name, known in choices.items():
        value = asked.get(name)
        if value is not None and value not in known:
            near = get_close_matches(str(value), known, n=3)
            then = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known)}."
            return f"There is no {name} called {value}.", then
    return f"{said}.", ""


def _beside(product: Engine, installation: Path | None) -> Decides:
    """Return the product's policies, with the installation's own beside them where a file of those is named."""
    if installation is None:
        return product
    from strongroom.policy import Beside
    from strongroom.rules.files import FileError, parse
    from strongroom.rules.policy import POLICY

    try:
        found = parse(_text(installation))
        if found.kind is not POLICY:
            raise usage(f"{installation} is a document of the kind {found.kind.name}, and not of the kind policy.")
        return Beside(product, POLICY.parsed(POLICY.ceiling(POLICY.read(found.document).rules).forbid))
    except FileError as error:
        raise Failure(f"{installation}:{error.line or 1}: {error.said}") from None


def _table(engine: Engine, *, json: bool) -> int:
    from strongroom.policy import truthtable

    try:
        written = truthtable.FILE.read_text(encoding="utf-8")
    except OSError:
        raise usage(f"There is no {truthtable.FILE} here.", "Run it in a checkout, or name a file of cases.") from None
    same = written == truthtable.render(engine)
    fix = "" if same else f"run `{truthtable.COMMAND}` and read the difference"
    return _said(json, {"table": str(truthtable.FILE), "same": same, "fix": fix}, OK if same else FAILED)


def _engine(policies: Path | None, schema: Path | None) -> Engine:
    from strongroom.policy import Engine
    from strongroom.policy.engine import packaged

    ours = packaged()
    return Engine(ours[0] if policies is None else _text(policies), ours[1] if schema is None else _text(schema))


def _checked(policies: Path | None, schema: Path | None) -> Engine:
    from strongroom.policy import PolicyError

    try:
        return _engine(policies, schema)
    except PolicyError as error:
        raise Failure(f"These policies do not hold: {error}") from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"{path} cannot be read ({type(error).__name__}).") from None


def _missing() -> Path:
    raise usage("Name the file with the tenant's own policies.")


def _said(json: bool, said: dict[str, Any], code: int) -> int:
    if json:
        output.raw(msgspec.json.encode(said))
    else:
        output.record(said)
    return code
