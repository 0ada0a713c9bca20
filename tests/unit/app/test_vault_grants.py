"""Each use of keys that a room names is granted to a process that this room runs in, and nothing is granted besides."""

from __future__ import annotations

from strongroom.app.handing import A_GATEWAY, NOTARY, THE_CONTROL, THE_KEEPER
from strongroom.vault import Use


def test_every_use_of_keys_but_the_keystores_own_is_granted_to_a_process() -> None:
    granted = {use for part in (NOTARY, THE_KEEPER, THE_CONTROL, A_GATEWAY) for use in part.uses | part.of_subjects}
    assert set(Use) - granted == {Use.SUBJECT_KEY}, (
        "a use that no process may ask for answers 503 in every installation"
    )


def test_the_gateway_opens_nothing_of_the_registrys() -> None:
    assert not (A_GATEWAY.uses | A_GATEWAY.of_subjects) & {Use.WEIGHTS, Use.DATASET, Use.EVIDENCE, Use.WEBHOOK}
