"""Documents: what is refused and where, whom a rule is for, and what the gateways hold of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from strongroom.kernel.ids import PLATFORM, KeyId, TenantId
from strongroom.kernel.principal import Environment
from strongroom.rules import DocumentError, Rulebook, Subject
from strongroom.rules.disclosure import DISCLOSURE, LEAST, NARROWER, WORDS, Disclosure
from strongroom.rules.documents import RulesDocument
from strongroom.rules.kind import digest
from strongroom.rules.resolve import explain
from strongroom.store.feed import FeedEntry

ACME, GLOBEX = TenantId(UUID(int=1)), TenantId(UUID(int=2))
SOMEBODY = Subject(
    environment=Environment.PROD, role="inference", workload="search", key=KeyId("0123456789abcdef"), model="tiny"
)


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ([], ""),
        ({"rule": []}, ""),
        ({"rules": {}}, "rules"),
        ({"rules": [{"sed": True}]}, "rules[0]"),
        ({"rules": [{}, {"top_logprobs": 21}]}, "rules[1].top_logprobs"),
        ({"rules": [{"n": 0}]}, "rules[0].n"),
        ({"rules": [{"seed": "yes"}]}, "rules[0].seed"),
        ({"rules": [{"seed": 1}]}, "rules[0].seed"),
        ({"rules": [{"scores": "some"}]}, "rules[0].scores"),
        ({"rules": [{"min_temperature": -1}]}, "rules[0].min_temperature"),
        ({"rules": [{"environments": ["prd"]}]}, "rules[0].environments[0]"),
        ({"rules": [{"roles": ["operator"]}]}, "rules[0].roles[0]"),
        ({"rules": [{"models": ["Tiny"]}]}, "rules[0].models[0]"),
        ({"rules": [{"models": ["tiny\n"]}]}, "rules[0].models[0]"),
        ({"rules": [{"keys": ["srk_inf_dev_0123456789abcdef"]}]}, "rules[0].keys[0]"),
        ({"rules": [{"name": "a"}, {"name": "a"}]}, "rules[1].name"),
        ({"rules": [{"name": "l\u0456ke"}]}, "rules[0].name"),
        ({"rules": [{}] * 201}, "rules[200]"),
        ({"rules": [object()]}, "rules[0]"),
    ],
)
def test_a_document_that_cannot_be_taken_is_refused_where_it_is_wrong(document: Any, place: str) -> None:
    with pytest.raises(DocumentError) as caught:
        DISCLOSURE.read(document)
    assert caught.value.place == place
    assert "some" not in caught.value.said


def test_a_document_holds_no_key_and_no_more_than_its_measure() -> None:
    with pytest.raises(DocumentError, match="key"):
        DISCLOSURE.read({"rules": [{"name": "srk_inf_dev_0123456789abcdef_x"}]})
    with pytest.raises(DocumentError, match="KiB"):
        DISCLOSURE.read({"rules": [{"name": f"{n:03}" + "x" * 90, "models": ["m" * 60] * 5} for n in range(200)]})


def test_the_most_closely_aimed_rule_that_speaks_decides() -> None:
    document = DISCLOSURE.read(
        {
            "rules": [
                {"keys": ["0123456789abcdef"], "n": 2},
                {"seed": True, "n": 3, "max_output_tokens": 10},
                {"environments": ["prod"], "seed": False, "n": 4},
                {"workloads": ["search"], "environments": ["prod"], "seed": True},
                {"workloads": ["search"], "environments": ["prod"], "seed": True, "n": 9},
                {"workloads": ["other"], "environments": ["prod"], "logprobs": True},
            ]
        }
    )
    fitting = [rule for rule in document.rules if rule.fits(SOMEBODY)]
    assert len(fitting) == 5
    assert DISCLOSURE.ceiling(fitting) == msgspec.structs.replace(LEAST, seed=True, n=2, max_output_tokens=10)


def test_of_two_aimed_alike_the_narrower_holds() -> None:
    document = DISCLOSURE.read({"rules": [{"models": ["tiny"], "n": 5}, {"models": ["tiny", "other"], "n": 2}]})
    assert DISCLOSURE.ceiling(document.rules).n == 2


def test_every_field_has_an_order_and_words() -> None:
    fields = set(Disclosure.__struct_fields__)
    assert set(NARROWER) == fields
    assert set(WORDS) == fields
    for said in DISCLOSURE.explain((), LEAST):
        assert said.means.endswith(".")


def told(tenant: TenantId, level: str, document: object, *, deleted: bool = False, version: int = 1) -> FeedEntry:
    body = msgspec.json.encode(document)
    told = RulesDocument(version=version, digest=digest(body), document=msgspec.Raw(body))
    return FeedEntry(
        tenant=tenant,
        kind="rules.disclosure",
        id=level,
        version=version,
        body=b"" if deleted else msgspec.json.encode(told),
        deleted=deleted,
    )


def seed(book: Rulebook, tenant: TenantId = ACME) -> bool:
    return book.terms(tenant, SOMEBODY).of(DISCLOSURE).seed


def test_a_ceiling_stands_in_the_defaults_place_and_an_own_document_narrows() -> None:
    book = Rulebook()
    assert book.terms(ACME, SOMEBODY).of(DISCLOSURE) == LEAST
    book.apply([told(PLATFORM, "default", {"rules": [{"seed": True, "n": 3}]})], full=False)
    assert (seed(book), seed(book, GLOBEX)) == (True, True)
    book.apply([told(ACME, "ceiling", {"rules": [{"n": 2, "seed": True}]})], full=False)
    assert book.terms(ACME, SOMEBODY).of(DISCLOSURE).n == 2
    before = book.terms(ACME, SOMEBODY).version
    book.apply([told(ACME, "own", {"rules": [{"seed": False, "n": 9, "logprobs": True}]})], full=False)
    terms = book.terms(ACME, SOMEBODY)
    assert terms.of(DISCLOSURE) == msgspec.structs.replace(LEAST, n=2)
    assert terms.version != before
    assert seed(book, GLOBEX)
    book.apply([told(ACME, "own", {}, deleted=True), told(ACME, "ceiling", {}, deleted=True)], full=False)
    assert book.terms(ACME, SOMEBODY).of(DISCLOSURE).n == 3
    book.apply([], full=True)
    assert not seed(book)


def test_a_row_speaks_at_its_own_level_only() -> None:
    book = Rulebook()
    wide = {"rules": [{"seed": True}]}
    book.apply(
        [told(ACME, "default", wide), told(PLATFORM, "ceiling", wide), told(ACME, "elsewhere", wide)], full=False
    )
    assert not seed(book)
    assert not seed(book, PLATFORM)


def test_what_cannot_be_read_is_not_as_if_it_were_absent() -> None:
    book = Rulebook()
    book.apply([told(PLATFORM, "default", {"rules": [{"seed": True}]})], full=False)
    for garbage in ({"rules": [{"from_a_later_version": 1}]}, ["?"], {"rules": [{"n": 99}]}):
        book.apply([told(ACME, "own", garbage)], full=False)
        assert not seed(book)
        assert seed(book, GLOBEX)
    book.apply([told(ACME, "own", {"rules": []}, version=2)], full=False)
    assert seed(book)
    bad = FeedEntry(tenant=ACME, kind="rules.disclosure", id="ceiling", version=9, body=b"\xff", deleted=False)
    book.apply([bad], full=False)
    assert not seed(book)


def test_it_is_told_which_document_and_which_rule() -> None:
    book = Rulebook()
    book.apply(
        [
            told(ACME, "ceiling", {"rules": [{"name": "all", "seed": True}, {"n": 4}]}, version=3),
            told(ACME, "own", {"rules": [{"name": "mine", "n": 2}]}, version=8),
        ],
        full=False,
    )
    why = {each.said.field: each for each in explain(DISCLOSURE, book.standing(DISCLOSURE, ACME), SOMEBODY)}
    assert (why["seed"].by, why["seed"].said.by) == ("the tenant's ceiling, version 3", ("all",))
    assert (why["n"].by, why["n"].said.by) == ("the tenant's own document, version 8", ("mine",))
    assert (why["logprobs"].by, why["logprobs"].said.by) == (None, ())
    assert why["n"].said.means == "One question has at most 2 answers."
