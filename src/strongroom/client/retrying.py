"""For httpx: proofs with the nonce that a server wants in them (RFC 9449 §8)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from importlib import import_module
from typing import Any, Final

_NONCE: Final = "dpop-nonce"
_WANTED: Final = frozenset({400, 401})


def retrying(sign: Callable[..., Any]) -> Any:
    """Return what httpx takes as `auth`, which asks once more when the server wants proofs with a nonce of its own.

    httpx.Client(auth=retrying(source.auth)); httpx.Client(auth=retrying(prover.bind(key)))

    Args:
        sign: adds credential and proof to a request: `TokenSource.auth`, or what `Prover.bind` returns.
    """
    base: Any = import_module("httpx").Auth  # the program's own; nothing else here needs it

    class Retrying(base):  # type: ignore[misc] # pyright: ignore[reportUntypedBaseClass] - as above
        requires_request_body = True

        def __init__(self) -> None:
            self._nonce: str | None = None

        def auth_flow(self, request: Any) -> Generator[Any, Any, None]:
            used = self._nonce
            answer = yield sign(request, used)
            given = answer.headers.get(_NONCE)
            if given is None or given == used:
                return
            self._nonce = given
            if answer.status_code in _WANTED:
                yield sign(request, given)

    return Retrying()
