"""Secrets that only the word before them gives away: assignments in code and configuration, headers, and plain sentences."""

# ruff: noqa: PLR2004 - lengths and counts are what the rule is

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strongroom.privacy.checks import entropy
from strongroom.privacy.matching import Pattern, Spans
from strongroom.privacy.rules.base import LIKELY, PERHAPS, SURE, Hit, Rule, shape

# Makers whose keys have no shape of their own.
_MAKERS: Final = (
    "adafruit", "adobe", "airtable", "algolia", "alibaba", "asana", "atlassian", "confluence", "jira", "aws", "azure", "beamer", "bitbucket", "bittrex",
    "cloudflare", "codecov", "cohere", "coinbase", "confluent", "contentful", "contribsys", "datadog", "deepseek", "discord", "droneci", "dropbox", "etsy",
    "facebook", "fastly", "finicity", "finnhub", "flickr", "freshbooks", "gitter", "gocardless", "heroku", "hubspot", "intercom", "artifactory", "bintray",
    "jfrog", "kraken", "kucoin", "launchdarkly", "linear", "linked[_-]?in", "looker", "mailchimp", "mailgun", "mapbox", "mattermost", "meraki",
    "message[_-]?bird", "mistral", "netlify", "new[_-]?relic", "nytimes", "newyorktimes", "okta", "openai", "plaid", "private[_-]?ai", "rapidapi",
    "sendbird", "sentry", "snyk", "sonar", "sourcegraph", "squarespace", "stripe", "sumo", "telegram", "tencent", "travis", "twilio", "twitch", "twitter",
    "typeform", "xray", "yandex", "zendesk",
)  # fmt: skip
_WORDS: Final = (
    r"api[_ -]?key", r"apikey", "secret", "token", "passw(?:or)?d", "passphrase", "pwd", "credential", "creds", r"private[_ -]?key", r"access[_ -]?key",
    r"auth[_ -]?key", r"encryption[_ -]?key", r"signing[_ -]?key", r"client[_ -]?id", r"account[_ -]?key", r"shared[_ -]?key", r"master[_ -]?key",
    r"license[_ -]?key", r"connection[_ -]?string",
)  # fmt: skip
_OPERATOR: Final = r"[\s\"'\]]{0,3}(?:=>|:{1,3}=|\|\||\?=|=|>|:|,)[\"'`\s=]{0,5}"
_VALUE: Final = r"[A-Za-z0-9_.=~+/:@!$%^&*#?-]{8,}"
_BEHIND: Final = b"([{"  # a call, an index, a tag: code, not a value
_UUID: Final = Pattern(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", ignore_case=True)
_PLAIN: Final = Pattern(
    r"^(?:[Tt]rue|[Ff]alse|[Nn]ull|NULL|[Nn]one|undefined|required|optional|string|integer|number|boolean|object|password|passwd|secret|token|changeme|example|placeholder|"
    r"your[_-].*|my[_-].*|<.*|\$.*|%.*|\{.*|x{4,}|\*{3,}|\.{3,}|[A-Za-z_.]+[\[(].*|_?[A-Za-z]+(?:_[A-Za-z]+)*(?:\._?[A-Za-z]+(?:_[A-Za-z]+)*)+|os\.environ.*|process\.env.*|self\..*|this\..*|https?:.*|/.*|[a-z]+(?:[._-][a-z]+)+|"
    r"[A-Z]+(?:[._-][A-Z]+)+|[a-z]+|[A-Z]+|[A-Z]?[a-z]+(?:[A-Z][a-z]+)+|\d{1,9}|sha(?:1|256|384|512)[:-].*)$",
)
_LONG: Final = 16


def _secret(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[1]
    while end > start and data[end - 1] in b".,:!?=" and not (data[end - 1] == 61 and end - start > _LONG):
        end -= 1
    value = data[start:end].decode("latin-1")
    if (data[end : end + 1] and data[end] in _BEHIND) or _PLAIN.search(data[start:end]):
        return ()
    bits = entropy(value)
    digits = sum(c.isdigit() for c in value)
    if len(value) >= _LONG - 6 and bits >= 2.5 and digits:
        mixed = digits >= 2 or bits >= 3.3
        return (Hit(start, end, LIKELY),) if mixed or _UUID.search(data[start:end]) else ()
    return (Hit(start, end, PERHAPS),) if len(value) >= _LONG and bits >= 3.7 else ()


def _told(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[1]
    while end > start and data[end - 1] in b".-/=":
        end -= 1
    value = data[start:end].decode("latin-1")
    digits = sum(c.isdigit() for c in value)
    good = digits > 1 and entropy(value) >= 3 and not _PLAIN.search(data[start:end])
    return (Hit(start, end, LIKELY),) if good else ()


def _password(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = next((s for s in spans[1:] if s[0] >= 0), (-1, -1))
    quoted = start > 0 and data[start - 1] in b"\"'`"
    while end > start and data[end - 1] in (b",;" if quoted else b".,;:!?)\"'"):
        end -= 1
    value = data[start:end].decode("latin-1")
    if len(value) < 4 or (_PLAIN.search(data[start:end]) and not (quoted and value.lower() not in _DOCUMENTED)):
        return ()
    if data[end : end + 1] and data[end] in b"([" and not quoted:
        return ()
    return (Hit(start, end, LIKELY if quoted else PERHAPS + 0.1),)


_DOCUMENTED: Final = frozenset(
    {
        "password",
        "passwd",
        "secret",
        "string",
        "required",
        "optional",
        "text",
        "hidden",
        "none",
        "null",
        "true",
        "false",
        "username",
        "email",
    }
)

_ANCHORS: Final = (*_WORDS, *_MAKERS, r"\bauth\b", r"authorization")

RULES: Final = (
    Rule(
        "credential",
        "an assignment to a name that says so",
        _ANCHORS,
        Pattern(
            rf"(?i:{'|'.join((*_WORDS, *_MAKERS))}|[_-]key|\bkey|\bauth|bearer)(?:[ \t\w.-]{{0,24}}){_OPERATOR}({_VALUE})",
        ),
        _secret,
    ),
    Rule(
        "credential",
        "a sentence that tells a key",
        _WORDS,
        Pattern(
            r"(?i:api[ _-]?key|secret(?: key)?|token|access[ _-]?key|credentials?)(?: ?(?:is|was|are|as))?[ \t]{1,2}[\"'`(]?([A-Za-z0-9_.=~+/-]{16,})"
        ),
        _told,
    ),
    Rule(
        "password",
        "an assignment to `password` or a sentence that tells one",
        ("passw(?:or)?d", "passphrase", r"\bpwd", r"\bpass\b", "passwort", "contrase", "mot de passe"),
        Pattern(
            r"(?i:(?:passw(?:or)?d|passphrase|passwort|contrasena)\w{0,12}|\bpwd\b|\bpass\b|mot de passe|_pass\b|_pwd\b)(?:"
            r"[\s\"'\]]{0,3}(?:=>|:=|==?|:)[ \t]{0,3}(?:[\"'`]([^\"'`\r\n]{4,})[\"'`]|([^\s\"'`<>{}]{4,}))|"
            r"[ \t]{1,2}(?i:is|was|to)[ \t:]{1,3}[\"'`]?([^\s\"'`<>{}]{4,}))"
        ),
        _password,
    ),
    shape(
        "credential",
        "an authorization header",
        ("bearer", "basic ", "authorization"),
        r"(?i:\b(?:bearer|basic|authorization: ?(?:token|apikey)?))[ \t]{1,3}([A-Za-z0-9._~+/=-]{16,})",
        check=lambda value: any(c.isdigit() for c in value) or len(value) > 2 * _LONG,
        group=1,
        confidence=SURE,
    ),
    shape(
        "credential",
        "user and password to curl",
        ("curl",),
        r"\bcurl\b[^\r\n]{0,}[ \t](?:-u|--user)[ =]?[ \t]?[\"']?([^\s\"':]{1,64}:[^\s\"'$]{3,})",
        group=1,
    ),
    shape(
        "pin",
        "a cue before it",
        (r"\bpin\b", "passcode", r"\botp\b", "one.time"),
        r"(?i:\bpin\b|passcode|\botp\b|one.time (?:code|password))(?: ?(?:code|number|no))?[^A-Za-z0-9]{1,3}(?:(?i:is|was|to|code)[^A-Za-z0-9]{1,3}){0,2}(\d{4,8})\b",
        group=1,
        confidence=LIKELY,
    ),
    shape(
        "credential",
        "a password in a configuration file",
        (r"<add key=",),
        r"(?i:<add key=\"(?:cleartext)?password\")\s{0,4}(?i:value)=\"([^\"]{8,})\"",
        group=1,
    ),
)
