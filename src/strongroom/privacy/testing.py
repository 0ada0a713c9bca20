"""Made-up secrets of the families that scanners know, and the ways in which code and configuration hold them."""

from __future__ import annotations

import random
import string

# name of the variable, and the secret's form: `{36an}` is 36 letters and digits, `h` lower-case hexadecimal, `H` either case,
# `d` digits, `u` capitals and digits, `w` letters, digits, `_` and `-`, `b` base64, `l` letters, `a` lower-case and digits.
FAMILIES = (
    ("onepassword", "A3-{6u}-{11u}-{5u}-{5u}-{5u}"), ("onepassword", "ops_eyJ{250b}"), ("adafruit", "{32w}"), ("adobe_client", "{32h}"),
    ("adobe", "p8e-{32a}"), ("airtable", "{17a}"), ("algolia", "{32a}"), ("alibaba", "LTAI{20a}"), ("alibaba", "{30a}"),
    ("anthropic", "sk-ant-api03-{93w}AA"), ("anthropic", "sk-ant-admin01-{93w}AA"), ("artifactory", "AKCp{69an}"), ("artifactory", "cmVmd{59an}"),
    ("asana", "{16d}"), ("asana", "{32a}"), ("atlassian", "{20a}{4h}"), ("jira", "ATATT3{186w}"), ("authress", "sc_{12a}.{5a}.acc_{20a}.{60b}"),
    ("aws", "AKIA{16B}"), ("aws", "ASIA{16B}"), ("azure", "{3an}8Q~{34an}"), ("beamer", "b_{44w}"), ("bitbucket", "{32a}"), ("bitbucket", "{64w}"),
    ("bittrex", "{32a}"), ("meraki", "{40h}"), ("clickhouse", "4b1d{38an}"), ("clojars", "CLOJARS_{60a}"), ("cloudflare", "{40w}"),
    ("cloudflare", "{37h}"), ("cloudflare", "v1.0-{24h}-{146h}"), ("codecov", "{32a}"), ("cohere", "{40an}"), ("coinbase", "{64w}"),
    ("confluent", "{16a}"), ("confluent", "{64a}"), ("contentful", "{43w}"), ("databricks", "dapi{32h}"), ("datadog", "{40a}"),
    ("dnkey", "dnkey-{26w}-{52w}"), ("do", "doo_v1_{64h}"), ("do", "dop_v1_{64h}"), ("do", "dor_v1_{64h}"), ("discord", "{64h}"), ("discord", "{18d}"),
    ("discord", "{32w}"), ("doppler", "dp.pt.{43a}"), ("droneci", "{32a}"), ("dropbox", "{15a}"), ("dropbox", "sl.{135w}"), ("duffel", "duffel_test_{43w}"),
    ("dynatrace", "dt0c01.{24a}.{64a}"), ("easypost", "EZAK{54a}"), ("easypost", "EZTK{54a}"), ("etsy", "{24a}"), ("facebook", "{32h}"),
    ("facebook", "EAAM{100a}"), ("facebook", "{15d}|{30w}"), ("fastly", "{32w}"), ("finicity", "{32h}"), ("finicity", "{20a}"), ("finnhub", "{20a}"),
    ("flickr", "{32a}"), ("flutterwave", "FLWSECK_TEST-{12h}"), ("flutterwave", "FLWPUBK_TEST-{32h}-X"), ("flutterwave", "FLWSECK_TEST-{32h}-X"),
    ("flyio", "fo1_{43w}"), ("flyio", "fm2_{120b}"), ("frameio", "fio-u-{64w}"), ("freshbooks", "{64a}"), ("gcp", "AIza{35w}"), ("github", "ghp_{36an}"),
    ("github", "gho_{36an}"), ("github", "ghs_{36an}"), ("github", "github_pat_{82n}"), ("github", "ghr_{36an}"), ("gitlab", "glpat-{20w}"),
    ("gitlab", "glcbt-{2an}_{20w}"), ("gitlab", "gldt-{20w}"), ("gitlab", "glffct-{20w}"), ("gitlab", "glft-{20w}"), ("gitlab", "glimt-{25w}"),
    ("gitlab", "glagent-{50w}"), ("gitlab", "gloas-{64w}"), ("gitlab", "glptt-{40h}"), ("gitlab", "GR1348941{20w}"), ("gitlab", "glrt-{20w}"),
    ("gitlab", "glrt-t1_{30w}.{2a}{7a}"), ("gitlab", "glsoat-{20w}"), ("gitter", "{40w}"), ("gocardless", "live_{40w}"), ("grafana", "eyJrIjoi{90an}"),
    ("grafana", "glc_{60b}"), ("grafana", "glsa_{32an}_{8H}"), ("harness", "pat.{22w}.{24an}.{20an}"), ("terraform", "{14a}.atlasv1.{64w}"),
    ("vault", "hvs.{95w}"), ("vault", "hvb.{140w}"), ("vault", "s.{20a}1b2c"), ("heroku", "{8h}-{4h}-{4h}-{4h}-{12h}"), ("heroku", "HRKU-AA{58w}"),
    ("hubspot", "{8h}-{4h}-{4h}-{4h}-{12h}"), ("huggingface", "hf_{34l}"), ("huggingface", "api_org_{34l}"), ("infracost", "ico-{32an}"),
    ("intercom", "{60w}"), ("intra42", "s-s4t2ud-{64h}"), ("jfrog", "{73a}"), ("jfrog", "{64a}"), ("kraken", "{80b}"), ("kucoin", "{24h}"),
    ("launchdarkly", "{40w}"), ("linear", "lin_api_{40a}"), ("linear", "{32h}"), ("linkedin", "{14a}"), ("linkedin", "{16a}"), ("lob", "live_{35h}"),
    ("lob", "test_pub_{31h}"), ("mailchimp", "{32h}-us20"), ("mailgun", "key-{32h}"), ("mailgun", "pubkey-{32h}"), ("mailgun", "{32h}-{8h}-{8h}"),
    ("mapbox", "pk.{60a}.{22a}"), ("mattermost", "{26a}"), ("maxmind", "{6an}_{29an}_mmk"), ("messagebird", "{25a}"), ("netlify", "{44w}"),
    ("new_relic", "NRJS-{19h}"), ("new_relic", "NRII-{32a}"), ("new_relic", "{64a}"), ("new_relic", "NRAK-{27a}"), ("notion", "ntn_{11d}{35an}"),
    ("npm", "npm_{36an}"), ("nytimes", "{32w}"), ("octopus", "API-{26u}"), ("okta", "00{40w}"), ("openai", "sk-{20an}T3BlbkFJ{20an}"),
    ("openai", "sk-proj-{74w}T3BlbkFJ{74w}"), ("openshift", "sha256~{43w}"), ("perplexity", "pplx-{48an}"), ("plaid", "access-sandbox-{8h}-{4h}-{4h}-{4h}-{12h}"),
    ("plaid", "{24a}"), ("plaid", "{30a}"), ("planetscale", "pscale_tkn_{43w}"), ("planetscale", "pscale_oauth_{43w}"), ("planetscale", "pscale_pw_{43w}"),
    ("postman", "PMAK-{24h}-{34h}"), ("prefect", "pnu_{36an}"), ("privateai", "{32a}"), ("pulumi", "pul-{40h}"), ("pypi", "pypi-AgEIcHlwaS5vcmc{80w}"),
    ("rapidapi", "{50w}"), ("readme", "rdme_{70a}"), ("rubygems", "rubygems_{48h}"), ("scalingo", "tk-us-{48w}"), ("sendbird", "{40h}"),
    ("sendgrid", "SG.{22w}.{43w}"), ("sendinblue", "xkeysib-{64h}-{16a}"), ("sentry", "{64h}"), ("sentry", "sntryu_{64h}"), ("settlemint", "sm_aat_{16an}"),
    ("shippo", "shippo_live_{40H}"), ("shopify", "shpat_{32H}"), ("shopify", "shpss_{32H}"), ("slack", "xoxb-{12d}-{12d}{24an}"),
    ("slack", "xapp-1-{10u}-{12d}-{40a}"), ("slack", "xoxp-{12d}-{12d}-{12d}-{32an}"), ("slack", "xoxe-1-{146u}"), ("snyk", "{8h}-{4h}-{4h}-{4h}-{12h}"),
    ("sonar", "{40w}"), ("sourcegraph", "sgp_{16H}_{40H}"), ("square", "sq0atp-{22w}"), ("square", "EAAA{60w}"), ("squarespace", "{8h}-{4h}-{4h}-{4h}-{12h}"),
    ("stripe", "sk_test_{30an}"), ("stripe", "rk_live_{30an}"), ("sumologic", "su{12an}"), ("sumologic", "{64a}"), ("telegram", "{10d}:A{34w}"),
    ("travis", "{22a}"), ("twilio", "SK{32h}"), ("twitch", "{30a}"), ("twitter", "{45a}"), ("twitter", "{20d}-{30an}"), ("twitter", "{25a}"),
    ("twitter", "AAAAAAAAAAAAAAAAAAAAAA{90an}"), ("typeform", "tfp_{59w}"), ("yandex", "t1.{20an}.{86w}"), ("yandex", "AQVN{38w}"), ("yandex", "YC{38w}"),
    ("zendesk", "{40a}"),
)  # fmt: skip

WAYS = (
    '{i}_token = "{s}"', "{i}_token={s}", "{I}_API_KEY={s}\n", "export {I}_SECRET='{s}'", '{{\n  "{i}_token": "{s}"\n}}', "{i}_token: {s}\n",
    '{i}-api-key: "{s}"', 'var {i}Token string = "{s}"', '{i}Token := "{s}"', 'String {i}Token = "{s}";', "const {i}Secret = '{s}';",
    "${i}Token => '{s}'", "{I}_TOKEN ?= {s}", "<{i}Token>{s}</{i}Token>", "The {i} token is: {s}", "curl -H 'Authorization: Bearer {s}' https://{i}.example",
    '{i}.setToken({{"token": "{s}"}})', 'setting {i}_key="{s}", next', "{i} api key {s} leaked" , "# {i}_secret: {s}",
)  # fmt: skip

_ALPHABETS = {
    "an": string.ascii_letters + string.digits,
    "n": string.ascii_letters + string.digits + "_",
    "a": string.ascii_lowercase + string.digits,
    "h": "0123456789abcdef",
    "H": "0123456789abcdefABCDEF",
    "d": string.digits,
    "u": string.ascii_uppercase + string.digits,
    "B": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "w": string.ascii_letters + string.digits + "_-",
    "b": string.ascii_letters + string.digits + "+/",
    "l": string.ascii_letters,
}


def make(form: str, chance: random.Random) -> str:
    """Return a secret of a form; its last character is a letter or digit."""

    def draw(size: int, alphabet: str) -> str:
        drawn = [chance.choice(alphabet) for _ in range(size)]
        drawn[-1] = chance.choice([each for each in alphabet if each.isalnum()])
        drawn[0] = chance.choice([each for each in alphabet if each.isalnum()])
        return "".join(drawn)

    parts: list[str] = []
    for piece in form.split("{"):
        inside, closed, rest = piece.partition("}")
        if not closed:
            parts.append(piece)
            continue
        name = inside.lstrip(string.digits)
        parts.append(draw(int(inside.removesuffix(name)), _ALPHABETS[name]) + rest)
    return "".join(parts)


def told(way: str, name: str, secret: str) -> str:
    """Return a line that holds a secret."""
    return way.format(i=name, I=name.upper(), s=secret)
