"""The keys that sign answers: derived for that alone, the same in every process, and published through a rotation."""

from __future__ import annotations

from pathlib import Path

from strongroom.gateway.signing.answers import AnswerKeys
from strongroom.signatures.answers import Facts
from strongroom.signatures.exchange import Outcome, Saved, check
from strongroom.signatures.fields import content_digest
from strongroom.signatures.keys import read_trusted
from strongroom.vault import Keyring, Purpose, PurposeKeys

FACTS = Facts(request=content_digest(b"asked"), release="sha256:a", model="m", policy="p", rules="r", request_id="q")


def answer(keys: AnswerKeys) -> Saved:
    head = [(b"content-type", b"application/json"), (b"x-request-id", b"q")]
    head += keys.signer.whole(FACTS, 200, b"application/json", b"{}", 1_800_000_000)
    return Saved(status=200, fields={name.decode(): [value] for name, value in head}, body=b"{}")


def test_every_process_has_the_same_key_and_publishes_no_secret(tmp_path: Path) -> None:
    held = Keyring.open(tmp_path / "keyring.json").derive(Purpose.ANSWER_SIGNING, Purpose.KEY_PEPPER)
    one, other = AnswerKeys(held), AnswerKeys(PurposeKeys.parse(held.dump()))
    assert one.published == other.published
    assert b'"d"' not in one.published
    assert check(answer(other), read_trusted(one.published.decode()), b"asked").outcome is Outcome.GOOD


def test_after_a_rotation_the_new_key_signs_and_old_answers_stay_good(tmp_path: Path) -> None:
    ring = Keyring.open(tmp_path / "keyring.json")
    before = AnswerKeys(ring.derive(Purpose.ANSWER_SIGNING))
    kept = answer(before)
    ring.rotate()
    after = AnswerKeys(ring.derive(Purpose.ANSWER_SIGNING))
    old, new = read_trusted(before.published.decode()), read_trusted(after.published.decode())
    assert len(new) == 2
    assert next(iter(new)) not in old  # the one that signs now comes first
    for saved in (kept, answer(after)):
        assert check(saved, new, b"asked").outcome is Outcome.GOOD
    assert check(answer(after), old, b"asked").outcome is Outcome.UNDETERMINED
