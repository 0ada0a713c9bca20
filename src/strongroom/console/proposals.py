"""Proposals: what waits for a second person in production, looked at, decided on and withdrawn.

A decision names the digest of what the page showed: what was altered meanwhile is not decided by it.
"""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from strongroom.console.commands import command
from strongroom.console.diffs import Line, difference
from strongroom.console.visit import STATUS, Answer, Visit, mendable
from strongroom.identity.approvals import State
from strongroom.identity.approvals.routes import Proposal
from strongroom.kernel.refusal import Refusal, Refused, hidden, invalid
from strongroom.policy import Action, Kind, Resource
from strongroom.rules import KINDS
from strongroom.rules.files import written

_REASON: Final = 200


async def listing(visit: Visit) -> Answer:
    """List the newest proposals, those that wait for somebody first."""
    found = [Proposal.of(each) for each in await visit.parts.proposals.every(visit.who, visit.ask())]
    waiting = [each for each in found if each.state is State.OPEN or each.review_owed]
    return visit.render(
        "proposals.html", waiting=waiting, others=[each for each in found if each not in waiting], names=_name_of
    )


async def show(visit: Visit, problem: Refusal | None = None) -> Answer:
    """Show one with everything that a decision is about."""
    found = Proposal.of(await visit.parts.proposals.show(visit.who, _id(visit), visit.ask()))
    who, about = str(visit.who), Resource(kind=Kind.PROPOSAL, tenant=visit.who.tenant)
    waits = found.state is State.OPEN or found.review_owed
    return visit.render(
        "proposal.html",
        status=200 if problem is None else STATUS[problem.kind],
        each=found,
        whose=_name_of(found),
        lines=_difference(found),
        facts=_facts(found),
        rehearsed=found.details.get("dry_run"),
        may_decide=waits
        and found.requester != who
        and who not in {vote.voter for vote in found.votes}
        and visit.may(Action.PROPOSAL_DECIDE, about),
        may_withdraw=found.state is State.OPEN
        and found.requester == who
        and visit.may(Action.PROPOSAL_WITHDRAW, about),
        problem=problem,
        entered=visit.form.entered,
    )


async def decide(visit: Visit) -> Answer:
    """Approve or deny what the page showed."""
    proposal, form = _id(visit), visit.form
    try:
        verdict = form.raw("verdict")
        if verdict not in {"approve", "deny"}:
            raise Refused(invalid("Approve it or deny it.", param="verdict"))
        reason = form.line("reason", limit=_REASON)
        found = await visit.parts.proposals.decide(
            visit.who, proposal, "approve" if verdict == "approve" else "deny", form.raw("digest"), reason, visit.ask()
        )
    except Refused as no:
        return await show(visit, mendable(no))
    said = {State.USED: "Approved, and in force.", State.APPROVED: "Approved: who proposed it can do it now."}
    did = command("proposal", verdict, str(proposal), reason=reason)
    text = "Denied." if verdict == "deny" else said.get(found.state, "Your word is kept.")
    return visit.done(f"/proposals/{proposal}", text, did)


async def withdraw(visit: Visit) -> Answer:
    """Withdraw one's own proposal."""
    proposal = _id(visit)
    try:
        await visit.parts.proposals.withdraw(visit.who, proposal, visit.ask())
    except Refused as no:
        return await show(visit, mendable(no))
    return visit.done(f"/proposals/{proposal}", "Withdrawn.", command("proposal", "withdraw", str(proposal)))


def _name_of(found: Proposal) -> str:
    return found.tenant_name or (str(found.tenant) if found.tenant else "the installation")


def _difference(found: Proposal) -> list[Line]:
    """Return what a document would change, as files show it; nothing where no document is proposed."""
    if "document" not in found.details:
        return []
    kind = str(found.details.get("kind", ""))
    return difference(_text(kind, found.details.get("before")), _text(kind, found.details.get("document")))


def _text(kind: str, document: Any) -> str:
    if not document:
        return ""
    return written(kind, document) if kind in KINDS else json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _facts(found: Proposal) -> list[tuple[str, str]]:
    """Return what is proposed besides documents, field by field."""
    left_out = {"before", "document", "dry_run", "credential", "owner", "author", "reason"}
    return [
        (name.replace("_", " "), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in found.details.items()
        if name not in left_out and value not in (None, "")
    ]


def _id(visit: Visit) -> UUID:
    try:
        return UUID(visit.params["proposal"])
    except ValueError:
        raise Refused(hidden("not the id of a proposal")) from None
