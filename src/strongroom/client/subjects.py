"""Where a program gets the token that says who it is: from its platform, anew each time it is needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

from strongroom.client import http

ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"

FILE_VARIABLE: Final = "STRONGROOM_SUBJECT_TOKEN_FILE"
"""Names the file of a subject token."""

KUBERNETES_FILE: Final = Path("/var/run/secrets/tokens/strongroom")
"""Where the how-to for Kubernetes has a pod's projected token mounted."""

_URL: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
_TOKEN: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105 - a name
_MAX_TOKEN: Final = 16 * 1024
_OK: Final = 200


class SubjectUnavailable(Exception):  # noqa: N818 - said to a person
    """There is no subject token to be had; the message says what is missing."""


class Subject(Protocol):
    """Somebody who can say who this program is."""

    @property
    def kind(self) -> str:
        """The type of its tokens (RFC 8693 §3)."""
        ...

    def token(self) -> str:
        """Return a token that was not exchanged yet, as far as that can be known.

        Raises:
            SubjectUnavailable: when there is none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """A token that somebody else got."""

    text: str = field(repr=False)
    kind: str = JWT

    def token(self) -> str:
        """Return it."""
        return self.text


@dataclass(frozen=True, slots=True)
class File:
    """A token in a file that its platform renews: a projected service account token, a JWT-SVID of spiffe-helper."""

    path: Path
    kind: str = JWT

    def token(self) -> str:
        """Return what the file holds now."""
        try:
            with self.path.open("rb") as file:
                text = file.read(_MAX_TOKEN + 1).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it holds no token"
            raise SubjectUnavailable(f"{self.path} cannot be read: {why}") from None
        if not text or len(text) > _MAX_TOKEN:
            raise SubjectUnavailable(f"{self.path} holds no token")
        return text


@dataclass(frozen=True, slots=True)
class GitHubActions:
    """A job of GitHub Actions with `permissions: id-token: write`. Each call gets a new token."""

    audience: str
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    kind: str = ID_TOKEN

    def token(self) -> str:
        """Ask the job's own token service."""
        url, bearer = self.environment.get(_URL), self.environment.get(_TOKEN)
        if not url or not bearer:
            raise SubjectUnavailable("not a job of GitHub Actions with the permission `id-token: write`")
        joined = f"{url}{'&' if '?' in url else '?'}audience={quote(self.audience, safe='')}"
        try:
            status, body = http.ask("GET", joined, {"authorization": f"Bearer {bearer}", "accept": "application/json"})
        except OSError as error:
            raise SubjectUnavailable(f"GitHub's token service cannot be asked: {error}") from None
        value = body.get("value")
        if status != _OK or not isinstance(value, str):
            raise SubjectUnavailable(f"GitHub's token service gave no token (status {status})")
        return value


def ambient(audience: str, environment: Mapping[str, str] | None = None) -> Subject:
    """Return what this program's surroundings offer: a named file, GitHub Actions, or a pod's projected token.

    Raises:
        SubjectUnavailable: when they offer nothing.
    """
    around = os.environ if environment is None else environment
    if named := around.get(FILE_VARIABLE):
        return File(Path(named))
    if around.get(_URL):
        return GitHubActions(audience, around)
    if KUBERNETES_FILE.exists():
        return File(KUBERNETES_FILE)
    raise SubjectUnavailable(
        f"nothing here says who this program is: no {FILE_VARIABLE}, no GitHub Actions job, no {KUBERNETES_FILE}"
    )
