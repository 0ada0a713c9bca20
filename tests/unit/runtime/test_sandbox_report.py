from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.confinement import landlock
from strongroom.runtime import cgroups
from strongroom.runtime.sandbox import Facts, SandboxReport, State, judge

FULL = Facts(
    root=True,
    bwrap=Path("/bwrap"),
    why_not="",
    landlock=7,
    seccomp=True,
    groups=cgroups.VersionOne(Path("/m"), Path("/p")),
)
NOTHING = Facts(root=False, bwrap=None, why_not="it is not installed", landlock=0, seccomp=False, groups=None)


def states(facts: Facts, *, own_uid: bool) -> dict[str, State]:
    return {measure.name: measure.state for measure in judge(facts, own_uid=own_uid)}


def test_full_is_full() -> None:
    assert SandboxReport(facts=FULL, measures=judge(FULL, own_uid=True)).is_full


def test_an_ordinary_user_is_told_about_the_shared_uid() -> None:
    found = states(FULL, own_uid=False)
    assert found["uid"] is State.ABSENT
    assert found["debugging"] is State.WEAKER
    assert found["files"] is State.ACTIVE


def test_without_anything_every_loss_is_said() -> None:
    report = SandboxReport(facts=NOTHING, measures=judge(NOTHING, own_uid=False))
    assert not report.is_full
    found = states(NOTHING, own_uid=False)
    for name in ("uid", "files", "network", "seccomp", "landlock", "process-count"):
        assert found[name] is State.ABSENT, name
    assert any("it is not installed" in measure.sentence for measure in report.measures)


@pytest.mark.parametrize("facts", [FULL, NOTHING])
@pytest.mark.parametrize("own_uid", [True, False])
def test_every_measure_is_judged_once_in_a_sentence(facts: Facts, *, own_uid: bool) -> None:
    measures = judge(facts, own_uid=own_uid)
    assert len({measure.name for measure in measures}) == len(measures) == 13
    assert all(measure.sentence.endswith(".") for measure in measures)


def test_landlock_says_what_its_version_can_do() -> None:
    assert "TCP" not in landlock.describe(3)
    assert "TCP" in landlock.describe(4)
    assert "signals" in landlock.describe(6)


def test_a_plain_directory_is_no_control_group(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "pids").mkdir()
    own = "4:memory:/\n8:pids:/\n0::/\n"
    assert cgroups.find(tmp_path, own) is None
    assert not list(tmp_path.rglob("strongroom-*"))


def test_version_two_needs_its_controllers(tmp_path: Path) -> None:
    (tmp_path / "cgroup.subtree_control").write_text("cpu", encoding="ascii")
    assert cgroups.find(tmp_path, "0::/\n") is None
