"""How to reach a person or a machine: e-mail, web addresses, internet and hardware addresses, user names, places on earth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strongroom.privacy import checks
from strongroom.privacy.matching import Pattern, Spans
from strongroom.privacy.rules.base import LIKELY, PERHAPS, SURE, Hit, Rule, shape, touches

_LOCAL: Final = r"[A-Za-z0-9._%+'\x01-]{1,64}"
_HOST: Final = r"[A-Za-z0-9\x01](?:[A-Za-z0-9\x01.-]*[A-Za-z0-9\x01])?"
_LOOK: Final = 160
_DIGIT_OR_DOT: Final = b"0123456789."
_PERMANENT: Final = frozenset({"0.0.0.0", "127.0.0.1", "255.255.255.255", "255.255.255.0", "255.255.0.0"})  # noqa: S104 - nothing is bound


def _email(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[1]
    local = data[start : data.index(b"@", start)]
    while start < end and data[start] in b".'-%+":  # quotes and dashes before an address are not part of it
        start += 1
    scheme = data.rfind(b"://", max(0, start - _LOOK), start)
    if scheme >= 0 and not any(byte in b"/?# \t\r\n" for byte in data[scheme + 3 : start]):
        return ()  # user and password of a web address
    if local == b"git" or data[start:end].count(b"..") or not local.strip(b".'-%+"):
        return ()
    return (Hit(start, end, SURE),)


def _url(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[0]
    while end > start and data[end - 1] in b".,;:!?)]*_":
        end -= 1
    return (Hit(start, end, SURE),)


def _ipv4(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[0]
    value = data[start:end].decode("ascii")
    follows_word = start > 0 and chr(data[start - 1]).isalpha()
    ends_sentence = data[end : end + 1] == b"." and not data[end + 1 : end + 2].isdigit()
    if touches(data, start, end, b"-_") or follows_word or value in _PERMANENT or not checks.ipv4(value):
        return ()
    if (start > 0 and data[start - 1] in _DIGIT_OR_DOT) or (data[end : end + 1] == b"." and not ends_sentence):
        return ()
    before = data[max(0, start - 12) : start].lower()
    return (Hit(start, end, PERHAPS - 0.2 if b"version" in before or before.endswith(b"v") else SURE),)


def _ipv6(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[0]
    while (end > start and data[end - 1] in b".") or (
        data[start:end].endswith(b":") and not data[start:end].endswith(b"::")
    ):
        end -= 1
    if (start > 0 and (data[start - 1] in b":." or chr(data[start - 1]).isalnum())) or data[end : end + 1].isalnum():
        return ()
    return (Hit(start, end, SURE),) if checks.ipv6(data[start:end].decode("ascii")) else ()


def _chosen(value: str) -> bool:
    return not value.isdigit() and value not in {
        "NONE",
        "NULL",
        "TRUE",
        "FALSE",
        "STRING",
        "REQUIRED",
        "OPTIONAL",
        "STR",
        "INVALID",
        "INCORRECT",
    }


RULES: Final = (
    Rule(
        "email",
        "an address with @ and a domain",
        ("@",),
        Pattern(rf"(?:^|[^A-Za-z0-9._%+\x01-])({_LOCAL}@{_HOST}\.(?:[A-Za-z\x01]{{2,24}}|xn--[A-Za-z0-9-]{{2,40}}))\b"),
        _email,
    ),
    shape(
        "email",
        "an address spelt with `at` and `dot`",
        (r"\bat\b", r"[\[({<]at[\])}>]"),
        r"\b[\w.+-]{2,64} ?(?:[\[({<] ?at ?[\])}>]| at ) ?[\w-]{1,63}(?: ?(?:[\[({<] ?dot ?[\])}>]| dot ) ?[\w-]{2,24}){1,3}\b",
        ignore_case=True,
        confidence=LIKELY,
    ),
    shape(
        "url_credentials",
        "user and password in a web address",
        ("://",),
        r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://([^\s:/@\"'<>{}$]{0,}:[^\s/@\"'<>{}$]{1,})@[A-Za-z0-9\[\x01]",
        group=1,
    ),
    Rule(
        "url",
        "a web address",
        ("://",),
        Pattern(r"\b(?:https?|ftp|wss?|sftp|ldaps?)://[^\s<>\"'`{}|\\^\x02]+", ignore_case=True),
        _url,
    ),
    Rule(
        "url",
        "a web address",
        (r"www\.",),
        Pattern(r"\bwww\.[A-Za-z0-9\x01-]+\.[^\s<>\"'`{}|\\^\x02]+", ignore_case=True),
        _url,
    ),
    Rule(
        "ip_address",
        "four numbers below 256",
        (r"\d\.\d{1,3}\.\d{1,3}\.\d",),
        Pattern(r"\d{1,3}(?:\.\d{1,3}){3}"),
        _ipv4,
    ),
    Rule(
        "ip_address",
        "an IPv6 address",
        (r"[0-9a-f]:[0-9a-f]{0,4}:", "::"),
        Pattern(
            r"(?:[0-9A-Fa-f]{1,4}|:):(?:[0-9A-Fa-f]{0,4}:){0,6}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})(?:%[A-Za-z0-9]{1,15})?"
        ),
        _ipv6,
    ),
    shape(
        "mac_address",
        "six bytes in hexadecimal",
        (r"[0-9a-f]{2}[:-][0-9a-f]{2}[:-][0-9a-f]{2}[:-]", r"[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}"),
        r"\b(?:[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})\b",
        apart=b":-.",
        again=False,
    ),
    shape(
        "username",
        "a cue before it",
        (r"user.?name", r"login", r"handle"),
        r"(?i:\b(?:user ?[_-]?name|login ?[_-]?(?:id|name)?|handle))(?:[\"']? ?[:=] ?|(?i: is ))[\"'`@]{0,2}([A-Za-z0-9][A-Za-z0-9_.-]{2,38}[A-Za-z0-9])\b",
        group=1,
        check=_chosen,
        confidence=PERHAPS,
    ),
    shape(
        "username",
        "who signed in or out",
        (r"\buser [a-z0-9_.-]{3,40} (?:logged|signed) (?:in|on|out|off)",),
        r"(?i:\buser) ([A-Za-z0-9][A-Za-z0-9_.-]{2,38}[A-Za-z0-9]) (?i:logged|signed) (?i:in|on|out|off)\b",
        group=1,
        confidence=PERHAPS,
    ),
    shape(
        "username",
        "a cue before it, and a digit or sign in it",
        (r"user.?id", r"user.?name"),
        r"(?i:\buser ?[_-]?(?:id|name))(?:[\"']? ?[:=] ?|(?i: is | was ))[\"'`@]{0,2}([A-Za-z]+[0-9_.-][A-Za-z0-9_.-]{1,38})\b",
        group=1,
        confidence=PERHAPS,
    ),
    shape(
        "coordinates",
        "latitude and longitude with four decimals",
        (r"\d\.\d{4}",),
        r"[+-]?(?:90|[1-8]?\d)\.\d{4,12}\x02?[NnSs]?[ \t]?,[ \t]?[+-]?(?:180|1[0-7]\d|\d{1,2})\.\d{4,12}\x02?[EeWw]?",
        apart=b"0123456789.",
        confidence=LIKELY,
    ),
)
