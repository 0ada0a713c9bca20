"""How a worker says no: OpenAI's error shape, in our words.

Always true here: no text of an engine, a library or a request goes into an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from strongroom.wire import Headers

JSON: Headers = ((b"content-type", b"application/json"),)
EVENTS: Headers = ((b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"))

_INVALID, _SERVER = "invalid_request_error", "server_error"
_CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One no, as a worker answers it."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None

    @property
    def body(self) -> bytes:
        """The answer's JSON."""
        kind = _INVALID if self.status in _CLIENT_ERRORS else _SERVER
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": error})


class ProblemError(Exception):
    """Carries a problem to the front, which answers it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code or problem.status)
        self.problem = problem


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> ProblemError:
    """Return a 400."""
    return ProblemError(Problem(status=400, message=message, param=param, code=code))


BUSY = Problem(status=503, message="The model is busy; try again shortly.", code="overloaded")
FAILED = Problem(status=500, message="The model failed while answering.", code="model_error")
STALLED = Problem(status=500, message="The model makes no progress.", code="stalled")
NOT_FOUND = Problem(status=404, message="There is no such endpoint here.", code="not_found")
NO_SCOPE = Problem(status=400, message="The request did not come through the gateway.", code="no_cache_scope")


def render_error(status: int, sentence: str) -> tuple[Headers, bytes]:
    """Word a failure of the protocol itself."""
    return JSON, Problem(status=status, message=sentence).body
