"""The scanner against the corpus: every bad artefact is refused, every sound one is clean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

from strongroom.registry.scan import Verdict
from strongroom.registry.scan.host import Host, Limits
from strongroom.registry.scan.rules import RULES
from strongroom.registry.scan.service import Sweep
from strongroom.registry.scan.testing import Sample, bad, good

BAD = list(bad())
GOOD = list(good())

# What a sample must be refused for, beside being refused at all: the scanner says why, and not just no.
WHY = {
    "pickle": {"pickle", "polyglot", "confusion"},
    "joblib": {"archive"},
    "zip": {"archive"},
    "numpy": {"format"},
    "polyglot": {"polyglot", "trailing-bytes", "json", "encoding", "embedded"},
    "template": {"template"},
    "confusion": {"confusion", "text"},
}


@pytest.fixture(scope="module")
def host() -> Generator[Host]:
    with Host(Limits()) as found:
        yield found


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(BAD) >= 150
    assert len(GOOD) >= 100
    for samples in (BAD, GOOD):
        assert max(Counter(each.name for each in samples).values()) == 1


@pytest.mark.parametrize("sample", BAD, ids=lambda each: each.name)
def test_a_bad_artefact_is_refused_and_for_a_reason(sample: Sample, host: Host, tmp_path: Path) -> None:
    sweep = Sweep(host)
    sweep.run(sample.write(tmp_path))
    assert sweep.verdict() is Verdict.REFUSED
    rules = {finding.rule for finding in sweep.findings()}
    assert rules <= RULES.keys()
    assert sample.group not in WHY or rules & WHY[sample.group], rules


@pytest.mark.parametrize("sample", GOOD, ids=lambda each: each.name)
def test_a_sound_artefact_is_clean(sample: Sample, host: Host, tmp_path: Path) -> None:
    sweep = Sweep(host)
    sweep.run(sample.write(tmp_path))
    assert sweep.verdict() is Verdict.CLEAN, list(sweep.findings())
    assert sweep.files.keys() == sample.files.keys()
