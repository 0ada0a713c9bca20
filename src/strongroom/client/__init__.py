"""For programs that ask models: a token that is there when it is needed, without a key that lives anywhere.

    from strongroom.client import GitHubActions, TokenSource

    source = TokenSource("https://models.example:8401", rule="0198…", subject=GitHubActions("strongroom"))
    client = openai.OpenAI(base_url="https://models.example:8400/v1", api_key=source)

Always true here:
- nothing but the standard library is needed (and httpx, where the program has it), and no other room;
- a token is exchanged before the old one ends, once, whatever the number of threads;
- a subject token and an access token stand in no repr, no log and no error.
"""

from strongroom.client.retrying import retrying
from strongroom.client.subjects import File, GitHubActions, Given, Subject, SubjectUnavailable, ambient
from strongroom.client.tokens import AccessToken, ExchangeRefused, TokenSource

__all__ = [
    "AccessToken",
    "ExchangeRefused",
    "File",
    "GitHubActions",
    "Given",
    "Subject",
    "SubjectUnavailable",
    "TokenSource",
    "ambient",
    "retrying",
]
