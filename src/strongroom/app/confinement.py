"""How far the workers are confined, for `strongroom doctor`: first in one line, then measure by measure.

What runs is told by who launched it (`running`). Only where nothing runs is the machine tried, and then the answer is
what would be, for the user who asks; another user's installation is not judged by that.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from strongroom.app.checks import AS_OWNER, Check, Status, unseen
from strongroom.app.layout import Layout
from strongroom.app.running import Running
from strongroom.app.settings import Settings
from strongroom.confinement.tree import current_tree, prepare_tree
from strongroom.runtime.sandbox import Measure, State, probe


def sandbox(places: Layout, running: Running | None, settings: Settings) -> list[Check]:
    """Return the sandbox in one line, then a check for each measure."""
    if running is not None:
        return judged(running.measures, required=settings.full_sandbox, runs=True)
    try:
        if places.home.exists() and places.home.stat().st_uid != os.geteuid():
            return [unseen("sandbox", "nothing runs here, and the home is another user's", AS_OWNER)]
        report = probe(prepare_tree() if os.geteuid() == 0 else current_tree(), own_uid=True)
    except OSError as error:
        return [unseen("sandbox", f"could not be tried: {error.strerror}", AS_OWNER)]
    return judged(report.measures, required=settings.full_sandbox, runs=False)


def judged(measures: Sequence[Measure], *, required: bool, runs: bool) -> list[Check]:
    """Return checks on `measures`: one that is short is a failure only where the settings ask for all of them.

    Args:
        measures: every measure with its state.
        required: whether the settings ask for the full sandbox.
        runs: whether they are in force, not only what would be.
    """
    would = "" if runs else "would be "
    short = [measure for measure in measures if measure.state is not State.ACTIVE]
    if not measures:
        return [unseen("sandbox", "no measure is told of")]
    whole = f"{would}full"
    if short:
        named = ", ".join(f"{each.name} ({each.state})" for each in short)
        whole = f"weaker fallback {'in use' if runs else 'would be used'}: {named}"
    return [_check("sandbox", whole, failed=required and bool(short))] + [
        _check(
            f"sandbox: {each.name}",
            f"{would}{each.state}: {each.sentence}",
            failed=required and each.state is not State.ACTIVE,
        )
        for each in measures
    ]


def _check(name: str, detail: str, *, failed: bool) -> Check:
    return Check(
        name=name,
        status=Status.FAILED if failed else Status.OK,
        detail=detail,
        fix='mend it, or set workers.sandbox = "best"' if failed else "",
    )
