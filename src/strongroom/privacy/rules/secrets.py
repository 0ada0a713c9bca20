"""Keys and tokens that their own shape gives away: the providers' prefixes, JWT, PEM and the like.

One row a family: name, anchor, shape. The prefixes are what the providers publish so that scanners find leaked ones; the rows
are ours. Lengths are lower bounds where a provider has changed them, so that the next change does not blind us.
"""

# ruff: noqa: PLR2004 - lengths and counts are what the rule is

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final

from strongroom.privacy.checks import entropy
from strongroom.privacy.matching import Pattern, Spans
from strongroom.privacy.rules.base import LIKELY, SURE, Hit, Rule, shape

_UUID: Final = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
_VARIED: Final = 2.0  # bits a character; placeholders (`xxxx`, `0000`) have less

# name, anchor (what must occur, letter case aside), shape
_KEYS: Final = (
    ("1Password secret key", r"\ba3-[a-z0-9]{6}-", r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}"),
    ("1Password service account", "ops_eyj", r"ops_eyJ[A-Za-z0-9+/]{100,}={0,3}"),
    ("Adobe client secret", "p8e-", r"p8e-[A-Za-z0-9]{32}"),
    ("Anthropic", "sk-ant-", r"sk-ant-[A-Za-z0-9]{3,12}-[A-Za-z0-9_-]{20,}"),
    ("Artifactory key", "akcp", r"AKCp[A-Za-z0-9]{69}"),
    ("Artifactory reference token", "cmvmd", r"cmVmd[A-Za-z0-9]{59}"),
    ("Atlassian", "atatt3", r"ATATT3[A-Za-z0-9_=-]{60,}"),
    ("Authress", r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.", r"(?:sc|ext|scauth|authress)_[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][A-Za-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,}"),
    ("Azure AD client secret", r"\dq~", r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    ("Azure storage key", "accountkey=", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    ("ClickHouse Cloud", "4b1d", r"4b1d[A-Za-z0-9]{38}"),
    ("Clojars", "clojars_", r"(?i:CLOJARS_)[A-Za-z0-9]{60}"),
    ("Cloudflare origin CA", r"v1\.0-[0-9a-f]{24}", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}"),
    ("Databricks", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?"),
    ("Defined Networking", "dnkey-", r"dnkey-[A-Za-z0-9=_-]{26}-[A-Za-z0-9=_-]{52}"),
    ("DigitalOcean", r"do[opr]_v1_", r"(?i:do[opr]_v1_[a-f0-9]{64})"),
    ("Discord bot", r"\b[mno][a-z0-9_-]{23,27}\.[a-z0-9_-]{6}\.", r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}"),
    ("Docker Hub", "dckr_[po]at_", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{27,32}"),
    ("Doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"),
    ("Duffel", "duffel_(?:test|live)_", r"duffel_(?:test|live)_[A-Za-z0-9_=-]{43}"),
    ("Dynatrace", r"dt0c01\.", r"dt0c01\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}"),
    ("EasyPost", r"\bez[at]k", r"EZ[AT]K[A-Za-z0-9]{54}"),
    ("Facebook page token", "eaa[a-z]", r"EAA[A-Z][A-Za-z0-9]{60,}"),
    ("Facebook app token", r"\d{15}[|%]", r"\d{15,16}[|%][0-9A-Za-z_-]{27,40}"),
    ("Figma", "figd_", r"figd_[A-Za-z0-9_-]{38,44}"),
    ("Flutterwave", "flw(?:sec|pub)k", r"FLW(?:SECK|PUBK)(?:_TEST)?-[A-Za-z0-9]{12,32}(?:-X)?"),
    ("Fly.io", r"fo1_|fm[12][ar]?_", r"(?:fo1_[\w-]{43}|fm1[ar]_[A-Za-z0-9+/]{100,}={0,3}|fm2_[A-Za-z0-9+/]{100,}={0,3})"),
    ("Frame.io", "fio-u-", r"fio-u-[A-Za-z0-9_=-]{64}"),
    ("GitHub", r"gh[pousr]_", r"gh[pousr]_[A-Za-z0-9]{36,}"),
    ("GitHub fine-grained", "github_pat_", r"github_pat_\w{60,90}"),
    ("GitLab", r"\bgl[a-z]{2,6}-", r"gl(?:pat|dt|ptt|rt|ft|ffct|imt|agent|oas|soat|wt)-(?:t\d_)?[A-Za-z0-9_-]{20,}(?:\.[0-9a-z]{2}[0-9a-z]{7})?"),
    ("GitLab application secret", "gloas-", r"gloas-[A-Za-z0-9_-]{64}"),
    ("GitLab job token", "glcbt-", r"glcbt-[A-Za-z0-9]{1,5}_[A-Za-z0-9_-]{20,64}"),
    ("GitLab runner registration", "gr1348941", r"GR1348941[\w-]{20}"),
    ("GitLab session", "_gitlab_session=", r"_gitlab_session=[0-9a-z]{32}"),
    ("Google API key", "aiza", r"AIza[\w-]{35}"),
    ("Google OAuth secret", "gocspx-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    ("Google OAuth token", r"ya29\.", r"ya29\.[A-Za-z0-9_-]{20,}"),
    ("Grafana", "gl(?:c|sa)_|eyjrijoi", r"(?i:glc_[A-Za-z0-9+/]{32,}={0,3}|glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|eyJrIjoi[A-Za-z0-9]{70,}={0,3})"),
    ("Groq", "gsk_", r"gsk_[A-Za-z0-9]{48,56}"),
    ("Harness", r"[ps]at\.[a-z0-9_-]{22}\.", r"[ps]at\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}"),
    ("HashiCorp Terraform", r"\.atlasv1\.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}"),
    ("HashiCorp Vault", r"\bhv[sbr]\.", r"hv[sbr]\.[\w-]{24,}"),
    ("HashiCorp Vault, old", r"\bs\.[a-z0-9]{24}\b", r"s\.[A-Za-z0-9]*[0-9][A-Za-z0-9]*"),
    ("Heroku", "hrku-", r"HRKU-[0-9A-Za-z_-]{36,66}"),
    ("Hugging Face", r"\bhf_|api_org_", r"(?:hf|api_org)_[A-Za-z0-9]{30,40}"),
    ("Infracost", "ico-", r"ico-[A-Za-z0-9]{32}"),
    ("Intra42", "s-s4t2", r"s-s4t2(?:ud|af)-[A-Fa-f0-9]{64}"),
    ("LangSmith", "lsv2_", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    ("Linear", "lin_(?:api|oauth)_", r"lin_(?:api|oauth)_[A-Za-z0-9]{40,64}"),
    ("Lob", r"(?:live|test)_(?:pub_)?[0-9a-f]{31}", r"(?:live|test)_(?:pub_)?[a-f0-9]{31,35}"),
    ("Mailchimp", r"[0-9a-f]{32}-us\d", r"[a-f0-9]{32}-us\d{1,2}"),
    ("Mailgun", r"key-[0-9a-f]{32}", r"(?:pub)?key-[a-f0-9]{32}"),
    ("Mailgun signing key", r"[0-9a-h]{32}-[0-9a-h]{8}-[0-9a-h]{8}", r"[a-h0-9]{32}-[a-h0-9]{8}-[a-h0-9]{8}"),
    ("Mapbox", r"[ps]k\.[a-z0-9]{60}|[ps]k\.eyj", r"[ps]k\.[A-Za-z0-9_-]{60,}\.[A-Za-z0-9_-]{22}"),
    ("MaxMind", "_mmk", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    ("MessageBird, Plaid and others", "access-(?:sandbox|development|production)-", rf"access-(?:sandbox|development|production)-{_UUID}"),
    ("New Relic", r"\bnr(?:js|ii|ak|al|ra)-", r"NR(?:JS|II|AK|AL|RA)-[A-Za-z0-9-]{19,40}"),
    ("Notion", r"\bntn_|secret_[a-z0-9]{43}", r"(?:ntn_\d{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43})"),
    ("npm", r"npm_", r"(?i:npm_[A-Za-z0-9]{36})"),
    ("Octopus Deploy", r"\bapi-[a-z0-9]{26}", r"API-[A-Z0-9]{26}"),
    ("OpenAI", "t3blbkfj|sk-(?:proj|svcacct|admin)-|sk-[a-z0-9]{40}", r"sk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{40,64})"),
    ("OpenRouter", "sk-or-", r"sk-or-v1-[a-f0-9]{64}"),
    ("OpenShift", "sha256~", r"sha256~[\w-]{43}"),
    ("Perplexity", "pplx-", r"pplx-[A-Za-z0-9]{48,56}"),
    ("PlanetScale", "pscale_", r"(?i:pscale_(?:tkn|oauth|pw)_[\w=.-]{32,64})"),
    ("Postman", "pmak-", r"PMAK-[A-Fa-f0-9]{24}-[A-Fa-f0-9]{34}"),
    ("Prefect", r"\bpnu_", r"pnu_[A-Za-z0-9]{36}"),
    ("Pulumi", r"\bpul-", r"pul-[a-f0-9]{40}"),
    ("PyPI", "pypi-ageichlwas5vcmc", r"pypi-AgEIcHlwaS5vcmc[\w-]{50,}"),
    ("ReadMe", r"\brdme_", r"rdme_[a-z0-9]{70}"),
    ("Replicate", r"\br8_", r"r8_[A-Za-z0-9]{37}"),
    ("RubyGems", "rubygems_", r"rubygems_[a-f0-9]{48}"),
    ("Scalingo", "tk-us-", r"tk-us-[\w-]{48}"),
    ("SendGrid", r"\bsg\.", r"SG\.[A-Za-z0-9=_.-]{50,70}"),
    ("Sendinblue", "xkeysib-", r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    ("Sentry", r"sntry[su]_", r"(?:sntrys_eyJ[A-Za-z0-9+/=_-]{60,}|sntryu_[a-f0-9]{64})"),
    ("SettleMint", r"sm_[aps]at_", r"sm_[aps]at_[A-Za-z0-9]{16}"),
    ("Shippo", "shippo_(?:live|test)_", r"shippo_(?:live|test)_[A-Fa-f0-9]{40}"),
    ("Shopify", r"shp(?:at|ca|pa|ss|ua)_", r"shp(?:at|ca|pa|ss|ua)_[A-Fa-f0-9]{32}"),
    ("Slack", r"xox[a-z]-|xapp-|xoxe\.", r"(?i:xapp-\d-[A-Z0-9]+-\d+-[a-z0-9]+|xoxe\.xox[bp]-\d-[A-Z0-9]{100,}|xoxe-\d-[A-Z0-9]{100,}|xox[a-z]-[A-Za-z0-9-]{10,})"),
    ("Sourcegraph", r"\bsgp_", r"sgp_(?:[A-Fa-f0-9]{16}_|local_)?[A-Fa-f0-9]{40}"),
    ("Square", r"eaaa|sq0[a-z]{3}-", r"(?:EAAA|sq0[a-z]{3}-)[\w-]{22,60}"),
    ("Stripe", r"[rs]k_(?:test|live|prod)_|whsec_", r"(?:[rs]k_(?:test|live|prod)_[A-Za-z0-9]{10,99}|whsec_[A-Za-z0-9+/=]{32,64})"),
    ("Supabase", r"\bsbp_", r"sbp_[a-f0-9]{40}"),
    ("Tailscale", "tskey-", r"tskey-[a-z]{3,10}-[A-Za-z0-9]{8,20}-[A-Za-z0-9]{20,40}"),
    ("Telegram bot", r"\d:a[a-z0-9_-]{34}", r"\d{5,16}:A[A-Za-z0-9_-]{34}"),
    ("Twilio", r"\bsk[0-9a-f]{32}|\bac[0-9a-f]{32}", r"(?:SK|AC)[0-9a-fA-F]{32}"),
    ("Typeform", "tfp_", r"tfp_[A-Za-z0-9_.=-]{40,70}"),
    ("Vercel", r"\bvc[apk]_", r"vc[apk]_[A-Za-z0-9]{24,60}"),
    ("X bearer token", "a{22}", r"A{22}[A-Za-z0-9%]{80,}"),
    ("Yandex", r"aqvn|\bt1\.[a-z0-9_-]+|\byc[a-z0-9_-]{38}", r"(?:t1\.[A-Za-z0-9_-]+={0,2}\.[A-Za-z0-9_-]{86}={0,2}|AQVN[A-Za-z0-9_-]{35,38}|YC[A-Za-z0-9_-]{38})"),
    ("Strongroom", r"srk_[a-z]+_[a-z]+_", r"sr[a-z]_[a-z]+_[a-z]+_[A-Za-z0-9]{12,24}_[A-Za-z0-9_-]{20,80}"),
)  # fmt: skip

_CLOUD: Final = (
    ("AWS access key", r"\b(?:a3t[a-z0-9]|akia|asia|abia|acca|aroa|aida)[a-z0-9]{16}", r"(?:A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    ("AWS Bedrock key", r"absk[a-z0-9+/]{60}", r"ABSK[A-Za-z0-9+/]{60,}={0,2}"),
    ("Alibaba access key", r"\bltai[a-z0-9]{12}", r"LTAI[A-Za-z0-9]{12,20}"),
    ("Google service account", r"\"private_key_id\"", r"\"private_key_id\"\s{0,4}:\s{0,4}\"[a-f0-9]{40}\""),
    ("Tencent secret id", r"\bakid[a-z0-9]{32}", r"AKID[A-Za-z0-9]{32}"),
    ("IBM Cloud and others, by UUID pair", r"\bbx:[a-z]+", r"bx:[a-z]{2,10}:[A-Za-z0-9_-]{40,80}"),
)  # fmt: skip

_WEBHOOKS: Final = (
    ("Slack webhook", r"hooks\.slack\.com", r"(?:https?://)?hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{23,80}"),
    ("Teams webhook", r"webhook\.office\.com", r"https://[a-z0-9-]+\.webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{60,}"),
    ("Discord webhook", r"discord(?:app)?\.com/api/webhooks", r"https://(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks/\d{15,20}/[A-Za-z0-9_-]{50,80}"),
)  # fmt: skip


def _varied(data: bytes, start: int, end: int) -> bool:
    return entropy(data[start:end].decode("latin-1")) >= _VARIED


def _key(kind: str, name: str, anchor: str, source: str) -> Rule:
    def judge(data: bytes, spans: Spans) -> Iterable[Hit]:
        start, end = spans[1]
        return (Hit(start, end, SURE),) if _varied(data, start, end) else ()

    # A word may stand directly before (`\n` in a string, `%20` in an address), a letter or digit behind may not.
    return Rule(kind, name, (anchor,), Pattern(rf"(?:^|[^A-Za-z0-9_]|\\[nrt]|%[0-9A-F]{{2}})({source})"), judge)


def _vault(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[1]
    good = end - start == 26 and _varied(data, start, end)
    return (Hit(start, end, LIKELY),) if good else ()


def _jwt(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[1]
    head = data[start : data.index(b".", start)]
    try:
        plain = base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4))
    except (binascii.Error, ValueError):
        return ()
    return (Hit(start, end, SURE),) if b'"' in plain and plain.lstrip()[:1] == b"{" else ()


def _pem(data: bytes, spans: Spans) -> Iterable[Hit]:
    start, end = spans[0]
    closing = _END.search(data, end)
    if closing is not None:
        return (Hit(start, closing[0][1], SURE),)
    body = _BODY.match(data, end)  # no end: what looks like its body goes with it
    return (Hit(start, end if body is None else body[0][1], SURE),)


_END: Final = Pattern(r"-----END[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----")
_BODY: Final = Pattern(r"(?:\\n|[A-Za-z0-9+/=:, \r\n-])*")


RULES: Final = (
    *(_key("api_key", name, anchor, source) for name, anchor, source in _KEYS if name != "HashiCorp Vault, old"),
    *(_key("cloud_key", name, anchor, source) for name, anchor, source in _CLOUD),
    *(_key("webhook", name, anchor, source) for name, anchor, source in _WEBHOOKS),
    Rule(
        "api_key",
        "HashiCorp Vault, old",
        (r"\bs\.[a-z0-9]{24}",),
        Pattern(r"(?:^|[^\w.])(s\.[A-Za-z0-9]{24})\b"),
        _vault,
    ),
    Rule(
        "jwt",
        "three parts, the first a JSON object",
        (r"ey[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}\.",),
        Pattern(r"(?:^|[^A-Za-z0-9_-])(e[yw][A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"),
        _jwt,
    ),
    shape(
        "jwt",
        "a token, encoded once more",
        (r"zxlk[a-z0-9]{20}",),
        r"\bZXlK[A-Za-z0-9+/_-]{40,}={0,2}",
    ),
    Rule(
        "private_key",
        "a PEM block",
        (r"-----begin[ a-z0-9_-]{0,60}private key",),
        Pattern(r"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----"),
        _pem,
        again=False,
    ),
    shape(
        "private_key", "an age key", ("age-secret-key-1",), r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"
    ),
)
