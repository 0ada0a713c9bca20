"""How a worker says no: in our words, in the error shape of OpenAI or of Open Inference Protocol v2.

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


def in_openai(problem: Problem) -> bytes:
    """Return OpenAI's JSON of a problem."""
    kind = _INVALID if problem.status in _CLIENT_ERRORS else _SERVER
    error = {"message": problem.message, "type": kind, "param": problem.param, "code": problem.code}
    return msgspec.json.encode({"error": error})


def in_protocol(problem: Problem) -> bytes:
    """Return Open Inference Protocol's JSON of a problem: one sentence; the two members beside it are ours."""
    return msgspec.json.encode({"error": problem.message, "param": problem.param, "code": problem.code})


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
    return JSON, in_openai(Problem(status=status, message=sentence))
