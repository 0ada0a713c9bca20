"""A release's model card in Markdown: what a person reads before using it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from strongroom.kernel.clock import rfc3339
from strongroom.registry.bills.model import Described

_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]()#+!|<>&~$-]")


def markdown(found: Described) -> str:
    """Return the card. What people wrote stands in it as text: no markup, link or HTML of theirs."""
    return "\n".join((*_head(found), *_judged(found), *_measured(found), *_files(found), ""))


def _head(found: Described) -> Iterator[str]:
    yield f"# {_text(found.called)}"
    yield ""
    yield f"As known on {rfc3339(found.at)}. Everything here comes from statements whose signatures held then."
    yield ""
    yield from _table(
        ("", ""),
        (
            ("Digest", f"`{found.digest}`"),
            ("Can be asked for", _text(found.kind)),
            ("Format", _text(found.format)),
            ("Size", f"{found.bytes:,} bytes in {len(found.files)} files"),
            ("Source", _text(found.source)),
            ("Brought by", _text(found.author or "not known")),
            ("Risk", _text(found.risk or "not known")),
            ("Owner", "a tenant" if found.own else "the installation"),
        ),
    )


def _judged(found: Described) -> Iterator[str]:
    yield "## Scan and signature"
    yield ""
    if found.scan is None:
        yield "No verdict about these files holds."
    else:
        result = "clean" if found.scan.passed else "refused"
        rules = "today's rules" if found.scan.current else "other rules than today's"
        yield f"- Scanned by {rules} (`{_plain(found.scan.ruleset)}`): {result}."
    yield f"- Signed by: {', '.join(f'`{_plain(each)}`' for each in found.signers) or 'nobody whose signature holds'}."
    yield ""
    yield "## Where it may serve"
    yield ""
    rows = (
        (
            each.environment,
            "yes" if each.may_serve else "no",
            _text(" ".join(reason.because for reason in each.reasons if not reason.met) or "nothing is missing"),
        )
        for each in found.standing
    )
    yield from _table(("Environment", "May serve", "What is missing"), rows)
    yield "## Approvals"
    yield ""
    if not found.approvals:
        yield "None holds."
        yield ""
        return
    approvals = (
        (_text(each.approver), each.environment, rfc3339(each.expires), "one tenant" if each.for_one_tenant else "all")
        for each in found.approvals
    )
    yield from _table(("Approver", "Environment", "Until", "For"), approvals)


def _measured(found: Described) -> Iterator[str]:
    yield "## Evaluations"
    yield ""
    if not found.evaluations:
        yield "None counts that this card may tell of: they are a tenant's, and stand in the card that is made for it."
        yield ""
        return
    rows = (
        (_text(each.suite), each.environment, _text(metric), f"{value:g}", rfc3339(each.at), rfc3339(each.expires))
        for each in found.evaluations
        for metric, value in sorted(each.metrics.items())
    )
    yield from _table(("Suite", "Environment", "Metric", "Value", "At", "Until"), rows)


def _files(found: Described) -> Iterator[str]:
    yield "## Files"
    yield ""
    yield from _table(
        ("Path", "Bytes", "SHA-256"), ((_text(each.path), f"{each.size:,}", f"`{each.sha256}`") for each in found.files)
    )


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(titles)
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _text(value: str) -> str:
    """Return a text as Markdown that shows just it, on one line."""
    return _SPECIAL.sub(lambda match: f"&#{ord(match[0])};" if match[0] in "<>&|" else f"\\{match[0]}", _plain(value))


def _plain(value: str) -> str:
    return "".join(each if each.isprintable() and each != "`" else "?" for each in value)
