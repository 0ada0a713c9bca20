"""What leaves for support: masked, listed, and searched for what must not be in it."""

from __future__ import annotations

import base64
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.app.support.pack import Found, Masker, Part, archive, manifest, search, views
from strongroom.identity import secretkey
from strongroom.kernel.principal import Environment, Role

CANARY = "canary-Zq7:ü/planted"
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def part(content: bytes, name: str = "x.json") -> Part:
    return Part(name=name, why="a test", content=content)


@pytest.mark.parametrize(
    "hidden", ["jane.roe@example.org", "4111 1111 1111 1111", "AKIAQ3EGRIPVT5WKMZ7X", "+44 20 7946 0958"]
)
def test_personal_data_and_secrets_are_masked_wherever_they_stand(hidden: str) -> None:
    masker = Masker()
    for made in (
        masker.document("a", "w", {"deep": [{"text": f"it was {hidden}"}]}),
        masker.lines("b", "w", [{"text": f"it was {hidden}"}]),
        masker.text("c", "w", f"it was {hidden}"),
    ):
        assert hidden.encode() not in made.content
        assert sum(made.masked.values()) == 1


def test_names_of_tenants_and_accounts_do_not_leave_and_parts_of_words_stay() -> None:
    made = Masker(names=["acme", "acme-eu", ""]).document("a", "w", {"acme": "tenant acme, acme-eu; acmeology"})
    assert json.loads(made.content) == {"[NAME]": "tenant [NAME], [NAME]; acmeology"}
    assert made.masked == {"name": 3}


@pytest.mark.parametrize(
    "spelt",
    [
        CANARY,
        CANARY.upper(),
        json.dumps(CANARY),
        CANARY.encode().hex(),
        CANARY[::1],
        " ".join(CANARY),
        *(base64.b64encode(b"." * offset + CANARY.encode() + b"..").decode() for offset in range(3)),
    ],
)
def test_a_canary_stops_the_bundle_however_it_is_spelt(spelt: str) -> None:
    with pytest.raises(Found, match=r"^x\.json holds a canary") as found:
        search([part(b"fine", "y.json"), part(f"before {spelt} after".encode())], [CANARY])
    assert CANARY not in str(found.value)


def test_a_key_that_works_stops_the_bundle() -> None:
    secret = secretkey.mint(Role.INFERENCE, Environment.DEV)
    with pytest.raises(Found, match="holds a key"):
        search([part(f"key={secret.text};".encode())], [])


def test_what_is_clean_passes_and_a_short_canary_is_none() -> None:
    search([part(b"nothing to see")], [CANARY])
    with pytest.raises(ValueError, match="6 characters"):
        search([part(b"x")], ["abc"])


@given(
    st.text(min_size=8, max_size=40).filter(lambda text: text.strip() == text),
    st.binary(max_size=20),
    st.binary(max_size=20),
)
def test_every_view_of_a_canary_is_found_wherever_it_stands(canary: str, before: bytes, after: bytes) -> None:
    for view in views(canary):
        with pytest.raises(Found):
            search([part(before + view + after)], [canary])


def test_an_archive_holds_what_its_manifest_says_and_overwrites_nothing(tmp_path: Path) -> None:
    parts = [part(b"{}", "one.json"), Part(name="two", why="w", missing="nobody answers")]
    said = manifest(parts, made_at=NOW, version="1", searched_for=2)
    path = tmp_path / "b.tar.gz"
    archive(parts, said, path)
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as tar:
        assert tar.getnames() == ["strongroom-support/manifest.json", "strongroom-support/one.json"]
        held = tar.extractfile("strongroom-support/manifest.json")
        assert held is not None
        listed = json.load(held)
    assert [each.get("missing", "") for each in listed["parts"]] == ["", "nobody answers"]
    assert listed["searched_for"] == 2
    with pytest.raises(FileExistsError):
        archive(parts, said, path)
