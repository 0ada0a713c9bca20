"""Addresses, organisations and places by what announces them; and what looks like one and is none."""

from __future__ import annotations

import pytest

from strongroom.privacy import Engine, every_kind

ENGINE = Engine(every_kind())


def found(text: str, kind: str) -> list[str]:
    return [text[span.start : span.end] for span in ENGINE.find(text) if span.kind == kind]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("deliver to Carrera 83S Este # 72-1, please", "street_address", "Carrera 83S Este # 72-1"),
        ("in Pasaje Hidalgo 347 Edif. 017 , Depto. 468", "street_address", "Pasaje Hidalgo 347 Edif. 017 , Depto. 468"),
        ("to Jalan Jayawijaya No. 478, Malang", "street_address", "Jalan Jayawijaya No. 478"),
        ("to Studio 32, Graham Crescent today", "street_address", "Studio 32, Graham Crescent"),
        ("at H.No. 85, Krishna Circle; ring", "street_address", "H.No. 85, Krishna Circle"),
        (
            "at Aleea Ene Nr. 762 Bl. 60  Sc. 70 Ap. 270 now",
            "street_address",
            "Aleea Ene Nr. 762 Bl. 60  Sc. 70 Ap. 270",
        ),
        ("it is plac Kościuszki 55 there", "street_address", "plac Kościuszki 55"),
        ("we asked Pirnat d.o.o. about it", "organisation", "Pirnat d.o.o."),
        ("from Varga és társa Nyrt. yesterday", "organisation", "Varga és társa Nyrt."),
        ("through Gonzaga, Benussi e Tamburini s.r.l. then", "organisation", "Gonzaga, Benussi e Tamburini s.r.l."),
        ("Employer: Nogueira Alves\n", "organisation", "Nogueira Alves"),
        ("<org>Quorvex</org>", "organisation", "Quorvex"),
        ("he works at Quorvex since", "organisation", "Quorvex"),
        ('"city": "Golčův Jeníkov"', "location", "Golčův Jeníkov"),
        ("the flight from Quorvexburg to Nueva Qatar", "location", "Nueva Qatar"),
        ("what is the weather in Mežica like", "location", "Mežica"),
        ("said Terri Garcia, 35, who teaches", "age", "35"),
        ("Written when he was 78.", "age", "78"),
        ("user q.rowan88 logged in from there", "username", "q.rowan88"),
        ("phone: (03).7720.4056", "phone", "(03).7720.4056"),
        ("Her number is 01914960471.", "phone", "01914960471"),
    ],
)
def test_what_is_announced_is_found(text: str, kind: str, value: str) -> None:
    assert found(text, kind)[-1:] == [value]


@pytest.mark.parametrize(
    "text",
    [
        "The device (MAC 04:68) and the IBAN are listed. Action & Adventure, then Kids & Family",
        "Jobs are based in part on a queue; it was born in March, lives in the cache, and moves to Python.",
        "town = parse(line); city: str; org: null; company=None; bank = 3",
        "SELECT Total AS t FROM Orders; run Level 3 checks, then tests # 5-3",
        "Call her; my number is 42. He was 6 when? Since they were 300 meters away",
    ],
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    kinds = {span.kind for span in ENGINE.find(text)} - {"mac_address", "date_time"}
    assert not kinds & {"organisation", "location", "street_address", "person", "phone"}, [
        (span.kind, text[span.start : span.end]) for span in ENGINE.find(text)
    ]


def test_what_a_person_wrote_is_no_part_of_the_name() -> None:
    assert found("verses from Emmie Ström's Cautionary Tales", "person") == ["Emmie Ström"]
