"""What a server says of where people sign in, and whose page that may be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import pytest

from strongroom.cli.failures import Failure
from strongroom.cli.login import _Desk  # pyright: ignore[reportPrivateUsage]
from strongroom.signatures.dpop import Prover

if TYPE_CHECKING:
    from strongroom.cli.exchange import Line

HONEST = "https://console.example"


class Server:
    """Answers as a server elsewhere would, which may be a hostile one."""

    def __init__(self, **said: Any) -> None:
        self.said = said
        self.asked: list[str] = []

    def ask(self, method: str, path: str, *_: object) -> tuple[int, bytes]:
        self.asked.append(f"{method} {path}")
        return 200, json.dumps(self.said).encode()

    def answer(self, method: str, path: str, *_: object) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        status, body = self.ask(method, path)
        return status, [], body


def where(control: str, issuer: str, page: str) -> dict[str, Any]:
    server = Server(issuer=issuer, authorization_endpoint=page)
    return _Desk(cast("Line", server), urlsplit(control), Prover.generate()).where()


@pytest.mark.parametrize(
    ("control", "issuer"),
    [
        (HONEST, HONEST),
        ("https://console.example:8401", HONEST),  # the same server at another port
        ("http://127.0.0.1:8401", HONEST),  # a tunnel
    ],
)
def test_a_server_names_its_own_page(control: str, issuer: str) -> None:
    assert where(control, issuer, f"{issuer}/sign-in/cli")["issuer"] == issuer


@pytest.mark.parametrize(
    ("control", "issuer", "page"),
    [
        ("https://evil.example", HONEST, f"{HONEST}/sign-in/cli"),  # it would get what is allowed there (a mix-up)
        ("https://evil.example", "https://evil.example", f"{HONEST}/sign-in/cli"),
        (HONEST, HONEST, "https://evil.example/sign-in/cli"),
        ("http://127.0.0.1:8401", HONEST, "https://evil.example/sign-in/cli"),
        (HONEST, "https://[", f"{HONEST}/sign-in/cli"),
    ],
)
def test_anothers_page_is_not_opened(control: str, issuer: str, page: str) -> None:
    with pytest.raises(Failure, match="another's page"):
        where(control, issuer, page)


def test_a_word_is_typed_at_the_servers_own_page_alone() -> None:
    server = Server(verification_uri=f"{HONEST}/sign-in/device", user_code="BCDF-GHJK", interval=0, expires_in=0)
    desk = _Desk(cast("Line", server), urlsplit("https://evil.example"), Prover.generate())
    with pytest.raises(Failure, match="another's page"):
        desk.by_word({"device_authorization_endpoint": "x", "issuer": "https://evil.example"})
