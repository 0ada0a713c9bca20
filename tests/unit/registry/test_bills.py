"""Documents about a release follow their standard, say only what holds, and are no place for another's markup."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.kernel.principal import Environment
from strongroom.registry.admission import File, Reason, Risk, Standing
from strongroom.registry.bills.card import markdown
from strongroom.registry.bills.cyclonedx import ml_bom
from strongroom.registry.bills.model import ApprovalFact, ChannelFact, Described, ScanFact
from strongroom.registry.bills.schema import NotCycloneDx, validate
from strongroom.registry.evaluations import Evaluated
from strongroom.registry.evaluations.model import Baseline
from strongroom.registry.evaluations.suite import Bound
from strongroom.registry.model import Format, Operation

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
DEV, PROD = Environment.DEV, Environment.PROD


def evaluation() -> Evaluated:
    return Evaluated(
        release=f"sha256:{'a' * 64}", name="m", version="1", tenant="t", environment=DEV, deployment="d", prompt=None,
        suite="held@1", suite_digest=f"sha256:{'b' * 64}", evaluator="e", cases=2, metrics={"accuracy": 0.75},
        thresholds={"accuracy": Bound(least=0.5)}, passed=True, failed=(), answers="sha256:0", requests=2,
        baseline=Baseline(labels={}), at=NOW, expires=NOW,
    )  # fmt: skip


def known(**more: Any) -> Described:
    no = Reason(demand="approval", met=False, because="1 of 2 approvals.")
    fields: dict[str, Any] = {
        "digest": f"sha256:{'a' * 64}", "name": "m", "version": "1", "kind": Operation.CHAT, "format": Format.GGUF,
        "bytes": 7, "source": "hub", "author": "ada", "risk": Risk.STANDARD, "own": False,
        "files": (File(path="w.gguf", sha256="c" * 64, size=7, blake3="d" * 64), File(path="old", sha256="e" * 64, size=0)),
        "scan": ScanFact(passed=True, ruleset="f" * 64, current=True, signer="k"), "signers": ("s",),
        "approvals": (ApprovalFact(approver="bob", environment=PROD, expires=NOW, for_one_tenant=False, signer="b"),),
        "channels": (ChannelFact(environment=PROD, current=True, by="op", at=NOW),), "evaluations": (evaluation(),),
        "standing": (Standing(environment=PROD, tenant=None, may_serve=False, reasons=(no,)),), "at": NOW,
    }  # fmt: skip
    return Described(**(fields | more))


def text_of(document: dict[str, Any]) -> str:
    return msgspec.json.encode(document).decode()


@pytest.mark.parametrize("kind", Operation)
@pytest.mark.parametrize("full", [True, False])
def test_an_ml_bom_follows_the_schema_whatever_is_known(kind: Operation, *, full: bool) -> None:
    nothing = {"author": None, "risk": None, "files": (), "scan": None, "signers": (), "approvals": (), "channels": (),
               "evaluations": (), "standing": ()}  # fmt: skip
    validate(text_of(ml_bom(known(kind=kind, **({} if full else nothing)))))


def test_an_ml_bom_says_which_files_and_what_was_measured() -> None:
    made = ml_bom(known())
    assert [(each["name"], {h["alg"]: h["content"] for h in each["hashes"]}) for each in made["components"]] == [
        ("w.gguf", {"SHA-256": "c" * 64, "BLAKE3": "d" * 64}),
        ("old", {"SHA-256": "e" * 64}),
    ]
    component = made["metadata"]["component"]
    assert component["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    metrics = component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert metrics == [{"type": "accuracy", "value": "0.75", "slice": "held@1 in dev"}]
    said = {each["name"]: each["value"] for each in component["properties"]}
    assert json.loads(said["strongroom:standing"])["lacks"] == ["1 of 2 approvals."]
    assert json.loads(said["strongroom:approval"])["approver"] == "bob"
    assert ml_bom(known()) == made
    assert ml_bom(known(source="elsewhere"))["serialNumber"] != made["serialNumber"]


def _without(key: str, document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


@pytest.mark.parametrize(
    "broken",
    [
        _without("bomFormat", ml_bom(known())),
        ml_bom(known()) | {"unheard": 1},
        ml_bom(known()) | {"components": [{"type": "file"}]},
        ml_bom(known(digest="sha256:short")),
    ],
)
def test_what_is_no_cyclonedx_is_told_in_a_line(broken: dict[str, Any]) -> None:
    with pytest.raises(NotCycloneDx, match=r"^It is no CycloneDX 1\.6: [^\n]{1,300}$"):
        validate(text_of(broken))


@pytest.mark.parametrize("text", ["", "no", "[" * 100_000])
def test_what_is_no_json_is_no_cyclonedx(text: str) -> None:
    with pytest.raises(NotCycloneDx, match="it is no JSON"):
        validate(text)


@given(st.text(min_size=1, max_size=60))
def test_what_people_wrote_is_text_in_a_card(words: str) -> None:
    card = markdown(known(source=words, author=words, approvals=(), evaluations=()))
    plain = markdown(known(source="hub", author="ada", approvals=(), evaluations=()))
    assert len(card.splitlines()) == len(plain.splitlines())  # no line, cell or element of theirs
    for line, like in zip(card.splitlines(), plain.splitlines(), strict=True):
        assert line.count("|") == like.count("|")
    assert "<" not in card


def test_a_card_says_in_words_where_it_may_serve_and_what_is_missing() -> None:
    card = markdown(known(source="![x](http://a) <script>"))
    assert "| prod | no | 1 of 2 approvals. |" in card
    assert "Scanned by today's rules" in card
    assert "| held@1 |" in card
    assert "\\!\\[x\\]\\(http://a\\) &#60;script&#62;" in card
    assert "None counts that this card may tell of" in markdown(known(evaluations=()))
    assert "No verdict about these files holds." in markdown(known(scan=None))
