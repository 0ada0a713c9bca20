"""Writes the reference pages of the command line and of the control API from the running code.

`python -m strongroom.cli.reference docs/reference` writes them; a test compares what is committed.
"""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from strongroom.app.api import control_app
from strongroom.app.services import Services
from strongroom.cli.main import application

_MADE: Final = "<!-- Made by `python -m strongroom.cli.reference docs/reference`; change the code, not this page. -->\n"
_CLI_HEAD: Final = """# The command line

Every command takes `--help`; every command that shows something takes `--json` and then prints the API's own JSON and
nothing else. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 undetermined, such as a server that does not
answer.

A token is never an argument. It comes from `--token-file`, from `STRONGROOM_TOKEN`, or from the demonstration's own
`HOME/demo.json`, which is used for this machine only.
"""
_API_HEAD: Final = """# The control API

On port 8401, below `/api`. The machine-readable form is the OpenAPI 3.1 document at `/api/openapi.json`, which needs no
credential; everything else takes `Authorization: Bearer srk_…`.

- A tenant in a path is named by its name or its id.
- Lists are `{"data": […]}`. Times are RFC 3339 in UTC.
- A body is JSON (`content-type: application/json`), at most 64 KiB; a field that is not named below is refused.
- A no is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail`, `request_id` and, where one
  field is at fault, `param`. The request id also stands in `x-request-id` and in the audit log.
- What is missing and what is not yours to see are the same 404.
- An answer to a change means that the next request here sees it. Each gateway process follows within a second.
- Nothing here may be stored by a cache (`cache-control: no-store`).
"""
_SERVER: Final = re.compile(r"\*\*Server\*\*:\n\n((?:\* .*\n)+)")
_METHODS: Final = ("get", "post", "delete")


def cli_page() -> str:
    """Return the page about the command line."""
    text = application().generate_docs(output_format="markdown", usage_name="strongroom")
    # Run as a program of its own, this module's name stands in every usage line.
    text = text.replace(" -m strongroom.cli.reference", "").replace("```console", "```text").replace("\\[", "[")
    body = text[text.index("\n## strongroom ") :]
    shared = _SERVER.search(body)
    if shared is None:
        raise AssertionError("no command has the options of the server")
    body = _SERVER.sub("Takes the [options for asking](#asking-the-control-api).\n", body)
    asking = f"## Asking the control API\n\nEvery command that asks the control API takes:\n\n{shared[1]}"
    return f"{_MADE}{_CLI_HEAD}\n{asking}{body}".rstrip() + "\n"


def api_page() -> str:
    """Return the page about the control API."""
    document: dict[str, Any] = _unserved().openapi_schema.to_schema()
    schemas: dict[str, Any] = document["components"]["schemas"]
    parts = [_MADE + _API_HEAD]
    for path, item in sorted(document["paths"].items()):
        parts += [_operation(method.upper(), path, item[method], schemas) for method in _METHODS if method in item]
    parts.append("## What answers hold\n")
    shown = (name for name in sorted(schemas) if "properties" in schemas[name] and name not in _asked(document))
    parts += [
        "\n".join([f"### {name}", "", schemas[name].get("description") or "", "", *_fields(name, schemas)])
        for name in shown
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _asked(document: dict[str, Any]) -> set[str]:
    """Return the names of the schemas that stand in requests."""
    operations = (operation for item in document["paths"].values() for operation in item.values())
    bodies = (
        each["requestBody"]["content"]["application/json"]["schema"] for each in operations if "requestBody" in each
    )
    return {body["$ref"].rpartition("/")[2] for body in bodies}


def _unserved() -> Any:
    """Return the application over nothing: its routes can be described, not asked."""
    nothing: dict[str, Any] = {field.name: None for field in fields(Services)}
    return control_app(Services(**nothing))


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    lines = [f"## {operation['summary']}", "", f"`{method} {path}`", "", operation["description"], ""]
    query = [each for each in operation.get("parameters", ()) if each["in"] == "query"]
    if query:
        rows = [(each["name"], _type(each["schema"]), each.get("description", "")) for each in query]
        lines += ["Query:", "", *_rows(rows)]
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        lines += ["Body:", "", *_fields(content["application/json"]["schema"]["$ref"].rpartition("/")[2], schemas)]
    status, answer = next((code, each) for code, each in operation["responses"].items() if code.startswith("2"))
    shape = answer.get("content", {}).get("application/json", {}).get("schema")
    lines.append(f"Answer: {status}" + (f", {_type(shape)}" if shape else ", no body") + ".")
    refused = [code for code in operation["responses"] if not code.startswith("2")]
    lines += ["", f"Refused with: {', '.join(sorted(refused))}.", ""]
    return "\n".join(lines)


def _fields(name: str, schemas: dict[str, Any]) -> list[str]:
    found: dict[str, Any] = schemas[name]
    required = set(found.get("required", ()))
    return _rows(
        [
            (field, _type(each), "" if field in required else "may be absent")
            for field, each in found["properties"].items()
        ]
    )


def _rows(rows: list[tuple[str, str, str]]) -> list[str]:
    return ["| name | type | |", "|---|---|---|", *(f"| `{a}` | {b} | {c} |" for a, b, c in rows), ""]


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "oneOf" in schema:
        return " or ".join(_type(each) for each in schema["oneOf"] if each.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    kind = str(schema.get("format") or schema.get("type", "anything"))
    bounds = [
        f"{word} {schema[name]:g}"
        for name, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if name in schema
    ]
    return " ".join([kind, *bounds])


def main(directory: Path) -> None:
    """Write both pages."""
    (directory / "cli.md").write_text(cli_page(), encoding="utf-8")
    (directory / "api.md").write_text(api_page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
