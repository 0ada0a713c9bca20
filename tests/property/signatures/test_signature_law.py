"""The law of signatures: what is signed is taken, and what differs in any part of what is covered is not."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from strongroom.signatures import SecretKey
from strongroom.signatures.answers import MARK, AnswerSigner, Facts
from strongroom.signatures.exchange import NotAnAnswer, Outcome, Saved, check, parse
from strongroom.signatures.fields import content_digest, digests_hold, parse_input, parse_signature, write_input
from strongroom.signatures.requests import CARRIERS, Claim, Parts, read, sign

KEY = SecretKey.of_seed(bytes(range(32)))
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20).map(str.encode)
PARTS = st.builds(
    Parts,
    method=st.sampled_from(["POST", "GET", "PUT", "DELETE"]),
    scheme=st.sampled_from(["http", "https"]),
    host=st.sampled_from([b"a", b"a:80", b"a:443", b"A.example:8400", b"[::1]:8400"]),
    path=VISIBLE.map(lambda text: b"/" + text.replace(b"?", b"")),
    query=VISIBLE,
    fields=st.fixed_dictionaries({"authorization": VISIBLE}, optional={"x-api-key": VISIBLE}),
)


def carried(parts: Parts, body: bytes) -> dict[bytes, list[bytes]]:
    return {name.encode(): [value.encode()] for name, value in sign(parts, body, KEY, 1_800_000_000).items()}


@given(PARTS, st.binary(max_size=64))
def test_what_is_signed_is_taken(parts: Parts, body: bytes) -> None:
    claim = read(parts, carried(parts, body), body)
    assert isinstance(claim, Claim)
    assert KEY.public.verifies(claim.signature, claim.base)


@given(PARTS, PARTS, st.binary(max_size=64), st.binary(max_size=64))
def test_what_was_signed_for_one_request_is_not_taken_for_another(
    one: Parts, other: Parts, body: bytes, changed: bytes
) -> None:
    claim = read(other, carried(one, body), changed)
    if isinstance(claim, Claim):
        same = body == changed and _means(one) == _means(other)
        assert KEY.public.verifies(claim.signature, claim.base) == same


def _means(parts: Parts) -> dict[str, bytes]:
    return {name: value for name, value in parts.values().items() if name != "@target-uri"}


@given(st.binary(max_size=200))
def test_no_field_breaks_the_reading(text: bytes) -> None:
    parse_input(text)
    parse_signature(text, b"strongroom")
    digests_hold(text, b"")
    read(
        Parts(method="POST", scheme="http", host=b"a", path=b"/", query=b"", fields={}),
        {name: [text] for name in CARRIERS},
        b"",
    )


TEXTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), max_size=30)
NAMES = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,10}", fullmatch=True)


@given(
    st.lists(st.from_regex(r"@?[a-z0-9][a-z0-9-]{0,10}", fullmatch=True), min_size=1, max_size=8, unique=True),
    st.dictionaries(NAMES, TEXTS | st.integers(-(10**15) + 1, 10**15 - 1), min_size=1, max_size=8),
)
def test_what_is_written_is_read_as_it_was(components: list[str], parameters: dict[str, int | str]) -> None:
    text = write_input(tuple(components), parameters)
    found = parse_input(b"label=" + text)
    assert found is not None
    assert (found.components, dict(found.parameters), found.text) == (tuple(components), parameters, text)


FACTS = Facts(request=content_digest(b"asked"), release="sha256:a", model="m", policy="p", rules="r", request_id="q")


@given(
    st.lists(st.binary(max_size=30).map(lambda data: b"data: " + data.hex().encode() + b"\n\n"), max_size=5), st.data()
)
def test_a_stream_counts_as_it_was_sent_and_no_other_way(pieces: list[bytes], data: st.DataObject) -> None:
    stream = AnswerSigner(KEY).stream(FACTS, 200, b"text/event-stream")
    for piece in pieces:
        stream.feed(piece)
    body = b"".join(pieces) + b"data: [DONE]\n\n"
    stream.feed(b"data: [DONE]\n\n")
    kept = Saved(
        status=200,
        fields={
            name.decode(): [value]
            for name, value in [
                (b"content-type", b"text/event-stream"),
                (b"x-request-id", b"q"),
                *FACTS.fields(),
            ]
        },
        body=body + stream.end(1_800_000_000),
    )
    assert MARK in kept.body
    assert check(kept, {KEY.public.id: KEY.public}, b"asked").outcome is Outcome.GOOD
    at = data.draw(st.integers(0, len(kept.body) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != kept.body[at]))
    changed = replace(kept, body=kept.body[:at] + bytes([byte]) + kept.body[at + 1 :])
    assert check(changed, {KEY.public.id: KEY.public}, b"asked").outcome is not Outcome.GOOD
    cut = replace(kept, body=kept.body[:at])
    assert check(cut, {KEY.public.id: KEY.public}, b"asked").outcome is Outcome.BAD


@given(st.binary(max_size=200))
def test_whatever_was_saved_there_is_a_verdict(text: bytes) -> None:
    for head in (text, b"HTTP/1.1 200 OK\r\n" + text):
        try:
            kept = parse(head)
        except NotAnAnswer:
            continue
        assert check(kept, {KEY.public.id: KEY.public}, b"").outcome is Outcome.BAD
