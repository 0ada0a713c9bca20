"""What is found, what is left alone, and where exactly it stands."""

# ruff: noqa: RUF001 - characters that look like others are what this is about

from __future__ import annotations

import base64
import json
import random
from urllib.parse import quote

import pytest

from strongroom.privacy import KINDS, Classification, Engine, Tier, every_kind
from strongroom.privacy.engine import Patterns
from strongroom.privacy.folding import fold
from strongroom.privacy.testing import FAMILIES, WAYS, make, told

EVERYTHING = Engine(every_kind())
CARD = "4111 1111 1111 1111"

# type, a sentence, and the piece of it that is meant
FOUND = [
    ("credit_card", "Charge 4111111111111111 today.", "4111111111111111"),
    ("credit_card", "amex 3782 822463 10005", "3782 822463 10005"),
    ("credit_card", "4111-1111-1111-1111 12/27", "4111-1111-1111-1111"),
    ("credit_card", "5555 5555\n5555 4444", "5555 5555\n5555 4444"),
    ("iban", "Pay to DE89 3704 0044 0532 0130 00, please", "DE89 3704 0044 0532 0130 00"),
    ("iban", "gb82west12345698765432", "gb82west12345698765432"),
    ("aba_routing", "Routing number: 021000021", "021000021"),
    ("us_ssn", "My SSN is 536-90-4399.", "536-90-4399"),
    ("us_ssn", "social security number 536904399", "536904399"),
    ("us_itin", "ITIN 912-70-1234", "912-70-1234"),
    ("uk_nhs", "NHS 943 476 5919", "943 476 5919"),
    ("uk_nino", "NI: AB 12 34 56 C", "AB 12 34 56 C"),
    ("phone", "call (415) 555-2671 now", "(415) 555-2671"),
    ("phone", "Tel. +44 20 7946 0958", "+44 20 7946 0958"),
    ("phone", "ring me on 07700 900 123", "07700 900 123"),
    ("email", "Write to jane.o'neil+x@mail.example.co.uk.", "jane.o'neil+x@mail.example.co.uk"),
    ("email", "jane [at] example [dot] org", "jane [at] example [dot] org"),
    ("ip_address", "from 203.0.113.77, again", "203.0.113.77"),
    ("ip_address", "host 2001:db8:85a3::8a2e:370:7334 is up", "2001:db8:85a3::8a2e:370:7334"),
    ("mac_address", "eth0 00:1B:44:11:3A:B7", "00:1B:44:11:3A:B7"),
    ("url_credentials", "postgres://app:s3cr3tpw@db.internal/shop", "app:s3cr3tpw"),
    ("date_of_birth", "DOB: 12/03/1980", "12/03/1980"),
    ("date_of_birth", "She was born on 3 March 1975 in Rome", "3 March 1975"),
    ("postal_code", "London SW1A 1AA", "SW1A 1AA"),
    ("postal_code", "Springfield, IL 62704", "62704"),
    ("passport", "passport no. X1234567", "X1234567"),
    ("driver_licence", "driver's license number D123-4567-8901", "D123-4567-8901"),
    ("crypto_address", "send to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("crypto_address", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
    ("crypto_address", "0x52908400098527886E0F7030069857D2E4169EE7", "0x52908400098527886E0F7030069857D2E4169EE7"),
    ("national_id", "CPF 529.982.247-25", "529.982.247-25"),
    ("national_id", "DNI 12345678Z", "12345678Z"),
    ("national_id", "codice fiscale RSSMRA85T10A562S", "RSSMRA85T10A562S"),
    ("password", 'password = "hunter22"', "hunter22"),
    ("cloud_key", "AKIAIOSFODNN7ABCDEFG", "AKIAIOSFODNN7ABCDEFG"),
    ("vehicle_id", "VIN 1HGCM82633A004352", "1HGCM82633A004352"),
    ("medical_record", "MRN: 00123456", "00123456"),
    ("person", "My name is Katarzyna Nowak.", "Katarzyna Nowak"),
    ("person", "Please ask Dr. Okonkwo about it", "Okonkwo"),
    ("person", "ticket for José Álvarez de la Cruz today", "José Álvarez de la Cruz"),
    ("street_address", "I live at 221B Baker Street, thanks", "221B Baker Street"),
    ("street_address", "Sie wohnt in der Lindenstraße 12a", "Lindenstraße 12a"),
    ("location", "flying to Reykjavik", "Reykjavik"),
    ("organisation", "He works for Initech Holdings Ltd.", "Initech Holdings Ltd."),
    ("nationality", "two Norwegian engineers", "Norwegian"),
    ("age", "a 34-year-old man", "34"),
]  # fmt: skip

LEFT = [
    "The order number is 4111111111111112.",  # the check digit is wrong
    "ISBN 978-3-16-148410-0 and version 10.4.2.1",
    "SSN 000-12-3456 and 666-12-3456 were never given out",
    "def password_reset(password: str) -> None: ...",
    "The quick brown fox jumps over the lazy dog.",
    "for i in range(1000000000): total += i",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "@app.route('/users') returns JSON",
    "Between 1990-2000 prices rose 1,234,567.89 percent",
    "See page 123456789 of the report",
    "password: <your password here>",
    "api_key = os.environ['API_KEY']",
    "token_count = max_tokens_per_request",
    "2026-11-27T10:00:00Z is a moment",
]


@pytest.mark.parametrize(("kind", "text", "piece"), FOUND)
def test_found_exactly_where_it_stands(kind: str, text: str, piece: str) -> None:
    found = [(span.kind, text[span.start : span.end]) for span in EVERYTHING.find(text)]
    assert (kind, piece) in found


@pytest.mark.parametrize("text", LEFT)
def test_what_is_nobodys_is_left_alone(text: str) -> None:
    assert [(span.kind, text[span.start : span.end]) for span in Engine().find(text)] == []


@pytest.mark.parametrize(
    "written",
    [
        "４１１１　１１１１　１１１１　１１１１",
        "4111\u200b 1111\u200d 1111\ufeff 1111",
        "\u202e4111 1111 1111 1111\u202c",
        "4111\u00a01111\u20111111\u20131111",
        "٤١١١ ١١١١ ١١١١ ١١١١",
        "4111 1111\r\n1111 1111",
        "𝟒𝟏𝟏𝟏 𝟏𝟏𝟏𝟏 𝟏𝟏𝟏𝟏 𝟏𝟏𝟏𝟏",
    ],
)
def test_a_disguised_number_is_found_and_its_characters_are_the_originals(written: str) -> None:
    text = f"Ünïcode before, {written} and after."
    (span,) = Engine(lexicon=False).find(text)
    assert span.kind == "credit_card"
    assert text[span.start : span.end].strip("\u202e\u202c") == written.strip("\u202e\u202c")


def test_lookalike_letters_do_not_hide_an_address() -> None:
    text = "mail аliсе@ехample.com please"
    (span,) = Engine(lexicon=False).find(text)
    assert text[span.start : span.end] == text[5:22]


@pytest.mark.parametrize(
    "encode", [lambda s: base64.b64encode(s.encode()).decode(), lambda s: s.encode().hex(), lambda s: quote(s, safe="")]
)
def test_one_level_of_encoding_is_looked_into(encode: object) -> None:
    assert callable(encode)
    hidden = encode("alice@example.com, card 4111 1111 1111 1111")
    text = f"see {hidden} there"
    (span,) = Engine(lexicon=False).find(text)
    assert (text[span.start : span.end], span.kind in {"email", "credit_card"}) == (hidden, True)
    assert " in " in span.reason


def test_secrets_of_every_family_are_found_in_every_way_of_writing_them() -> None:
    engine = Engine(
        frozenset(k.name for k in KINDS.values() if k.classification is Classification.SECRET), lexicon=False
    )
    chance = random.Random(20261127)  # noqa: S311 - samples, not secrets
    missed: list[str] = []
    for name, form in FAMILIES:
        for way in WAYS:
            secret = make(form, chance)
            text = told(way, name, secret)
            start = text.index(secret)
            covered = {at for span in engine.find(text) for at in range(span.start, span.end)}
            if not covered >= set(range(start, start + len(secret))):
                missed.append(text)
    assert len(missed) <= 0.02 * len(FAMILIES) * len(WAYS), missed[:20]


def test_pem_blocks_are_found_whole_and_without_an_end_too() -> None:
    body = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 4)
    block = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    for text in (f"key:\n{block}\nthanks", f"key:\n{block[:200]}"):
        (span,) = Engine(lexicon=False).find(text)
        assert span.kind == "private_key"
        assert text[span.start : span.end].startswith("-----BEGIN")
        assert "MIIEv" not in text[: span.start] + text[span.end :]


def test_the_prefilter_hides_no_rule() -> None:
    # Every sample once more, with the rules asked directly: an anchor that does not occur where its pattern matches would show.
    patterns = Patterns(kinds=every_kind())
    for _, text, _ in FOUND:
        folded = fold(text)
        direct = {(hit.start, hit.end, rule.kind) for rule in patterns.rules for hit in rule.hits(folded.data)}
        assert {(s.start, s.end, s.kind) for s in patterns.spans(folded)} == {
            (*folded.original(start, end), kind) for start, end, kind in direct
        }, text


def test_a_reason_quotes_nothing_of_the_text() -> None:
    for _, text, piece in FOUND:
        for span in EVERYTHING.find(text):
            assert piece not in span.reason
            assert span.tier in Tier


def test_a_long_text_is_searched_to_its_end() -> None:
    text = "All is well here. " * 20_000 + f"My card is {CARD}."
    (span,) = Engine(lexicon=False).find(text)
    assert text[span.start : span.end] == CARD


def test_a_name_of_a_field_is_a_cue_as_a_word_is() -> None:
    from strongroom.privacy.fields import find_in_field  # noqa: PLC0415 - one test's

    find = Engine().find
    assert [s.kind for s in find_in_field(find, "customerSSN", "536904399")] == ["us_ssn"]
    assert list(find_in_field(find, "quantity", "536904399")) == []
    assert [(s.start, s.end) for s in find_in_field(find, "passport_no", "X1234567")] == [(0, 8)]


def test_no_pattern_of_the_room_backtracks() -> None:
    import pkgutil  # noqa: PLC0415 - one test's
    from pathlib import Path  # noqa: PLC0415 - as above

    import strongroom.privacy  # noqa: PLC0415 - as above

    (folder,) = strongroom.privacy.__path__
    sources = list(Path(folder).rglob("*.py"))
    assert len(sources) > len(list(pkgutil.iter_modules([folder])))
    assert not [path.name for path in sources if "import re\n" in path.read_text()]


def test_the_registry_says_what_each_type_is() -> None:
    assert all(kind.says and kind.name == name for name, kind in KINDS.items())
    assert json.loads(json.dumps(sorted(KINDS)))
