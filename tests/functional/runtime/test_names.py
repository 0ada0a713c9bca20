"""The worker for names with its real model, sandboxed as in production."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from strongroom.runtime.name_front import MAX_CHARACTERS, PATH
from strongroom.runtime.rig import Rig, ask, scope
from strongroom.runtime.spec import Kind

LETTER = (
    "Then Oluwaseun Adeyemi moved from Ogbomosho to 14 Rue des Lilas, Nantes, and called Sarah Connor-Ndiaye twice."
)
NAMES = ("Oluwaseun Adeyemi", "Ogbomosho", "14 Rue des Lilas", "Nantes", "Sarah Connor-Ndiaye")
PLAIN = "Sort the list, then return its first three items; an empty list gives an empty one."


@pytest.fixture(scope="module")
def names() -> Generator[Rig]:
    with Rig([Kind.NAMES]) as rig:
        yield rig


def read(rig: Rig, *texts: str, tenant: str = "acme") -> list[list[Any]]:
    answer = rig.ask(Kind.NAMES, PATH, {"texts": texts}, scope=scope(tenant))
    assert answer.status == 200, answer.body
    spans: list[list[Any]] = answer.json()["spans"]
    return spans


def test_names_of_people_places_and_streets_are_found_and_plain_words_are_not(names: Rig) -> None:
    spans, plain = read(names, LETTER, PLAIN)
    assert [LETTER[start:end] for start, end, _, _ in spans] == list(NAMES)
    assert [kind for _, _, kind, _ in spans] == ["person", "location", "street_address", "location", "person"]
    assert plain == []


def test_what_a_text_comes_to_does_not_depend_on_its_neighbours(names: Rig) -> None:
    alone = read(names, LETTER)[0]
    beside = read(names, PLAIN * 9, LETTER, LETTER[:40], "x", LETTER)
    for other in (beside[1], beside[4]):
        assert [span[:3] for span in other] == [span[:3] for span in alone]


def test_a_long_text_is_read_to_its_end_in_windows(names: Rig) -> None:
    text = (PLAIN + " ") * 40 + LETTER
    found = {text[start:end] for start, end, _, _ in read(names, text)[0]}
    assert {NAMES[0], NAMES[1], NAMES[4]} <= found


def test_tenants_are_answered_side_by_side(names: Rig) -> None:
    async def both() -> list[Any]:
        return await asyncio.gather(
            *(
                ask(names.socket(Kind.NAMES), PATH, {"texts": [f"{n} {LETTER}"]}, scope=scope(f"t{n % 3}"))
                for n in range(9)
            )
        )

    for number, answer in enumerate(asyncio.run(both())):
        assert [f"{number} {LETTER}"[start:end] for start, end, _, _ in answer.json()["spans"][0]] == list(NAMES)


def test_who_is_nobody_or_asks_for_too_much_is_refused(names: Rig) -> None:
    assert names.ask(Kind.NAMES, PATH, {"texts": ["x"]}).status in {400, 403}
    wrong: list[object] = [
        {"texts": []},
        {"texts": "x"},
        {"texts": ["x"], "more": 1},
        {"texts": ["x" * MAX_CHARACTERS, "x"]},
        [],
    ]
    for body in wrong:
        assert names.ask(Kind.NAMES, PATH, body, scope=scope("acme")).status == 400
    assert read(names, LETTER)[0], "the honest case"
